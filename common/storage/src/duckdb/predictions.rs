//! Predictions of ads. The rows of `job_embeddings` whose ads are predicted are selected once, into a temporary table of the
//! reader, and read page by page.

use std::sync::Arc;

use ::duckdb::{Connection, params, params_from_iter};
use arrow::array::RecordBatch;
use async_trait::async_trait;
use common_core::job::JobKey;
use common_core::{Result, feed};
use futures::stream::BoxStream;

use super::errors::Outcome;
use super::features::Pages;
use super::{DuckDb, catalogue, sql, stage, tables};
use crate::batches;
use crate::sql::{Template, Values};
use crate::warehouse::{
    AdSelection, ML_PREDICTIONS, ModelVersions, PredictionRow, PredictionScan, Predictions,
};

#[async_trait]
impl Predictions for DuckDb {
    async fn create_predictions(&self) -> Result<()> {
        self.write(tables::create_predictions).await
    }

    fn scan_to_predict(&self, scan: &PredictionScan) -> BoxStream<'static, Result<RecordBatch>> {
        let (shared, scan) = (Arc::clone(&self.shared), scan.clone());
        let doing = shared.doing("reading ads to predict");
        let read = move |emit: &mut dyn FnMut(RecordBatch) -> Result<()>| {
            let connection = shared.reader()?;
            shared.with_room(|| shared.settle(select(&connection, &scan)))?;
            let (table, space) = (&scan.embeddings, scan.space.as_str());
            Pages { shared: &shared, connection: &connection, table, space }.read(sql::SELECTED_ROWS, emit)
        };
        feed::from_thread(doing, 1, read).0
    }

    async fn count_to_predict(&self, scan: &PredictionScan) -> Result<u64> {
        let scan = scan.clone();
        self.read(move |connection| select(connection, &scan)).await
    }

    async fn write_predictions(&self, rows: Vec<PredictionRow>) -> Result<u64> {
        self.write(move |connection| write(connection, &rows)).await
    }

    async fn ads_with_ids(&self, job_ids: &[String]) -> Result<Vec<JobKey>> {
        let asked: Vec<JobKey> =
            job_ids.iter().map(|job_id| JobKey { source: String::new(), job_id: job_id.clone() }).collect();
        self.read(move |connection| {
            stage::keys(connection, &asked)?;
            let mut statement = connection.prepare(&sql::fill(connection, sql::ADS_WITH_IDS, None)?)?;
            let keys =
                statement.query_map([], |row| Ok(JobKey { source: row.get(0)?, job_id: row.get(1)? }))?;
            Ok(keys.collect::<::duckdb::Result<_>>()?)
        })
        .await
    }
}

/// Selects the rows of the ads to predict, and returns their number.
fn select(connection: &Connection, scan: &PredictionScan) -> Outcome<u64> {
    connection.execute_batch(sql::STAGE_SELECTED.text)?;
    if !catalogue::has_table(connection, &scan.embeddings.name)? {
        return Ok(0);
    }
    let (part, versions) = part(connection, &scan.selection)?;
    let selected = sql::fill(connection, part, None)?;
    let values = Values::default().with("selected", selected);
    let sql = sql::fill_with(connection, sql::SELECT_EMBEDDINGS, Some(&scan.embeddings), values)?;
    let of_task = [scan.space.clone(), scan.shard.count.to_string(), scan.shard.index.to_string()];
    let parameters = of_task.into_iter().chain(versions.into_iter().flat_map(ModelVersions::parameters));
    Ok(connection.execute(&sql, params_from_iter(parameters))? as u64)
}

/// The condition that selects ads, and the versions that are its parameters.
fn part<'a>(
    connection: &Connection,
    selection: &'a AdSelection,
) -> Outcome<(Template, Option<&'a ModelVersions>)> {
    match selection {
        AdSelection::All => Ok((sql::ALL_ROWS, None)),
        AdSelection::Unpredicted(versions) => {
            let has_any = catalogue::has_table(connection, ML_PREDICTIONS)?;
            // A dry run creates no table; without one, nothing is predicted.
            Ok(if has_any { (sql::UNPREDICTED, Some(versions)) } else { (sql::ALL_ROWS, None) })
        }
        AdSelection::Keys(keys) => {
            stage::keys(connection, keys)?;
            Ok((sql::AMONG_KEYS, None))
        }
    }
}

fn write(connection: &Connection, rows: &[PredictionRow]) -> Outcome<u64> {
    connection.execute_batch(&sql::fill(connection, sql::STAGE_PREDICTIONS, None)?)?;
    stage::rows(connection, "staged_predictions", batches::predictions(rows)?)?;
    connection.execute_batch(&sql::fill(connection, sql::REPLACE_PREDICTIONS, None)?)?;
    let insert = sql::fill(connection, sql::INSERT_PREDICTIONS, None)?;
    Ok(connection.execute(&insert, params![])? as u64)
}
