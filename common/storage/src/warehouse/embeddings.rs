//! Vectors of ads: `job_embeddings`, one row an ad.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use common_core::Result;
use common_core::job::{ContentHash, IndexedAd, JobKey, Timestamp};
use futures::stream::BoxStream;
use serde::Serialize;

use super::{FilterColumns, JobScan};

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

/// What the rows of one space are, without their vectors: while it is the same, an index of them need not be built
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct IndexState {
    /// How many rows.
    pub rows: u64,
    /// When the newest vector was made; a row that takes another's vector takes its moment too.
    pub newest: Option<Timestamp>,
    /// Of every row's key, text and filter columns, whatever their order: an ad that came for one that left changes
    /// nothing else. Comparable within one warehouse alone.
    pub checksum: u64,
    /// How many of the rows are of ads that are still in `cleaned_jobs`: as many as [`EmbeddingStore::scan_ads`]
    /// returns.
    #[serde(skip)]
    pub ads: u64,
    /// Sightings with a moment outside the years 1 to 9999, which counts as missing.
    #[serde(skip)]
    pub timestamps_out_of_range: u64,
}

/// Vectors in and out.
#[async_trait]
pub trait EmbeddingStore: Send + Sync {
    /// How much to write at once.
    fn write_size(&self) -> WriteSize;

    /// Makes `embeddings` and `forgotten_ads` where they are missing, and what [`super::RunStore::create_runs`]
    /// makes; `cleaned_jobs` must be there.
    ///
    /// # Errors
    /// `Conflict` where a table exists without one of its columns, or with one of another type (another vector
    /// length, for example); `NotFound` where there is no `cleaned_jobs`.
    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()>;

    /// Every row of one space, in pages of bounded size.
    fn scan_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
    ) -> BoxStream<'static, Result<Vec<EmbeddingRow>>>;

    /// Every ad of `cleaned_jobs` that has a vector of `space`, by its latest sighting, once; in pages of bounded
    /// size, in no order. Nothing where there is no `table`.
    ///
    /// # Errors
    /// `NotFound` where there is no `cleaned_jobs`.
    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>>;

    /// What the rows of `space` are; reads no vectors. All zero where there is no `table`.
    async fn index_state(&self, table: &EmbeddingTable, space: &str) -> Result<IndexState>;

    /// The spaces in `table` and how many rows each has, most first; none where there is no `table`.
    async fn embedding_spaces(&self, table: &EmbeddingTable) -> Result<Vec<(String, u64)>>;

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

    /// Removes the rows of ads that are no longer in `cleaned_jobs` or were taken down, within the scan's share;
    /// returns how many.
    async fn prune_embeddings(&self, scan: &JobScan) -> Result<u64>;

    /// What the queries of an embedding run would cost, without running them; empty where queries are free.
    async fn costs(&self, scan: &JobScan) -> Result<Vec<QueryCost>>;
}
