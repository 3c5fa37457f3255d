//! The warehouse as the functions see it: rows in and out, whatever engine holds them.

pub mod cell;
mod counts;
mod runs;
mod takedowns;
pub(crate) mod vectors;

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use common_core::Result;
use common_core::job::{ContentHash, JobAd, JobKey, Shard, Timestamp};
use common_core::pay::Pay;
use futures::stream::BoxStream;
use serde::Serialize;

pub use cell::{Cell, ColumnType};
pub use counts::refuse_fewer;
pub use runs::{RunRecord, RunStatus};
#[cfg(any(feature = "duckdb", feature = "gcp"))]
pub(crate) use takedowns::FROM_FORGOTTEN_ADS;
pub use takedowns::{Appended, FORGOTTEN_ADS, Forgotten, Tombstones, Traces};
pub use vectors::{IndexState, IndexedAd, VectorHit, VectorIndexKind, VectorIndexState, VectorQuery};

/// The model that plain `job_embeddings` belongs to; every other model has a table of its own beside it.
const HOME_MODEL: &str = "all-MiniLM-L6-v2";

/// Name and width of the table that holds one model's embeddings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingTable {
    /// `job_embeddings`, or `job_embeddings_{slug}` for any model but the first.
    pub name: String,
    /// Length of every vector in it.
    pub dimension: usize,
}

impl EmbeddingTable {
    /// The table of `model`, whose vectors have `dimension` elements.
    pub fn of_model(model: &str, dimension: usize) -> Self {
        let name = if model == HOME_MODEL {
            "job_embeddings".to_owned()
        } else {
            let slug: String = model
                .to_lowercase()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            format!("job_embeddings_{slug}")
        };
        Self { name, dimension }
    }
}

/// Which ads a scan returns.
#[derive(Debug, Clone)]
pub struct JobScan {
    /// The table whose rows say what is current.
    pub embeddings: EmbeddingTable,
    /// This task's share.
    pub shard: Shard,
    /// Only ads of this board.
    pub source: Option<String>,
}

/// How much a scan finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCount {
    /// Ads that it returns.
    pub ads: u64,
    /// Sightings that it leaves out because they lack `source` or `job_id`, so that nobody can say of which ad they are. No task's
    /// share: the first one's.
    pub nameless_sightings: u64,
    /// Sightings with a moment outside the years 1 to 9999, which counts as missing. Only where the warehouse can hold such.
    pub timestamps_out_of_range: u64,
    /// Ads that it leaves out because they were taken down, and something other than this program appended them again.
    pub forgotten_ads: u64,
}

/// The columns of an ad that filters need inside a vector search, kept beside its vector.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)]
pub struct FilterColumns {
    pub job_location: Option<String>,
    pub job_classification: Option<String>,
    pub job_work_type: Option<String>,
    pub job_posted_timestamp: Option<Timestamp>,
    /// Middle of the monthly salary range, or the one end that is known; none where it is not in SGD.
    pub salary_mid: Option<f64>,
}

/// An ad's latest sighting beside what the embeddings table has of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The ad.
    pub key: JobKey,
    /// Its title.
    pub title: Option<String>,
    /// Its description, cut to the characters that enter the embedding text.
    pub description: Option<String>,
    /// What the ad says now.
    pub filters: FilterColumns,
    /// What it pays, as it says it.
    pub pay: Pay,
    /// What is stored, if anything.
    pub stored: Option<Stored>,
}

/// The part of an embedding row that says whether it is still current.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Hash of the text that was embedded.
    pub content_hash: String,
    /// Space of the vector.
    pub embedding_space: String,
    /// What the ad said when the row was written.
    pub filters: FilterColumns,
}

/// A row of `job_embeddings`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct EmbeddingRow {
    pub key: JobKey,
    /// `[dimension] f32`, L2-normalised.
    pub embedding: Vec<f32>,
    pub model_name: String,
    pub created_at: Timestamp,
    pub embedding_space: String,
    pub model_version: String,
    pub content_hash: ContentHash,
    pub filters: FilterColumns,
}

/// A row that a warehouse refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Whose row.
    pub key: JobKey,
    /// What the warehouse said.
    pub reason: String,
}

