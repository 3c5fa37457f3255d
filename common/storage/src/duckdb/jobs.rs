//! Sightings of ads, scanned page by page, so that memory does not grow with the table and writers can run between
//! pages.

use std::cell::RefCell;
use std::sync::Arc;

use ::duckdb::types::FromSql;
use ::duckdb::{Appender, Connection, Row, params};
use async_trait::async_trait;
use common_core::job::{JobAd, JobKey};
use common_core::pay::Pay;
use common_core::{Result, failpoint, feed};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::errors::Outcome;
use super::{DuckDb, Shared, blocking, moment, sql, stage, tables, takedowns};
use crate::batches;
use crate::warehouse::{Appended, Candidate, FilterColumns, JobCount, JobScan, JobStore, Stored, Tombstones};

/// Sightings in a page. Each page reads the keys of the whole table once, so pages should not be small.
const PAGE_ROWS: i64 = 4096;

#[async_trait]
impl JobStore for DuckDb {
    async fn create_jobs(&self) -> Result<()> {
        self.write(tables::create_jobs).await
    }

    async fn append_jobs(&self, batches: BoxStream<'static, Result<Vec<JobAd>>>) -> Result<Appended> {
        let runtime = tokio::runtime::Handle::current();
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.transaction(|connection| append_jobs(connection, &runtime, batches))).await
    }

    async fn count_jobs(&self, scan: &JobScan) -> Result<JobCount> {
        let scan = scan.clone();
        self.read(move |connection| count_jobs(connection, &scan)).await
    }

    fn scan_jobs(&self, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>> {
        scan_jobs(Arc::clone(&self.shared), scan)
    }
}

fn append_jobs(
    connection: &Connection,
    runtime: &tokio::runtime::Handle,
    mut batches: BoxStream<'static, Result<Vec<JobAd>>>,
) -> Outcome<Appended> {
    let tombstones: Tombstones = takedowns::tombstones(connection)?.into_iter().collect();
    let mut counts = Appended::default();
    let mut appender: Option<Appender<'_>> = None;
    // This thread may block; the stream's producer runs on the runtime's threads.
    while let Some(batch) = runtime.block_on(batches.next()) {
        let mut batch = batch?;
        counts.forgotten += tombstones.leave_out(&mut batch);
        counts.sightings += batch.len() as u64;
        let batch = batches::jobs(&batch)?;
        let appender = match &mut appender {
            Some(appender) => appender,
            none => {
                none.insert(connection.appender_with_columns("cleaned_jobs", &stage::names(&batch.schema()))?)
            }
        };
        appender.append_record_batch(batch)?;
    }
    if let Some(mut appender) = appender {
        appender.flush()?;
    }
    Ok(counts)
}

fn count_jobs(connection: &Connection, scan: &JobScan) -> Outcome<JobCount> {
    let sql = sql::fill(connection, sql::COUNT_JOBS, Some(&scan.embeddings))?;
    let count =
        connection.query_row(&sql, params![scan.shard.count, scan.shard.index, scan.source], |row| {
            Ok(JobCount {
                ads: row.get(0)?,
                nameless_sightings: row.get(1)?,
                timestamps_out_of_range: row.get(2)?,
                forgotten_ads: row.get(3)?,
            })
        })?;
    Ok(count)
}

fn scan_jobs(shared: Arc<Shared>, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>> {
    feed::from_thread(shared.doing("reading ads"), 1, move |emit| read_pages(&shared, &scan, emit)).0
}

fn read_pages(
    shared: &Shared,
    scan: &JobScan,
    emit: &mut dyn FnMut(Vec<Candidate>) -> Result<()>,
) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    let sql =
        shared.with_room(|| shared.settle(sql::fill(&connection, sql::SCAN_JOBS, Some(&scan.embeddings))))?;
    let end_of_sightings = shared.settle(sql::fill(&connection, sql::END_OF_SIGHTINGS, None))?;
    let statement = RefCell::new(connection.prepare(&sql).map_err(translate)?);
    let end: i64 = connection.query_row(&end_of_sightings, [], |row| row.get(0)).map_err(translate)?;
    let mut from = 0;
    while from < end {
        let bounds = params![scan.shard.count, scan.shard.index, scan.source, from, from + PAGE_ROWS];
        let page = shared.with_room(|| {
            let page = statement.borrow_mut().query_map(bounds, candidate).and_then(Iterator::collect);
            page.map_err(translate)
        })?;
        failpoint::reach("duckdb::scan_jobs");
        emit(page)?;
        from += PAGE_ROWS;
    }
    failpoint::reach("duckdb::scan_jobs");
    Ok(())
}

fn candidate(row: &Row<'_>) -> ::duckdb::Result<Candidate> {
    let content_hash: Option<String> = row.get(11)?;
    let stored = match content_hash {
        Some(content_hash) => {
            let salary_mid = row.get(17)?;
            let filters = FilterColumns { salary_mid, ..filters(row, 13)? };
            Some(Stored { content_hash, embedding_space: row.get(12)?, filters })
        }
        None => None,
    };
    let pay = Pay { min: row.get(8)?, max: row.get(9)?, currency: row.get(10)? };
    Ok(Candidate {
        key: JobKey { source: row.get(0)?, job_id: row.get(1)? },
        title: row.get(2)?,
        description: row.get(3)?,
        filters: FilterColumns { salary_mid: pay.middle_in_sgd(), ..filters(row, 4)? },
        pay,
        stored,
    })
}

/// The columns that filters need, without the pay, starting at column `first`.
fn filters(row: &Row<'_>, first: usize) -> ::duckdb::Result<FilterColumns> {
    fn get<T: FromSql>(row: &Row<'_>, index: usize) -> ::duckdb::Result<Option<T>> {
        row.get(index)
    }
    Ok(FilterColumns {
        job_location: get(row, first)?,
        job_classification: get(row, first + 1)?,
        job_work_type: get(row, first + 2)?,
        job_posted_timestamp: moment(row, first + 3)?,
        salary_mid: None,
    })
}

#[cfg(test)]
mod tests;
