//! Isotonic regression by pooling adjacent violators.

use serde::{Deserialize, Serialize};

/// A function that never falls: straight between its points, constant outside.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Isotonic {
    /// Ascending x, y that never falls.
    pub points: Vec<(f64, f64)>,
}

impl Isotonic {
    /// The closest function in squared error to pairs of x and y. Pairs that are not finite are left out.
    ///
    /// Every pool of pairs is one point, at its mean x.
    pub fn fit(pairs: &[(f64, f64)]) -> Self {
        let mut pairs: Vec<(f64, f64)> =
            pairs.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // Pools: number of pairs, sum of x, sum of y.
        let mut pools: Vec<(f64, f64, f64)> = Vec::new();
        for equal in pairs.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let rows = equal.len() as f64;
            let mut pool = (rows, equal[0].0 * rows, equal.iter().map(|pair| pair.1).sum::<f64>());
            while let Some(last) = pools.pop_if(|last| last.2 / last.0 >= pool.2 / pool.0) {
                pool = (pool.0 + last.0, pool.1 + last.1, pool.2 + last.2);
            }
            pools.push(pool);
        }
        Self { points: pools.into_iter().map(|(rows, x, y)| (x / rows, y / rows)).collect() }
    }

    /// The value at `x`, or `x` itself if nothing was fitted.
    pub fn at(&self, x: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 < x);
        match (after.checked_sub(1).map(|before| self.points[before]), self.points.get(after)) {
            (None, None) => x,
            (Some(end), None) => end.1,
            (None, Some(end)) => end.1,
            (Some(left), Some(right)) => left.1 + (right.1 - left.1) * (x - left.0) / (right.0 - left.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn violators_are_pooled() {
        let fitted = Isotonic::fit(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0)]);
        assert_eq!(fitted.points, [(1.0, 1.0), (2.5, 2.5), (4.0, 4.0)]);
        for (x, y) in [(0.0, 1.0), (1.75, 1.75), (2.5, 2.5), (9.0, 4.0)] {
            assert!((fitted.at(x) - y).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn nothing_fitted_changes_nothing() {
        let none = Isotonic::fit(&[(f64::NAN, 1.0), (1.0, f64::INFINITY)]);
        assert_eq!((none.points.len(), none.at(0.3)), (0, 0.3));
        assert!((Isotonic::fit(&[(0.5, 0.2)]).at(7.0) - 0.2).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_function_never_falls_and_keeps_the_mean(
            pairs in prop::collection::vec((-5i32..5, 0.0..1.0f64), 1..40), a in -6.0..6.0f64, b in -6.0..6.0f64,
        ) {
            let pairs: Vec<(f64, f64)> = pairs.into_iter().map(|(x, y)| (f64::from(x), y)).collect();
            let fitted = Isotonic::fit(&pairs);
            prop_assert!(fitted.at(a.min(b)) <= fitted.at(a.max(b)) + 1e-12);
            let [low, high] = [f64::min, f64::max].map(|pick| pairs.iter().map(|pair| pair.1).reduce(pick).unwrap());
            prop_assert!((low - 1e-9..=high + 1e-9).contains(&fitted.at(a)));
        }
    }
}
