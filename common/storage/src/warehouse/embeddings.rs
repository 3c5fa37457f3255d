//! Vectors of ads: `job_embeddings`, one row for each ad, and `job_embeddings_masked`, one for each ad that states pay.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use common_core::Result;
use common_core::job::{ContentHash, IndexedAd, JobKey, Timestamp};
use futures::stream::BoxStream;
use serde::Serialize;

use super::{FilterColumns, JobScan};

/// The model of the table `job_embeddings`; every other model has its own table.
const HOME_MODEL: &str = "all-MiniLM-L6-v2";

/// Name and width of the table that holds one model's embeddings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingTable {
    /// `job_embeddings`, or `job_embeddings_{slug}` for any model other than `all-MiniLM-L6-v2`.
    pub name: String,
    /// Length of the vectors in the table.
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

    /// The table of the vectors of texts with stated pay masked; it has rows only of ads whose text states pay.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self { name: format!("{}_masked", self.name), dimension: self.dimension }
    }

    /// Name of the view that joins ads with these vectors: `vw_ml_features`, or `vw_ml_features_{slug}`.
    pub fn features_view(&self) -> String {
        format!("vw_ml_features{}", self.name.strip_prefix("job_embeddings").unwrap_or_default())
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
    /// Key of the row.
    pub key: JobKey,
    /// The warehouse's error message.
    pub reason: String,
}

/// An ad whose text is embedded already: its row reuses that text's vector.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedRow {
    /// The ad.
    pub key: JobKey,
    /// Hash of its text.
    pub content_hash: ContentHash,
    /// Current values of the ad's filter columns.
    pub filters: FilterColumns,
}

/// How many rows to write at once, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteSize {
    /// Rows of embeddings in one write.
    pub rows: usize,
    /// The longest time that finished rows wait for a write: a killed run loses at most this much work.
    pub interval: Duration,
}

/// Estimated cost of one query of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryCost {
    /// Name of the query: that of its file in `infra`.
    pub query: String,
    /// Bytes that the warehouse charges for.
    pub bytes_processed: u64,
}

/// Summary of the rows of one space, without their vectors: if it has not changed, an index of them need not be
/// rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct IndexState {
    /// Number of rows.
    pub rows: u64,
    /// When the newest vector was computed; a row that reuses a vector has the moment of that vector.
    pub newest: Option<Timestamp>,
    /// Checksum of every row's key, text and filter columns, independent of order. It changes also if an ad is
    /// replaced by another with the same moment. Comparable within one warehouse only.
    pub checksum: u64,
    /// Number of rows whose ads are still in `cleaned_jobs`: as many as [`EmbeddingStore::scan_ads`] returns.
    #[serde(skip)]
    pub ads: u64,
    /// Sightings with a moment outside the years 1 to 9999; such a moment counts as missing.
    #[serde(skip)]
    pub timestamps_out_of_range: u64,
}

/// Reads and writes vectors.
#[async_trait]
pub trait EmbeddingStore: Send + Sync {
    /// How much to write at once.
    fn write_size(&self) -> WriteSize;

    /// Creates the tables `embeddings.name` and [`EmbeddingTable::masked`] and their view
    /// [`EmbeddingTable::features_view`] if missing, and everything that [`super::RunStore::create_runs`] creates;
    /// `cleaned_jobs` must exist.
    ///
    /// # Errors
    /// `Conflict` if a table exists without one of its columns, or with a column of another type (another vector
    /// length, for example); `NotFound` if `cleaned_jobs` does not exist.
    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()>;

    /// Every row of one space, in pages of bounded size.
    fn scan_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
    ) -> BoxStream<'static, Result<Vec<EmbeddingRow>>>;

    /// Every ad of `cleaned_jobs` that has a vector of `space`, once, with its latest sighting; in pages of bounded
    /// size, in no particular order. Empty if `table` does not exist.
    ///
    /// # Errors
    /// `NotFound` if `cleaned_jobs` does not exist.
    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>>;

    /// Summary of the rows of `space`; reads no vectors. All zero if `table` does not exist.
    async fn index_state(&self, table: &EmbeddingTable, space: &str) -> Result<IndexState>;

    /// The spaces in `table` with their number of rows, largest first; empty if `table` does not exist.
    async fn embedding_spaces(&self, table: &EmbeddingTable) -> Result<Vec<(String, u64)>>;

    /// The hashes of `hashes` that have a vector of `space`, written since `since` if given.
    async fn known_texts(
        &self,
        table: &EmbeddingTable,
        space: &str,
        hashes: &[ContentHash],
        since: Option<Timestamp>,
    ) -> Result<HashSet<ContentHash>>;

    /// Inserts or replaces one row for each ad. Atomic; `rows` must not contain duplicate keys. Returns the rows
    /// that the warehouse refused because of their values; the others are written.
    async fn merge_embeddings(&self, table: &EmbeddingTable, rows: Vec<EmbeddingRow>)
    -> Result<Vec<Refused>>;

    /// Inserts or replaces one row for each ad with the newest vector of its text in `space`, written since `since`
    /// if given; returns the keys whose text has no vector. Finding and copying the vector is atomic.
    async fn share_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        rows: Vec<SharedRow>,
        since: Option<Timestamp>,
    ) -> Result<HashSet<JobKey>>;

    /// Updates the filter columns of the ads' rows; does not change their vectors.
    async fn update_filters(&self, table: &EmbeddingTable, rows: Vec<SharedRow>) -> Result<()>;

    /// Removes the rows of `keys`; returns how many were removed.
    async fn delete_embeddings(&self, table: &EmbeddingTable, keys: &[JobKey]) -> Result<u64>;

    /// Removes the rows of ads that are no longer in `cleaned_jobs` or were taken down, within the scan's shard;
    /// returns how many.
    async fn prune_embeddings(&self, scan: &JobScan) -> Result<u64>;

    /// Estimated costs of the queries of an embedding run, without running them; empty if queries are free.
    async fn costs(&self, scan: &JobScan) -> Result<Vec<QueryCost>>;
}
