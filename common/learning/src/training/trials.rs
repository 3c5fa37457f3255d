//! The search for the parameters of the trees: trials on folds of the training part.

use std::time::Instant;

use common_core::Result;
use common_lightgbm::Matrix;
use rayon::prelude::*;

use super::choose::WORTH;
use super::market::Market;
use super::splits::Splits;
use super::{Observer, Options};
use crate::models::stack::StackRecipe;
use crate::models::transformers::{Sample, Transformers};
use crate::models::trees::{Columns, Fit, Objective, TreeParameters};
use crate::models::tuning::{Search, TrialResult, best, search};

/// Folds of a trial.
const FOLDS: u32 = 3;

/// A finished search.
#[derive(Debug)]
pub struct Searched {
    /// The parameters that were found.
    pub parameters: TreeParameters,
    /// All trials, those of an interrupted run included.
    pub trials: Vec<TrialResult>,
    /// The trials of this run that saw all folds, with their time.
    pub timed: Vec<Timed>,
}

/// What LightGBM took for a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// The parameters of the trial.
    pub parameters: TreeParameters,
    /// Seconds of fits and predictions on all folds.
    pub seconds: f64,
}

/// The columns on which trials are judged: those of the training part, out-of-fold.
#[derive(Debug, Clone)]
pub struct TrialMatrix {
    /// Names of the columns.
    pub names: Vec<String>,
    /// The columns that are codes of categories.
    pub categorical: Vec<usize>,
    /// `[rows, names]` f32, row-major.
    pub columns: Vec<f32>,
    /// Logarithm of the salary of each row.
    pub targets: Vec<f64>,
    /// Weight of each row.
    pub weights: Vec<f64>,
    /// Fold of each row.
    pub folds: Vec<u32>,
}

/// Searches the parameters of the trees. The defaults stay unless a trial is better by 0.2%.
///
/// # Errors
/// Errors of the fits and of the journal.
pub fn search_trees(
    market: &Market<'_>,
    splits: &Splits,
    recipe: &StackRecipe,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Searched> {
    let matrix = TrialMatrix::new(market, splits, recipe)?;
    let default = matrix.error(&trial_fit(&TreeParameters::DEFAULT, options), &mut |_| true)?;
    let default = default.map_or(f64::MAX, |(error, _)| error);
    let mut timed = Vec::new();
    let asked = Search { trials: options.trials, seed: options.seed, journal: &options.journal };
    let trials = search(
        asked,
        |parameters, report| {
            let judged = matrix.error(&trial_fit(parameters, options), report)?;
            observer.step();
            Ok(judged.map(|(error, seconds)| {
                timed.push(Timed { parameters: parameters.clone(), seconds });
                error
            }))
        },
        |_| observer.is_stopped(),
    )?;
    let found =
        best(&trials).filter(|trial| trial.value.is_some_and(|value| value < default * (1.0 - WORTH)));
    let parameters = found.map_or(TreeParameters::DEFAULT, |trial| trial.parameters.clone());
    Ok(Searched { parameters, trials, timed })
}

/// How a trial calls LightGBM.
pub fn trial_fit<'a>(parameters: &'a TreeParameters, options: &Options) -> Fit<'a> {
    Fit { parameters, objective: Objective::L2, seed: options.seed, threads: options.threads }
}

impl TrialMatrix {
    /// Transforms the training part.
    ///
    /// # Errors
    /// Errors of the fits.
    pub fn new(market: &Market<'_>, splits: &Splits, recipe: &StackRecipe) -> Result<Self> {
        let rows = &splits.parts.train;
        let weights = recipe.weights(&market.data, rows);
        let (transformers, fitted) = Transformers::fit(
            &market.data,
            Sample { rows, weights: &weights, seed: recipe.seed, dated: recipe.dated, with_kernel: false },
        )?;
        Ok(Self {
            names: transformers.names(),
            categorical: transformers.categorical(),
            columns: fitted.transformed.columns,
            targets: market.data.targets(rows),
            weights,
            folds: fitted.folds.iter().map(|fold| fold % FOLDS).collect(),
        })
    }

    /// Mean absolute error per month over the folds, and LightGBM's seconds; `None` if `report`, which gets the mean after
    /// each fold, returns false.
    fn error(&self, fit: &Fit<'_>, report: &mut dyn FnMut(f64) -> bool) -> Result<Option<(f64, f64)>> {
        let (mut sum, mut seconds) = self.error_of(fit, 0)?;
        if !report(sum) {
            return Ok(None);
        }
        // The others beside each other: few trials are given up after the second fold alone.
        let others: Vec<(f64, f64)> =
            (1..FOLDS).into_par_iter().map(|fold| self.error_of(fit, fold)).collect::<Result<_>>()?;
        for (fold, (error, of_fold)) in (1..).zip(others) {
            sum += error;
            seconds += of_fold;
            if !report(sum / f64::from(fold + 1)) {
                return Ok(None);
            }
        }
        Ok(Some((sum / f64::from(FOLDS), seconds)))
    }

    /// Mean absolute error per month on one fold of trees that were fitted to the others, and LightGBM's seconds.
    fn error_of(&self, fit: &Fit<'_>, fold: u32) -> Result<(f64, f64)> {
        let (held, others): (Vec<usize>, Vec<usize>) =
            (0..self.folds.len()).partition(|row| self.folds[*row] == fold);
        if held.is_empty() || others.is_empty() {
            return Ok((0.0, 0.0));
        }
        let width = self.names.len();
        let columns = |rows: &[usize]| -> Vec<f32> {
            rows.iter().flat_map(|row| &self.columns[row * width..][..width]).copied().collect()
        };
        let of =
            |values: &[f64], rows: &[usize]| -> Vec<f64> { rows.iter().map(|row| values[*row]).collect() };
        let (values, of_held) = (columns(&others), columns(&held));
        let seen = Columns { values: &values, names: &self.names, categorical: &self.categorical };
        let (targets, weights) = (of(&self.targets, &others), of(&self.weights, &others));
        let clock = Instant::now();
        let booster = fit.train(&seen, &targets, &weights)?;
        let predicted = booster.predict(Matrix { values: &of_held, columns: width })?;
        let seconds = clock.elapsed().as_secs_f64();
        let weights = of(&self.weights, &held);
        let errors = of(&self.targets, &held).into_iter().zip(predicted).zip(&weights);
        let sum: f64 =
            errors.map(|((target, predicted), weight)| weight * (target.exp() - predicted.exp()).abs()).sum();
        Ok((sum / weights.iter().sum::<f64>(), seconds))
    }
}
