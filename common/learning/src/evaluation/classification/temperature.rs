//! The temperature at which probabilities are as sure as they are right, after Guo, Pleiss, Sun and Weinberger (2017).

use argmin::core::{CostFunction, Executor};
use argmin::solver::brent::BrentOpt;
use common_core::{Error, Result};
use rayon::prelude::*;

use crate::models::role::log_softmax;

/// The largest temperature, and the reciprocal of the smallest.
const MOST: f64 = 20.0;
/// Rows that a temperature is fitted to at least.
const MIN_ROWS: usize = 30;

/// Log probabilities with actual classes.
struct Problem<'a> {
    logs: &'a [f64],
    actual: &'a [u32],
    classes: usize,
}

/// The temperature that makes the actual classes most probable: `softmax(ln p / temperature)`. `logs` is `[rows, classes]`
/// f64, row-major; rows whose class no model knows do not count. 1 if fewer than 30 rows are left, or with one class.
///
/// # Errors
/// `InvalidInput` if the lists differ in length; `Internal` if the search fails.
pub fn fit_temperature(logs: &[f64], actual: &[u32], classes: usize) -> Result<f64> {
    if logs.len() != actual.len() * classes {
        let (found, rows) = (logs.len(), actual.len());
        return Err(Error::invalid_input(format!(
            "invalid log probabilities: expected {classes} for each of {rows} rows, found {found}"
        )));
    }
    let known = actual.iter().filter(|class| (**class as usize) < classes).count();
    if known < MIN_ROWS || classes < 2 {
        return Ok(1.0);
    }
    let failed = |reason: &str| Error::internal(format!("the search of a temperature failed: {reason}"));
    let problem = Problem { logs, actual, classes };
    let found = Executor::new(problem, BrentOpt::new(-MOST.ln(), MOST.ln()))
        .configure(|state| state.max_iters(100))
        .timer(false)
        .run()
        .map_err(|error| failed(&error.to_string()))?;
    found.state.best_param.map(f64::exp).ok_or_else(|| failed("no value was found"))
}

impl CostFunction for Problem<'_> {
    type Param = f64;
    type Output = f64;

    /// Mean loss at the logarithm of a temperature.
    fn cost(&self, log_temperature: &f64) -> std::result::Result<f64, argmin::core::Error> {
        let temperature = log_temperature.exp();
        let rows = self.logs.par_chunks_exact(self.classes).zip(self.actual).with_min_len(64);
        let losses: Vec<f64> = rows
            .map_init(Vec::new, |scaled, (row, actual)| {
                scaled.clear();
                scaled.extend(row.iter().map(|log| log / temperature));
                log_softmax(scaled);
                scaled.get(*actual as usize).map_or(0.0, |log| -log)
            })
            .collect();
        Ok(losses.iter().sum::<f64>() / losses.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_of_probabilities_that_are_too_sure_is_found() {
        // Three of four are right where the log odds are 4 ln 3: the right odds are 3, so that the temperature is 4.
        let actual: Vec<u32> = (0..400).map(|row| u32::from(row % 4 == 0)).collect();
        let logs = [4.0 * 3f64.ln(), 0.0].repeat(400);
        let temperature = fit_temperature(&logs, &actual, 2).unwrap();
        assert!((temperature - 4.0).abs() < 1e-3, "{temperature}");
    }

    #[test]
    fn too_few_rows_keep_probabilities_as_they_are() {
        assert_eq!(fit_temperature(&[0.0; 20], &[0; 10], 2).unwrap(), 1.0);
        assert_eq!(fit_temperature(&[0.0; 100], &[7; 50], 2).unwrap(), 1.0);
        assert_eq!(fit_temperature(&[0.0; 50], &[0; 50], 1).unwrap(), 1.0);
        assert!(fit_temperature(&[0.0], &[0], 2).is_err());
    }
}
