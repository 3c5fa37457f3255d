//! Kernel ridge regression with Nyström's approximation, on singular vectors of the rich matrix.
//!
//! Minimises `Σ weight (y - k(x) a)² + λ aᵀ K a`, where `k(x)` are the kernel values of an ad with the landmarks and `K`
//! those of the landmarks (Williams and Seeger, 2001). The kernel is `exp(-γ |x - l|²)`.

use common_core::{Error, Result};
use common_index::kernels::kernels;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::projection::Svd;
use crate::features::sparse::Sparse;

/// Singular vectors.
const WIDTH: usize = 200;
/// The most frequent columns, which the SVD reads.
const COLUMNS: usize = 10_000;
/// Training ads that the others are compared with.
const LANDMARKS: usize = 1_500;
/// λ: penalty.
const PENALTY: f64 = 0.3;
/// γ times the median squared length of an ad.
const GAMMA: f64 = 0.5;

/// A fitted kernel ridge regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    svd: Svd,
    /// `[landmarks, width]`, row-major.
    landmarks: Vec<f32>,
    gamma: f64,
    weights: Vec<f64>,
    mean: f64,
}

/// Sums over ads, from which a model is solved.
#[derive(Clone)]
struct Sums {
    products: Mat<f64>,
    target: Mat<f64>,
}

/// Ads with targets, weights and folds.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// `[ads, columns]`.
    pub matrix: &'a Sparse,
    /// Target of each ad.
    pub targets: &'a [f64],
    /// Weight of each ad.
    pub weights: &'a [f64],
    /// Fold of each ad.
    pub folds: &'a [u32],
    /// Seed of SVD and landmarks.
    pub seed: u64,
}

impl Kernel {
    /// Fits to all ads, and predicts each by a fit to the other folds.
    ///
    /// # Errors
    /// `Internal` if a decomposition fails.
    pub fn fit(problem: Problem<'_>) -> Result<(Self, Vec<f64>)> {
        let Problem { matrix, targets, weights, folds, seed } = problem;
        let svd = Svd::fit(matrix, WIDTH, COLUMNS, seed)?;
        let points = svd.transform(matrix)?;
        let width = svd.width().max(1);
        let mut lengths: Vec<f64> = points.chunks(width).map(squared).collect();
        lengths.sort_unstable_by(f64::total_cmp);
        let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default().max(1e-6);
        let mut chosen =
            sample(&mut ChaCha8Rng::seed_from_u64(seed), matrix.rows(), LANDMARKS.min(matrix.rows()))
                .into_vec();
        chosen.sort_unstable();
        let landmarks = chosen.iter().flat_map(|row| &points[row * width..][..width]).copied().collect();
        let total: f64 = weights.iter().sum();
        let mean =
            targets.iter().zip(weights).map(|(y, w)| y * w).sum::<f64>() / total.max(f64::MIN_POSITIVE);
        let mut kernel = Self { svd, landmarks, gamma: GAMMA / median, weights: Vec::new(), mean };
        let values = kernel.values(&points);
        let count = chosen.len();
        let sums_of = |fold: u32| {
            let rows: Vec<usize> = (0..targets.len()).filter(|row| folds[*row] == fold).collect();
            let root = |at: usize| weights[rows[at]].sqrt();
            let scaled = Mat::from_fn(rows.len(), count, |at, to| root(at) * values[rows[at] * count + to]);
            let target = Mat::from_fn(rows.len(), 1, |at, _| root(at) * (targets[rows[at]] - mean));
            Sums { products: scaled.transpose() * &scaled, target: scaled.transpose() * target }
        };
        let fold_count = folds.iter().max().map_or(0, |most| most + 1);
        let parts: Vec<Sums> = (0..fold_count).map(sums_of).collect();
        let mut all = Sums { products: Mat::zeros(count, count), target: Mat::zeros(count, 1) };
        for part in &parts {
            all.products += &part.products;
            all.target += &part.target;
        }
        let among = kernel.values(&kernel.landmarks);
        let penalty = Mat::from_fn(count, count, |row, column| {
            PENALTY * among[row * count + column] + if row == column { 1e-6 } else { 0.0 }
        });
        let mut out_of_fold = vec![mean; targets.len()];
        for (fold, part) in parts.iter().enumerate().filter(|_| fold_count > 1) {
            let others = solve(&(&all.products - &part.products + &penalty), &(&all.target - &part.target))?;
            for row in (0..targets.len()).filter(|row| folds[*row] as usize == fold) {
                out_of_fold[row] = mean + dot(&values[row * count..][..count], &others);
            }
        }
        kernel.weights = solve(&(&all.products + &penalty), &all.target)?;
        Ok((kernel, out_of_fold))
    }

    /// Predictions for the rows of `matrix`.
    ///
    /// # Errors
    /// `Internal` if it has another number of columns.
    pub fn predict(&self, matrix: &Sparse) -> Result<Vec<f64>> {
        let points = self.svd.transform(matrix)?;
        let count = self.weights.len().max(1);
        let values = self.values(&points);
        Ok(values.chunks(count).map(|values| self.mean + dot(values, &self.weights)).collect())
    }

    /// Kernel values of `points` with the landmarks: `[points, landmarks]`, row-major.
    fn values(&self, points: &[f32]) -> Vec<f64> {
        let width = self.svd.width().max(1);
        let dot = kernels().dot;
        let lengths: Vec<f64> = self.landmarks.chunks(width).map(squared).collect();
        let of = |point: &[f32]| -> Vec<f64> {
            let own = squared(point);
            let landmarks = self.landmarks.chunks(width).zip(&lengths);
            let value = |(landmark, length): (&[f32], &f64)| {
                // |x - l|², below zero by rounding only.
                let distance = own + length - 2.0 * f64::from(dot(point, landmark));
                (-self.gamma * distance.max(0.0)).exp()
            };
            landmarks.map(value).collect()
        };
        points.par_chunks(width).flat_map_iter(of).collect()
    }
}

fn squared(point: &[f32]) -> f64 {
    point.iter().map(|value| f64::from(*value).powi(2)).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn solve(matrix: &Mat<f64>, target: &Mat<f64>) -> Result<Vec<f64>> {
    let decomposed = matrix.llt(Side::Lower).map_err(|error| {
        Error::internal(format!("the equations of the kernel regression are singular: {error:?}"))
    })?;
    let solution = decomposed.solve(target);
    Ok((0..solution.nrows()).map(|row| solution[(row, 0)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_function_is_learned_and_folds_are_held_out() {
        let rows: Vec<Vec<(u32, f32)>> =
            (0..300).map(|n| vec![(0, (n as f32 / 30.0).sin()), (1, (n as f32 / 30.0).cos())]).collect();
        let matrix = Sparse::from_rows(2, rows);
        let targets: Vec<f64> = (0..300).map(|n| 8.0 + (f64::from(n) / 30.0).sin().powi(2)).collect();
        let folds: Vec<u32> = (0..300).map(|n| n % 5).collect();
        let problem =
            Problem { matrix: &matrix, targets: &targets, weights: &[1.0; 300], folds: &folds, seed: 1 };
        let (kernel, out_of_fold) = Kernel::fit(problem).unwrap();
        let predicted = kernel.predict(&matrix).unwrap();
        for n in 0..300 {
            assert!(
                (predicted[n] - targets[n]).abs() < 0.1 && (out_of_fold[n] - targets[n]).abs() < 0.1,
                "{n}"
            );
        }
        assert_eq!(kernel, Kernel::fit(problem).unwrap().0);
    }
}
