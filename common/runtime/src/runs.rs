//! A function's run, written down in `ml_runs`: every state that it is in is a row, and `vw_runs` has the latest.
//!
//! A run that was killed wrote no ending. A later run writes that it was abandoned, once it is known not to be under way:
//! where the warehouse lets in one process at a time (DuckDB), because that is the later run; elsewhere by its lease, which
//! its first row names.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use common_core::job::Timestamp;
use common_core::{Error, ErrorKind, Result, feed};
use common_storage::warehouse::{RunRecord, RunStatus, Warehouse};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::function::{Function, Invocation, Report};
use crate::held::{HeldLease, LeasePlace};
use crate::shutdown;

/// Leases of other runs that are read at once.
const LOOKS_AT_ONCE: usize = 8;

/// What the first row of a run reports: how to find out whether it is under way.
#[derive(Debug, Serialize, Deserialize)]
struct LeaseOfRun {
    lease: LeasePlace,
}

/// Which run it is.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_field_names)] // The column's name.
pub struct Run<'a> {
    function: Function,
    run_id: &'a str,
    started_at: Timestamp,
    shutdown: &'a CancellationToken,
    lease: Option<&'a HeldLease>,
    /// What it may take after `shutdown` to return, and to be recorded.
    limits: [Duration; 2],
}

/// A run whose first row is written.
pub struct Begun<'a> {
    run: Run<'a>,
    warehouse: &'a dyn Warehouse,
    /// When that row was.
    recorded_at: Timestamp,
}

impl<'a> Run<'a> {
    /// The run of `function` that `invocation` is.
    pub fn of<O>(function: Function, invocation: &'a Invocation<O>) -> Self {
        Self {
            function,
            run_id: &invocation.run_id,
            started_at: invocation.started_at,
            shutdown: &invocation.shutdown,
            lease: invocation.lease.as_ref(),
            limits: [shutdown::WORK, shutdown::RECORD],
        }
    }

    /// Does `work` between two rows of the run: that it runs, and how it ended, be it with a panic. Makes the tables of
    /// runs first, and writes which earlier runs were abandoned. Work that is asked to stop and does not return in time is
    /// dropped.
    ///
    /// # Errors
    /// Those of `work`, `Internal` where it panics, `Cancelled` where it was dropped; those of the warehouse where a row
    /// could not be written.
    pub async fn recorded<R: Report>(
        self,
        warehouse: &dyn Warehouse,
        work: impl Future<Output = Result<R>>,
    ) -> Result<R> {
        self.begin(warehouse).await?.recorded(work).await
    }

    /// Writes that the run is under way; makes the tables of runs first.
    ///
    /// # Errors
    /// Those of the warehouse.
    pub async fn begin(self, warehouse: &'a dyn Warehouse) -> Result<Begun<'a>> {
        warehouse.create_runs().await?;
        let report =
            self.lease.map_or(Value::Null, |lease| json!(LeaseOfRun { lease: lease.place().clone() }));
        let begun = self.record(RunStatus::Running, report, Utc::now());
        warehouse.record_runs(std::slice::from_ref(&begun)).await?;
        Ok(Begun { run: self, warehouse, recorded_at: begun.recorded_at })
    }

    fn record(&self, status: RunStatus, report: Value, recorded_at: Timestamp) -> RunRecord {
        RunRecord {
            function: self.function.name.to_owned(),
            run_id: self.run_id.to_owned(),
            started_at: self.started_at,
            finished_at: (status != RunStatus::Running).then_some(recorded_at),
            status,
            report,
            code_version: self.function.version.to_owned(),
            recorded_at,
        }
    }
}

impl Begun<'_> {
    /// Does `work` and writes how it ended; see [`Run::recorded`].
    ///
    /// # Errors
    /// Those of [`Run::recorded`].
    pub async fn recorded<R: Report>(self, work: impl Future<Output = Result<R>>) -> Result<R> {
        let Self { run, warehouse, recorded_at } = self;
        let [work_limit, record_limit] = run.limits;
        let whole = feed::caught_async("the run", async {
            if let Err(error) = self.record_abandoned().await {
                tracing::warn!("runs that were killed may still be shown as running: {}", error.chain());
            }
            let report = work.await?;
            let value = serde_json::to_value(&report)
                .map_err(|error| Error::internal("the report cannot be serialised").caused_by(error))?;
            Ok((report, value))
        });
        let outcome = shutdown::within(run.shutdown, work_limit, whole).await.unwrap_or_else(|| {
            Err(Error::cancelled(format!(
                "the run was asked to stop and did not return within {work_limit:?}"
            )))
        });
        let (status, report) = match &outcome {
            Ok((report, value)) if report.is_interrupted() => (RunStatus::Interrupted, value.clone()),
            Ok((_, value)) => (RunStatus::Succeeded, value.clone()),
            Err(error) => {
                let is_stopped = error.kind() == ErrorKind::Cancelled && run.shutdown.is_cancelled();
                let status = if is_stopped { RunStatus::Interrupted } else { RunStatus::Failed };
                (status, json!({ "error": error.chain() }))
            }
        };
        let ended = run.record(status, report, after(recorded_at));
        let recorded = warehouse.record_runs(std::slice::from_ref(&ended));
        let recorded = shutdown::within(run.shutdown, record_limit, recorded).await.unwrap_or_else(|| {
            Err(Error::unavailable(format!("nothing was written within {record_limit:?}")))
        });
        if let Err(error) = &recorded {
            tracing::error!("the run {status}, and ml_runs does not say so: {}", error.chain());
        }
        let (report, _) = outcome?;
        recorded.map_err(|error| error.context(format!("the run {status}, and ml_runs does not say so")))?;
        Ok(report)
    }

    /// Writes which runs were killed.
    async fn record_abandoned(&self) -> Result<()> {
        let Self { run: this, warehouse, .. } = self;
        let others = warehouse.running_runs().await?.into_iter().filter(|run| run.run_id != this.run_id);
        let is_exclusive = warehouse.is_exclusive();
        let looks = others.map(async |run| Ok((is_exclusive || self.is_over(&run).await?).then_some(run)));
        let mut looks = stream::iter(looks).buffered(LOOKS_AT_ONCE);
        let mut abandoned = Vec::new();
        while let Some(run) = looks.next().await {
            let run: Result<Option<RunRecord>> = run;
            abandoned.extend(run?.map(|run| RunRecord {
                status: RunStatus::Abandoned,
                report: json!({ "abandoned_for": this.run_id }),
                recorded_at: after(run.recorded_at),
                ..run
            }));
        }
        if abandoned.is_empty() {
            return Ok(());
        }
        for RunRecord { function, run_id, started_at, .. } in &abandoned {
            tracing::warn!("run {run_id} of {function}, begun at {started_at}, was killed: it is abandoned");
        }
        warehouse.record_runs(&abandoned).await
    }

    /// Whether a run that wrote no ending is known not to be under way: it holds its lease no longer.
    async fn is_over(&self, run: &RunRecord) -> Result<bool> {
        match (self.run.lease, LeaseOfRun::deserialize(&run.report)) {
            (Some(ours), Ok(begun)) => ours.is_lost(&begun.lease, &run.run_id).await,
            _ => Ok(false),
        }
    }
}

/// Now, and later than `earlier`, whatever became of the clock.
fn after(earlier: Timestamp) -> Timestamp {
    Utc::now().max(earlier + TimeDelta::microseconds(1))
}

#[cfg(all(test, feature = "duckdb"))]
mod tests;
