//! Sightings of ads: `cleaned_jobs`, one row for each sighting.

use async_trait::async_trait;
use common_core::Result;
use common_core::job::{JobAd, JobKey, Shard, Timestamp};
use common_core::pay::Pay;
use futures::stream::BoxStream;
use serde::Serialize;

use super::EmbeddingTable;

/// Which ads a scan returns.
#[derive(Debug, Clone)]
pub struct JobScan {
    /// The table of embeddings that is compared with the ads.
    pub embeddings: EmbeddingTable,
    /// The shard of this task.
    pub shard: Shard,
    /// Only ads of this source.
    pub source: Option<String>,
}

/// Result of counting the ads of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCount {
    /// Ads that the scan returns.
    pub ads: u64,
    /// Sightings that the scan leaves out because they lack `source` or `job_id`. They belong to no shard; the first
    /// shard reports them.
    pub nameless_sightings: u64,
    /// Sightings with a moment outside the years 1 to 9999; such a moment counts as missing. Always 0 if the
    /// warehouse cannot store such moments.
    pub timestamps_out_of_range: u64,
    /// Ads that the scan leaves out because they were taken down; another program appended them again.
    pub forgotten_ads: u64,
}

/// The columns of an ad that filters of a vector search need, stored beside its vector.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)]
pub struct FilterColumns {
    pub job_location: Option<String>,
    pub job_classification: Option<String>,
    pub job_work_type: Option<String>,
    pub job_posted_timestamp: Option<Timestamp>,
    /// Middle of the monthly salary range, or its only known end; `None` if the salary is not in SGD.
    pub salary_mid: Option<f64>,
}

/// An ad's latest sighting, and what the embeddings table stores of the ad.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The ad.
    pub key: JobKey,
    /// Its title.
    pub title: Option<String>,
    /// Its description, cut to the characters that are part of the embedding text.
    pub description: Option<String>,
    /// Current values of its filter columns.
    pub filters: FilterColumns,
    /// Its pay, as the ad states it.
    pub pay: Pay,
    /// The stored row, if there is one.
    pub stored: Option<Stored>,
}

/// The part of an embedding row that tells whether the row is current.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Hash of the text that was embedded.
    pub content_hash: String,
    /// Space of the vector.
    pub embedding_space: String,
    /// Filter columns at the time of writing.
    pub filters: FilterColumns,
}

/// The outcome of appending sightings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Appended {
    /// Sightings that were appended.
    pub sightings: u64,
    /// Sightings left out because their ads were taken down.
    pub forgotten: u64,
}

/// Appends sightings, and reads each ad's latest one.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Creates `cleaned_jobs`, `forgotten_ads` and the view `vw_latest_jobs` if missing.
    ///
    /// # Errors
    /// `Conflict` if one exists without one of its columns, or with a column of another type.
    async fn create_jobs(&self) -> Result<()>;

    /// Appends sightings to `cleaned_jobs`: all, or none if the stream or the append fails. Sightings of ads that
    /// were taken down are left out.
    async fn append_jobs(&self, batches: BoxStream<'static, Result<Vec<JobAd>>>) -> Result<Appended>;

    /// How many ads [`JobStore::scan_jobs`] returns, and how many sightings it leaves out.
    ///
    /// # Errors
    /// `NotFound` if `cleaned_jobs` does not exist.
    async fn count_jobs(&self, scan: &JobScan) -> Result<JobCount>;

    /// Every ad's latest sighting, once, in pages of bounded size. Embeddings may be written during the scan.
    fn scan_jobs(&self, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>>;
}
