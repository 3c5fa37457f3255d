//! Models fitted to one part and judged on another.

use std::time::Instant;

use common_core::Result;
use serde::Serialize;

use super::market::Market;
use super::salary::Judged;
use crate::evaluation::bootstrap::{self, Intervals, Paired};
use crate::evaluation::breakdown::salary_bands;
use crate::evaluation::coverage::{CoverageReport, Covered, Reliability, calibration_error};
use crate::evaluation::implausible::is_narrow;
use crate::evaluation::metrics::{RegressionMetrics, evaluate_regression};
use crate::models::predictor::SalaryPrediction;
use crate::models::{SalaryModel, SalaryRecipe};

/// Salary bands of the coverage.
const BANDS: usize = 4;
/// Ads that a classification needs for a coverage of its own.
const MIN_CLASS: usize = 30;

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

/// How true the published model's intervals and confidence are.
#[derive(Debug, Clone, Default, Serialize)]
pub struct IntervalScores {
    /// Coverage by band and classification; `None` if no ad has an interval.
    pub coverage: Option<CoverageReport>,
    /// Confidence against the share of predictions within 20%.
    pub reliability: Option<Reliability>,
}

impl IntervalScores {
    /// Compares the intervals of judged ads with their salaries.
    ///
    /// # Errors
    /// `InvalidInput` if a confidence is not between 0 and 1.
    pub fn of(market: &Market<'_>, judged: &Judged) -> Result<Self> {
        let known: Vec<(u32, SalaryPrediction)> = judged
            .rows
            .iter()
            .zip(&judged.intervals)
            .filter_map(|(row, own)| Some((*row, (*own)?)))
            .collect();
        if known.is_empty() {
            return Ok(Self::default());
        }
        let rows: Vec<u32> = known.iter().map(|(row, _)| *row).collect();
        let actual = market.salaries(&rows);
        let bands = salary_bands(&actual, BANDS);
        let report = Covered {
            actual: &actual,
            intervals: &known
                .iter()
                .map(|(_, own)| (own.low_per_month, own.high_per_month))
                .collect::<Vec<_>>(),
            bands: &bands.iter().map(String::as_str).collect::<Vec<_>>(),
            classes: &rows
                .iter()
                .map(|row| market.ads[*row as usize].classification.as_str())
                .collect::<Vec<_>>(),
            min_rows: MIN_CLASS,
        }
        .report()?;
        let confidence: Vec<f64> = known.iter().map(|(_, own)| own.confidence).collect();
        let is_right = |(actual, (_, own)): (&f64, &(u32, SalaryPrediction))| {
            (0.8..=1.2).contains(&(actual / own.salary_per_month))
        };
        let right: Vec<bool> = actual.iter().zip(&known).map(is_right).collect();
        Ok(Self { coverage: Some(report), reliability: Some(calibration_error(&confidence, &right)?) })
    }
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
        let narrow: Vec<usize> =
            (0..rows.len()).filter(|at| is_narrow(market.ads[rows[*at] as usize])).collect();
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