/// An ad whose text has been embedded already: its row is made from the row that holds that text's vector.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedRow {
    /// The ad.
    pub key: JobKey,
    /// Hash of its text.
    pub content_hash: ContentHash,
    /// What the ad says now.
    pub filters: FilterColumns,
}

/// Answer of an ad-hoc query: its columns, and its rows in pages of bounded size.
pub struct QueryResult {
    /// Name and type of every column.
    pub columns: Vec<(String, ColumnType)>,
    /// Rows, each as long as `columns`.
    pub pages: BoxStream<'static, Result<Vec<Vec<Cell>>>>,
}

/// How much a backend likes to be given at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteSize {
    /// Rows of embeddings a write.
    pub rows: usize,
    /// The longest that finished rows should wait for a write: what a killed run loses at most.
    pub interval: Duration,
}

/// What one query of a run would read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryCost {
    /// Its name: that of its file under `infra`.
    pub query: String,
    /// Bytes that the warehouse charges for.
    pub bytes_processed: u64,
}

/// What an embedding run needs from a warehouse, what an index and a search need, and what the operator's tool needs
/// besides.
///
/// Contract, the same for every backend (`contract` holds the suite that proves it): a write is whole or absent,
/// and doing it twice is doing it once; timestamps are UTC to the microsecond, within the years 1 to 9999; NULL and `''` differ;
/// vectors come back bit for bit. An ad that has a tombstone (see [`Warehouse::forget`]) is never read and never appended, whatever
/// rows name it; a warehouse without a table of tombstones has none.
#[async_trait]
pub trait Warehouse: Send + Sync {
    /// How much to write at once.
    fn write_size(&self) -> WriteSize;

    /// Whether no other process can write while this one has the warehouse open.
    fn is_exclusive(&self) -> bool;

    /// Makes `cleaned_jobs` and `forgotten_ads` where they are missing.
    ///
    /// # Errors
    /// `Conflict` where it exists without one of its columns, or with one of another type.
    async fn create_jobs(&self) -> Result<()>;

    /// Makes `ml_runs` and `vw_runs` where they are missing; `cleaned_jobs` must be there.
    ///
    /// # Errors
    /// `Conflict` where one of them exists with a column of another type; `NotFound` where there is no `cleaned_jobs`.
    async fn create_runs(&self) -> Result<()>;

    /// Makes `embeddings` and `forgotten_ads` where they are missing, and what [`Warehouse::create_runs`] makes; `cleaned_jobs` must be
    /// there.
    ///
    /// # Errors
    /// `Conflict` where a table exists without one of its columns, or with one of another type (another vector
    /// length, for example); `NotFound` where there is no `cleaned_jobs`.
    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()>;

