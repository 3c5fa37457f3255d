//! A function's run, written down in `ml_runs`.

use chrono::Utc;
use common_core::Result;
use common_core::job::Timestamp;
use common_core::shim::Function;
use serde::Serialize;

use crate::warehouse::{RunRecord, Warehouse};

/// Which run it is.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Whose run.
    pub function: Function,
    /// Its name.
    pub run_id: &'a str,
    /// When it started.
    pub started_at: Timestamp,
}

impl Run<'_> {
    /// Does `work` between two writes of the run's row: that it runs, and how it went. `interrupted` tells from a report whether
    /// there is something left to do.
    ///
    /// # Errors
    /// Those of `work`; those of the warehouse where `work` succeeded.
    pub async fn recorded<R: Serialize>(
        self,
        warehouse: &dyn Warehouse,
        interrupted: impl Fn(&R) -> bool,
        work: impl Future<Output = Result<R>>,
    ) -> Result<R> {
        warehouse.record_run(&self.record("running", serde_json::Value::Null)).await?;
        let outcome = work.await;
        let record = match &outcome {
            Ok(report) => {
                let status = if interrupted(report) { "interrupted" } else { "succeeded" };
                self.record(status, serde_json::json!(report))
            }
            Err(error) => self.record("failed", serde_json::json!({ "error": error.chain() })),
        };
        let recorded = warehouse.record_run(&record).await;
        let report = outcome?;
        recorded?;
        Ok(report)
    }

    fn record(&self, status: &str, report: serde_json::Value) -> RunRecord {
        RunRecord {
            function: self.function.name.to_owned(),
            run_id: self.run_id.to_owned(),
            started_at: self.started_at,
            finished_at: (status != "running").then(Utc::now),
            status: status.to_owned(),
            report,
            code_version: self.function.version.to_owned(),
        }
    }
}
