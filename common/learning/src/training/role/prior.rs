//! The share of the prior in the label, chosen on walk-forward predictions: markets differ in how rare their rare classes are.

use crate::evaluation::classification::Tally;

/// The candidates, the smallest first.
pub(super) const TAUS: [f64; 5] = [0.0, 0.1, 0.25, 0.4, 0.6];

/// Labels of some rows by each of [`TAUS`], beside the actual classes.
pub(super) struct Candidates<'a> {
    pub(super) actual: Vec<u32>,
    /// `[TAUS][rows]`.
    pub(super) labels: &'a [Vec<u32>],
}

/// The candidate with the largest mean F1 of the classes over all parts; of equals, the first. `None` without rows.
pub(super) fn best(parts: &[Candidates<'_>]) -> Option<usize> {
    let codes = parts.iter().flat_map(|part| part.actual.iter().chain(part.labels.iter().flatten()));
    let codes = codes.max().map(|code| *code as usize + 1)?;
    let score = |at: usize| {
        let mut tally = Tally::new(codes);
        for part in parts {
            for (actual, label) in part.actual.iter().zip(&part.labels[at]) {
                tally.add(*actual, *label);
            }
        }
        tally.macro_f1()
    };
    let scores: Vec<f64> = (0..TAUS.len()).map(score).collect();
    (0..TAUS.len()).reduce(|best, at| if scores[at] > scores[best] { at } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_with_the_best_labels_is_chosen_and_of_equals_the_smallest() {
        let right = vec![0, 1, 1, 0];
        let wrong = vec![0, 0, 0, 0];
        let by = |best: &[usize]| -> Vec<Vec<u32>> {
            (0..TAUS.len()).map(|at| if best.contains(&at) { right.clone() } else { wrong.clone() }).collect()
        };
        let chosen = |labels: &[Vec<u32>]| best(&[Candidates { actual: right.clone(), labels }]);
        assert_eq!((chosen(&by(&[3])), chosen(&by(&[1, 3])), chosen(&by(&[]))), (Some(3), Some(1), Some(0)));
        assert_eq!(best(&[]), None);
    }
}
