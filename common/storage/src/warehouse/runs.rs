//! Runs of the functions: `ml_runs`, one row a state of a run.

use async_trait::async_trait;
use common_core::Result;
use common_core::job::Timestamp;

use crate::runs::Status;

/// A state of a function's run: a row of `ml_runs`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct RunRecord {
    pub function: String,
    pub run_id: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub status: Status,
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
