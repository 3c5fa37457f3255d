//! The classical features: numbers, one-hot categories and ten principal components of the vector, as dense columns.

use common_core::Result;
use serde::{Deserialize, Serialize};

use crate::features::AdTable;
use crate::features::encoding::Codes;
use crate::features::numeric::NUMERIC;
use crate::features::projection::Pca;

/// Principal components of the vector.
const COMPONENTS: usize = 10;
/// Values of a category that get a column: the most frequent.
const MOST_VALUES: usize = 60;
/// The one-hot categories. The first is what models of roles predict.
const ONE_HOT: [&str; 4] = ["classification", "work_type", "source", "location_wide"];

/// A fitted transformation to `[ads, columns]` f32 without missing values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basic {
    means: Vec<f32>,
    /// The one-hot categories with their codes.
    codes: Vec<(String, Codes)>,
    components: Pca,
}

impl Basic {
    /// Learns from `rows`.
    ///
    /// # Errors
    /// `Internal` if the principal components are not found.
    pub fn fit(table: &AdTable, rows: &[u32]) -> Result<Self> {
        Self::of_categories(table, rows, &ONE_HOT)
    }

    /// Learns from `rows` columns that do not contain the classification.
    ///
    /// # Errors
    /// `Internal` if the principal components are not found.
    pub fn without_classification(table: &AdTable, rows: &[u32]) -> Result<Self> {
        Self::of_categories(table, rows, &ONE_HOT[1..])
    }

    fn of_categories(table: &AdTable, rows: &[u32], categories: &[&str]) -> Result<Self> {
        let width = NUMERIC.len();
        let mean = |column: usize| {
            let values = rows
                .iter()
                .map(|row| table.numeric[*row as usize * width + column])
                .filter(|v| v.is_finite());
            let (sum, count) =
                values.fold((0f64, 0u32), |(sum, count), value| (sum + f64::from(value), count + 1));
            if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 }
        };
        let vectors: Vec<f32> = rows.iter().flat_map(|row| table.embedding(*row as usize)).copied().collect();
        Ok(Self {
            means: (0..width).map(mean).collect(),
            codes: categories
                .iter()
                .map(|name| ((*name).to_owned(), Codes::fit_most(table.category(name), rows, MOST_VALUES)))
                .collect(),
            components: Pca::fit(&vectors, table.dimension, COMPONENTS)?,
        })
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        let values = self.codes.iter().map(|(_, codes)| codes.len()).sum::<usize>();
        NUMERIC.len() + values + self.components.width()
    }

    /// The columns of `rows`, a vector a row.
    pub fn transform(&self, table: &AdTable, rows: &[u32]) -> Vec<Vec<f32>> {
        let width = NUMERIC.len();
        let of = |row: &u32| {
            let row = *row as usize;
            let numbers = &table.numeric[row * width..][..width];
            let known = |(value, mean): (&f32, &f32)| if value.is_finite() { *value } else { *mean };
            let mut columns: Vec<f32> = numbers.iter().zip(&self.means).map(known).collect();
            for (name, codes) in &self.codes {
                let code = codes.code(&table.category(name)[row]);
                columns.extend((1..=codes.len() as u32).map(|value| f32::from(value == code)));
            }
            columns.extend(self.components.transform(table.embedding(row)));
            columns
        };
        rows.iter().map(of).collect()
    }
}
