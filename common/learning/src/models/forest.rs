//! Random forest on the basic features, by smartcore.

use common_core::Result;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::basic::Basic;
use super::linear::{failed, matrix};
use super::{SalaryModel, SalaryRecipe, TrainingData, refuse_empty};
use crate::features::AdTable;

/// A random forest.
#[derive(Debug, Clone, Copy)]
pub struct RandomForest {
    /// Number of trees.
    pub trees: u16,
    /// Seed of the samples.
    pub seed: u64,
}

struct Fitted {
    basic: Basic,
    forest: RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>,
}

impl SalaryRecipe for RandomForest {
    fn name(&self) -> &'static str {
        "random_forest"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        refuse_empty(rows)?;
        let basic = Basic::fit(&data.table, rows)?;
        let columns = matrix(&basic, &data.table, rows)?;
        let parameters = RandomForestRegressorParameters::default()
            .with_n_trees(self.trees.into())
            .with_m((basic.width() / 3).max(1))
            .with_min_samples_leaf(2)
            .with_seed(self.seed);
        let forest = RandomForestRegressor::fit(&columns, &data.targets(rows), parameters).map_err(failed)?;
        Ok(Box::new(Fitted { basic, forest }))
    }
}

impl SalaryModel for Fitted {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.forest.predict(&matrix(&self.basic, table, rows)?).map_err(failed)
    }
}
