//! How well classes are predicted.
//!
//! - [`Classified`]: metrics, metrics of each class, calibration
//! - [`intervals`]: intervals of metrics and of differences, by resampling families
//! - [`confusion`]: which classes are taken for which
//! - [`copies`]: what identical texts say about the labels themselves
//! - [`words`]: the most telling words of each class
//!
//! A class is a code. Codes from the number of classes on are allowed as actual classes: no model predicts them.

pub mod confusion;
pub mod copies;
pub mod intervals;
pub mod words;

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::coverage::{Reliability, calibration_error};

/// Classes that the actual one may be among to count as found.
pub const TOP: usize = 3;

/// Least probability whose logarithm is taken.
const LEAST: f64 = 1e-15;

/// Predictions beside actual classes: lists of equal length.
#[derive(Debug, Clone, Copy)]
pub struct Classified<'a> {
    /// Actual class of each row.
    pub actual: &'a [u32],
    /// Predicted class of each row.
    pub predicted: &'a [u32],
    /// `[rows, classes]` f64, row-major. The prediction need not have the largest.
    pub probabilities: &'a [f64],
    /// Number of classes that can be predicted.
    pub classes: usize,
}

/// How well classes are predicted. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassificationMetrics {
    /// Number of rows.
    pub rows: u64,
    /// Share of the rows whose prediction is right.
    pub accuracy: f64,
    /// Mean of the F1 of all classes that are actual or predicted, as in scikit-learn.
    pub macro_f1: f64,
    /// The same mean, weighted by the rows of the classes.
    pub weighted_f1: f64,
    /// Share of the rows whose actual class is among the three most probable.
    pub top_3: f64,
    /// Mean of `-ln` of the actual class's probability.
    pub log_loss: f64,
}

/// How well one class is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// The class.
    pub class: u32,
    /// Share of the rows with this prediction that are of the class; 0 without such rows.
    pub precision: f64,
    /// Share of the rows of the class that are predicted; 0 without such rows.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Number of rows of the class.
    pub support: u64,
    /// Number of rows with this prediction.
    pub predicted: u64,
}

/// Compares predicted with actual classes.
///
/// # Errors
/// Those of [`Classified::metrics`].
pub fn evaluate_classification(rows: &Classified<'_>) -> Result<ClassificationMetrics> {
    rows.metrics()
}

/// The `k` classes with the largest values of a row, the largest first; equals in the order of the classes.
pub fn top_classes(row: &[f64], k: usize) -> Vec<u32> {
    let mut classes: Vec<u32> = (0..row.len() as u32).collect();
    classes.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]));
    classes.truncate(k);
    classes
}

