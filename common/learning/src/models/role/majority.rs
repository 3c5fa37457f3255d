//! A baseline: the shares of the classes among the training ads, the same for every ad.

use common_core::Result;

use super::{LOG_ABSENT, Present, RoleData, RoleModel, RoleRecipe};
use crate::features::AdTable;

/// The shares of the classes among the training ads; the most frequent one is the prediction.
#[derive(Debug, Clone, Copy)]
pub struct Majority;

struct Fitted(Vec<f64>);

impl RoleRecipe for Majority {
    fn name(&self) -> &'static str {
        "majority"
    }

    fn fit(&self, data: &RoleData, rows: &[u32]) -> Result<Box<dyn RoleModel>> {
        let present = Present::of(&data.labels_of(rows), data.classes)?;
        Ok(Box::new(Fitted(present.spread(&present.log_shares(), LOG_ABSENT))))
    }
}

impl RoleModel for Fitted {
    fn predict_log_proba(&self, _: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        Ok(self.0.repeat(rows.len()))
    }
}
