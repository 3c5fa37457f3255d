//! Runs of the functions: `ml_runs`, one row for each state of a run.

use std::fmt;

use async_trait::async_trait;
use common_core::Result;
use common_core::job::Timestamp;
use serde::Serialize;

/// Status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It is running, or was killed.
    Running,
    /// It is complete.
    Succeeded,
    /// It was stopped on request; its results are kept, and the next run continues from there.
    Interrupted,
    /// It ended with an error or a panic.
    Failed,
    /// A later run found that it was killed.
    Abandoned,
}

impl RunStatus {
    /// Value of the column `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state of a function's run: a row of `ml_runs`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct RunRecord {
    pub function: String,
    pub run_id: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub status: RunStatus,
    pub report: serde_json::Value,
    pub code_version: String,
    /// When the run entered this state.
    pub recorded_at: Timestamp,
}

/// Appends states of runs, and reads the latest state of each.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Whether no other process can write while this process has the warehouse open.
    fn is_exclusive(&self) -> bool;

    /// Creates `ml_runs`, `forgotten_ads` and the views `vw_runs` and `vw_latest_jobs` if missing; `cleaned_jobs` must
    /// exist.
    ///
    /// # Errors
    /// `Conflict` if one of them exists with a column of another type; `NotFound` if `cleaned_jobs` does not exist.
    async fn create_runs(&self) -> Result<()>;

    /// Appends states of runs to `ml_runs`: all or none. `vw_runs` has one row for each run: the end that the run
    /// recorded itself, otherwise the state with the greatest `recorded_at`.
    async fn record_runs(&self, runs: &[RunRecord]) -> Result<()>;

    /// The runs that `vw_runs` shows as running, oldest first.
    async fn running_runs(&self) -> Result<Vec<RunRecord>>;
}
