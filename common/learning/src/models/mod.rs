//! Salary models behind one trait: all predict the logarithm of the monthly midpoint in one currency. Models of roles
//! behind another.
//!
//! - [`role`]: the classification of an ad
//! - [`baselines`]: the median, and the median of the classification
//! - [`linear`], [`forest`]: linear regression and random forest on the [`basic`] features
//! - [`text_ridge`]: ridge regression on TF-IDF; [`ridge`]: its solvers
//! - [`boosted`], [`xgboost`]: LightGBM and XGBoost on the basic features
//! - [`stack`]: the model that is published: a rich ridge and neighbours below boosted trees; [`transformers`]: what it
//!   has learned about features
//! - [`predictor`]: the published model with its intervals, saved and loaded
//! - [`tuning`]: search for the parameters of the trees
//! - [`cluster`]: the clusters of the market; [`umap`]: its map

pub mod baselines;
pub mod basic;
pub mod boosted;
pub mod cluster;
pub(crate) mod files;
pub mod forest;
pub mod kernel;
pub mod linear;
pub mod predictor;
pub mod ridge;
pub mod role;
pub mod stack;
pub mod text_ridge;
pub mod transformers;
pub mod trees;
pub mod tuning;
pub mod umap;
pub mod xgboost;

use std::sync::Arc;

use common_core::{Error, Result};

use crate::features::AdTable;

/// Ads with known salaries, as columns.
#[derive(Debug, Clone, Default)]
pub struct TrainingData {
    /// The ads.
    pub table: Arc<AdTable>,
    /// Logarithm of the monthly midpoint of each ad.
    pub log_salaries: Vec<f64>,
    /// Family of reposts of each ad.
    pub families: Vec<u32>,
    /// Stratum of each ad: classification and salary band.
    pub strata: Vec<u32>,
    /// When each ad was posted, in days since 1970.
    pub days: Vec<f64>,
}

/// A kind of salary model with its parameters.
pub trait SalaryRecipe: Sync {
    /// Name in reports and metrics.
    fn name(&self) -> &'static str;

    /// Fits the model to `rows`.
    ///
    /// # Errors
    /// `InvalidInput` if the rows are too few; errors of the library.
    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>>;
}

/// A fitted salary model.
pub trait SalaryModel: Send + Sync {
    /// Log salaries of `rows` of `table`.
    ///
    /// # Errors
    /// `InvalidInput` if the table lacks what the model reads; errors of the library.
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>>;
}

impl TrainingData {
    /// The targets of `rows`.
    pub fn targets(&self, rows: &[u32]) -> Vec<f64> {
        rows.iter().map(|row| self.log_salaries[*row as usize]).collect()
    }
}

/// Refuses to fit without ads.
pub(crate) fn refuse_empty(rows: &[u32]) -> Result<()> {
    if rows.is_empty() {
        return Err(Error::invalid_input("no ads to fit a salary model to: expected ads with a salary"));
    }
    Ok(())
}
