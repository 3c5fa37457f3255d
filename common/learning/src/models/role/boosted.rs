//! LightGBM on the basic features without the classification.

use common_core::Result;
use common_lightgbm::{Booster, Matrix};

use super::{LOG_ABSENT, Present, RoleData, RoleModel, RoleRecipe};
use crate::features::AdTable;
use crate::models::basic::Basic;
use crate::models::trees::{Columns, Fit, Objective, TreeParameters};

/// Least probability of a class, so that its logarithm is finite.
const LEAST: f64 = 1e-12;

/// Boosted trees: one a class in every round.
#[derive(Debug, Clone)]
pub struct BoostedRoles {
    /// Parameters of the trees.
    pub parameters: TreeParameters,
    /// Seed of the samples.
    pub seed: u64,
    /// CPU threads.
    pub threads: usize,
}

struct Fitted {
    basic: Basic,
    /// `None` for one class.
    booster: Option<Booster>,
    present: Present,
}

impl RoleRecipe for BoostedRoles {
    fn name(&self) -> &'static str {
        "lightgbm"
    }

    fn fit(&self, data: &RoleData, rows: &[u32]) -> Result<Box<dyn RoleModel>> {
        let labels = data.labels_of(rows);
        let present = Present::of(&labels, data.classes)?;
        let basic = Basic::without_classification(&data.table, rows)?;
        if present.len() < 2 {
            return Ok(Box::new(Fitted { basic, booster: None, present }));
        }
        // LightGBM refuses names with spaces, which values of categories have.
        let names: Vec<String> = (0..basic.width()).map(|column| format!("column_{column}")).collect();
        let values = basic.transform(&data.table, rows).concat();
        let columns = Columns { values: &values, names: &names, categorical: &[] };
        let fit = Fit {
            parameters: &self.parameters,
            objective: Objective::Classes(present.len() as u32),
            seed: self.seed,
            threads: self.threads,
        };
        let targets: Vec<f64> = present.places(&labels).into_iter().map(f64::from).collect();
        let booster = Some(fit.train(&columns, &targets, &vec![1.0; rows.len()])?);
        Ok(Box::new(Fitted { basic, booster, present }))
    }
}

impl RoleModel for Fitted {
    fn predict_log_proba(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        let Some(booster) = &self.booster else {
            return Ok(self.present.spread(&vec![0.0; rows.len()], LOG_ABSENT));
        };
        let values = self.basic.transform(table, rows).concat();
        let shares = booster.predict(Matrix { values: &values, columns: booster.columns() })?;
        let logs: Vec<f64> = shares.into_iter().map(|share| share.max(LEAST).ln()).collect();
        Ok(self.present.spread(&logs, LOG_ABSENT))
    }
}
