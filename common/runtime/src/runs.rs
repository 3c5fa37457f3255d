//! Records runs in `ml_runs`: one row per status change; `vw_runs` has one row per run: its own end,
//! otherwise its latest state.
//!
//! A killed run leaves a last row with the status `running`. A later run records it as abandoned when it is certain
//! that the run has ended: with DuckDB, because only one process can open the file for writing; otherwise, because the
//! run no longer holds the lease that its first row names.

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
use crate::held::{HeldLease, LeaseLocation};
use crate::shutdown;

/// Leases that are read concurrently.
const CONCURRENT_LEASE_READS: usize = 8;

/// The report in the first row of a run: the lease that shows whether the run is still in progress.
#[derive(Debug, Serialize, Deserialize)]
struct RunLease {
    lease: LeaseLocation,
}

/// A run that is recorded in `ml_runs`.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_field_names)] // `run_id` is the column's name.
pub struct Run<'a> {
    function: Function,
    run_id: &'a str,
    started_at: Timestamp,
    shutdown: &'a CancellationToken,
    lease: Option<&'a HeldLease>,
    /// The time limits after `shutdown` is cancelled: for the work, and for recording its end.
    limits: [Duration; 2],
}

/// A run whose first row has been written.
pub struct StartedRun<'a> {
    run: Run<'a>,
    warehouse: &'a dyn Warehouse,
    /// The time of that row.
    recorded_at: Timestamp,
}

impl<'a> Run<'a> {
    /// The run of `function` with the input `invocation`.
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

    /// Runs `work` and records its start and its end, including a panic. Creates the tables of runs if they do not
    /// exist, and records abandoned runs. Drops `work` if it does not return in time after shutdown.
    ///
    /// # Errors
    /// The errors of `work`; `Internal` if it panics, `Cancelled` if it was dropped; errors of the warehouse if a row
    /// cannot be written.
    pub async fn recorded<R: Report>(
        self,
        warehouse: &dyn Warehouse,
        work: impl Future<Output = Result<R>>,
    ) -> Result<R> {
        self.begin(warehouse).await?.recorded(work).await
    }

    /// Records the start of the run. Creates the tables of runs if they do not exist.
    ///
    /// # Errors
    /// Errors of the warehouse.
    pub async fn begin(self, warehouse: &'a dyn Warehouse) -> Result<StartedRun<'a>> {
        warehouse.create_runs().await?;
        let report =
            self.lease.map_or(Value::Null, |lease| json!(RunLease { lease: lease.location().clone() }));
        let running = self.record(RunStatus::Running, report, Utc::now());
        warehouse.record_runs(std::slice::from_ref(&running)).await?;
        Ok(StartedRun { run: self, warehouse, recorded_at: running.recorded_at })
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

impl StartedRun<'_> {
    /// Runs `work` and records its end; see [`Run::recorded`].
    ///
    /// # Errors
    /// The errors of [`Run::recorded`].
    pub async fn recorded<R: Report>(self, work: impl Future<Output = Result<R>>) -> Result<R> {
        let Self { run, warehouse, recorded_at } = self;
        let [work_limit, record_limit] = run.limits;
        let whole = feed::caught_async("the run", async {
            if let Err(error) = self.record_abandoned().await {
                tracing::warn!("cannot mark killed runs as abandoned: {}", error.chain());
            }
            let report = work.await?;
            let value = serde_json::to_value(&report)
                .map_err(|error| Error::internal("the report cannot be serialized").caused_by(error))?;
            Ok((report, value))
        });
        let outcome = shutdown::within(run.shutdown, work_limit, whole).await.unwrap_or_else(|| {
            Err(Error::cancelled(format!("the run did not stop within {work_limit:?} after the signal")))
        });
        let (status, report) = match &outcome {
            Ok((report, value)) if report.is_interrupted() => (RunStatus::Interrupted, value.clone()),
            Ok((_, value)) => (RunStatus::Succeeded, value.clone()),
            Err(error) => {
                let is_interrupted = error.kind() == ErrorKind::Cancelled && run.shutdown.is_cancelled();
                let status = if is_interrupted { RunStatus::Interrupted } else { RunStatus::Failed };
                (status, json!({ "error": error.chain() }))
            }
        };
        let ended = run.record(status, report, after(recorded_at));
        let recorded = warehouse.record_runs(std::slice::from_ref(&ended));
        let recorded = shutdown::within(run.shutdown, record_limit, recorded).await.unwrap_or_else(|| {
            Err(Error::unavailable(format!("the row was not written within {record_limit:?}")))
        });
        if let Err(error) = &recorded {
            tracing::error!(
                "the run {status}, but its end could not be recorded in ml_runs: {}",
                error.chain()
            );
        }
        let (report, _) = outcome?;
        recorded.map_err(|error| {
            error.context(format!("the run {status}, but its end could not be recorded in ml_runs"))
        })?;
        Ok(report)
    }

    /// Records killed runs as abandoned.
    async fn record_abandoned(&self) -> Result<()> {
        let Self { run: current, warehouse, .. } = self;
        let others = warehouse.running_runs().await?.into_iter().filter(|run| run.run_id != current.run_id);
        let is_exclusive = warehouse.is_exclusive();
        let checks = others.map(async |run| Ok((is_exclusive || self.has_ended(&run).await?).then_some(run)));
        let mut checks = stream::iter(checks).buffered(CONCURRENT_LEASE_READS);
        let mut abandoned = Vec::new();
        while let Some(run) = checks.next().await {
            let run: Result<Option<RunRecord>> = run;
            abandoned.extend(run?.map(|run| RunRecord {
                status: RunStatus::Abandoned,
                report: json!({ "abandoned_for": current.run_id }),
                recorded_at: after(run.recorded_at),
                ..run
            }));
        }
        if abandoned.is_empty() {
            return Ok(());
        }
        for RunRecord { function, run_id, started_at, .. } in &abandoned {
            tracing::warn!(
                "run {run_id} of {function}, started at {started_at}, was killed: recorded as abandoned"
            );
        }
        warehouse.record_runs(&abandoned).await
    }

    /// Whether a run with the status `running` has certainly ended, because it no longer holds its lease.
    async fn has_ended(&self, run: &RunRecord) -> Result<bool> {
        match (self.run.lease, RunLease::deserialize(&run.report)) {
            (Some(own), Ok(other)) => own.is_lost(&other.lease, &run.run_id).await,
            _ => Ok(false),
        }
    }
}

/// The current time, or a time just after `earlier` if the clock went backwards.
fn after(earlier: Timestamp) -> Timestamp {
    Utc::now().max(earlier + TimeDelta::microseconds(1))
}

#[cfg(all(test, feature = "duckdb"))]
mod tests;
