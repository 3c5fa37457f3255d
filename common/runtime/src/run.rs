//! One run, whichever way it came in.

use std::io::{IsTerminal, stderr};
use std::pin::pin;
use std::sync::Arc;

use chrono::Utc;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use common_core::job::{Shard, Timestamp};
use common_core::{Error, ErrorKind, Result};

use crate::function::{Function, Invocation, Mode, Report};
use crate::held::HeldLease;
use crate::lease::Lease;
use crate::progress::Progress;

pub(super) use common_storage::warehouse::RunStatus;

/// A report as JSON, and what was asked of it before.
pub(super) struct Reported {
    report: Value,
    is_interrupted: bool,
}

/// The function's code.
pub(super) type Handler<O> = Arc<dyn Fn(Invocation<O>) -> BoxFuture<'static, Result<Reported>> + Send + Sync>;

/// What a run answers: the line on stdout, the body of the HTTP response, the entry in the log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Answer {
    function: &'static str,
    version: &'static str,
    pub(super) run_id: String,
    pub(super) status: RunStatus,
    dry_run: bool,
    started_at: Timestamp,
    finished_at: Timestamp,
    report: Value,
}

impl Answer {
    pub(super) fn to_json(&self) -> Value {
        // Strings, moments and a JSON value: there is no way to fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What one run is asked for.
pub(super) struct Order<O> {
    pub(super) run_id: String,
    pub(super) options: O,
    pub(super) dry_run: bool,
    /// Asks the run to stop.
    pub(super) cancel: CancellationToken,
    pub(super) mode: Mode,
    /// The lease that it holds, if any.
    pub(super) lease: Option<HeldLease>,
}

/// Runs the function's code.
pub(super) struct Runner<O> {
    pub(super) function: Function,
    /// The share of the keys that every run works on.
    pub(super) shard: Shard,
    pub(super) handler: Handler<O>,
}

impl<O: Send + 'static> Runner<O> {
    /// Runs once. Every line logged within carries the run's id.
    ///
    /// A report that says so, or an error of kind `Cancelled` after `order.cancel`, makes an interrupted run.
    ///
    /// # Errors
    /// What the function's code fails with; `Internal` where it panics.
    pub(super) async fn run(&self, order: Order<O>) -> Result<Answer> {
        let span = tracing::error_span!("run", run_id = order.run_id, function = self.function.name);
        self.run_in_span(order).instrument(span).await
    }

    /// [`Runner::run`] while the run holds `lease`: it is asked to stop where another run takes that over.
    ///
    /// # Errors
    /// Those of [`Runner::run`].
    pub(super) async fn run_holding(&self, lease: &mut Lease, order: Order<O>) -> Result<Answer> {
        let (run_id, cancel) = (order.run_id.clone(), order.cancel.clone());
        let mut run = pin!(self.run(order));
        tokio::select! {
            outcome = &mut run => outcome,
            () = lease.keep() => {
                tracing::warn!(run_id, "another run took the lease over; this one is asked to stop");
                cancel.cancel();
                run.await
            }
        }
    }

    async fn run_in_span(&self, order: Order<O>) -> Result<Answer> {
        let Order { run_id, options, dry_run, cancel, mode, lease } = order;
        let started_at = Utc::now();
        tracing::info!(dry_run, "run started");
        let invocation = Invocation {
            run_id: run_id.clone(),
            started_at,
            options,
            shard: self.shard,
            dry_run,
            shutdown: cancel.clone(),
            lease,
            progress: Progress::new(mode == Mode::Local && stderr().is_terminal()),
        };
        let run = (self.handler)(invocation);
        let outcome = tokio::spawn(run.in_current_span()).await.unwrap_or_else(|error| {
            Err(Error::internal("the run panicked; the log says where").caused_by(error))
        });
        let (report, is_interrupted) = match outcome {
            Ok(Reported { report, is_interrupted }) => (report, is_interrupted),
            Err(error) if error.kind() == ErrorKind::Cancelled && cancel.is_cancelled() => {
                (Value::Null, true)
            }
            Err(error) => {
                log(&error, mode);
                return Err(error);
            }
        };
        let status = if is_interrupted { RunStatus::Interrupted } else { RunStatus::Succeeded };
        let answer = Answer {
            function: self.function.name,
            version: self.function.version,
            run_id,
            status,
            dry_run,
            started_at,
            finished_at: Utc::now(),
            report,
        };
        // At a terminal the answer itself is the next line.
        let report_json = (mode != Mode::Local).then(|| answer.report.to_string());
        tracing::info!(report_json, "run {status}");
        Ok(answer)
    }
}

/// At a terminal the error is the last line that the process prints; elsewhere the log is all there is. Of a request that its sender
/// has to mend, the line of the request is the error.
fn log(error: &Error, mode: Mode) {
    match mode {
        Mode::Local => {}
        Mode::Http if error.outside().is_some() => tracing::warn!("run refused: {}", error.chain()),
        Mode::Http | Mode::Job => tracing::error!("run failed: {}", error.chain()),
    }
}

/// Lets any function's code be a [`Handler`].
pub(super) fn handler<O, R, F, Fut>(code: F) -> Handler<O>
where
    R: Report,
    F: Fn(Invocation<O>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
{
    Arc::new(move |invocation| {
        let run = code(invocation);
        async move {
            let report = run.await?;
            let is_interrupted = report.is_interrupted();
            let report = serde_json::to_value(report)
                .map_err(|error| Error::internal("the report cannot be serialised").caused_by(error))?;
            Ok(Reported { report, is_interrupted })
        }
        .boxed()
    })
}
