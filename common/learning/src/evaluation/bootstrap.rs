//! Intervals of metrics by resampling families.
//!
//! Rows of a family are not independent, so whole families are drawn. Sums are computed once for each family: a
//! resample then costs as much as there are families.

use std::collections::BTreeMap;

use common_core::{Error, Result};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::metrics::check;

/// Number of resamples.
const RESAMPLES: usize = 1000;
/// Share of the resamples that lie outside an interval.
const OUTSIDE: f64 = 0.05;

/// A figure with its 95% percentile interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure on the rows themselves.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the interval excludes zero: a difference is then more than chance.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Intervals of the metrics of one model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Mean absolute error.
    pub mae: Interval,
    /// Root of the mean squared error.
    pub rmse: Interval,
    /// Explained share of the variance; `None` if the actual values are all equal.
    pub r2: Option<Interval>,
}

/// Differences between two models on the same rows: first minus second. A negative `mae` means that the first is
/// better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Difference of the mean absolute errors.
    pub mae: Interval,
    /// Difference of the roots of the mean squared errors.
    pub rmse: Interval,
    /// Difference of the explained shares; `None` if the actual values are all equal.
    pub r2: Option<Interval>,
    /// Number of families that were resampled.
    pub families: u32,
}

/// Intervals of a model's metrics from 1,000 resamples of the groups (families).
///
/// # Errors
/// Those of [`evaluate_regression`](super::evaluate_regression); `InvalidInput` if `groups` differs in length.
pub fn intervals(actual: &[f64], predicted: &[f64], groups: &[u32], seed: u64) -> Result<Intervals> {
    let sums = Sums::by_group(actual, [predicted, predicted], groups)?;
    let figures = resample(&sums, seed, |total| total.figures(0));
    Ok(Intervals { mae: required(figures.mae)?, rmse: required(figures.rmse)?, r2: figures.r2 })
}

/// Differences between models `a` and `b` from 1,000 resamples of the groups (families), each of which both models are
/// judged on.
///
/// # Errors
/// Those of [`intervals`].
pub fn paired_difference(actual: &[f64], a: &[f64], b: &[f64], groups: &[u32], seed: u64) -> Result<Paired> {
    let sums = Sums::by_group(actual, [a, b], groups)?;
    let figures = resample(&sums, seed, |total| {
        let (a, b) = (total.figures(0), total.figures(1));
        Figures { mae: a.mae - b.mae, rmse: a.rmse - b.rmse, r2: a.r2.zip(b.r2).map(|(a, b)| a - b) }
    });
    Ok(Paired {
        mae: required(figures.mae)?,
        rmse: required(figures.rmse)?,
        r2: figures.r2,
        families: sums.len() as u32,
    })
}

/// What metrics are computed from, of one group or of many.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    rows: f64,
    /// Of actual values, relative to their overall mean.
    value: f64,
    value_squared: f64,
    absolute: [f64; 2],
    squared: [f64; 2],
}

impl Sums {
    fn by_group(actual: &[f64], predicted: [&[f64]; 2], groups: &[u32]) -> Result<Vec<Self>> {
        check(actual, predicted[0])?;
        check(actual, predicted[1])?;
        if groups.len() != actual.len() {
            let (found, rows) = (groups.len(), actual.len());
            return Err(Error::invalid_input(format!(
                "invalid groups of {found} rows: expected those of {rows} rows"
            )));
        }
        let mean = actual.iter().sum::<f64>() / actual.len() as f64;
        let mut sums: BTreeMap<u32, Self> = BTreeMap::new();
        for (row, group) in groups.iter().enumerate() {
            let error = predicted.map(|predicted| predicted[row] - actual[row]);
            let value = actual[row] - mean;
            sums.entry(*group).or_default().add(&Self {
                rows: 1.0,
                value,
                value_squared: value * value,
                absolute: error.map(f64::abs),
                squared: error.map(|error| error * error),
            });
        }
        Ok(sums.into_values().collect())
    }

    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.value += other.value;
        self.value_squared += other.value_squared;
        for model in 0..2 {
            self.absolute[model] += other.absolute[model];
            self.squared[model] += other.squared[model];
        }
    }

    fn figures(&self, model: usize) -> Figures<f64, Option<f64>> {
        let variation = self.value_squared - self.value * self.value / self.rows;
        // Equal values leave a remainder of rounding.
        let varies = variation > 1e-12 * self.value_squared.max(f64::MIN_POSITIVE);
        Figures {
            mae: self.absolute[model] / self.rows,
            rmse: (self.squared[model] / self.rows).sqrt(),
            r2: varies.then(|| 1.0 - self.squared[model] / variation).filter(|r2| r2.is_finite()),
        }
    }
}

struct Figures<T, R> {
    mae: T,
    rmse: T,
    r2: R,
}

fn resample(
    sums: &[Sums],
    seed: u64,
    figures: impl Fn(&Sums) -> Figures<f64, Option<f64>>,
) -> Figures<Option<Interval>, Option<Interval>> {
    let total = |groups: &mut dyn Iterator<Item = &Sums>| {
        let mut total = Sums::default();
        groups.for_each(|group| total.add(group));
        total
    };
    let estimate = figures(&total(&mut sums.iter()));
    let (mut mae, mut rmse, mut r2) = (Vec::new(), Vec::new(), Vec::new());
    for draw in draws(sums.len(), seed) {
        let drawn = figures(&total(&mut draw.iter().map(|group| &sums[*group])));
        mae.push(drawn.mae);
        rmse.push(drawn.rmse);
        r2.extend(drawn.r2);
    }
    // A resample of few groups can have equal values only; most must have a variance.
    let r2 = (r2.len() * 2 > RESAMPLES).then_some(r2);
    Figures {
        mae: interval(estimate.mae, mae),
        rmse: interval(estimate.rmse, rmse),
        r2: estimate.r2.zip(r2).and_then(|(estimate, r2)| interval(estimate, r2)),
    }
}

