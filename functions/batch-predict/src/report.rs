//! The report of a run.

use std::collections::BTreeMap;

use common::job::Shard;
use common::storage::warehouse::FeatureCount;
use serde::Serialize;

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// Ads with a vector, of all tasks, and those without one, which are not predicted.
    pub(crate) ads: FeatureCount,
    /// Ads of this task that were to be predicted.
    pub(crate) selected: u64,
    /// Ads that were predicted.
    pub(crate) predicted: u64,
    /// Predictions that were written: fewer if ads were taken down during the run.
    pub(crate) written: u64,
    /// Predicted ads without a salary, because no model is of their currency: number by currency.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) without_salary_model: BTreeMap<String, u64>,
    /// Ads that were not predicted because they state pay and `embed-new-jobs` has not written the vector of their masked
    /// text.
    pub(crate) without_masked_vector: u64,
    /// Kinds of models that have no champion; what they predict is missing in all predictions.
    pub(crate) missing_champions: Vec<&'static str>,
    /// The models that predicted, for example `salary_predictor/v3`.
    pub(crate) champions: Vec<String>,
    pub(crate) embedding_space: String,
    /// The shard of this task, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shard: Option<Shard>,
    /// Whether ads were left out because the limit of the run was reached.
    pub(crate) limit_reached: bool,
    pub(crate) seconds: f64,
    pub(crate) ads_per_second: f64,
    pub(crate) interrupted: bool,
}

/// Outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Every selected ad has a prediction already.
    Unchanged,
    /// Ads were predicted.
    Predicted,
    /// Dry run: ads would be predicted.
    WouldPredict,
    /// The run was stopped before it had predicted all ads.
    Interrupted,
}

impl common::runtime::Report for Report {
    fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}
