//! What is chosen on walk-forward predictions: the weights of the pool, the calibration, and the weights in the label.

use super::market::RoleMarket;
use crate::evaluation::classification::Tally;
use crate::models::role::calibration::TopCalibration;
use crate::models::role::mix::{Decisions, LabelWeights, Members};
use crate::models::role::pool::Pool;

/// Candidates of the weight of naive Bayes in the label.
const BAYES: [f64; 4] = [0.0, 0.1, 0.2, 0.4];
/// Candidates of the share of the prior in the label.
const TAUS: [f64; 8] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];

/// What a mix says with its members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) pool: Pool,
    pub(super) label: LabelWeights,
    pub(super) calibration: TopCalibration,
}

/// What the members say about the rows of one fold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) rows: &'a [u32],
    pub(super) members: &'a Members,
}

impl Choice {
    /// The best choice for some folds; `label` if they have no rows.
    pub(super) fn of(market: &RoleMarket<'_>, folds: &[Said<'_>], label: LabelWeights) -> Self {
        let classes = market.data.classes;
        let all = |of: fn(&Members) -> &[f64]| -> Vec<f64> {
            folds.iter().flat_map(|fold| of(fold.members)).copied().collect()
        };
        let actual: Vec<Vec<u32>> = folds.iter().map(|fold| market.data.labels_of(fold.rows)).collect();
        let pool = Pool::fit(&all(|own| &own.text), &all(|own| &own.vectors), &actual.concat(), classes);
        let pooled: Vec<Vec<f64>> = folds.iter().map(|fold| fold.members.pooled(&pool)).collect();
        let calibration = TopCalibration::fit(&pooled.concat(), &actual.concat(), classes);
        let score = |weights: LabelWeights| {
            let labels = folds.iter().zip(&pooled).map(|(fold, pooled)| fold.members.labels(pooled, weights));
            macro_f1(&actual, &labels.collect::<Vec<_>>(), classes)
        };
        Self { pool, label: best(score).unwrap_or(label), calibration }
    }

    /// What the mix says about the rows.
    pub(super) fn decide(&self, members: &Members) -> Decisions {
        members.decide(&self.pool, self.label, self.calibration)
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

/// The candidate with the largest mean score of itself and its neighbours, because scores of few ads jump from one
/// candidate to the next; of equals, the one with the smallest weights. `None` if there are no scores.
fn best(judge: impl Fn(LabelWeights) -> Option<f64>) -> Option<LabelWeights> {
    let of_bayes = |bayes: &f64| -> Option<Vec<f64>> {
        TAUS.iter().map(|tau| judge(LabelWeights { bayes: *bayes, tau: *tau })).collect()
    };
    let scores: Vec<Vec<f64>> = BAYES.iter().map(of_bayes).collect::<Option<_>>()?;
    let near = |place: usize, length: usize| place.saturating_sub(1)..(place + 2).min(length);
    let smooth = |(bayes, tau): (usize, usize)| {
        let rows = scores[near(bayes, BAYES.len())].iter();
        let around: Vec<f64> = rows.flat_map(|row| &row[near(tau, TAUS.len())]).copied().collect();
        around.iter().sum::<f64>() / around.len() as f64
    };
    let places = (0..BAYES.len()).flat_map(|bayes| (0..TAUS.len()).map(move |tau| (bayes, tau)));
    let smoothed = places.map(|place| (place, smooth(place)));
    let ((bayes, tau), _) = smoothed.reduce(|best, one| if one.1 > best.1 + 1e-12 { one } else { best })?;
    Some(LabelWeights { bayes: BAYES[bayes], tau: TAUS[tau] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_region_is_chosen_before_a_lonely_peak_and_of_equals_the_smallest() {
        let chosen = |score: &dyn Fn(f64, f64) -> f64| {
            let found = best(|weights| Some(score(weights.bayes, weights.tau))).unwrap();
            (found.bayes, found.tau)
        };
        assert_eq!(chosen(&|_, _| 0.3), (0.0, 0.0));
        assert_eq!(chosen(&|bayes, tau| 1.0 - (bayes - 0.2).powi(2) - (tau - 0.5).powi(2)), (0.2, 0.5));
        let peak = |bayes: f64, tau: f64| {
            let is_lonely = bayes > 0.3 && tau > 0.65;
            if is_lonely { 0.5 } else { 0.3 - (bayes - 0.1).abs() / 10.0 - (tau - 0.2).abs() }
        };
        assert_eq!(chosen(&peak), (0.1, 0.2));
        assert_eq!(best(|_| None), None);
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
