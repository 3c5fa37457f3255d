//! Rows in bins, and further datasets with the same bins.

use std::ffi::CString;

use common_core::{Error, Result};

use crate::native::{Bins, Entered};
use crate::parameters::{Parameters, Resolved};

/// A dense matrix in the order of its rows, `[rows, columns]`. NaN is a missing value.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// `rows × columns` values.
    pub values: &'a [f32],
    /// Number of columns, at least 1.
    pub columns: usize,
}

impl Matrix<'_> {
    /// Number of rows.
    ///
    /// # Errors
    /// There are no columns, or the values are not whole rows.
    pub fn rows(&self) -> Result<usize> {
        let (values, columns) = (self.values.len(), self.columns);
        if columns == 0 || !values.is_multiple_of(columns) {
            return Err(Error::invalid_input(format!(
                "invalid matrix of {values} values and {columns} columns: expected rows of the same length"
            )));
        }
        Ok(values / columns)
    }
}

/// What a dataset is made with. The default is numeric columns without names, and rows of the same weight.
#[derive(Debug, Clone, Default)]
pub struct DatasetOptions<'a> {
    /// Parameters of bins, such as `max_bin` and `min_data_in_bin`. LightGBM takes them here and nowhere else.
    /// `feature_pre_filter` is off unless it is set, so that a training may choose its own `min_data_in_leaf`.
    pub parameters: Parameters,
    /// Names of the columns: distinct, without spaces, quotes, brackets, commas and colons. Empty for `Column_0`, ….
    pub names: &'a [String],
    /// Columns whose values are categories, whole numbers from 0; negative numbers and NaN are missing.
    pub categorical: &'a [usize],
    /// One weight a row, finite and not negative.
    pub weights: Option<&'a [f32]>,
}

/// Rows in bins with labels, ready for training. It keeps no reference to the matrix.
pub struct Dataset {
    pub(crate) bins: Bins,
    pub(crate) parameters: Resolved,
    rows: usize,
    columns: usize,
}

impl Dataset {
    /// Puts the rows into bins that are chosen by their values. `labels`: one finite number a row.
    ///
    /// # Errors
    /// Parameters, names, categories, labels or weights do not fit the matrix, or LightGBM refuses them.
    pub fn new(matrix: Matrix<'_>, labels: &[f32], options: &DatasetOptions<'_>) -> Result<Self> {
        let mut parameters = options.parameters.resolve()?;
        parameters.values.entry("feature_pre_filter".to_owned()).or_insert_with(|| "false".to_owned());
        if let Some(column) = options.categorical.iter().find(|column| **column >= matrix.columns) {
            return Err(Error::invalid_input(format!(
                "invalid categorical column \"{column}\": expected less than {}",
                matrix.columns
            )));
        }
        if !options.categorical.is_empty() {
            let columns: Vec<_> = options.categorical.iter().map(usize::to_string).collect();
            parameters.values.insert("categorical_feature".to_owned(), columns.join(","));
        }
        let names = names(options.names, matrix.columns)?;
        let mut dataset = Self::fill(matrix, Rows { labels, weights: options.weights }, parameters, None)?;
        if !names.is_empty() {
            dataset.bins.set_names(&names)?;
        }
        Ok(dataset)
    }

    /// Puts further rows, such as those of validation, into the bins of this dataset.
    ///
    /// # Errors
    /// The number of columns is another, or labels or weights do not fit the matrix.
    pub fn aligned(&self, matrix: Matrix<'_>, labels: &[f32], weights: Option<&[f32]>) -> Result<Self> {
        if matrix.columns != self.columns {
            return Err(wrong_columns(matrix.columns, self.columns));
        }
        Self::fill(matrix, Rows { labels, weights }, self.parameters.clone(), Some(&self.bins))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    fn fill(
        matrix: Matrix<'_>,
        facts: Rows<'_>,
        parameters: Resolved,
        reference: Option<&Bins>,
    ) -> Result<Self> {
        let rows = matrix.rows()?;
        if rows == 0 {
            return Err(Error::invalid_input("invalid dataset without rows: expected at least one"));
        }
        facts.check(rows)?;
        let _entered = Entered::new(parameters.threads);
        let mut bins = Bins::new(matrix, &parameters.line()?, reference)?;
        bins.set(c"label", facts.labels)?;
        if let Some(weights) = facts.weights {
            bins.set(c"weight", weights)?;
        }
        Ok(Self { bins, parameters, rows, columns: matrix.columns })
    }
}

/// What belongs to rows besides their values.
#[derive(Clone, Copy)]
struct Rows<'a> {
    labels: &'a [f32],
    weights: Option<&'a [f32]>,
}

impl Rows<'_> {
    fn check(&self, rows: usize) -> Result<()> {
        let weights = self.weights.map(|weights| ("weights", weights));
        for (what, values) in [("labels", self.labels)].into_iter().chain(weights) {
            if values.len() != rows {
                return Err(Error::invalid_input(format!(
                    "invalid number of {what} \"{}\": expected {rows}, one a row",
                    values.len()
                )));
            }
            if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::invalid_input(format!(
                    "invalid {what}: row {row} has \"{}\": expected a finite number",
                    values[row]
                )));
            }
        }
        match self.weights.and_then(|weights| weights.iter().position(|weight| *weight < 0.0)) {
            Some(row) => Err(Error::invalid_input(format!("invalid weights: row {row} has a negative one"))),
            None => Ok(()),
        }
    }
}

/// The names for LightGBM, which would change those with spaces. It checks the other rules itself.
fn names(names: &[String], columns: usize) -> Result<Vec<CString>> {
    if !names.is_empty() && names.len() != columns {
        return Err(Error::invalid_input(format!(
            "invalid number of names \"{}\": expected {columns}, one a column",
            names.len()
        )));
    }
    names
        .iter()
        .map(|name| match CString::new(name.as_str()) {
            Ok(text) if !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '=') => {
                Ok(text)
            }
            _ => Err(Error::invalid_input(format!(
                "invalid name of a column \"{name}\": expected no spaces and no equals sign"
            ))),
        })
        .collect()
}

pub(crate) fn wrong_columns(found: usize, expected: usize) -> Error {
    Error::invalid_input(format!("invalid number of columns \"{found}\": expected {expected}"))
}
