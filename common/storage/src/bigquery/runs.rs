//! Runs of the functions.

use async_trait::async_trait;
use common_core::Result;
use serde_json::Value;

use super::statement::{Statement, run};
use super::{BigQuery, rows, sql};
use crate::warehouse::{RunRecord, RunStore};

#[async_trait]
impl RunStore for BigQuery {
    fn is_exclusive(&self) -> bool {
        false
    }

    async fn create_runs(&self) -> Result<()> {
        self.0.create_runs().await
    }

    async fn record_runs(&self, runs: &[RunRecord]) -> Result<()> {
        let runs: Vec<Value> = runs.iter().map(run).collect();
        let statement = Statement::new("recording a run", sql::RECORD_RUN)
            .text("runs", Some(&Value::from(runs).to_string()));
        self.0.execute(&statement).await.map(|_| ())
    }

    async fn running_runs(&self) -> Result<Vec<RunRecord>> {
        let rows =
            self.0.collect(Statement::new("looking for runs that have not ended", sql::RUNNING_RUNS)).await?;
        rows.into_iter().map(rows::running_run).collect()
    }
}
