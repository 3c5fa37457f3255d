//! Logistic regression on the n-grams of title and description: the strongest of the simple models.

use common_core::Result;

use super::logistic::{Logistic, LogisticParameters};
use super::{RoleData, RoleModel, RoleRecipe};
use crate::features::AdTable;
use crate::features::corpus::TfIdf;

/// Ads that must have an n-gram.
const MIN_ADS: u32 = 2;

/// Logistic regression on the TF-IDF of words and pairs of words.
#[derive(Debug, Clone, Copy)]
pub struct TextLogistic(pub LogisticParameters);

struct Fitted {
    words: TfIdf,
    logistic: Logistic,
}

impl RoleRecipe for TextLogistic {
    fn name(&self) -> &'static str {
        "tfidf_logistic"
    }

    fn fit(&self, data: &RoleData, rows: &[u32]) -> Result<Box<dyn RoleModel>> {
        let words = TfIdf::fit(&data.table.words, rows, MIN_ADS);
        let matrix = words.transform(&data.table.words, rows);
        let logistic = self.0.fit(&matrix, &data.labels_of(rows), data.classes)?;
        Ok(Box::new(Fitted { words, logistic }))
    }
}

impl RoleModel for Fitted {
    fn predict_log_proba(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        self.logistic.log_proba(&self.words.transform(&table.words, rows))
    }
}
