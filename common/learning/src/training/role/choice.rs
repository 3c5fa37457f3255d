//! What is chosen on walk-forward predictions: the weights of the pool, the calibration, and the share of the prior in the
//! label.

use super::market::RoleMarket;
use crate::evaluation::classification::Tally;
use crate::models::role::calibration::TopCalibration;
use crate::models::role::mix::{Decisions, Members};
use crate::models::role::pool::Pool;

/// Candidates of the share of the prior in the label.
const TAUS: [f64; 8] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
/// How much worse a candidate is that counts 1/e of another: what chance changes a score of a few thousand ads by.
const CHANCE: f64 = 0.01;

/// What a mix says with its members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) pool: Pool,
    pub(super) label_tau: f64,
    pub(super) calibration: TopCalibration,
}

/// What the members say about the rows of one fold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) rows: &'a [u32],
    pub(super) members: &'a Members,
}

impl Choice {
    /// The choice for some folds; `label_tau` stays if they have no rows.
    pub(super) fn of(market: &RoleMarket<'_>, folds: &[Said<'_>], label_tau: f64) -> Self {
        let classes = market.data.classes;
        let all = |of: fn(&Members) -> &[f64]| -> Vec<f64> {
            folds.iter().flat_map(|fold| of(fold.members)).copied().collect()
        };
        let actual: Vec<Vec<u32>> = folds.iter().map(|fold| market.data.labels_of(fold.rows)).collect();
        let pool = Pool::fit(&all(|own| &own.text), &all(|own| &own.vectors), &actual.concat(), classes);
        let pooled: Vec<Vec<f64>> = folds.iter().map(|fold| fold.members.pooled(&pool)).collect();
        let calibration = TopCalibration::fit(&pooled.concat(), &actual.concat(), classes);
        let score = |tau: &f64| {
            let labels = folds.iter().zip(&pooled).map(|(fold, pooled)| fold.members.labels(pooled, *tau));
            macro_f1(&actual, &labels.collect::<Vec<_>>(), classes)
        };
        let scores: Option<Vec<f64>> = TAUS.iter().map(score).collect();
        Self { pool, label_tau: scores.map_or(label_tau, |scores| good(&TAUS, &scores)), calibration }
    }

    /// What the mix says about the rows.
    pub(super) fn decide(&self, members: &Members) -> Decisions {
        members.decide(&self.pool, self.label_tau, self.calibration)
    }
}

/// The mean of two figures: the mean F1 of the classes over all folds together, and the mean over the folds of each by
/// itself. Together, rare classes have more rows; by itself, a fold shows what it costs to predict a class that a window
/// of this length does not have. `None` without rows.
fn macro_f1(actual: &[Vec<u32>], labels: &[Vec<u32>], classes: usize) -> Option<f64> {
    let mut together = Tally::new(classes);
    let mut each = Vec::new();
    for (actual, labels) in actual.iter().zip(labels).filter(|(actual, _)| !actual.is_empty()) {
        let mut own = Tally::new(classes);
        for (actual, label) in actual.iter().zip(labels) {
            together.add(*actual, *label);
            own.add(*actual, *label);
        }
        each.push(own.macro_f1());
    }
    let mean = each.iter().sum::<f64>() / each.len() as f64;
    (!each.is_empty()).then(|| f64::midpoint(together.macro_f1(), mean))
}

/// The mean of the candidates, which counts the good ones most: scores of few ads jump from one candidate to the next, so
/// that the best one by itself is often best by chance.
fn good(candidates: &[f64], scores: &[f64]) -> f64 {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = || scores.iter().map(|score| ((score - most) / CHANCE).exp());
    candidates.iter().zip(weights()).map(|(candidate, weight)| candidate * weight).sum::<f64>()
        / weights().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_candidates_count_most_and_equals_the_same() {
        let chosen = |scores: [f64; 3]| good(&[0.0, 0.2, 0.4], &scores);
        assert!((chosen([0.3; 3]) - 0.2).abs() < 1e-12);
        assert!(chosen([0.5, 0.3, 0.1]) < 1e-6 && (chosen([0.1, 0.3, 0.5]) - 0.4).abs() < 1e-6);
        // Nearly as good: between the two.
        let between = chosen([0.1, 0.3, 0.3 + CHANCE]);
        let share = 1f64.exp();
        assert!((between - (0.2 + 0.4 * share) / (1.0 + share)).abs() < 1e-6, "{between}");
    }

    #[test]
    fn a_class_that_a_fold_does_not_have_costs_more_in_the_fold_than_together() {
        // Fold by fold: (1 + 0 + 2/3) / 3 where class 2 is predicted but absent, and 1. Together: all three.
        let actual = [vec![0, 0, 1, 1], vec![0, 1, 2]];
        let labels = [vec![0, 0, 1, 2], vec![0, 1, 2]];
        let folds = f64::midpoint((1.0 + 2.0 / 3.0) / 3.0, 1.0);
        let together = (1.0 + 4.0 / 5.0 + 2.0 / 3.0) / 3.0;
        let found = macro_f1(&actual, &labels, 3).unwrap();
        assert!((found - f64::midpoint(together, folds)).abs() < 1e-12, "{found}");
        assert_eq!(macro_f1(&[], &[], 3), None);
    }
}
