//! The interface between the runtime and the code of a batch function: the input of a run and its report.

use common_core::job::{Shard, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::held::HeldLease;
use crate::progress::Progress;

/// Name, version and description of a program.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The name of the binary; leases and log lines contain it.
    pub name: &'static str,
    /// The version of the code.
    pub version: &'static str,
    /// The description that `--help` prints: one line.
    pub about: &'static str,
}

/// The mode of a program, selected by the variables of Cloud Run or by a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Runs once and prints the report on stdout.
    Local,
    /// Runs once as a task of a Cloud Run job.
    Job,
    /// Serves HTTP.
    Http,
}

/// The input of one run.
#[derive(Debug)]
pub struct Invocation<O> {
    /// The id of the run in logs, responses and tables: a version 7 UUID.
    pub run_id: String,
    /// The start of the run.
    pub started_at: Timestamp,
    /// The function's options, from the command line or the request.
    pub options: O,
    /// The shard of the keys that the run processes.
    pub shard: Shard,
    /// Whether the run must not write anything.
    pub dry_run: bool,
    /// Cancelled when the run has to stop: on SIGTERM or SIGINT, or if another run takes over the lease.
    ///
    /// The code then has [`crate::shutdown::WORK`] to save its results and to return a report that is interrupted, or
    /// an error of kind `Cancelled`.
    pub shutdown: CancellationToken,
    /// The lease that the run holds. `None` if the mode needs no lease or the artifact store is unavailable.
    pub lease: Option<HeldLease>,
    /// The progress of the run, shown on the terminal or in the log.
    pub progress: Progress,
}

/// The report of a run, which becomes the member `report` of the result.
pub trait Report: Serialize {
    /// Whether the run stopped before it was complete.
    fn is_interrupted(&self) -> bool;
}
