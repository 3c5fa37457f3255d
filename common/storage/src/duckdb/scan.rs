//! Reading the ads page by page, so that memory does not grow with the table and writers can work between pages.

use std::cell::RefCell;
use std::sync::Arc;

use ::duckdb::types::FromSql;
use ::duckdb::{Connection, Row, params};
use common_core::Result;
use common_core::job::{JobKey, Timestamp};
use futures::stream::BoxStream;

use super::{Shared, query, takedowns};
use crate::warehouse::{Candidate, FilterColumns, JobCount, JobScan, Stored};

/// Sightings a page. Each page looks at the keys of the whole table once, so pages are not small.
const PAGE_ROWS: i64 = 4096;

pub(super) fn count_jobs(connection: &Connection, scan: &JobScan) -> ::duckdb::Result<JobCount> {
    let sql = include_str!("../../../../infra/duckdb/count_jobs.sql");
    let sql = takedowns::honoured(connection, sql, &scan.embeddings)?;
    connection.query_row(&sql, params![scan.shard.count, scan.shard.index, scan.source], |row| {
        Ok(JobCount { ads: row.get(0)?, nameless_sightings: row.get(1)?, forgotten_ads: row.get(2)? })
    })
}

pub(super) fn scan_jobs(shared: Arc<Shared>, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>> {
    let (sender, receiver) = async_channel::bounded(1);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read_pages(&shared, &scan, &sender) {
            // The reader may have gone: then nobody is left to tell.
            let _ = sender.send_blocking(Err(error));
        }
    });
    Box::pin(receiver)
}

fn read_pages(
    shared: &Shared,
    scan: &JobScan,
    pages: &async_channel::Sender<Result<Vec<Candidate>>>,
) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    let sql = statement(&connection, scan).map_err(translate)?;
    let statement = RefCell::new(connection.prepare(&sql).map_err(translate)?);
    let end: i64 = connection
        .query_row(include_str!("../../../../infra/duckdb/end_of_sightings.sql"), [], |row| row.get(0))
        .map_err(translate)?;
    let mut from = 0;
    while from < end {
        let bounds = params![scan.shard.count, scan.shard.index, scan.source, from, from + PAGE_ROWS];
        let page = shared.with_room(|| {
            let page = statement.borrow_mut().query_map(bounds, candidate).and_then(Iterator::collect);
            page.map_err(translate)
        })?;
        if pages.send_blocking(Ok(page)).is_err() {
            return Ok(());
        }
        from += PAGE_ROWS;
    }
    Ok(())
}

/// The scan's statement; where the embeddings table is not made yet (a dry run makes nothing), over an empty one.
fn statement(connection: &Connection, scan: &JobScan) -> ::duckdb::Result<String> {
    let sql = include_str!("../../../../infra/duckdb/scan_jobs.sql");
    if query::has_table(connection, &scan.embeddings.name)? {
        return takedowns::honoured(connection, sql, &scan.embeddings);
    }
    let nothing = include_str!("../../../../infra/duckdb/no_embeddings.sql");
    let sql = sql.replace("JOIN job_embeddings AS", &format!("JOIN {nothing} AS"));
    takedowns::honoured(connection, &sql, &scan.embeddings)
}

fn candidate(row: &Row<'_>) -> ::duckdb::Result<Candidate> {
    let content_hash: Option<String> = row.get(9)?;
    let stored = match content_hash {
        Some(content_hash) => {
            Some(Stored { content_hash, embedding_space: row.get(10)?, filters: filters(row, 11)? })
        }
        None => None,
    };
    Ok(Candidate {
        key: JobKey { source: row.get(0)?, job_id: row.get(1)? },
        title: row.get(2)?,
        description: row.get(3)?,
        filters: filters(row, 4)?,
        stored,
    })
}

fn filters(row: &Row<'_>, first: usize) -> ::duckdb::Result<FilterColumns> {
    fn get<T: FromSql>(row: &Row<'_>, index: usize) -> ::duckdb::Result<Option<T>> {
        row.get(index)
    }
    Ok(FilterColumns {
        job_location: get(row, first)?,
        job_classification: get(row, first + 1)?,
        job_work_type: get(row, first + 2)?,
        job_posted_timestamp: get::<Timestamp>(row, first + 3)?,
        salary_mid: get(row, first + 4)?,
    })
}
