//! A batch function as its code sees it: what it is told of a run, and what it reports.

use common_core::job::{Shard, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::held::HeldLease;
use crate::progress::Progress;

/// What a program says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The binary's name; leases and log lines carry it.
    pub name: &'static str,
    /// The code's version.
    pub version: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
}

/// How a program is run: chosen by Cloud Run's variables or a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Run once here; the report goes to stdout.
    Local,
    /// Run once as a task of a Cloud Run job.
    Job,
    /// Serve HTTP.
    Http,
}

/// One run as the function's code sees it.
#[derive(Debug)]
pub struct Invocation<O> {
    /// The run's name in logs, answers and tables: a UUID of version 7.
    pub run_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The function's options, from the command line or the request.
    pub options: O,
    /// The share of the keys that it works on.
    pub shard: Shard,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// Cancelled when the run is to stop: SIGTERM, SIGINT, or another run that took its lease over.
    ///
    /// The code then has [`crate::shutdown::WORK`] to keep what it did and to return: a report that says that it is
    /// interrupted, or an error of kind `Cancelled`.
    pub shutdown: CancellationToken,
    /// The lease that the run holds. None where the mode needs none, or the artifact store could not be reached.
    pub lease: Option<HeldLease>,
    /// Shows how far the run is, on a terminal or in the log.
    pub progress: Progress,
}

/// What a run reports; its JSON is the answer's `report`.
pub trait Report: Serialize {
    /// Whether the run was asked to stop before it had done everything.
    fn is_interrupted(&self) -> bool;
}
