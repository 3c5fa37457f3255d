//! Intervals of the metrics of classes, by resampling families.

use std::collections::BTreeMap;

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Classified, Tally};
use crate::evaluation::bootstrap::{Interval, draws, interval};

/// Intervals of the metrics of one model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassIntervals {
    /// Share of right predictions.
    pub accuracy: Interval,
    /// Mean F1 of the classes.
    pub macro_f1: Interval,
    /// Share of rows whose class is among the three most probable.
    pub top_3: Interval,
}

/// Differences between two models on the same rows: first minus second. A positive one means that the first is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedClasses {
    /// Difference of the shares of right predictions.
    pub accuracy: Interval,
    /// Difference of the mean F1 of the classes.
    pub macro_f1: Interval,
    /// Difference of the shares of rows whose class is among the three most probable.
    pub top_3: Interval,
    /// Number of families that were resampled.
    pub families: u32,
}

/// Intervals of a model's metrics from 1,000 resamples of the groups (families).
///
/// # Errors
/// Those of [`Classified::metrics`]; `InvalidInput` if `groups` differs in length.
pub fn class_intervals(rows: &Classified<'_>, groups: &[u32], seed: u64) -> Result<ClassIntervals> {
    let groups = by_group(rows, groups)?;
    let [accuracy, macro_f1, top_3] = resampled(&groups, seed, |drawn| figures(rows, drawn))?;
    Ok(ClassIntervals { accuracy, macro_f1, top_3 })
}

/// Differences between models `a` and `b` from 1,000 resamples of the groups (families), each of which both models are
/// judged on.
///
/// # Errors
/// Those of [`class_intervals`].
pub fn paired_classes(
    a: &Classified<'_>,
    b: &Classified<'_>,
    groups: &[u32],
    seed: u64,
) -> Result<PairedClasses> {
    b.check()?;
    let groups = by_group(a, groups)?;
    if a.actual != b.actual {
        return Err(Error::invalid_input("invalid actual classes: expected the same rows of two models"));
    }
    let [accuracy, macro_f1, top_3] = resampled(&groups, seed, |drawn| {
        let (a, b) = (figures(a, drawn), figures(b, drawn));
        [0, 1, 2].map(|at| a[at] - b[at])
    })?;
    Ok(PairedClasses { accuracy, macro_f1, top_3, families: groups.len() as u32 })
}

/// The rows of each group.
fn by_group(rows: &Classified<'_>, groups: &[u32]) -> Result<Vec<Vec<usize>>> {
    rows.check()?;
    if groups.len() != rows.actual.len() {
        let (found, rows) = (groups.len(), rows.actual.len());
        return Err(Error::invalid_input(format!(
            "invalid groups of {found} rows: expected those of {rows} rows"
        )));
    }
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(row);
    }
    Ok(members.into_values().collect())
}

/// Accuracy, macro-F1 and top-3 of some rows.
fn figures(rows: &Classified<'_>, some: &[usize]) -> [f64; 3] {
    let mut tally = Tally::new(rows.codes());
    let mut found = 0.0;
    for &row in some {
        tally.add(rows.actual[row], rows.predicted[row]);
        found += f64::from(u8::from(rows.is_in_top(row)));
    }
    [tally.accuracy(), tally.macro_f1(), found / some.len() as f64]
}

fn resampled(
    groups: &[Vec<usize>],
    seed: u64,
    figures: impl Fn(&[usize]) -> [f64; 3],
) -> Result<[Interval; 3]> {
    let estimates = figures(&groups.concat());
    let mut drawn: [Vec<f64>; 3] = Default::default();
    let mut some = Vec::new();
    for draw in draws(groups.len(), seed) {
        some.clear();
        some.extend(draw.into_iter().flat_map(|group| &groups[group]));
        for (all, one) in drawn.iter_mut().zip(figures(&some)) {
            all.push(one);
        }
    }
    let [a, b, c] = drawn;
    let made = |at: usize, drawn| {
        let made = interval(estimates[at], drawn);
        made.ok_or_else(|| Error::internal("an interval of a share is not finite"))
    };
    Ok([made(0, a)?, made(1, b)?, made(2, c)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 300 rows of three classes, of which the model gets all right but each `wrong`-th.
    fn example(wrong: usize) -> (Vec<u32>, Vec<u32>, Vec<f64>) {
        let actual: Vec<u32> = (0..300).map(|row| row % 3).collect();
        let predict =
            |row: usize| if row.is_multiple_of(wrong) { (actual[row] + 1) % 3 } else { actual[row] };
        let predicted: Vec<u32> = (0..300).map(predict).collect();
        let probabilities = predicted
            .iter()
            .flat_map(|own| (0..3).map(move |class| f64::from(u8::from(class == *own))))
            .collect();
        (actual, predicted, probabilities)
    }

    #[test]
    fn a_better_model_is_told_from_chance_and_a_model_from_itself_is_not() {
        let [good, bad] = [10, 4].map(example);
        let [good, bad] = [&good, &bad].map(|(actual, predicted, probabilities)| Classified {
            actual,
            predicted,
            probabilities,
            classes: 3,
        });
        let groups: Vec<u32> = (0..300).map(|row| row / 2).collect();
        let paired = paired_classes(&good, &bad, &groups, 1).unwrap();
        assert!(paired.macro_f1.low > 0.0 && paired.accuracy.low > 0.0 && paired.families == 150);
        assert_eq!((paired.top_3.low, paired.top_3.high), (0.0, 0.0));
        let same = paired_classes(&good, &good, &groups, 1).unwrap();
        assert_eq!((same.macro_f1.low, same.macro_f1.high), (0.0, 0.0));
        let own = class_intervals(&good, &groups, 1).unwrap();
        assert!((own.accuracy.estimate - 0.9).abs() < 1e-12);
        assert!(own.accuracy.low < 0.9 && own.accuracy.high > 0.9 && own.top_3.estimate == 1.0);
        assert_eq!(own, class_intervals(&good, &groups, 1).unwrap());
        let message = class_intervals(&good, &[], 1).unwrap_err().to_string();
        assert_eq!(message, "invalid groups of 0 rows: expected those of 300 rows");
    }
}