impl Classified<'_> {
    /// The metrics of all rows.
    ///
    /// # Errors
    /// `InvalidInput` if there are no rows, the lists differ in length, or a probability is not from 0 to 1; it names the
    /// row.
    pub fn metrics(&self) -> Result<ClassificationMetrics> {
        self.check()?;
        let rows = self.actual.len() as f64;
        let tally = self.tally();
        let logs: f64 =
            (0..self.actual.len()).map(|row| self.probability_of_actual(row).max(LEAST).ln()).sum();
        let found = (0..self.actual.len()).filter(|row| self.is_in_top(*row)).count();
        Ok(ClassificationMetrics {
            rows: self.actual.len() as u64,
            accuracy: tally.accuracy(),
            macro_f1: tally.macro_f1(),
            weighted_f1: tally.weighted_f1(),
            top_3: found as f64 / rows,
            log_loss: -logs / rows,
        })
    }

    /// The metrics of each class that is actual or predicted, ascending.
    ///
    /// # Errors
    /// Those of [`metrics`](Self::metrics).
    pub fn by_class(&self) -> Result<Vec<ClassMetrics>> {
        self.check()?;
        let tally = self.tally();
        let share = |part: u32, whole: u32| if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) };
        let of = |class: usize| {
            let (right, actual, predicted) =
                (tally.right[class], tally.actual[class], tally.predicted[class]);
            ClassMetrics {
                class: class as u32,
                precision: share(right, predicted),
                recall: share(right, actual),
                f1: share(2 * right, actual + predicted),
                support: u64::from(actual),
                predicted: u64::from(predicted),
            }
        };
        let is_known = |class: &usize| tally.actual[*class] + tally.predicted[*class] > 0;
        Ok((0..tally.actual.len()).filter(is_known).map(of).collect())
    }

    /// Expected calibration error of the largest probability, in ten bins of equal numbers of rows: how often the most
    /// probable class is the actual one.
    ///
    /// # Errors
    /// Those of [`metrics`](Self::metrics).
    pub fn calibration(&self) -> Result<Reliability> {
        self.check()?;
        let most = |row: usize| {
            let row = self.row(row);
            (0..row.len()).reduce(|best, at| if row[at] > row[best] { at } else { best }).unwrap_or(0)
        };
        let (confidence, is_right): (Vec<f64>, Vec<bool>) = (0..self.actual.len())
            .map(|row| (self.row(row)[most(row)].min(1.0), self.actual[row] as usize == most(row)))
            .unzip();
        calibration_error(&confidence, &is_right)
    }

    /// The probabilities of a row.
    fn row(&self, row: usize) -> &[f64] {
        &self.probabilities[row * self.classes..][..self.classes]
    }

    fn probability_of_actual(&self, row: usize) -> f64 {
        self.row(row).get(self.actual[row] as usize).copied().unwrap_or(0.0)
    }

    /// Whether fewer than three classes are more probable than the actual one; of equals, the first come first.
    pub(crate) fn is_in_top(&self, row: usize) -> bool {
        let actual = self.actual[row] as usize;
        let row = self.row(row);
        let Some(own) = row.get(actual) else { return false };
        let is_before = |(class, other): (usize, &f64)| other > own || (other >= own && class < actual);
        row.iter().enumerate().filter(|one| is_before(*one)).count() < TOP
    }

    /// Number of the codes of all rows.
    pub(crate) fn codes(&self) -> usize {
        let most = |codes: &[u32]| codes.iter().max().map_or(0, |code| *code as usize + 1);
        most(self.actual).max(most(self.predicted)).max(self.classes)
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::new(self.codes());
        for (actual, predicted) in self.actual.iter().zip(self.predicted) {
            tally.add(*actual, *predicted);
        }
        tally
    }

    pub(crate) fn check(&self) -> Result<()> {
        let rows = self.actual.len();
        if rows == 0 || self.classes == 0 {
            return Err(Error::invalid_input(
                "invalid rows: expected at least one, with a class, to evaluate",
            ));
        }
        if self.predicted.len() != rows || self.probabilities.len() != rows * self.classes {
            let (found, numbers) = (self.predicted.len(), self.probabilities.len());
            return Err(Error::invalid_input(format!(
                "invalid predictions of {found} rows with {numbers} probabilities: expected those of {rows} rows with {} each",
                self.classes
            )));
        }
        let is_probability = |value: &f64| (0.0..=1.0 + 1e-9).contains(value);
        match self.probabilities.iter().position(|value| !is_probability(value)) {
            None => Ok(()),
            Some(at) => Err(Error::invalid_input(format!(
                "invalid probability \"{}\" in row {}: expected a number from 0 to 1",
                self.probabilities[at],
                at / self.classes
            ))),
        }
    }
}

/// Right, actual and predicted rows of each class.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    right: Vec<u32>,
    actual: Vec<u32>,
    predicted: Vec<u32>,
}

impl Tally {
    /// Without rows.
    pub(crate) fn new(codes: usize) -> Self {
        Self { right: vec![0; codes], actual: vec![0; codes], predicted: vec![0; codes] }
    }

    /// Counts a row.
    pub(crate) fn add(&mut self, actual: u32, predicted: u32) {
        self.actual[actual as usize] += 1;
        self.predicted[predicted as usize] += 1;
        self.right[actual as usize] += u32::from(actual == predicted);
    }

    /// Share of the rows that are right.
    pub(crate) fn accuracy(&self) -> f64 {
        let sum = |counts: &[u32]| counts.iter().copied().map(f64::from).sum::<f64>();
        sum(&self.right) / sum(&self.actual)
    }

    /// F1 of each class that is actual or predicted, with its rows.
    fn f1(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        (0..self.actual.len()).filter_map(|class| {
            let together = self.actual[class] + self.predicted[class];
            let f1 = 2.0 * f64::from(self.right[class]) / f64::from(together);
            (together > 0).then_some((f1, f64::from(self.actual[class])))
        })
    }

    /// Mean F1 of the classes.
    pub(crate) fn macro_f1(&self) -> f64 {
        let (sum, count) = self.f1().fold((0.0, 0.0), |(sum, count), (f1, _)| (sum + f1, count + 1.0));
        sum / count
    }

    fn weighted_f1(&self) -> f64 {
        let (sum, rows) = self.f1().fold((0.0, 0.0), |(sum, all), (f1, rows)| (sum + f1 * rows, all + rows));
        sum / rows
    }
}

#[cfg(test)]
mod tests;
