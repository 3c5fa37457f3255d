//! Trains the salary model of one currency, and the model of roles: splits, chooses, tunes, judges and fits. No I/O but
//! the journal of trials.
//!
//! - [`market`]: the ads of one currency, without implausible salaries
//! - [`splits`]: parts and folds of a market
//! - [`choose`]: how old ads count and shares of the linear models, chosen without the test window; [`trials`]: the search
//!   for the parameters of the trees
//! - [`judge`]: models fitted to one part and judged on another
//! - [`salary`]: the whole training, from ads to a predictor with its evidence
//! - [`role`]: the whole training of a model of roles
//! - [`evidence`]: learning curve, ablation and the gate against leaks
//! - [`page`]: the report of a training
//! - [`cluster`]: the clusters of ads of all currencies

pub mod choose;
pub mod cluster;
pub mod evidence;
pub mod judge;
pub mod market;
pub mod page;
pub mod role;
pub mod salary;
pub mod splits;
pub mod trials;

use std::path::PathBuf;

use crate::models::xgboost::Xgboost;

/// Parameters of a training.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of every sample.
    pub seed: u64,
    /// CPU threads. The result does not depend on it.
    pub threads: usize,
    /// Trials of the search for the parameters of the trees; 0 keeps the defaults.
    pub trials: usize,
    /// A quick training: fewer folds and models, no search.
    pub quick: bool,
    /// Whether to measure what each group of features is worth.
    pub ablation: bool,
    /// XGBoost, if the model is compared with it.
    pub xgboost: Option<Xgboost>,
    /// File of the trials. Its folder exists.
    pub journal: PathBuf,
}

/// Follows a training, and may stop it.
pub trait Observer: Sync {
    /// A stage of `steps` steps begins.
    fn stage(&self, name: &str, steps: usize);

    /// A step of the stage is done.
    fn step(&self);

    /// Whether the training has to stop.
    fn is_stopped(&self) -> bool;
}

#[cfg(test)]
mod tests;
