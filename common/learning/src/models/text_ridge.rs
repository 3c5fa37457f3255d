//! Ridge regression on the TF-IDF of title and description: the strongest of the simple models.

use common_core::Result;

use super::ridge::{Linear, SparseProblem};
use super::{SalaryModel, SalaryRecipe, TrainingData, refuse_empty};
use crate::features::AdTable;
use crate::features::corpus::TfIdf;

/// Penalty of the weights.
const ALPHA: f64 = 1.0;
/// Ads that must have an n-gram.
const MIN_ADS: u32 = 2;

/// Ridge on words and pairs of words.
#[derive(Debug, Clone, Copy)]
pub struct TextRidge;

struct Fitted {
    words: TfIdf,
    linear: Linear,
}

impl SalaryRecipe for TextRidge {
    fn name(&self) -> &'static str {
        "tfidf_ridge"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        refuse_empty(rows)?;
        let words = TfIdf::fit(&data.table.words, rows, MIN_ADS);
        let problem = SparseProblem::new(words.transform(&data.table.words, rows));
        let linear = problem.fit(&data.targets(rows), &vec![1.0; rows.len()], ALPHA);
        Ok(Box::new(Fitted { words, linear }))
    }
}

impl SalaryModel for Fitted {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        self.linear.predict(&self.words.transform(&table.words, rows))
    }
}
