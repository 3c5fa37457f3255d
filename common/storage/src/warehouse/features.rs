//! What models learn from: ads with their vectors, and the features that were computed from them.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use common_core::Result;
use common_core::job::{JobKey, Timestamp};
use futures::stream::BoxStream;
use serde::Serialize;

use super::EmbeddingTable;

/// Maximum length in characters of a text in [`Features::scan_features`].
pub const FEATURE_CHARS: usize = 20_000;

/// The table that [`Features::write_features`] replaces.
pub const ML_FEATURES: &str = "ml_features";

/// What a scan of features returns and leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FeatureCount {
    /// Ads with a vector: as many as the scan returns.
    pub ads: u64,
    /// Those of them that have a pay, in any currency.
    pub with_salary: u64,
    /// Ads that the scan leaves out, because they have no vector of the space.
    pub without_embedding: u64,
}

/// What the rows of one write of features have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureSet {
    /// The moment to which the features refer.
    pub as_of: Timestamp,
    /// Hash of the names of the features, in order.
    pub feature_schema: String,
}

/// The features of one ad.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureRow {
    /// The ad.
    pub key: JobKey,
    /// In the order of the names; a missing value is NaN.
    pub features: Vec<f64>,
}

/// Reads what models learn from, and writes the features that they saw.
#[async_trait]
pub trait Features: Send + Sync {
    /// Every ad of `cleaned_jobs` that has a vector of `space`, once, with its latest sighting: the rows of
    /// `vw_ml_features` that have this space. Batches of bounded size, in no particular order; empty if `table` does not
    /// exist.
    ///
    /// The columns, of which all but the key, `content_hash` and `embedding` may be NULL:
    /// - `source`, `job_id`, `job_title`, `job_description`, `job_location`, `job_classification`, `job_work_type`,
    ///   `company_id`, `company_name`, `company_industry`, `company_size`, `job_currency`: Utf8, cut to
    ///   [`FEATURE_CHARS`]
    /// - `salary_min`, `salary_max`: Float64, per month in the ad's currency, finite and not negative
    /// - `job_posted_timestamp`, `scrape_timestamp`: Timestamp in microseconds, UTC
    /// - `content_hash`: Utf8
    /// - `embedding`, `embedding_masked`: fixed-size lists of Float32; the latter is the vector of the text with stated
    ///   pay masked, or NULL if the text states none
    ///
    /// # Errors
    /// `NotFound` if `cleaned_jobs` does not exist.
    fn scan_features(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<RecordBatch>>;

    /// How many ads [`Features::scan_features`] returns and leaves out.
    ///
    /// # Errors
    /// `NotFound` if `cleaned_jobs` does not exist.
    async fn count_features(&self, table: &EmbeddingTable, space: &str) -> Result<FeatureCount>;

    /// Replaces all rows of `ml_features`, which is created if missing: by all of `rows`, or by none if the stream or
    /// the write fails. Ads that were taken down are left out. Returns the number of rows.
    ///
    /// # Errors
    /// `Conflict` if the table exists without one of its columns, or with a column of another type.
    async fn write_features(
        &self,
        set: FeatureSet,
        rows: BoxStream<'static, Result<Vec<FeatureRow>>>,
    ) -> Result<u64>;
}
