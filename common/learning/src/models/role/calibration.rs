//! Probabilities as sure as they are right: that of the most probable class is calibrated by a logistic regression on its
//! log odds (Platt, 1999), and the others share the rest as before.

use serde::{Deserialize, Serialize};

use super::newton::{Point, minimum};
use super::{argmax, log_softmax};

/// Rows that a calibration is fitted to at least.
const MIN_ROWS: usize = 30;
/// Log odds beyond which a probability counts as certain.
const MAX_LOG_ODDS: f64 = 15.0;
/// The smallest slope: a larger probability stays the larger one.
const MIN_SLOPE: f64 = 0.01;
/// How strongly a calibration is pulled to no change, against the loss of one ad.
const PULL: f64 = 1.0;

/// The log odds of the most probable class become `slope · log odds + offset`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopCalibration {
    /// Below 1 where probabilities are too sure.
    pub slope: f64,
    /// The log odds of a class that had even ones.
    pub offset: f64,
}

impl TopCalibration {
    /// Probabilities as they are.
    pub const NONE: Self = Self { slope: 1.0, offset: 0.0 };

    /// Fits a calibration to log probabilities `[rows, classes]`, row-major, of rows of the classes `actual`. None for fewer
    /// than 30 rows or one class.
    pub fn fit(logs: &[f64], actual: &[u32], classes: usize) -> Self {
        if actual.len() < MIN_ROWS || classes < 2 {
            return Self::NONE;
        }
        let outcome = |(row, actual): (&[f64], &u32)| {
            let top = argmax(row);
            (log_odds(row, top), top == *actual as usize)
        };
        let outcomes: Vec<(f64, bool)> = logs.chunks_exact(classes).zip(actual).map(outcome).collect();
        let right = outcomes.iter().filter(|(_, is_right)| *is_right).count() as f64;
        let wrong = outcomes.len() as f64 - right;
        // Platt's targets: finite log odds even where every row is right.
        let targets = [1.0 / (wrong + 2.0), (right + 1.0) / (right + 2.0)];
        let start = [Self::NONE.slope, Self::NONE.offset];
        let [slope, offset] = minimum(start, |point| {
            let sum = outcomes.iter().fold(Point::default(), |sum, (odds, is_right)| {
                sum.plus(&loss(point, *odds, targets[usize::from(*is_right)]))
            });
            sum.pulled_to(start, point, PULL)
        });
        Self { slope: slope.max(MIN_SLOPE), offset }
    }

    /// Calibrated probabilities of log probabilities `[rows, classes]`, row-major. The order of the classes stays.
    pub fn probabilities(&self, logs: &[f64], classes: usize) -> Vec<f64> {
        let mut all = logs.to_vec();
        for row in all.chunks_exact_mut(classes.max(1)) {
            self.calibrate(row);
        }
        all
    }

    fn calibrate(&self, row: &mut [f64]) {
        let top = argmax(row);
        let odds = self.slope * log_odds(row, top) + self.offset;
        // The other classes among each other.
        row[top] = f64::NEG_INFINITY;
        if row.len() > 1 {
            log_softmax(row);
        }
        for log in row.iter_mut() {
            *log = log.exp();
        }
        let second = row.iter().copied().fold(0.0, f64::max);
        let probability =
            if row.len() > 1 { (1.0 / (1.0 + (-odds).exp())).max(second / (1.0 + second)) } else { 1.0 };
        for share in row.iter_mut() {
            *share *= 1.0 - probability;
        }
        row[top] = probability;
    }
}

/// Log odds of a class against all others.
fn log_odds(row: &[f64], class: usize) -> f64 {
    let others = || row.iter().enumerate().filter(|(other, _)| *other != class).map(|(_, log)| *log);
    let most = others().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = others().map(|log| (log - most).exp()).sum();
    (row[class] - most - sum.ln()).clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS)
}

/// Cross entropy of the probability with log odds `slope · odds + offset` and its target.
fn loss([slope, offset]: [f64; 2], odds: f64, target: f64) -> Point {
    let own = slope * odds + offset;
    let probability = 1.0 / (1.0 + (-own).exp());
    let (off, spread) = (probability - target, probability * (1.0 - probability));
    Point {
        // ln(1 + exp(own)) without overflow.
        height: own.max(0.0) + (-own.abs()).exp().ln_1p() - target * own,
        slope: [off * odds, off],
        curvature: [spread * odds * odds, spread * odds, spread],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows of two kinds: log odds of 4 of which `right[0]` of 100 are right, and log odds of 1 with `right[1]`.
    fn fitted(right: [usize; 2]) -> TopCalibration {
        let rows = (0..20_000).map(|row| (row % 2, row / 2 % 100));
        let logs: Vec<f64> = rows.clone().flat_map(|(kind, _)| [[4.0, 0.0], [1.0, 0.0]][kind]).collect();
        let actual: Vec<u32> = rows.map(|(kind, place)| u32::from(place >= right[kind])).collect();
        TopCalibration::fit(&logs, &actual, 2)
    }

    #[test]
    fn shares_of_right_rows_become_the_probabilities() {
        let calibration = fitted([80, 60]);
        let probabilities = calibration.probabilities(&[4.0, 0.0, 0.0, 1.0], 2);
        let expected = [0.8, 0.2, 0.4, 0.6];
        assert!(probabilities.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{probabilities:?}");
        let always = fitted([100, 100]);
        assert!(always.slope.is_finite() && always.probabilities(&[1.0, 0.0], 2)[0] > 0.99, "{always:?}");
        assert!(fitted([55, 90]).slope >= MIN_SLOPE);
    }

    #[test]
    fn too_few_rows_keep_probabilities_as_they_are() {
        assert_eq!(TopCalibration::fit(&[0.0; 20], &[0; 10], 2), TopCalibration::NONE);
        assert_eq!(TopCalibration::fit(&[0.0; 50], &[0; 50], 1), TopCalibration::NONE);
        assert_eq!(TopCalibration::NONE.probabilities(&[0.0], 1), [1.0]);
        assert!(TopCalibration::NONE.probabilities(&[], 0).is_empty());
    }

    proptest! {
        #[test]
        fn probabilities_add_up_to_one_in_the_order_of_before(
            logs in proptest::collection::vec(-40.0f64..0.0, 2..9),
            slope in 0.01f64..3.0,
            offset in -3.0f64..3.0,
        ) {
            let found = TopCalibration { slope, offset }.probabilities(&logs, logs.len());
            prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            for (a, own) in found.iter().enumerate() {
                prop_assert!((0.0..=1.0).contains(own));
                let smaller = (0..logs.len()).filter(|b| logs[*b] < logs[a]);
                prop_assert!(smaller.map(|b| found[b]).all(|other| other <= own + 1e-12));
            }
        }
    }
}
