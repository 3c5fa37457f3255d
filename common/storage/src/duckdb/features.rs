//! What models learn from: ads with their vectors, page by page in the order of the vectors; and `ml_features`.

use std::collections::HashMap;
use std::ops::Range;
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
use crate::sql::{Template, Values};
use crate::warehouse::{
    EmbeddingTable, FeatureCount, FeatureRow, FeatureSet, Features, ML_FEATURES, Tombstones,
};

#[async_trait]
impl Features for DuckDb {
    fn scan_features(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<RecordBatch>> {
        let (shared, table, space) = (Arc::clone(&self.shared), table.clone(), space.to_owned());
        let doing = shared.doing("reading features of ads");
        let read = move |emit: &mut dyn FnMut(RecordBatch) -> Result<()>| {
            let pages =
                Pages { shared: &shared, connection: &shared.reader()?, table: &table, space: &space };
            pages.read(sql::ALL_ROWS, emit)
        };
        feed::from_thread(doing, 1, read).0
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

/// The ads of a table of vectors, page by page.
pub(super) struct Pages<'a> {
    pub(super) shared: &'a Shared,
    pub(super) connection: &'a Connection,
    pub(super) table: &'a EmbeddingTable,
    pub(super) space: &'a str,
}

impl Pages<'_> {
    /// Passes the pages to `emit`. `selected` is the condition on the rows of a page; pages without such rows are not read.
    pub(super) fn read(
        &self,
        selected: Template,
        emit: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let Self { shared, connection, table, space } = *self;
        let has_table =
            |name: &str| catalogue::has_table(connection, name).map_err(|error| shared.translate(error));
        if !has_table(&table.name)? {
            return Ok(());
        }
        let has_masked = has_table(&table.masked().name)?;
        let end = shared.settle(vectors::end(connection, table))?;
        for from in (0..end).step_by(vectors::PAGE_ROWS as usize) {
            let rows = from..end.min(from + vectors::PAGE_ROWS);
            let mut ads = shared.with_room(|| shared.settle(self.latest_sightings(&rows, selected)))?;
            if !ads.is_empty() {
                let mut masked = HashMap::new();
                if has_masked {
                    masked = shared.with_room(|| shared.settle(self.masked(&rows)))?;
                }
                let found: Vec<ScannedAd> = vectors::page(shared, connection, table, space, from)?
                    .into_iter()
                    .filter_map(|row| {
                        let (ad, seen) = ads.remove(&row.key)?;
                        let content_hash = row.content_hash.to_string();
                        let masked = masked.remove(&row.key);
                        Some(ScannedAd { ad, seen, content_hash, masked, embedding: row.embedding })
                    })
                    .collect();
                failpoint::reach("duckdb::scan_features");
                if !found.is_empty() {
                    emit(batches::scanned(&found, table.dimension)?)?;
                }
            }
        }
        failpoint::reach("duckdb::scan_features");
        Ok(())
    }

    fn latest_sightings(
        &self,
        rows: &Range<i64>,
        selected: Template,
    ) -> Outcome<HashMap<JobKey, (JobAd, Option<Timestamp>)>> {
        let values = Values::default().with("selected", selected.text.trim_end());
        let sql = sql::fill_with(self.connection, sql::SCAN_FEATURES, Some(self.table), values)?;
        let mut statement = self.connection.prepare_cached(&sql)?;
        let ads = statement.query_map(params![self.space, rows.start, rows.end], ad)?;
        Ok(ads.map(|ad| ad.map(|(ad, seen)| (ad.key(), (ad, seen)))).collect::<::duckdb::Result<_>>()?)
    }

    fn masked(&self, rows: &Range<i64>) -> Outcome<HashMap<JobKey, Vec<f32>>> {
        let sql = sql::fill(self.connection, sql::SCAN_MASKED, Some(self.table))?;
        let mut masked = HashMap::new();
        for batch in vectors::query(self.connection, &sql, params![self.space, rows.start, rows.end])? {
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
