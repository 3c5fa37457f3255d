//! Predictions of ads: `ml_predictions`, one row for each ad, text and set of models.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use common_core::Result;
use common_core::job::{JobKey, Shard, Timestamp};
use futures::stream::BoxStream;
use serde::Serialize;

use super::EmbeddingTable;

/// The table of predictions.
pub const ML_PREDICTIONS: &str = "ml_predictions";

/// Which of two sets of models predicted an ad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// The champions.
    Champion,
    /// A version that is compared with the champion.
    Challenger,
}

impl Variant {
    /// Value of the column `variant`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Versions of the models that predict. A model that is missing predicts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModelVersions {
    /// Version of the salary model by code of its currency.
    pub salary: BTreeMap<String, String>,
    /// Version of the role classifier.
    pub role: Option<String>,
    /// Version of the clustering.
    pub cluster: Option<String>,
}

impl ModelVersions {
    /// The parameters of the statements that look for unpredicted ads: the versions of the role classifier and of the
    /// clustering, each empty if there is none, and those of the salary models, as in `|GBP=v2|SGD=v7|`.
    pub(crate) fn parameters(&self) -> [String; 3] {
        let salary = self.salary.iter().map(|(currency, version)| format!("{currency}={version}|"));
        let version = |version: &Option<String>| version.clone().unwrap_or_default();
        [version(&self.role), version(&self.cluster), format!("|{}", salary.collect::<String>())]
    }
}

/// Which ads of a task are predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdSelection {
    /// All.
    All,
    /// Those whose latest prediction is of another text, variant or version of a model, or that have none.
    Unpredicted(ModelVersions),
    /// Those with these keys.
    Keys(Vec<JobKey>),
}

/// Which ads a scan for predictions returns.
#[derive(Debug, Clone)]
pub struct PredictionScan {
    /// The table of the ads' vectors.
    pub embeddings: EmbeddingTable,
    /// Embedding space of the vectors.
    pub space: String,
    /// The shard of this task.
    pub shard: Shard,
    /// The ads of the shard.
    pub selection: AdSelection,
}

/// A row of `ml_predictions`. Amounts are per month in `currency`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct PredictionRow {
    pub key: JobKey,
    /// Hash of the embedding text that was predicted.
    pub content_hash: String,
    pub variant: Variant,
    /// Currency of the ad.
    pub currency: String,
    pub predicted_salary: Option<f64>,
    /// Bounds of the 90% interval.
    pub salary_low: Option<f64>,
    pub salary_high: Option<f64>,
    /// Probability that the true midpoint is within ±20% of `predicted_salary`.
    pub salary_confidence: Option<f64>,
    pub predicted_classification: Option<String>,
    pub classification_probability: Option<f64>,
    pub predicted_cluster: Option<i64>,
    pub cluster_name: Option<String>,
    pub salary_model_version: Option<String>,
    pub role_model_version: Option<String>,
    pub cluster_model_version: Option<String>,
    pub predicted_at: Timestamp,
}

/// Reads the ads to predict, and writes predictions. The ads are those of [`super::Features::scan_features`].
#[async_trait]
pub trait Predictions: Send + Sync {
    /// Creates `ml_predictions` and the view `vw_predictions_latest` if missing. The view has one row for each ad: the one
    /// with the greatest `predicted_at`.
    ///
    /// # Errors
    /// `Conflict` if the table exists without one of its columns, or with a column of another type.
    async fn create_predictions(&self) -> Result<()>;

    /// The selected ads, in the batches of [`super::Features::scan_features`]. Predictions may be written during the scan.
    ///
    /// # Errors
    /// `NotFound` if `cleaned_jobs` does not exist.
    fn scan_to_predict(&self, scan: &PredictionScan) -> BoxStream<'static, Result<RecordBatch>>;

    /// How many ads [`Predictions::scan_to_predict`] returns.
    ///
    /// # Errors
    /// `NotFound` if `cleaned_jobs` does not exist.
    async fn count_to_predict(&self, scan: &PredictionScan) -> Result<u64>;

    /// Writes predictions: all or none. A row replaces the one of the same ad, text, variant and versions. Ads that were
    /// taken down are left out. Returns the number of rows.
    async fn write_predictions(&self, rows: Vec<PredictionRow>) -> Result<u64>;

    /// The ads of `cleaned_jobs` with these ids, of all sources, ordered by source and id.
    ///
    /// # Errors
    /// `NotFound` if `cleaned_jobs` does not exist.
    async fn ads_with_ids(&self, job_ids: &[String]) -> Result<Vec<JobKey>>;
}
