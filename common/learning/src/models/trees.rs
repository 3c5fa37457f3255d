//! The parameters of boosted trees, and how LightGBM is called with them.

use common_core::Result;
use common_lightgbm::{Booster, Dataset, DatasetOptions, Matrix, Parameters, Training, train};
use serde::{Deserialize, Serialize};

/// Parameters of boosted trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeParameters {
    /// `num_leaves`.
    pub leaves: u32,
    /// `learning_rate`.
    pub rate: f64,
    /// `n_estimators`.
    pub rounds: u32,
    /// `min_child_samples`.
    pub min_leaf_ads: u32,
    /// Share of the columns that a tree sees.
    pub column_share: f64,
    /// Share of the ads that a tree sees.
    pub row_share: f64,
    /// `max_bin`.
    pub bins: u32,
}

impl TreeParameters {
    /// What did best on two markets.
    pub const DEFAULT: Self = Self {
        leaves: 31,
        rate: 0.05,
        rounds: 350,
        min_leaf_ads: 20,
        column_share: 0.25,
        row_share: 0.8,
        bins: 63,
    };
}

impl Default for TreeParameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What trees minimise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Absolute deviations.
    L1,
    /// Squared deviations.
    L2,
    /// Log loss of this number of classes; targets are their codes.
    Classes(u32),
}

/// Dense columns for trees.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// `[rows, names]` f32, row-major; NaN is missing.
    pub values: &'a [f32],
    /// Names of the columns.
    pub names: &'a [String],
    /// The columns that are codes of categories.
    pub categorical: &'a [usize],
}

/// Rows below which a fit of trees runs on one thread.
const ROWS_OF_ONE_THREAD: usize = 200_000;

/// The threads of a fit to `rows`, of the given ones. OpenMP's threads wait for each other several times for each split:
/// with few rows two of them take longer than one, up to 100,000 rows by measurement. Fits that do not depend on each other
/// run beside each other instead.
pub(crate) fn threads_for(rows: usize, threads: usize) -> usize {
    if rows < ROWS_OF_ONE_THREAD { 1 } else { threads }
}

/// A fit of trees.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    /// Parameters.
    pub parameters: &'a TreeParameters,
    /// What is minimised.
    pub objective: Objective,
    /// Seed of the samples.
    pub seed: u64,
    /// CPU threads.
    pub threads: usize,
}

impl Fit<'_> {
    /// The parameters as LightGBM names them, for a number of rows.
    pub fn in_words(&self, rows: usize) -> Parameters {
        let TreeParameters { leaves, rate, min_leaf_ads, column_share, row_share, bins, .. } =
            self.parameters;
        let objective = match self.objective {
            Objective::L1 => "regression_l1",
            Objective::L2 => "regression",
            Objective::Classes(_) => "multiclass",
        };
        let parameters = match self.objective {
            Objective::Classes(classes) => Parameters::new().set("num_class", classes),
            Objective::L1 | Objective::L2 => Parameters::new(),
        };
        parameters
            .set("objective", objective)
            .set("num_leaves", leaves)
            .set("learning_rate", rate)
            .set("min_data_in_leaf", min_leaf_ads)
            .set("feature_fraction", column_share)
            .set("bagging_fraction", row_share)
            .set("bagging_freq", 1)
            .set("max_bin", bins)
            .set("cat_smooth", 20)
            .set("seed", self.seed)
            .set("num_threads", threads_for(rows, self.threads))
    }

    /// Columns with their targets as LightGBM reads them.
    ///
    /// # Errors
    /// Errors of LightGBM.
    pub fn dataset(&self, columns: &Columns<'_>, targets: &[f64], weights: &[f64]) -> Result<Dataset> {
        let weights: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
        let targets: Vec<f32> = targets.iter().map(|target| *target as f32).collect();
        let options = DatasetOptions {
            parameters: self.in_words(targets.len()),
            names: columns.names,
            categorical: columns.categorical,
            weights: Some(&weights),
        };
        Dataset::new(Matrix { values: columns.values, columns: columns.names.len() }, &targets, &options)
    }

    /// Fits trees.
    ///
    /// # Errors
    /// Errors of LightGBM.
    pub fn train(&self, columns: &Columns<'_>, targets: &[f64], weights: &[f64]) -> Result<Booster> {
        let dataset = self.dataset(columns, targets, weights)?;
        let training = Training {
            parameters: self.in_words(targets.len()),
            rounds: self.parameters.rounds,
            validation: &[],
            early_stopping: None,
            on_round: None,
        };
        Ok(train(&dataset, training)?.booster)
    }
}