/// The groups of each of 1,000 resamples: as many as there are, drawn with replacement.
pub(crate) fn draws(groups: usize, seed: u64) -> impl Iterator<Item = Vec<usize>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..RESAMPLES).map(move |_| (0..groups).map(|_| random.random_range(0..groups)).collect())
}

/// A figure with the interval of what resamples gave; `None` if one is not finite.
pub(crate) fn interval(estimate: f64, mut drawn: Vec<f64>) -> Option<Interval> {
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| drawn.get(((drawn.len() as f64 - 1.0) * share).round() as usize).copied();
    let interval = Interval { estimate, low: at(OUTSIDE / 2.0)?, high: at(1.0 - OUTSIDE / 2.0)? };
    [interval.estimate, interval.low, interval.high].iter().all(|value| value.is_finite()).then_some(interval)
}

fn required(interval: Option<Interval>) -> Result<Interval> {
    interval.ok_or_else(|| {
        Error::invalid_input("invalid values: expected numbers whose squared errors are finite")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::evaluate_regression;

    /// Values and predictions with an error of about `scale`.
    fn noisy(rows: usize, scale: f64, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let actual: Vec<f64> = (0..rows).map(|_| random.random_range(2000.0..9000.0)).collect();
        let predicted = actual.iter().map(|value| value + random.random_range(-scale..scale)).collect();
        (actual, predicted)
    }

    #[test]
    fn intervals_contain_the_figure_and_narrow_with_rows() {
        let widths = [100, 10_000].map(|rows| {
            let (actual, predicted) = noisy(rows, 1000.0, 1);
            let groups: Vec<u32> = (0..rows as u32).collect();
            let found = intervals(&actual, &predicted, &groups, 7).unwrap();
            let metrics = evaluate_regression(&actual, &predicted).unwrap();
            for (interval, figure) in [
                (found.mae, metrics.mae),
                (found.rmse, metrics.rmse),
                (found.r2.unwrap(), metrics.r2.unwrap()),
            ] {
                assert!((interval.estimate - figure).abs() < 1e-9 * figure.abs().max(1.0));
                assert!(interval.low < figure && figure < interval.high);
            }
            assert_eq!(found, intervals(&actual, &predicted, &groups, 7).unwrap());
            found.mae.high - found.mae.low
        });
        assert!(widths[1] < widths[0] / 5.0, "{widths:?}");
        // The standard error of the mean of 100 errors that are uniform in 0..1000 is 28.9.
        assert!((80.0..150.0).contains(&widths[0]), "{widths:?}");
    }

    #[test]
    fn families_widen_the_interval() {
        let (actual, predicted) = noisy(100, 1000.0, 3);
        let repeat = |values: &[f64]| values.iter().flat_map(|value| [*value; 9]).collect::<Vec<f64>>();
        let (actual, predicted) = (repeat(&actual), repeat(&predicted));
        let width = |groups: Vec<u32>| {
            let interval = intervals(&actual, &predicted, &groups, 1).unwrap().mae;
            interval.high - interval.low
        };
        let (families, rows) = (width((0..900).map(|row| row / 9).collect()), width((0..900).collect()));
        assert!(families > 2.0 * rows, "{families} {rows}");
    }

    #[test]
    fn a_paired_difference_sees_what_two_intervals_cannot() {
        let (actual, a) = noisy(500, 1000.0, 5);
        let b: Vec<f64> = a.iter().zip(&actual).map(|(a, y)| y + (a - y) * 1.03).collect();
        let groups: Vec<u32> = (0..500).collect();
        let paired = paired_difference(&actual, &a, &b, &groups, 1).unwrap();
        assert!(paired.mae.high < 0.0 && paired.mae.excludes_zero() && paired.r2.unwrap().low > 0.0);
        let [one, other] = [&a, &b].map(|model| intervals(&actual, model, &groups, 1).unwrap().mae);
        assert!(one.high > other.low);
        let same = paired_difference(&actual, &a, &a, &groups, 1).unwrap();
        assert_eq!((same.mae.low, same.mae.high, same.mae.excludes_zero()), (0.0, 0.0, false));
    }

    #[test]
    fn one_family_constant_values_and_bad_input_are_survived() {
        let one = intervals(&[1.0, 2.0], &[1.0, 3.0], &[4, 4], 0).unwrap();
        assert_eq!((one.mae.low, one.mae.estimate, one.mae.high), (0.5, 0.5, 0.5));
        assert_eq!(intervals(&[0.1; 30], &[0.2; 30], &[0; 30], 0).unwrap().r2, None);
        assert!(intervals(&[], &[], &[], 0).is_err());
        let message = intervals(&[1.0], &[1.0], &[], 0).unwrap_err().to_string();
        assert_eq!(message, "invalid groups of 0 rows: expected those of 1 rows");
    }
}
