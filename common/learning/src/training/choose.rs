//! What is chosen without the test window: how much old ads count, the kernel's share, the parameters of the trees.

use common_core::Result;
use common_lightgbm::Matrix;
use serde::Serialize;

use super::judge::fit_and_predict;
use super::market::Market;
use super::splits::Splits;
use super::{Observer, Options};
use crate::evaluation::metrics::evaluate_regression;
use crate::models::ridge::SparseProblem;
use crate::models::stack::{Recency, StackRecipe};
use crate::models::transformers::{RICH_ALPHA, Sample, Transformers};
use crate::models::trees::{Columns, Fit, Objective, TreeParameters};
use crate::models::tuning::{Search, TrialResult, best, search};
use crate::features::rich::Rich;

/// Folds of a trial.
const TRIAL_FOLDS: u32 = 3;

/// How old ads may count: the candidates, the simplest first.
const RECENCIES: [Option<Recency>; 3] = [
    None,
    Some(Recency { half_life_days: 180.0, least: 0.1 }),
    Some(Recency { half_life_days: 180.0, least: 0.02 }),
];

/// Improvement of the error that a more complex choice has to bring.
const WORTH: f64 = 0.005;

/// A candidate with its error on the validation part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice<T> {
    /// The candidate.
    pub candidate: T,
    /// Mean absolute error per month on the validation part.
    pub mae_per_month: f64,
}

/// Chooses how much old ads count, by the rich ridge on the validation part.
///
/// # Errors
/// Errors of the fits.
pub fn recency(market: &Market<'_>, splits: &Splits, seed: u64) -> Result<(Option<Recency>, Vec<Choice<Option<Recency>>>)> {
    let (train, validation) = (&splits.parts.train, &splits.parts.validation);
    let rich = Rich::fit(&market.data.table, train);
    let problem = SparseProblem::new(rich.transform(&market.data.table, train));
    let judged = rich.transform(&market.data.table, validation);
    let targets = market.data.targets(train);
    let actual = market.salaries(validation);
    let mut choices = Vec::new();
    for candidate in RECENCIES {
        let recipe = StackRecipe { recency: candidate, ..StackRecipe::new(seed, 1) };
        let linear = problem.fit(&targets, &recipe.weights(&market.data, train), RICH_ALPHA);
        let predicted: Vec<f64> = linear.predict(&judged)?.into_iter().map(f64::exp).collect();
        let mae_per_month = evaluate_regression(&actual, &predicted)?.mae;
        choices.push(Choice { candidate, mae_per_month });
    }
    Ok((simplest(&choices).candidate, choices))
}

/// The first choice that no later one improves by [`WORTH`].
fn simplest<T>(choices: &[Choice<T>]) -> &Choice<T> {
    let better = |best: &Choice<T>, other: &Choice<T>| other.mae_per_month < best.mae_per_month * (1.0 - WORTH);
    choices.iter().fold(&choices[0], |best, other| if better(best, other) { other } else { best })
}

/// Chooses the share of the kernel regression in the prediction, by the whole stack on the validation part.
///
/// # Errors
/// Errors of the fits.
pub fn kernel_share(
    market: &Market<'_>,
    splits: &Splits,
    recipe: &StackRecipe,
    candidates: &[f64],
) -> Result<(f64, Vec<Choice<f64>>)> {
    let (train, validation) = (&splits.parts.train, &splits.parts.validation);
    let actual = market.salaries(validation);
    let mut choices = Vec::new();
    for &candidate in candidates {
        let recipe = StackRecipe { kernel_share: candidate, ..recipe.clone() };
        let predictions = fit_and_predict(market, &recipe, train, validation)?;
        let mae_per_month = evaluate_regression(&actual, &predictions.salaries())?.mae;
        choices.push(Choice { candidate, mae_per_month });
    }
    Ok((simplest(&choices).candidate, choices))
}

/// Searches the parameters of the trees on the training part, by folds of its out-of-fold columns. Returns the
/// parameters, and the trials; the defaults stay unless a trial is better by [`WORTH`].
///
/// # Errors
/// Errors of the fits and of the journal.
pub fn trees(
    market: &Market<'_>,
    splits: &Splits,
    recipe: &StackRecipe,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(TreeParameters, Vec<TrialResult>)> {
    let rows = &splits.parts.train;
    let weights = recipe.weights(&market.data, rows);
    let (transformers, fitted) =
        Transformers::fit(&market.data, Sample { rows, weights: &weights, seed: options.seed, with_kernel: false })?;
    let (names, categorical) = (transformers.names(), transformers.categorical());
    let targets = market.data.targets(rows);
    let trial = Trial { names: &names, categorical: &categorical, fitted: &fitted.transformed.columns, targets: &targets, weights: &weights };
    let folds: Vec<u32> = fitted.folds.iter().map(|fold| fold % TRIAL_FOLDS).collect();
    let mut evaluate = |parameters: &TreeParameters, report: &mut dyn FnMut(f64) -> bool| -> Result<Option<f64>> {
        let fit = Fit { parameters, objective: Objective::L2, seed: options.seed, threads: options.threads };
        let mut errors = Vec::new();
        for fold in 0..TRIAL_FOLDS {
            errors.push(trial.error(&fit, &folds, fold)?);
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            if !report(mean) {
                return Ok(None);
            }
        }
        Ok(Some(errors.iter().sum::<f64>() / f64::from(TRIAL_FOLDS)))
    };
    let default = evaluate(&TreeParameters::default(), &mut |_| true)?.unwrap_or(f64::MAX);
    let asked = Search { trials: options.trials, seed: options.seed, journal: &options.journal };
    let trials = search(
        asked,
        |parameters, report| {
            let value = evaluate(parameters, report)?;
            observer.step();
            Ok(value)
        },
        |_| observer.is_stopped(),
    )?;
    let found = best(&trials).filter(|trial| trial.value.is_some_and(|value| value < default * (1.0 - WORTH)));
    Ok((found.map_or_else(TreeParameters::default, |trial| trial.parameters.clone()), trials))
}

/// The columns on which trials are judged.
struct Trial<'a> {
    names: &'a [String],
    categorical: &'a [usize],
    fitted: &'a [f32],
    targets: &'a [f64],
    weights: &'a [f64],
}

impl Trial<'_> {
    /// Mean absolute error per month on one fold of trees that were fitted to the others.
    fn error(&self, fit: &Fit<'_>, folds: &[u32], fold: u32) -> Result<f64> {
        let (held, others): (Vec<usize>, Vec<usize>) = (0..folds.len()).partition(|row| folds[*row] == fold);
        if held.is_empty() || others.is_empty() {
            return Ok(0.0);
        }
        let width = self.names.len();
        let columns = |rows: &[usize]| -> Vec<f32> {
            rows.iter().flat_map(|row| &self.fitted[row * width..][..width]).copied().collect()
        };
        let of = |values: &[f64], rows: &[usize]| -> Vec<f64> { rows.iter().map(|row| values[*row]).collect() };
        let values = columns(&others);
        let seen = Columns { values: &values, names: self.names, categorical: self.categorical };
        let booster = fit.train(&seen, &of(self.targets, &others), &of(self.weights, &others))?;
        let predicted = booster.predict(Matrix { values: &columns(&held), columns: width })?;
        let weights = of(self.weights, &held);
        let errors = of(self.targets, &held).into_iter().zip(predicted).zip(&weights);
        let sum: f64 = errors.map(|((target, predicted), weight)| weight * (target.exp() - predicted.exp()).abs()).sum();
        Ok(sum / weights.iter().sum::<f64>())
    }
}
