//! A trained model: predictions, contributions, importance, text.

use std::ffi::CString;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common_core::{Error, Result};

use crate::dataset::{Matrix, wrong_columns};
use crate::native::{Entered, Model, Output};
use crate::text;

/// Rows up to which one thread predicts: starting others takes longer.
const ROWS_OF_ONE_THREAD: usize = 64;

/// What makes a column important.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Sum of the gains of its splits.
    Gain,
    /// Number of its splits.
    Splits,
}

/// A trained model. It may be shared: calls of several threads take turns, each on as many threads as [`threads`] says.
///
/// [`threads`]: Self::threads
pub struct Booster {
    /// LightGBM locks a model that predicts as if it only read it, but it writes to it when a prediction begins.
    model: Mutex<Model<'static>>,
    summary: text::Summary,
    threads: Option<u32>,
}

impl fmt::Debug for Booster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Booster").field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl Booster {
    /// Reads a model's text, of this crate or of LightGBM's other interfaces.
    ///
    /// LightGBM trusts a text: it follows offsets and indexes wherever they lead. So the structure is checked first,
    /// with the sizes of the trees and the indexes in them. Other numbers are not
    /// checked: the caller verifies the checksum of a stored text.
    ///
    /// # Errors
    /// The text is truncated or its structure is damaged.
    pub fn from_text(text: &str) -> Result<Self> {
        let text = text::normalise(text);
        let summary = text::check(&text)?;
        let text = CString::new(text)
            .map_err(|error| Error::corrupt("invalid LightGBM model: expected no NUL").caused_by(error))?;
        let _entered = Entered::new(None);
        let model = Model::load(&text)
            .map_err(|error| Error::corrupt(format!("invalid LightGBM model: {error}")).caused_by(error))?;
        Ok(Self { model: Mutex::new(model), summary, threads: None })
    }

    /// Sets the number of threads of a prediction; 0 means all cores. The values do not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = (threads > 0).then_some(threads);
        self
    }

    /// Predicts rows: `[rows]`, or probabilities `[rows, classes]` of several classes.
    ///
    /// # Errors
    /// The number of columns is not the model's.
    pub fn predict(&self, matrix: Matrix<'_>) -> Result<Vec<f64>> {
        self.run(matrix, Output::Values)
    }

    /// Sums of the trees, before the objective turns them into values such as probabilities; shaped as by `predict`.
    ///
    /// # Errors
    /// The number of columns is not the model's.
    pub fn raw_scores(&self, matrix: Matrix<'_>) -> Result<Vec<f64>> {
        self.run(matrix, Output::Raw)
    }

    /// SHAP values: what each column adds to the raw score, `[rows, classes, columns + 1]`. The last value is the
    /// expected score; all together are the raw score.
    ///
    /// # Errors
    /// The number of columns is not the model's.
    pub fn contributions(&self, matrix: Matrix<'_>) -> Result<Vec<f64>> {
        self.run(matrix, Output::Contributions)
    }

    /// The model as text. It is the same whatever the number of threads, and `from_text` gives the same model.
    ///
    /// # Errors
    /// LightGBM fails.
    pub fn to_text(&self) -> Result<String> {
        let _entered = Entered::new(self.threads);
        let text = self.lock().save(self.summary.rounds)?;
        Ok(text::normalise(&text))
    }

    /// The trees as JSON, for display. It cannot be read back.
    ///
    /// # Errors
    /// LightGBM fails.
    pub fn to_json(&self) -> Result<String> {
        let _entered = Entered::new(self.threads);
        self.lock().json()
    }

    /// Importance of each column, `[columns]`.
    ///
    /// # Errors
    /// LightGBM fails.
    pub fn importance(&self, importance: Importance) -> Result<Vec<f64>> {
        let kind = match importance {
            Importance::Splits => 0,
            Importance::Gain => 1,
        };
        let _entered = Entered::new(self.threads);
        self.lock().importance(kind, self.columns())
    }

    /// Number of values that are predicted for a row: 1, or the classes of a multi-class objective.
    pub fn classes(&self) -> usize {
        self.summary.classes
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.summary.names.len()
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.summary.names
    }

    /// Number of rounds; each has a tree a class.
    pub fn rounds(&self) -> usize {
        self.summary.rounds
    }

    fn run(&self, matrix: Matrix<'_>, output: Output) -> Result<Vec<f64>> {
        if matrix.columns != self.columns() {
            return Err(wrong_columns(matrix.columns, self.columns()));
        }
        let rows = matrix.rows()?;
        if rows == 0 {
            return Ok(Vec::new());
        }
        let _entered = Entered::new(if rows <= ROWS_OF_ONE_THREAD { Some(1) } else { self.threads });
        self.lock().predict(matrix, output)
    }

    fn lock(&self) -> MutexGuard<'_, Model<'static>> {
        // A panic leaves the model as it was: every call is one of LightGBM's.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
