//! Training and prediction.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use common_core::{Error, Result};

use crate::library::{DenseMatrix, Functions, Trees};

/// The library.
#[derive(Clone)]
pub struct Xgboost(Arc<Functions>);

/// Dense rows, `[rows, columns]` f32, row-major; NaN is missing.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// `rows × columns` values.
    pub values: &'a [f32],
    /// Number of columns, at least 1.
    pub columns: usize,
}

/// How trees are trained.
#[derive(Debug, Clone)]
pub struct Training<'a> {
    /// Parameters as XGBoost names them.
    pub parameters: &'a [(&'a str, String)],
    /// Number of trees.
    pub rounds: u32,
}

/// Trained trees.
pub struct Booster {
    functions: Arc<Functions>,
    trees: Mutex<Trees>,
    columns: usize,
}

impl std::fmt::Debug for Xgboost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Xgboost")
    }
}

impl Rows<'_> {
    fn rows(&self) -> Result<usize> {
        let (values, columns) = (self.values.len(), self.columns);
        if columns == 0 || !values.is_multiple_of(columns) {
            return Err(Error::invalid_input(format!(
                "invalid matrix of {values} values and {columns} columns: expected rows of the same length"
            )));
        }
        Ok(values / columns)
    }
}

impl Xgboost {
    /// Loads the library of `folder`.
    ///
    /// # Errors
    /// `NotFound` if it is missing; `InvalidInput` if it cannot be loaded or is of another major version.
    pub fn load(folder: &Path) -> Result<Self> {
        Ok(Self(Functions::load(folder)?))
    }

    /// Trains trees. `targets`: one finite number a row.
    ///
    /// # Errors
    /// `InvalidInput` if there are no rows, the targets are not as many or not finite, or XGBoost refuses a parameter.
    pub fn train(&self, rows: Rows<'_>, targets: &[f32], training: &Training<'_>) -> Result<Booster> {
        let count = rows.rows()?;
        if count == 0 || targets.len() != count || targets.iter().any(|target| !target.is_finite()) {
            let found = targets.len();
            return Err(Error::invalid_input(format!(
                "invalid {found} targets of {count} rows: expected a finite number for each row, at least one"
            )));
        }
        let mut matrix = DenseMatrix::new(&self.0, rows.values, rows.columns)?;
        matrix.set(c"label", targets)?;
        let mut trees = Trees::new(&matrix, training.parameters)?;
        for round in 0..training.rounds {
            trees.update(round, &matrix)?;
        }
        Ok(Booster { functions: Arc::clone(&self.0), trees: Mutex::new(trees), columns: rows.columns })
    }
}

impl Booster {
    /// Number of columns of the rows.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A prediction for each row.
    ///
    /// # Errors
    /// `InvalidInput` if the rows have other columns than those of the training.
    pub fn predict(&self, rows: Rows<'_>) -> Result<Vec<f32>> {
        if rows.columns != self.columns {
            return Err(Error::invalid_input(format!(
                "invalid rows of {} columns: expected {}",
                rows.columns, self.columns
            )));
        }
        if rows.rows()? == 0 {
            return Ok(Vec::new());
        }
        let matrix = DenseMatrix::new(&self.functions, rows.values, rows.columns)?;
        self.trees.lock().unwrap_or_else(PoisonError::into_inner).predict(&matrix)
    }
}
