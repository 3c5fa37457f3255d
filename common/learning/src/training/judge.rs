//! Models fitted to one part and judged on another.

use std::time::Instant;

use common_core::Result;
use serde::Serialize;

use super::market::Market;
use crate::evaluation::bootstrap::{self, Intervals, Paired};
use crate::evaluation::implausible::is_narrow;
use crate::evaluation::metrics::{RegressionMetrics, evaluate_regression};
use crate::models::{SalaryModel, SalaryRecipe};

/// The predictions of one model for the ads of one or several parts.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Name of the model.
    pub model: String,
    /// Log salary of each row.
    pub logs: Vec<f64>,
    /// Time of all fits.
    pub fit_seconds: f64,
    /// Time of all predictions.
    pub predict_seconds: f64,
}

/// A model's scores on a part.
#[derive(Debug, Clone, Serialize)]
pub struct Scored {
    /// Name of the model.
    pub model: String,
    /// Its metrics.
    pub metrics: RegressionMetrics,
    /// 95% intervals of its metrics.
    pub intervals: Intervals,
    /// Its metrics on ads whose largest pay is at most three times the smallest.
    pub narrow: Option<RegressionMetrics>,
    /// 95% intervals on those ads.
    pub narrow_intervals: Option<Intervals>,
}

/// Fits a recipe to `train`, and predicts `judged`.
///
/// # Errors
/// Errors of the model.
pub fn fit_and_predict(
    market: &Market<'_>,
    recipe: &dyn SalaryRecipe,
    train: &[u32],
    judged: &[u32],
) -> Result<Predictions> {
    let clock = Instant::now();
    let model = recipe.fit(&market.data, train)?;
    let fit_seconds = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let logs = predict(market, model.as_ref(), judged)?;
    Ok(Predictions {
        model: recipe.name().to_owned(),
        logs,
        fit_seconds,
        predict_seconds: clock.elapsed().as_secs_f64(),
    })
}

/// Log salaries of `rows` by a model.
///
/// # Errors
/// Errors of the model.
pub fn predict(market: &Market<'_>, model: &dyn SalaryModel, rows: &[u32]) -> Result<Vec<f64>> {
    model.predict(&market.data.table, rows)
}

impl Predictions {
    /// Adds the predictions of a further part.
    pub fn extend(&mut self, other: Self) {
        self.logs.extend(other.logs);
        self.fit_seconds += other.fit_seconds;
        self.predict_seconds += other.predict_seconds;
    }

    /// The salaries per month.
    pub fn salaries(&self) -> Vec<f64> {
        self.logs.iter().map(|log| log.exp()).collect()
    }

    /// Compares the predictions with the salaries of `rows`.
    ///
    /// # Errors
    /// `Internal` if a prediction is not finite.
    pub fn score(&self, market: &Market<'_>, rows: &[u32], seed: u64) -> Result<Scored> {
        let (actual, predicted, families) = (market.salaries(rows), self.salaries(), market.families(rows));
        let narrow: Vec<usize> = (0..rows.len()).filter(|at| is_narrow(market.ads[rows[*at] as usize])).collect();
        let some = |values: &[f64]| -> Vec<f64> { narrow.iter().map(|at| values[*at]).collect() };
        let (narrow_metrics, narrow_intervals) = if narrow.is_empty() {
            (None, None)
        } else {
            let (actual, predicted) = (some(&actual), some(&predicted));
            let families: Vec<u32> = narrow.iter().map(|at| families[*at]).collect();
            let intervals = bootstrap::intervals(&actual, &predicted, &families, seed)?;
            (Some(evaluate_regression(&actual, &predicted)?), Some(intervals))
        };
        Ok(Scored {
            model: self.model.clone(),
            metrics: evaluate_regression(&actual, &predicted)?,
            intervals: bootstrap::intervals(&actual, &predicted, &families, seed)?,
            narrow: narrow_metrics,
            narrow_intervals,
        })
    }

    /// The difference to another model's predictions of the same rows, with its interval.
    ///
    /// # Errors
    /// `Internal` if a prediction is not finite.
    pub fn compare(&self, other: &Self, market: &Market<'_>, rows: &[u32], seed: u64) -> Result<Paired> {
        bootstrap::paired_difference(
            &market.salaries(rows),
            &self.salaries(),
            &other.salaries(),
            &market.families(rows),
            seed,
        )
    }
}
