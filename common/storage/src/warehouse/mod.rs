//! The warehouse as the functions see it: one trait a role, with the rows that cross it, whatever engine holds them.
//!
//! - [`JobStore`]: the ads as they were seen
//! - [`Takedowns`]: the ads that were taken down
//! - [`EmbeddingStore`]: vectors of ads
//! - [`VectorSearch`]: the ads nearest to a vector
//! - [`RunStore`]: runs of the functions
//! - [`OperatorQueries`]: ad-hoc queries
//!
//! [`Warehouse`] is all of them. A function names the roles that it uses. Each role has its suite in `contract`.

pub mod cell;
mod counts;
mod embeddings;
mod jobs;
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
pub use jobs::{Appended, Candidate, FilterColumns, JobCount, JobScan, JobStore, Stored};
pub use queries::{OperatorQueries, Parameter, QueryResult};
pub use runs::{RunRecord, RunStatus, RunStore};
pub use search::{VectorHit, VectorIndexKind, VectorIndexState, VectorQuery, VectorSearch};
pub use takedowns::{FORGOTTEN_ADS, Forgotten, Takedowns, Tombstones, Traces};

/// Every role: what `open_warehouse` returns.
///
/// Contract of all roles, the same for every backend: a write is whole or absent, and doing it twice is doing it
/// once; timestamps are UTC to the microsecond, within the years 1 to 9999; NULL and `''` differ; vectors come back
/// bit for bit. An ad that has a tombstone (see [`Takedowns::forget`]) is never read and never appended, whatever
/// rows name it; a warehouse without a table of tombstones has none. A stream ends without an error only after its
/// last row: whatever stops it before that is its last item.
pub trait Warehouse:
    JobStore + Takedowns + EmbeddingStore + VectorSearch + RunStore + OperatorQueries
{
}

impl<T: JobStore + Takedowns + EmbeddingStore + VectorSearch + RunStore + OperatorQueries> Warehouse for T {}
