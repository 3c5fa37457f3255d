//! LightGBM on the basic features.

use common_core::Result;
use common_lightgbm::{Booster, Matrix};

use super::basic::Basic;
use super::trees::{Columns, Fit, Objective, TreeParameters};
use super::{SalaryModel, SalaryRecipe, TrainingData, refuse_empty};
use crate::features::AdTable;

/// Boosted trees.
#[derive(Debug, Clone)]
pub struct Boosted {
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

impl SalaryRecipe for Boosted {
    fn name(&self) -> &'static str {
        "lightgbm"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        refuse_empty(rows)?;
        let basic = Basic::fit(&data.table, rows)?;
        // LightGBM refuses names with spaces, which values of categories have.
        let names: Vec<String> = (0..basic.width()).map(|column| format!("column_{column}")).collect();
        let values = basic.transform(&data.table, rows).concat();
        let columns = Columns { values: &values, names: &names, categorical: &[] };
        let fit = Fit {
            parameters: &self.parameters,
            objective: Objective::L2,
            seed: self.seed,
            threads: self.threads,
        };
        let booster = fit.train(&columns, &data.targets(rows), &vec![1.0; rows.len()])?;
        Ok(Box::new(Fitted { basic, booster }))
    }
}

impl SalaryModel for Fitted {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        let values = self.basic.transform(table, rows).concat();
        self.booster.predict(Matrix { values: &values, columns: self.booster.columns() })
    }
}
