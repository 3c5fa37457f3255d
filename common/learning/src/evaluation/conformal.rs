//! Prediction intervals and confidence, calibrated on residuals of ads that a model had not seen.
//!
//! A score is the error of a log prediction in units of its predicted scale: `(log actual - log predicted) / scale`.
//! The newest 1,000 scores say how far the next ad will be off. Scores keep their sign: "within 20%" is asymmetric in
//! logs, from ln 0.8 = -0.223 to ln 1.2 = 0.182.

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The newest scores that count.
const WINDOW: usize = 1000;
/// Scales are at least this: no salary is known to 5%.
const MIN_SCALE: f64 = 0.05;
/// Residuals before the first that [`replay`] judges.
const WARM_UP: usize = 200;

/// A prediction for an ad whose salary became known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// Log of the actual salary.
    pub log_actual: f64,
    /// Log of the predicted salary.
    pub log_predicted: f64,
    /// The predicted size of the error, in logs.
    pub scale: f64,
}

impl Residual {
    /// The error in units of the scale.
    pub fn score(&self) -> f64 {
        (self.log_actual - self.log_predicted) / self.scale.max(MIN_SCALE)
    }

    /// Whether the actual salary is within 20% of the predicted one.
    pub fn is_within_20_percent(&self) -> bool {
        (0.8..=1.2).contains(&(self.log_actual - self.log_predicted).exp())
    }

    fn is_finite(&self) -> bool {
        [self.log_actual, self.log_predicted, self.scale].iter().all(|value| value.is_finite())
    }
}

/// What intervals and confidence are computed from. Saved with the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Calibration {
    /// Oldest first.
    scores: Vec<f64>,
    ascending: Vec<f64>,
}

/// The saved form of [`Calibration`]. Sorted copies of the scores are not saved.
#[derive(Clone, Serialize, Deserialize)]
struct Saved {
    scores: Vec<f64>,
}

impl From<Saved> for Calibration {
    fn from(saved: Saved) -> Self {
        let mut calibration = Self::default();
        for score in saved.scores {
            calibration.push(score);
        }
        calibration
    }
}

impl From<Calibration> for Saved {
    fn from(calibration: Calibration) -> Self {
        Self { scores: calibration.scores }
    }
}

impl Calibration {
    /// Calibrates on walk-forward residuals, oldest first.
    ///
    /// # Errors
    /// `InvalidInput` if there are none, or one is infinite or not a number.
    pub fn fit(residuals: &[Residual]) -> Result<Self> {
        if residuals.is_empty() {
            return Err(Error::invalid_input("invalid residuals: expected at least one to calibrate on"));
        }
        if let Some(row) = residuals.iter().position(|residual| !residual.is_finite()) {
            return Err(Error::invalid_input(format!("invalid residual {row}: expected finite numbers")));
        }
        let mut calibration = Self::default();
        for residual in residuals {
            calibration.push(residual.score());
        }
        Ok(calibration)
    }

    /// Adds the newest score; the oldest of more than 1,000 leaves. A score that is not finite is ignored.
    pub fn push(&mut self, score: f64) {
        if !score.is_finite() {
            return;
        }
        if self.scores.len() == WINDOW {
            let oldest = self.scores.remove(0);
            remove_sorted(&mut self.ascending, oldest);
        }
        self.scores.push(score);
        insert_sorted(&mut self.ascending, score);
    }

    /// Number of scores.
    pub fn scores(&self) -> usize {
        self.scores.len()
    }

    /// The interval around a prediction, as amounts of money: the shortest one that contains `⌈(n + 1) · coverage⌉` of the n
    /// scores, in units of the scale, and the prediction. Salaries far above their prediction are more frequent than those
    /// far below, so that it is shorter than an interval of equal arms. As it is chosen among several, it covers up to one
    /// percent less.
    ///
    /// With too few scores for the coverage, it contains all of them. `None` without scores.
    pub fn interval(&self, log_prediction: f64, scale: f64, coverage: f64) -> Option<(f64, f64)> {
        let scores = &self.ascending;
        let inside = ((scores.len() as f64 + 1.0) * coverage).ceil() as usize;
        let inside = inside.clamp(1, scores.len().max(1));
        let ends = scores.iter().zip(scores.get(inside - 1..)?);
        let (low, high) = ends.min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))?;
        let scale = scale.max(MIN_SCALE);
        Some(((log_prediction + low.min(0.0) * scale).exp(), (log_prediction + high.max(0.0) * scale).exp()))
    }

    /// The probability that the actual salary is within 20% of the predicted one: the share of the scores that would put
    /// it there. `None` without scores.
    pub fn confidence(&self, scale: f64) -> Option<f64> {
        let scale = scale.max(MIN_SCALE);
        let (low, high) = (0.8f64.ln() / scale, 1.2f64.ln() / scale);
        let inside = self.ascending.partition_point(|score| *score <= high)
            - self.ascending.partition_point(|score| *score < low);
        (!self.scores.is_empty()).then(|| inside as f64 / self.scores.len() as f64)
    }
}

fn insert_sorted(values: &mut Vec<f64>, value: f64) {
    values.insert(values.partition_point(|other| other.total_cmp(&value).is_lt()), value);
}

fn remove_sorted(values: &mut Vec<f64>, value: f64) {
    let place = values.partition_point(|other| other.total_cmp(&value).is_lt());
    if place < values.len() {
        values.remove(place);
    }
}

/// The interval and confidence that an ad would have had.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Lower end of the interval, in money.
    pub low: f64,
    /// Upper end of the interval, in money.
    pub high: f64,
    /// Probability that the salary is within 20% of the prediction.
    pub confidence: f64,
}

/// Judges each residual, oldest first, by the calibration on those before it, as in production. The first 200 have
/// nothing to be judged by: `None`.
///
/// # Errors
/// Those of [`Calibration::fit`], for more than 200 residuals.
pub fn replay(residuals: &[Residual], coverage: f64) -> Result<Vec<Option<Judged>>> {
    let mut judged = vec![None; residuals.len().min(WARM_UP)];
    if residuals.len() <= WARM_UP {
        return Ok(judged);
    }
    let mut calibration = Calibration::fit(&residuals[..WARM_UP])?;
    for residual in &residuals[WARM_UP..] {
        let interval = calibration.interval(residual.log_predicted, residual.scale, coverage);
        judged.push(
            interval.zip(calibration.confidence(residual.scale)).map(|((low, high), confidence)| Judged {
                low,
                high,
                confidence,
            }),
        );
        calibration.push(residual.score());
    }
    Ok(judged)
}

#[cfg(test)]
mod tests;
