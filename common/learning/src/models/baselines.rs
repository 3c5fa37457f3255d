//! What every model has to beat: the median salary, and the median of the ad's classification.

use std::collections::BTreeMap;

use common_core::Result;

use super::{SalaryModel, SalaryRecipe, TrainingData, refuse_empty};
use crate::evaluation::metrics::median_of_sorted;
use crate::features::AdTable;

/// Ads that a classification needs for a median of its own.
const MIN_ADS: usize = 5;

/// The median of all training ads.
#[derive(Debug, Clone, Copy)]
pub struct Median;

/// The median of the training ads of the same classification.
#[derive(Debug, Clone, Copy)]
pub struct ClassMedian;

struct Medians {
    by_class: BTreeMap<String, f64>,
    overall: f64,
}

impl SalaryRecipe for Median {
    fn name(&self) -> &'static str {
        "median"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        refuse_empty(rows)?;
        Ok(Box::new(Medians { by_class: BTreeMap::new(), overall: median(data.targets(rows)) }))
    }
}

impl SalaryRecipe for ClassMedian {
    fn name(&self) -> &'static str {
        "class_median"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        refuse_empty(rows)?;
        let classes = data.table.category("classification");
        let mut salaries: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for &row in rows {
            let class = classes[row as usize].clone();
            salaries.entry(class).or_default().push(data.log_salaries[row as usize]);
        }
        salaries.retain(|_, salaries| salaries.len() >= MIN_ADS);
        let by_class = salaries.into_iter().map(|(class, salaries)| (class, median(salaries))).collect();
        Ok(Box::new(Medians { by_class, overall: median(data.targets(rows)) }))
    }
}

impl SalaryModel for Medians {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        let classes = table.category("classification");
        let of = |row: &u32| *self.by_class.get(&classes[*row as usize]).unwrap_or(&self.overall);
        Ok(rows.iter().map(of).collect())
    }
}

/// The median of `values`; 0 without values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    median_of_sorted(&values)
}
