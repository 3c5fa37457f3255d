//! XGBoost on the basic features, if its library is there.

use common_core::Result;
use common_xgboost::{Booster, Rows, Training};

pub use common_xgboost::Xgboost;

use super::basic::Basic;
use super::trees::{TreeParameters, threads_for};
use super::{SalaryModel, SalaryRecipe, TrainingData, refuse_empty};
use crate::features::AdTable;

/// XGBoost's trees, with the parameters of LightGBM's under its own names.
#[derive(Debug, Clone)]
pub struct XgboostTrees {
    /// The library.
    pub library: Xgboost,
    /// Parameters of the trees.
    pub parameters: TreeParameters,
    /// Seed of the samples.
    pub seed: u64,
    /// CPU threads.
    pub threads: usize,
}

struct Fitted {
    basic: Basic,
    booster: Booster,
}

impl XgboostTrees {
    /// The parameters as XGBoost names them. `base_score` is what its Python package starts from: the mean.
    fn in_words(&self, mean: f64, rows: usize) -> Vec<(&'static str, String)> {
        let TreeParameters { leaves, rate, min_leaf_ads, column_share, row_share, bins, .. } =
            self.parameters;
        vec![
            ("objective", "reg:squarederror".to_owned()),
            ("tree_method", "hist".to_owned()),
            ("grow_policy", "lossguide".to_owned()),
            ("max_depth", "0".to_owned()),
            ("max_leaves", leaves.to_string()),
            ("eta", rate.to_string()),
            // With squared errors the weight of a leaf is its number of ads.
            ("min_child_weight", min_leaf_ads.to_string()),
            ("colsample_bytree", column_share.to_string()),
            ("subsample", row_share.to_string()),
            ("max_bin", bins.to_string()),
            ("base_score", mean.to_string()),
            ("seed", self.seed.to_string()),
            ("nthread", threads_for(rows, self.threads).to_string()),
        ]
    }
}

impl SalaryRecipe for XgboostTrees {
    fn name(&self) -> &'static str {
        "xgboost"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        refuse_empty(rows)?;
        let basic = Basic::fit(&data.table, rows)?;
        let values = basic.transform(&data.table, rows).concat();
        let targets: Vec<f32> = data.targets(rows).into_iter().map(|target| target as f32).collect();
        let mean = targets.iter().map(|target| f64::from(*target)).sum::<f64>() / targets.len() as f64;
        let training =
            Training { parameters: &self.in_words(mean, rows.len()), rounds: self.parameters.rounds };
        let rows = Rows { values: &values, columns: basic.width() };
        let booster = self.library.train(rows, &targets, &training)?;
        Ok(Box::new(Fitted { basic, booster }))
    }
}

impl SalaryModel for Fitted {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        let values = self.basic.transform(table, rows).concat();
        let predicted = self.booster.predict(Rows { values: &values, columns: self.booster.columns() })?;
        Ok(predicted.into_iter().map(f64::from).collect())
    }
}
