//! One run, in any mode.

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

/// A serialized report, and whether the run was interrupted.
pub(super) struct Reported {
    report: Value,
    is_interrupted: bool,
}

/// The code of a function, with its report type erased.
pub(super) type Handler<O> = Arc<dyn Fn(Invocation<O>) -> BoxFuture<'static, Result<Reported>> + Send + Sync>;

/// The result of a run: the line on stdout, or the body of the HTTP response.
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
        // Strings, timestamps and a JSON value always serialize.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The parameters of one run.
pub(super) struct RunRequest<O> {
    pub(super) run_id: String,
    pub(super) options: O,
    pub(super) dry_run: bool,
    /// Cancelled when the run has to stop.
    pub(super) cancel: CancellationToken,
    pub(super) mode: Mode,
    /// The lease that the run holds, if any.
    pub(super) lease: Option<HeldLease>,
}

/// Runs the code of a function.
pub(super) struct Runner<O> {
    pub(super) function: Function,
    /// The shard of the keys that every run processes.
    pub(super) shard: Shard,
    pub(super) handler: Handler<O>,
}

impl<O: Send + 'static> Runner<O> {
    /// Runs once. Every line that the run logs has its id.
    ///
    /// The run is interrupted if its report says so, or if it fails with `Cancelled` after `request.cancel` is
    /// cancelled.
    ///
    /// # Errors
    /// Errors of the function; `Internal` if it panics.
    pub(super) async fn run(&self, request: RunRequest<O>) -> Result<Answer> {
        let span = tracing::error_span!("run", run_id = request.run_id, function = self.function.name);
        self.run_in_span(request).instrument(span).await
    }

    /// Like [`Runner::run`], but renews `lease` during the run and cancels the run if another run takes the lease over.
    ///
    /// # Errors
    /// The errors of [`Runner::run`].
    pub(super) async fn run_with_lease(&self, lease: &mut Lease, request: RunRequest<O>) -> Result<Answer> {
        let (run_id, cancel) = (request.run_id.clone(), request.cancel.clone());
        let mut run = pin!(self.run(request));
        tokio::select! {
            outcome = &mut run => outcome,
            () = lease.keep() => {
                tracing::warn!(run_id, "another run took over the lease: stopping this run");
                cancel.cancel();
                run.await
            }
        }
    }

    async fn run_in_span(&self, request: RunRequest<O>) -> Result<Answer> {
        let RunRequest { run_id, options, dry_run, cancel, mode, lease } = request;
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
            Err(Error::internal("the run panicked; the log has the location").caused_by(error))
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
        // In local mode the result is printed on stdout.
        let report_json = (mode != Mode::Local).then(|| answer.report.to_string());
        tracing::info!(report_json, "run {status}");
        Ok(answer)
    }
}

/// Logs the error of a run. In local mode the process prints it instead. An error that the client has to fix is a
/// warning here, because the access log reports the rejected request as an error.
fn log(error: &Error, mode: Mode) {
    match mode {
        Mode::Local => {}
        Mode::Http if error.outside().is_some() => tracing::warn!("run rejected: {}", error.chain()),
        Mode::Http | Mode::Job => tracing::error!("run failed: {}", error.chain()),
    }
}

/// Wraps the code of a function in a [`Handler`].
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
                .map_err(|error| Error::internal("the report cannot be serialized").caused_by(error))?;
            Ok(Reported { report, is_interrupted })
        }
        .boxed()
    })
}
