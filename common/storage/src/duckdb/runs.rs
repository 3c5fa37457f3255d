//! Runs of the functions.

use ::duckdb::{Connection, params};
use async_trait::async_trait;
use common_core::Result;

use super::errors::Outcome;
use super::{DuckDb, micros, moments, sql, tables};
use crate::warehouse::{RunRecord, RunStatus, RunStore};

#[async_trait]
impl RunStore for DuckDb {
    fn is_exclusive(&self) -> bool {
        self.shared.is_exclusive
    }

    async fn create_runs(&self) -> Result<()> {
        self.write(tables::create_runs).await
    }

    async fn record_runs(&self, runs: &[RunRecord]) -> Result<()> {
        let runs = runs.to_vec();
        self.write(move |connection| runs.iter().try_for_each(|run| record_run(connection, run))).await
    }

    async fn running_runs(&self) -> Result<Vec<RunRecord>> {
        self.read(running_runs).await
    }
}

fn record_run(connection: &Connection, run: &RunRecord) -> Outcome<()> {
    connection.execute(
        &sql::fill(connection, sql::RECORD_RUN, None)?,
        params![
            run.function,
            run.run_id,
            run.started_at.timestamp_micros(),
            micros(run.finished_at),
            run.status.as_str(),
            run.report.to_string(),
            run.code_version,
            run.recorded_at.timestamp_micros(),
        ],
    )?;
    Ok(())
}

/// The runs that `vw_runs` shows as running.
fn running_runs(connection: &Connection) -> Outcome<Vec<RunRecord>> {
    let mut statement = connection.prepare(&sql::fill(connection, sql::RUNNING_RUNS, None)?)?;
    // A moment outside the calendar, which only another program can have written, becomes the earliest moment.
    let moment = |row: &::duckdb::Row<'_>, place| {
        Ok::<_, ::duckdb::Error>(moments::moment(row, place)?.unwrap_or_default())
    };
    let runs = statement.query_map([], |row| {
        Ok(RunRecord {
            function: row.get(0)?,
            run_id: row.get(1)?,
            started_at: moment(row, 2)?,
            finished_at: None,
            status: RunStatus::Running,
            report: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
            code_version: row.get(4)?,
            recorded_at: moment(row, 5)?,
        })
    })?;
    Ok(runs.collect::<::duckdb::Result<_>>()?)
}
