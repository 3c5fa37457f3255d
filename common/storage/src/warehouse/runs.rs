//! Runs of the functions: `ml_runs`, one row a state of a run.

use std::fmt;

use async_trait::async_trait;
use common_core::Result;
use common_core::job::Timestamp;
use serde::Serialize;

/// A state that a run can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It is under way, or was killed.
    Running,
    /// It did everything.
    Succeeded,
    /// It was asked to stop; what it did is kept, and another run goes on from there.
    Interrupted,
    /// It ended with an error, or a panic.
    Failed,
    /// A later run found that it was killed.
    Abandoned,
}

impl RunStatus {
    /// The word in the table.
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
    /// When the run was in this state.
    pub recorded_at: Timestamp,
}

/// States of runs in, and the latest of each run out.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Whether no other process can write while this one has the warehouse open.
    fn is_exclusive(&self) -> bool;

    /// Makes `ml_runs` and `vw_runs` where they are missing; `cleaned_jobs` must be there.
    ///
    /// # Errors
    /// `Conflict` where one of them exists with a column of another type; `NotFound` where there is no `cleaned_jobs`.
    async fn create_runs(&self) -> Result<()>;

    /// Appends states of runs to `ml_runs`, all of them or none. `vw_runs` has one row a run: its own ending, else
    /// the state with the greatest `recorded_at`.
    async fn record_runs(&self, runs: &[RunRecord]) -> Result<()>;

    /// The runs that `vw_runs` shows as running, the oldest first.
    async fn running_runs(&self) -> Result<Vec<RunRecord>>;
}
