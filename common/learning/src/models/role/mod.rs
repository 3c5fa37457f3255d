//! Models of roles behind one trait: they predict the classification of an ad from everything else in it.
//!
//! - [`labels`]: the classes, from what ads state
//! - [`majority`]: a baseline, the shares of the classes
//! - [`logistic`]: multinomial logistic regression by L-BFGS; `implicit`: the vectors that it works with
//! - [`bayes`]: complement naive Bayes; [`pool`]: two models' probabilities as one
//! - [`calibration`]: probabilities as sure as they are right; `newton`: the search behind it and the pool
//! - [`text`], [`vectors`]: logistic regression on n-grams and on vectors
//! - [`boosted`]: boosted trees by LightGBM
//! - [`mix`]: the model that is published: a pool of two logistic regressions, and a label for which rare classes count
//!   more
//! - [`classifier`]: the published model with calibrated probabilities, saved and loaded

pub mod bayes;
pub mod boosted;
pub mod calibration;
pub mod classifier;
mod implicit;
pub mod labels;
pub mod logistic;
pub mod majority;
pub mod mix;
mod newton;
pub mod pool;
pub mod text;
pub mod vectors;

use std::sync::Arc;

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::features::AdTable;

pub use classifier::RoleClassifier;
pub use labels::Labels;

/// Log probability of a class that no training ad has.
pub const LOG_ABSENT: f64 = -30.0;

/// Ads with known classes, as columns.
#[derive(Debug, Clone, Default)]
pub struct RoleData {
    /// The ads.
    pub table: Arc<AdTable>,
    /// Class of each ad: its index in the [`Labels`].
    pub labels: Vec<u32>,
    /// Number of classes.
    pub classes: usize,
    /// Family of reposts of each ad.
    pub families: Vec<u32>,
}

/// How much an ad counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// All ads count the same.
    #[default]
    None,
    /// All classes together count the same: an ad of a class with `n` of `N` ads counts `N / (classes n)`.
    Balanced,
}

/// A kind of model of roles with its parameters.
pub trait RoleRecipe: Sync {
    /// Name in reports and metrics.
    fn name(&self) -> &'static str;

    /// Fits the model to `rows`.
    ///
    /// # Errors
    /// `InvalidInput` without rows; errors of the library.
    fn fit(&self, data: &RoleData, rows: &[u32]) -> Result<Box<dyn RoleModel>>;
}

/// A fitted model of roles.
pub trait RoleModel: Send + Sync {
    /// Log probabilities of the classes: `[rows, classes]` f64, row-major; [`LOG_ABSENT`] for a class without training
    /// ads.
    ///
    /// # Errors
    /// `InvalidInput` if the table lacks what the model reads; errors of the library.
    fn predict_log_proba(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>>;
}

impl RoleData {
    /// The classes of `rows`.
    pub fn labels_of(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|row| self.labels[*row as usize]).collect()
    }
}

/// The classes that training ads have, and how many have each. A model is fitted to these alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The classes, ascending.
    codes: Vec<u32>,
    /// Number of ads of each.
    ads: Vec<u32>,
    /// Number of all classes.
    classes: usize,
}

impl Present {
    /// The classes among `labels`.
    ///
    /// # Errors
    /// `InvalidInput` without labels.
    pub fn of(labels: &[u32], classes: usize) -> Result<Self> {
        if labels.is_empty() {
            return Err(Error::invalid_input(
                "no ads to fit a model of roles to: expected ads with a classification",
            ));
        }
        let mut counts = vec![0u32; classes];
        for label in labels {
            counts[*label as usize] += 1;
        }
        let codes: Vec<u32> = (0..classes as u32).filter(|code| counts[*code as usize] > 0).collect();
        let ads = codes.iter().map(|code| counts[*code as usize]).collect();
        Ok(Self { codes, ads, classes })
    }

    /// Number of these classes.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The place of each label among these classes; every label is one of them.
    pub fn places(&self, labels: &[u32]) -> Vec<u32> {
        labels.iter().map(|label| self.codes.partition_point(|code| code < label) as u32).collect()
    }

    /// Logarithm of the share of the ads that each class has.
    pub fn log_shares(&self) -> Vec<f64> {
        let total: f64 = self.ads.iter().copied().map(f64::from).sum();
        self.ads.iter().map(|ads| (f64::from(*ads) / total).ln()).collect()
    }

    /// The weight of an ad of each class.
    pub fn weights(&self, weights: ClassWeights) -> Vec<f64> {
        let total: f64 = self.ads.iter().copied().map(f64::from).sum();
        let of = |ads: &u32| match weights {
            ClassWeights::None => 1.0,
            ClassWeights::Balanced => total / (self.len() as f64 * f64::from(*ads)),
        };
        self.ads.iter().map(of).collect()
    }

    /// From `[rows, len]` to `[rows, classes]`: `absent` in the columns of the other classes.
    pub fn spread(&self, values: &[f64], absent: f64) -> Vec<f64> {
        let mut spread = vec![absent; values.len() / self.len().max(1) * self.classes];
        for (from, to) in
            values.chunks_exact(self.len().max(1)).zip(spread.chunks_exact_mut(self.classes.max(1)))
        {
            for (value, code) in from.iter().zip(&self.codes) {
                to[*code as usize] = *value;
            }
        }
        spread
    }
}

/// Turns scores into log probabilities, in place: `score - ln Σ exp(score)`.
pub(crate) fn log_softmax(scores: &mut [f64]) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
    let log = most + sum.ln();
    for score in scores.iter_mut() {
        *score -= log;
    }
}

/// The place of the largest value; the first of equals, 0 without values.
pub(crate) fn argmax(values: &[f64]) -> usize {
    let better = |best: usize, at: usize| if values[at] > values[best] { at } else { best };
    (0..values.len()).reduce(better).unwrap_or(0)
}

#[cfg(test)]
mod tests;
