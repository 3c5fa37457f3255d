//! Multinomial logistic regression with a quadratic penalty and unpenalised intercepts, by the L-BFGS of argmin.
//!
//! argmin's L-BFGS takes vectors of any type: with those of the module `implicit`, the search needs vectors of
//! `[rows, classes]` alone, however many columns there are. An iteration is one product with the matrix and one with
//! its transposition, because the line search needs costs alone.

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::BacktrackingLineSearch;
use argmin::solver::linesearch::condition::ArmijoCondition;
use argmin::solver::quasinewton::LBFGS;
use common_core::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::implicit::Implicit;
use super::{ClassWeights, LOG_ABSENT, Present, log_softmax};
use crate::features::sparse::Sparse;

/// Steps that L-BFGS remembers.
const HISTORY: usize = 8;
const MAX_ITERATIONS: u64 = 150;
/// Decrease of the mean loss at which the search ends.
const TOLERANCE: f64 = 1e-6;
/// Share of the promised decrease that a step must bring, and factor of a step that does not.
const ARMIJO: f64 = 1e-4;
const SHORTER: f64 = 0.5;

/// Parameters of a logistic regression.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogisticParameters {
    /// Weight of the losses against the penalty, as `C` of scikit-learn: minimises `c Σ weight loss + |W|² / 2`.
    pub c: f64,
    /// How much an ad counts.
    pub weights: ClassWeights,
}

/// A fitted logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    columns: usize,
    /// `[columns, present classes]`, row-major.
    weights: Vec<f32>,
    intercepts: Vec<f64>,
    present: Present,
}

impl LogisticParameters {
    /// Fits the classes `labels` (codes below `classes`) to the rows of `matrix`.
    ///
    /// # Errors
    /// `InvalidInput` without rows; `Internal` if the search fails.
    pub fn fit(&self, matrix: &Sparse, labels: &[u32], classes: usize) -> Result<Logistic> {
        let present = Present::of(labels, classes)?;
        let places = present.places(labels);
        let of_class = present.weights(self.weights);
        let total: f64 = places.iter().map(|place| of_class[*place as usize]).sum();
        let problem = Problem {
            rows: matrix,
            columns: matrix.transposed(),
            weights: places.iter().map(|place| of_class[*place as usize] / total).collect(),
            penalty: 1.0 / (self.c * total),
            classes: present.len(),
            places,
        };
        let solution = problem.minimise(&present.log_shares())?;
        Ok(Logistic {
            columns: matrix.columns(),
            weights: problem.columns.times_narrow(&solution.coefficients, present.len()),
            intercepts: solution.intercepts.to_vec(),
            present,
        })
    }
}

impl Logistic {
    /// Log probabilities: `[rows, classes]` f64, row-major.
    ///
    /// # Errors
    /// `Internal` if `matrix` has another number of columns.
    pub fn log_proba(&self, matrix: &Sparse) -> Result<Vec<f64>> {
        if matrix.columns() != self.columns {
            let (has, expected) = (matrix.columns(), self.columns);
            return Err(Error::internal(format!(
                "the logistic regression is of {expected} columns, not {has}"
            )));
        }
        let width = self.present.len();
        let scores = matrix.times_narrow(&self.weights, width);
        let mut logs: Vec<f64> = scores.iter().map(|score| f64::from(*score)).collect();
        for row in logs.chunks_exact_mut(width) {
            row.iter_mut().zip(&self.intercepts).for_each(|(score, intercept)| *score += intercept);
            log_softmax(row);
        }
        Ok(self.present.spread(&logs, LOG_ABSENT))
    }

    /// The classes that it was fitted to.
    pub fn present(&self) -> &Present {
        &self.present
    }
}

/// Minimises `Σ weight loss + penalty |W|² / 2`, where the weights add up to 1.
struct Problem<'a> {
    rows: &'a Sparse,
    columns: Sparse,
    /// Class of each row.
    places: Vec<u32>,
    weights: Vec<f64>,
    penalty: f64,
    classes: usize,
}

