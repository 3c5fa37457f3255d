//! Logistic regression on the vectors of ads.

use common_core::Result;

use super::logistic::{Logistic, LogisticParameters};
use super::{RoleData, RoleModel, RoleRecipe};
use crate::features::AdTable;
use crate::features::sparse::Sparse;

/// Logistic regression on the vector of the text.
#[derive(Debug, Clone, Copy)]
pub struct VectorLogistic(pub LogisticParameters);

struct Fitted(Logistic);

/// The vectors of `rows`: `[rows, dimension]`.
pub(super) fn matrix(table: &AdTable, rows: &[u32]) -> Sparse {
    Sparse::from_dense(table.dimension, rows.iter().map(|row| table.embedding(*row as usize)))
}

impl RoleRecipe for VectorLogistic {
    fn name(&self) -> &'static str {
        "vector_logistic"
    }

    fn fit(&self, data: &RoleData, rows: &[u32]) -> Result<Box<dyn RoleModel>> {
        let logistic = self.0.fit(&matrix(&data.table, rows), &data.labels_of(rows), data.classes)?;
        Ok(Box::new(Fitted(logistic)))
    }
}

impl RoleModel for Fitted {
    fn predict_log_proba(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        self.0.log_proba(&matrix(table, rows))
    }
}
