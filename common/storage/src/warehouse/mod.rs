//! The warehouse as the functions see it: one trait for each role, with its row types, independent of the engine.
//!
//! - [`JobStore`]: sightings of ads
//! - [`Takedowns`]: ads that were taken down
//! - [`EmbeddingStore`]: vectors of ads
//! - [`Features`]: what models learn from
//! - [`Predictions`]: predictions of ads
//! - [`VectorSearch`]: the ads nearest to a vector
//! - [`RunStore`]: runs of the functions
//! - [`OperatorQueries`]: ad-hoc queries
//!
//! [`Warehouse`] combines all roles. A function names the roles that it uses. The suites in
//! `contract` test every role.

pub mod cell;
mod counts;
mod embeddings;
mod features;
mod jobs;
mod predictions;
mod queries;
mod runs;
pub(crate) mod search;
mod takedowns;

pub use cell::{Cell, ColumnType};
pub use common_core::job::IndexedAd;
pub use counts::refuse_fewer;
pub use embeddings::{
    EmbeddingRow, EmbeddingStore, EmbeddingTable, IndexState, QueryCost, Refused, SharedRow, WriteSize,
};
pub use features::{FEATURE_CHARS, FeatureCount, FeatureRow, FeatureSet, Features, ML_FEATURES};
pub use jobs::{Appended, Candidate, FilterColumns, JobCount, JobScan, JobStore, Stored};
pub use predictions::{
    AdSelection, ML_PREDICTIONS, ModelVersions, PredictionRow, PredictionScan, Predictions, Variant,
};
pub use queries::{OperatorQueries, Parameter, QueryResult};
pub use runs::{RunRecord, RunStatus, RunStore};
pub use search::{VectorHit, VectorIndexKind, VectorIndexState, VectorQuery, VectorSearch};
pub use takedowns::{FORGOTTEN_ADS, Forgotten, Takedowns, Tombstones, Traces};

/// All roles: the type that `open_warehouse` returns.
///
/// The contract of all roles and every backend: a write is complete or absent, and repeating it changes nothing;
/// timestamps are UTC to the microsecond, within the years 1 to 9999; NULL and `''` differ; vectors are returned
/// bit for bit. An ad that has a tombstone (see [`Takedowns::forget`]) is never read or appended, even if a table
/// has rows of it; a warehouse without a table of tombstones has no tombstones. A stream that fails returns the
/// error as its last item, so a stream without an error is complete.
pub trait Warehouse:
    JobStore + Takedowns + EmbeddingStore + Features + Predictions + VectorSearch + RunStore + OperatorQueries
{
}

impl<
    T: JobStore
        + Takedowns
        + EmbeddingStore
        + Features
        + Predictions
        + VectorSearch
        + RunStore
        + OperatorQueries,
> Warehouse for T
{
}