impl Problem<'_> {
    fn minimise(&self, intercepts: &[f64]) -> Result<Implicit> {
        let start = Implicit::zero(self.rows.rows(), intercepts);
        if self.classes < 2 {
            return Ok(start);
        }
        let search = || -> std::result::Result<Option<Implicit>, argmin::core::Error> {
            let steps = BacktrackingLineSearch::new(ArmijoCondition::new(ARMIJO)?).rho(SHORTER)?;
            let solver = LBFGS::new(steps, HISTORY).with_tolerance_cost(TOLERANCE)?;
            let result = Executor::new(self, solver)
                .configure(|state| state.param(start.clone()).max_iters(MAX_ITERATIONS))
                .timer(false)
                .run()?;
            let found = result.state;
            tracing::debug!(
                iterations = found.get_iter(),
                loss = found.get_best_cost(),
                columns = self.rows.columns(),
                "logistic regression"
            );
            Ok(found.get_best_param().cloned())
        };
        let failed =
            |reason: &str| Error::internal(format!("the search of a logistic regression failed: {reason}"));
        search().map_err(|error| failed(&error.to_string()))?.ok_or_else(|| failed("no step was found"))
    }

    /// Log probabilities of each row's classes, by `visit`.
    fn each_row<T: Send>(&self, at: &Implicit, visit: impl Fn(usize, &[f64]) -> T + Sync) -> Vec<T> {
        let rows = at.scores.par_chunks_exact(self.classes).enumerate().with_min_len(64);
        let logs = || vec![0.0; self.classes];
        rows.map_init(logs, |logs, (row, scores)| {
            for ((log, score), intercept) in logs.iter_mut().zip(scores).zip(&*at.intercepts) {
                *log = f64::from(*score) + intercept;
            }
            log_softmax(logs);
            visit(row, logs)
        })
        .collect()
    }
}

impl CostFunction for &Problem<'_> {
    type Param = Implicit;
    type Output = f64;

    fn cost(&self, at: &Implicit) -> std::result::Result<f64, argmin::core::Error> {
        let losses = self.each_row(at, |row, logs| -self.weights[row] * logs[self.places[row] as usize]);
        let squared: f64 =
            at.coefficients.iter().zip(&*at.scores).map(|(c, score)| f64::from(*c) * f64::from(*score)).sum();
        Ok(losses.iter().sum::<f64>() + self.penalty * squared / 2.0)
    }
}

impl Gradient for &Problem<'_> {
    type Param = Implicit;
    type Gradient = Implicit;

    fn gradient(&self, at: &Implicit) -> std::result::Result<Implicit, argmin::core::Error> {
        let residuals: Vec<f64> = self
            .each_row(at, |row, logs| {
                let is_own = |class: usize| f64::from(self.places[row] == class as u32);
                let residual = |(class, log): (usize, &f64)| self.weights[row] * (log.exp() - is_own(class));
                logs.iter().enumerate().map(residual).collect::<Vec<f64>>()
            })
            .concat();
        let mut intercepts = vec![0.0; self.classes];
        for row in residuals.chunks_exact(self.classes) {
            intercepts.iter_mut().zip(row).for_each(|(sum, residual)| *sum += residual);
        }
        let coefficients: Vec<f32> = residuals
            .iter()
            .zip(&*at.coefficients)
            .map(|(residual, own)| (residual + self.penalty * f64::from(*own)) as f32)
            .collect();
        let weights = self.columns.times_narrow(&coefficients, self.classes);
        let scores = self.rows.times_narrow(&weights, self.classes);
        Ok(Implicit {
            coefficients: coefficients.into(),
            scores: scores.into(),
            intercepts: intercepts.into(),
        })
    }
}

#[cfg(test)]
mod tests;
