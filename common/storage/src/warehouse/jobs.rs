//! The ads as they were seen: `cleaned_jobs`, one row a sighting.

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
    /// Sightings that it leaves out because they lack `source` or `job_id`, so that nobody can say of which ad they
    /// are. No task's share: the first one's.
    pub nameless_sightings: u64,
    /// Sightings with a moment outside the years 1 to 9999, which counts as missing. Only where the warehouse can
    /// hold such.
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

/// The outcome of appending sightings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Appended {
    /// Sightings that are in the table now.
    pub sightings: u64,
    /// Sightings left out because their ads were taken down.
    pub forgotten: u64,
}

/// Sightings in, and each ad's latest one out.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Makes `cleaned_jobs` and `forgotten_ads` where they are missing.
    ///
    /// # Errors
    /// `Conflict` where one exists without one of its columns, or with one of another type.
    async fn create_jobs(&self) -> Result<()>;

    /// Appends sightings to `cleaned_jobs`, all of them or, after an `Err` in the stream or of ours, none. Those of
    /// ads that were taken down are left out.
    async fn append_jobs(&self, batches: BoxStream<'static, Result<Vec<JobAd>>>) -> Result<Appended>;

    /// How many ads [`JobStore::scan_jobs`] will return, and how many sightings it will leave out.
    ///
    /// # Errors
    /// `NotFound` where there is no `cleaned_jobs`.
    async fn count_jobs(&self, scan: &JobScan) -> Result<JobCount>;

    /// Every ad's latest sighting once, in pages of bounded size. Writing embeddings while reading is safe.
    fn scan_jobs(&self, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>>;
}
