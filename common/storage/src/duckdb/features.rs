//! What models learn from: ads with their vectors, page by page in the order of the vectors; and `ml_features`.

use std::collections::HashMap;
use std::sync::Arc;

use ::duckdb::{Appender, Connection, Row, params};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use async_trait::async_trait;
use common_core::job::{JobAd, JobKey, Timestamp};
use common_core::{Result, failpoint, feed};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::errors::Outcome;
use super::{DuckDb, Shared, blocking, catalogue, moment, sql, stage, tables, takedowns, vectors};
use crate::batches::{self, ScannedAd};
use crate::warehouse::{
    EmbeddingTable, FeatureCount, FeatureRow, FeatureSet, Features, ML_FEATURES, Tombstones,
};

#[async_trait]
impl Features for DuckDb {
    fn scan_features(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<RecordBatch>> {
        let (shared, table, space) = (Arc::clone(&self.shared), table.clone(), space.to_owned());
        let doing = shared.doing("reading features of ads");
        feed::from_thread(doing, 1, move |emit| read_pages(&shared, &table, &space, emit)).0
    }

    async fn count_features(&self, table: &EmbeddingTable, space: &str) -> Result<FeatureCount> {
        let (table, space) = (table.clone(), space.to_owned());
        self.read(move |connection| count_features(connection, &table, &space)).await
    }

    async fn write_features(
        &self,
        set: FeatureSet,
        rows: BoxStream<'static, Result<Vec<FeatureRow>>>,
    ) -> Result<u64> {
        let runtime = tokio::runtime::Handle::current();
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.transaction(|connection| write_features(connection, &runtime, &set, rows)))
            .await
    }
}

fn read_pages(
    shared: &Shared,
    table: &EmbeddingTable,
    space: &str,
    emit: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    if !catalogue::has_table(&connection, &table.name).map_err(translate)? {
        return Ok(());
    }
    let has_masked = catalogue::has_table(&connection, &table.masked().name).map_err(translate)?;
    let end = shared.settle(vectors::end(&connection, table))?;
    for from in (0..end).step_by(vectors::PAGE_ROWS as usize) {
        let to = end.min(from + vectors::PAGE_ROWS);
        let page = Page { connection: &connection, table, space, from, to };
        let mut ads = shared.with_room(|| shared.settle(page.latest_sightings()))?;
        let mut masked = HashMap::new();
        if has_masked {
            masked = shared.with_room(|| shared.settle(page.masked()))?;
        }
        let rows = vectors::page(shared, &connection, table, space, from)?;
        let rows: Vec<ScannedAd> = rows
            .into_iter()
            .filter_map(|row| {
                let (ad, seen) = ads.remove(&row.key)?;
                let content_hash = row.content_hash.to_string();
                Some(ScannedAd {
                    ad,
                    seen,
                    content_hash,
                    masked: masked.remove(&row.key),
                    embedding: row.embedding,
                })
            })
            .collect();
        failpoint::reach("duckdb::scan_features");
        if !rows.is_empty() {
            emit(batches::scanned(&rows, table.dimension)?)?;
        }
    }
    failpoint::reach("duckdb::scan_features");
    Ok(())
}

/// The row numbers of a page of vectors.
struct Page<'a> {
    connection: &'a Connection,
    table: &'a EmbeddingTable,
    space: &'a str,
    from: i64,
    to: i64,
}

impl Page<'_> {
    fn latest_sightings(&self) -> Outcome<HashMap<JobKey, (JobAd, Option<Timestamp>)>> {
        let sql = sql::fill(self.connection, sql::SCAN_FEATURES, Some(self.table))?;
        let mut statement = self.connection.prepare_cached(&sql)?;
        let ads = statement.query_map(params![self.space, self.from, self.to], ad)?;
        Ok(ads.map(|ad| ad.map(|(ad, seen)| (ad.key(), (ad, seen)))).collect::<::duckdb::Result<_>>()?)
    }

    fn masked(&self) -> Outcome<HashMap<JobKey, Vec<f32>>> {
        let sql = sql::fill(self.connection, sql::SCAN_MASKED, Some(self.table))?;
        let mut masked = HashMap::new();
        for batch in vectors::query(self.connection, &sql, params![self.space, self.from, self.to])? {
            let (sources, ids) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
            let vectors = batch.column(2).as_fixed_size_list();
            for row in 0..batch.num_rows() {
                let key = JobKey { source: sources.value(row).to_owned(), job_id: ids.value(row).to_owned() };
                masked.insert(key, vectors.value(row).as_primitive::<Float32Type>().values().to_vec());
            }
        }
        Ok(masked)
    }
}

fn ad(row: &Row<'_>) -> ::duckdb::Result<(JobAd, Option<Timestamp>)> {
    let ad = JobAd {
        source: row.get(0)?,
        job_id: row.get(1)?,
        job_title: row.get(2)?,
        job_description: row.get(3)?,
        job_location: row.get(4)?,
        job_classification: row.get(5)?,
        job_work_type: row.get(6)?,
        company_id: row.get(7)?,
        company_name: row.get(8)?,
        company_industry: row.get(9)?,
        company_size: row.get(10)?,
        job_currency: row.get(11)?,
        job_salary_min_sgd_monthly: row.get(12)?,
        job_salary_max_sgd_monthly: row.get(13)?,
        job_posted_timestamp: moment(row, 14)?,
        ..JobAd::default()
    };
    Ok((ad, moment(row, 15)?))
}

fn count_features(connection: &Connection, table: &EmbeddingTable, space: &str) -> Outcome<FeatureCount> {
    let sql = sql::fill(connection, sql::COUNT_FEATURES, Some(table))?;
    let count = connection.query_row(&sql, [space], |row| {
        Ok(FeatureCount { ads: row.get(0)?, with_salary: row.get(1)?, without_embedding: row.get(2)? })
    })?;
    Ok(count)
}

fn write_features(
    connection: &Connection,
    runtime: &tokio::runtime::Handle,
    set: &FeatureSet,
    mut pages: BoxStream<'static, Result<Vec<FeatureRow>>>,
) -> Outcome<u64> {
    tables::create_features(connection)?;
    connection.execute_batch(&sql::fill(connection, sql::CLEAR_ML_FEATURES, None)?)?;
    let tombstones: Tombstones = takedowns::tombstones(connection)?.into_iter().collect();
    let mut written = 0;
    let mut appender: Option<Appender<'_>> = None;
    // This thread may block; the stream's producer runs on the runtime's threads.
    while let Some(page) = runtime.block_on(pages.next()) {
        let mut page = page?;
        tombstones.leave_out_keys(&mut page, |row| &row.key);
        written += page.len() as u64;
        let batch = batches::features(set, &page)?;
        let appender = match &mut appender {
            Some(appender) => appender,
            none => {
                none.insert(connection.appender_with_columns(ML_FEATURES, &stage::names(&batch.schema()))?)
            }
        };
        appender.append_record_batch(batch)?;
    }
    if let Some(mut appender) = appender {
        appender.flush()?;
    }
    Ok(written)
}
