//! Ridge regression with an unpenalised intercept and weights, on sparse and on dense columns.

use common_core::{Error, Result};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::sparse::Sparse;

/// Residual, relative to the start, at which conjugate gradients stop.
const TOLERANCE: f64 = 1e-4;
const MAX_ITERATIONS: usize = 200;

/// A linear model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// One weight a column.
    pub weights: Vec<f32>,
    /// The prediction where every column is 0.
    pub intercept: f64,
}

/// A sparse matrix with its transposition, for many fits on parts of its rows.
pub struct SparseProblem {
    rows: Sparse,
    columns: Sparse,
}

impl SparseProblem {
    /// The problem of the matrix `rows`, `[ads, columns]`.
    pub fn new(rows: Sparse) -> Self {
        let columns = rows.transposed();
        Self { rows, columns }
    }

    /// The matrix.
    pub fn matrix(&self) -> &Sparse {
        &self.rows
    }

    /// Minimises `Σ weight (y - prediction)² + alpha |β|²` by conjugate gradients. Rows of weight 0 have no influence.
    pub fn fit(&self, target: &[f64], weights: &[f64], alpha: f64) -> Linear {
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Linear { weights: vec![0.0; self.rows.columns()], intercept: 0.0 };
        }
        // Columns and target are centred implicitly, so that the intercept is not penalised.
        let means: Vec<f64> = self.columns.times(weights).into_iter().map(|sum| sum / total).collect();
        let mean = target.iter().zip(weights).map(|(y, w)| y * w).sum::<f64>() / total;
        let against_means = |vector: &[f64]| -> f64 { means.iter().zip(vector).map(|(m, v)| m * v).sum() };
        let across = |weighted: &[f64]| -> Vec<f64> {
            let sum: f64 = weighted.iter().sum();
            let mut product = self.columns.times(weighted);
            product.iter_mut().zip(&means).for_each(|(value, mean)| *value -= mean * sum);
            product
        };
        let hessian = |vector: &[f64]| -> Vec<f64> {
            let shift = against_means(vector);
            let mut product = self.rows.times(vector);
            product.iter_mut().zip(weights).for_each(|(value, weight)| *value = (*value - shift) * weight);
            let mut product = across(&product);
            product.iter_mut().zip(vector).for_each(|(value, own)| *value += alpha * own);
            product
        };
        let gradient: Vec<f64> = target.iter().zip(weights).map(|(y, w)| (y - mean) * w).collect();
        let solution = conjugate_gradients(hessian, across(&gradient));
        let intercept = mean - against_means(&solution);
        Linear { weights: solution.into_iter().map(|weight| weight as f32).collect(), intercept }
    }
}

/// Solves `A x = b` for a symmetric positive definite `A`.
fn conjugate_gradients(times: impl Fn(&[f64]) -> Vec<f64>, b: Vec<f64>) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let mut solution = vec![0.0; b.len()];
    let mut residual = b;
    let mut direction = residual.clone();
    let mut length = dot(&residual, &residual);
    let enough = length * TOLERANCE * TOLERANCE;
    for _ in 0..MAX_ITERATIONS {
        if length <= enough {
            break;
        }
        let image = times(&direction);
        let step = length / dot(&direction, &image);
        solution.iter_mut().zip(&direction).for_each(|(value, direction)| *value += step * direction);
        residual.iter_mut().zip(&image).for_each(|(value, image)| *value -= step * image);
        let next = dot(&residual, &residual);
        let turn = next / length;
        direction.iter_mut().zip(&residual).for_each(|(value, residual)| *value = residual + turn * *value);
        length = next;
    }
    solution
}

impl Linear {
    /// Predictions for the rows of `matrix`.
    ///
    /// # Errors
    /// `Internal` if it has another number of columns.
    pub fn predict(&self, matrix: &Sparse) -> Result<Vec<f64>> {
        if matrix.columns() != self.weights.len() {
            let (has, expected) = (matrix.columns(), self.weights.len());
            return Err(Error::internal(format!("the linear model is of {expected} columns, not {has}")));
        }
        let of = |row: usize| {
            let sum = matrix
                .row(row)
                .map(|(column, value)| f64::from(value) * f64::from(self.weights[column as usize]));
            self.intercept + sum.sum::<f64>()
        };
        Ok((0..matrix.rows()).into_par_iter().with_min_len(64).map(of).collect())
    }

    /// The prediction for one dense row.
    pub fn predict_dense(&self, row: &[f32]) -> f64 {
        self.intercept
            + row.iter().zip(&self.weights).map(|(v, w)| f64::from(*v) * f64::from(*w)).sum::<f64>()
    }
}

/// The sums of a dense problem, from which parts can be taken away: `XᵀWX`, `XᵀWy` and the like with a column of ones.
#[derive(Clone)]
pub struct DenseProblem {
    width: usize,
    products: Mat<f64>,
    target: Vec<f64>,
}

