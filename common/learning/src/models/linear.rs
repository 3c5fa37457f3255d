//! Linear regression on the basic features, by smartcore.

use common_core::{Error, Result};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression::{
    LinearRegression, LinearRegressionParameters, LinearRegressionSolverName,
};

use super::basic::Basic;
use super::ridge::{DenseProblem, Linear};
use super::{SalaryModel, SalaryRecipe, TrainingData, refuse_empty};
use crate::features::AdTable;

/// Least squares without a penalty.
#[derive(Debug, Clone, Copy)]
pub struct LeastSquares;

/// Penalty where least squares have no unique solution.
const SLIGHT: f64 = 1e-3;

/// A linear model with a slight penalty.
struct Slight {
    basic: Basic,
    linear: Linear,
}

struct Fitted {
    basic: Basic,
    regression: LinearRegression<f64, f64, DenseMatrix<f64>, Vec<f64>>,
    /// Smallest and largest target: beyond them a line is not believed.
    range: (f64, f64),
}

impl SalaryRecipe for LeastSquares {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        refuse_empty(rows)?;
        let basic = Basic::fit(&data.table, rows)?;
        let columns = matrix(&basic, &data.table, rows)?;
        let targets = data.targets(rows);
        let range = targets.iter().fold((f64::MAX, f64::MIN), |(min, max), y| (min.min(*y), max.max(*y)));
        if rows.len() <= basic.width() + 1 {
            return underdetermined(basic, data, rows);
        }
        // Columns of one category add up to nearly one: SVD solves singular equations, QR does not.
        let parameters = LinearRegressionParameters::default().with_solver(LinearRegressionSolverName::SVD);
        let regression = LinearRegression::fit(&columns, &targets, parameters).map_err(failed)?;
        Ok(Box::new(Fitted { basic, regression, range }))
    }
}

impl SalaryModel for Fitted {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let predicted = self.regression.predict(&matrix(&self.basic, table, rows)?).map_err(failed)?;
        Ok(predicted.into_iter().map(|value| value.clamp(self.range.0, self.range.1)).collect())
    }
}

/// With fewer ads than columns least squares have no unique solution: a slight penalty chooses one.
fn underdetermined(basic: Basic, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
    let columns = basic.transform(&data.table, rows);
    let targets = data.targets(rows);
    let ads = columns.iter().zip(&targets).map(|(columns, target)| (columns.as_slice(), *target, 1.0));
    let linear = DenseProblem::new(basic.width(), ads).fit(SLIGHT)?;
    Ok(Box::new(Slight { basic, linear }))
}

impl SalaryModel for Slight {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        Ok(self
            .basic
            .transform(table, rows)
            .iter()
            .map(|columns| self.linear.predict_dense(columns))
            .collect())
    }
}

/// The basic features as a matrix of smartcore.
pub(crate) fn matrix(basic: &Basic, table: &AdTable, rows: &[u32]) -> Result<DenseMatrix<f64>> {
    let rows: Vec<Vec<f64>> = basic
        .transform(table, rows)
        .into_iter()
        .map(|row| row.into_iter().map(f64::from).collect())
        .collect();
    DenseMatrix::from_2d_vec(&rows).map_err(failed)
}

/// An error of smartcore.
pub(crate) fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("smartcore: {error}"))
}