    /// Appends sightings to `cleaned_jobs`, all of them or, after an `Err` in the stream or of ours, none. Those of ads that were
    /// taken down are left out.
    async fn append_jobs(&self, batches: BoxStream<'static, Result<Vec<JobAd>>>) -> Result<Appended>;

    /// How many ads [`Warehouse::scan_jobs`] will return, and how many sightings it will leave out.
    ///
    /// # Errors
    /// `NotFound` where there is no `cleaned_jobs`.
    async fn count_jobs(&self, scan: &JobScan) -> Result<JobCount>;

    /// Every ad's latest sighting once, in pages. Writing embeddings while reading is safe.
    ///
    /// A stream of this trait ends without an error only after its last row: whatever stops it before that is its last item.
    fn scan_jobs(&self, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>>;

    /// Every row of one space, in pages.
    fn scan_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
    ) -> BoxStream<'static, Result<Vec<EmbeddingRow>>>;

    /// Every ad of `cleaned_jobs` that has a vector of `space`, by its latest sighting, once; in pages of bounded size, in no
    /// order. Nothing where there is no `table`.
    ///
    /// # Errors
    /// `NotFound` where there is no `cleaned_jobs`.
    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>>;

    /// What the rows of `space` are; reads no vectors. All zero where there is no `table`.
    async fn index_state(&self, table: &EmbeddingTable, space: &str) -> Result<IndexState>;

    /// The spaces in `table` and how many rows each has, most first; none where there is no `table`.
    async fn embedding_spaces(&self, table: &EmbeddingTable) -> Result<Vec<(String, u64)>>;

    /// The ads of `space` nearest to the query's vector, filtered inside the search: best first, ads of one similarity by
    /// source and id. Exact, but where the warehouse has a vector index. Nothing where there is no `table`.
    ///
    /// # Errors
    /// `InvalidInput` where the vector is of another length than the table's, or zero, or not of numbers.
    async fn search_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>>;

    /// Makes the warehouse's own vector index where it has use for one and has none, and looks at it once. It fills by
    /// itself: a caller that waits for it asks again. One that is there stays, whatever its kind.
    ///
    /// # Errors
    /// `NotFound` where there is no `table`, in a warehouse that makes indexes.
    async fn refresh_vector_index(
        &self,
        table: &EmbeddingTable,
        kind: VectorIndexKind,
    ) -> Result<VectorIndexState>;

    /// Which of `hashes` have a vector of `space`, written since `since` where that is given.
    async fn known_texts(
        &self,
        table: &EmbeddingTable,
        space: &str,
        hashes: &[ContentHash],
        since: Option<Timestamp>,
    ) -> Result<HashSet<ContentHash>>;

    /// Puts one row an ad, in place of the one it had. Atomic; `rows` hold no key twice. Returns the rows that the
    /// warehouse refused for what is in them: the others are written.
    async fn merge_embeddings(&self, table: &EmbeddingTable, rows: Vec<EmbeddingRow>)
    -> Result<Vec<Refused>>;

    /// Puts one row an ad with the newest vector that its text has in `space`, written since `since` where that is
    /// given; returns the keys whose text has none. What is found is still there when it is copied.
    async fn share_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        rows: Vec<SharedRow>,
        since: Option<Timestamp>,
    ) -> Result<HashSet<JobKey>>;

    /// Brings the filter columns of the ads' rows up to date and leaves their vectors alone.
    async fn update_filters(&self, table: &EmbeddingTable, rows: Vec<SharedRow>) -> Result<()>;

    /// Removes the rows of `keys`; returns how many there were.
    async fn delete_embeddings(&self, table: &EmbeddingTable, keys: &[JobKey]) -> Result<u64>;

    /// Removes the rows of ads that are no longer in `cleaned_jobs` or were taken down, within the scan's share; returns how many.
    async fn prune_embeddings(&self, scan: &JobScan) -> Result<u64>;

    /// Appends states of runs to `ml_runs`, all of them or none. `vw_runs` has one row a run: its own ending, else the state
    /// with the greatest `recorded_at`.
    async fn record_runs(&self, runs: &[RunRecord]) -> Result<()>;

    /// The runs that `vw_runs` shows as running, the oldest first.
    async fn running_runs(&self) -> Result<Vec<RunRecord>>;

    /// Names of the tables, in alphabetical order.
    async fn tables(&self) -> Result<Vec<String>>;

    /// Answers one read-only statement.
    ///
    /// # Errors
    /// `InvalidInput` where the statement is wrong or would write.
    async fn query(&self, sql: &str) -> Result<QueryResult>;

    /// Looks for the rows of `keys` in every table that names ads; white space around a stored key does not count. The engine looks: keys
    /// are its parameters.
    async fn trace(&self, keys: &[JobKey]) -> Result<Traces>;

    /// Takes the ads down: removes them from every table that names ads, and leaves a tombstone of each, in a table or not, that keeps
    /// it out from then on. Returns what left each table. A repeat changes nothing; one of a call that was interrupted completes it.
    async fn forget(&self, keys: &[JobKey]) -> Result<Vec<Forgotten>>;

    /// Every ad that was taken down.
    async fn tombstones(&self) -> Result<Vec<JobKey>>;

    /// Lifts the takedowns of `keys`, whose sightings may be appended again; no row comes back. Returns those that were taken down.
    async fn undo_forget(&self, keys: &[JobKey]) -> Result<HashSet<JobKey>>;

    /// What the queries of a run would cost, without running them; empty where queries are free.
    async fn costs(&self, scan: &JobScan) -> Result<Vec<QueryCost>>;
}