impl DenseProblem {
    /// The sums over `rows`: a row of `width` values, its target and its weight.
    pub fn new<'a>(width: usize, rows: impl Iterator<Item = (&'a [f32], f64, f64)>) -> Self {
        let rows: Vec<(&[f32], f64, f64)> = rows.filter(|(_, _, weight)| *weight > 0.0).collect();
        let scaled = Mat::from_fn(rows.len(), width + 1, |row, column| {
            let (values, _, weight) = rows[row];
            weight.sqrt() * values.get(column).map_or(1.0, |value| f64::from(*value))
        });
        let products = scaled.transpose() * &scaled;
        let target = Mat::from_fn(rows.len(), 1, |row, _| rows[row].2.sqrt() * rows[row].1);
        let target = scaled.transpose() * &target;
        Self { width, products, target: (0..=width).map(|at| target[(at, 0)]).collect() }
    }

    /// Without the rows of `part`.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let target = self.target.iter().zip(&part.target).map(|(all, part)| all - part).collect();
        Self { width: self.width, products: &self.products - &part.products, target }
    }

    /// Minimises `Σ weight (y - prediction)² + alpha |β|²`; the intercept is not penalised.
    ///
    /// # Errors
    /// `Internal` if the matrix is singular in spite of `alpha`.
    pub fn fit(&self, alpha: f64) -> Result<Linear> {
        let mut matrix = self.products.clone();
        for at in 0..self.width {
            matrix[(at, at)] += alpha;
        }
        matrix[(self.width, self.width)] += 1e-9;
        let solved = matrix.llt(Side::Lower).map_err(|error| {
            Error::internal(format!("the linear equations of {} columns are singular: {error:?}", self.width))
        })?;
        let target = Mat::from_fn(self.width + 1, 1, |row, _| self.target[row]);
        let solution = solved.solve(&target);
        let weights = (0..self.width).map(|at| solution[(at, 0)] as f32).collect();
        Ok(Linear { weights, intercept: solution[(self.width, 0)] })
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// 200 ads of 6 columns, with target and weight.
    fn example() -> (Vec<Vec<f32>>, Vec<f64>, Vec<f64>) {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut draw = || random.random::<f64>();
        let rows: Vec<Vec<f32>> = (0..200).map(|_| (0..6).map(|_| draw() as f32).collect()).collect();
        let noise: Vec<f64> = (0..200).map(|_| draw()).collect();
        let target = rows
            .iter()
            .zip(&noise)
            .map(|(row, n)| 7.0 + f64::from(row[0]) - 2.0 * f64::from(row[3]) + 0.1 * n)
            .collect();
        let weights = (0..200).map(|n| if n % 5 == 0 { 0.0 } else { 1.0 + f64::from(n % 3) }).collect();
        (rows, target, weights)
    }

    #[test]
    fn conjugate_gradients_find_the_solution_of_the_normal_equations() {
        let (rows, target, weights) = example();
        let sparse =
            rows.iter().map(|row| row.iter().enumerate().map(|(c, v)| (c as u32, *v)).collect()).collect();
        let problem = SparseProblem::new(Sparse::from_rows(6, sparse));
        let one = problem.fit(&target, &weights, 2.0);
        let dense = rows.iter().zip(&target).zip(&weights).map(|((row, y), w)| (row.as_slice(), *y, *w));
        let other = DenseProblem::new(6, dense).fit(2.0).unwrap();
        assert!((one.intercept - other.intercept).abs() < 1e-3);
        for (a, b) in one.weights.iter().zip(&other.weights) {
            assert!((a - b).abs() < 1e-3, "{one:?} {other:?}");
        }
        let predicted = one.predict(problem.matrix()).unwrap();
        assert!((predicted[7] - one.predict_dense(&rows[7])).abs() < 1e-9);
        assert!(one.predict(&Sparse::new(5)).is_err());
    }

    #[test]
    fn rows_of_weight_0_have_no_influence() {
        let (rows, mut target, weights) = example();
        let sparse: Vec<Vec<(u32, f32)>> =
            rows.iter().map(|row| row.iter().enumerate().map(|(c, v)| (c as u32, *v)).collect()).collect();
        let problem = SparseProblem::new(Sparse::from_rows(6, sparse));
        let before = problem.fit(&target, &weights, 1.0);
        target[0] = 1e6;
        assert_eq!(problem.fit(&target, &weights, 1.0), before);
        assert_eq!(problem.fit(&target, &[0.0; 200], 1.0).intercept, 0.0);
    }

    #[test]
    fn a_part_can_be_taken_away() {
        let (rows, target, weights) = example();
        let sums = |keep: fn(usize) -> bool| {
            let of = |n: usize| (rows[n].as_slice(), target[n], if keep(n) { weights[n] } else { 0.0 });
            DenseProblem::new(6, (0..200).map(of))
        };
        let without = sums(|_| true).without(&sums(|n| n < 50)).fit(1.0).unwrap();
        let direct = sums(|n| n >= 50).fit(1.0).unwrap();
        assert!(without.weights.iter().zip(&direct.weights).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
