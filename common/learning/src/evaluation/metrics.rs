//! Errors of predicted salaries.

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How far predictions are from actual values, in their unit: money per month.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RegressionMetrics {
    /// Number of rows.
    pub rows: u64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Share of the variance that is explained; `None` if the actual values are all equal.
    pub r2: Option<f64>,
    /// Mean of the absolute error as a share of the actual value; `None` if an actual value is zero.
    pub mape: Option<f64>,
    /// Median of the same shares.
    pub median_ape: Option<f64>,
    /// Mean of predicted minus actual.
    pub bias: f64,
}

/// Compares predictions with actual values. Sums are in the order of the rows, so that equal input gives equal bits.
///
/// # Errors
/// `InvalidInput` if the lists are empty or of unequal length, or if a value is infinite or not a number; it names the
/// row. Also if values are so large that an error overflows.
pub fn evaluate_regression(actual: &[f64], predicted: &[f64]) -> Result<RegressionMetrics> {
    check(actual, predicted)?;
    let rows = actual.len() as f64;
    let pairs = || actual.iter().zip(predicted);
    let mean_of = |error: &dyn Fn(f64, f64) -> f64| pairs().map(|(a, p)| error(*a, *p)).sum::<f64>() / rows;
    let squared = mean_of(&|a, p| (p - a).powi(2));
    let mean = actual.iter().sum::<f64>() / rows;
    let variance = mean_of(&|a, _| (a - mean).powi(2));
    let is_constant = actual.iter().all(|value| value.to_bits() == actual[0].to_bits());
    let r2 = (!is_constant && variance > 0.0).then(|| 1.0 - squared / variance).filter(|r2| r2.is_finite());
    let mut shares: Vec<f64> = pairs().map(|(a, p)| ((p - a) / a).abs()).collect();
    let mape = Some(shares.iter().sum::<f64>() / rows).filter(|mape| mape.is_finite());
    shares.sort_by(f64::total_cmp);
    let median_ape = mape.and(Some(median_of_sorted(&shares)));
    let metrics = RegressionMetrics {
        rows: actual.len() as u64,
        rmse: squared.sqrt(),
        mae: mean_of(&|a, p| (p - a).abs()),
        r2,
        mape,
        median_ape,
        bias: mean_of(&|a, p| p - a),
    };
    if metrics.rmse.is_finite() && metrics.bias.is_finite() && mean.is_finite() {
        Ok(metrics)
    } else {
        Err(Error::invalid_input("invalid values: expected numbers whose squared errors are finite"))
    }
}

/// Checks that predictions can be compared with actual values.
pub(crate) fn check(actual: &[f64], predicted: &[f64]) -> Result<()> {
    if actual.len() != predicted.len() {
        let (rows, found) = (actual.len(), predicted.len());
        return Err(Error::invalid_input(format!(
            "invalid predictions of {found} rows: expected those of {rows} rows"
        )));
    }
    if actual.is_empty() {
        return Err(Error::invalid_input("invalid rows: expected at least one to evaluate"));
    }
    for (name, values) in [("actual value", actual), ("prediction", predicted)] {
        if let Some((row, value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Error::invalid_input(format!(
                "invalid {name} \"{value}\" in row {row}: expected a finite number"
            )));
        }
    }
    Ok(())
}

/// The median of ascending values; the mean of the middle two if their number is even. 0 if there are none.
pub(crate) fn median_of_sorted(values: &[f64]) -> f64 {
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_the_textbook() {
        let metrics = evaluate_regression(&[1000.0, 2000.0, 4000.0], &[1100.0, 1800.0, 4000.0]).unwrap();
        assert_eq!(metrics.rows, 3);
        assert!((metrics.mae - 100.0).abs() < 1e-9);
        assert!((metrics.rmse - (50_000.0f64 / 3.0).sqrt()).abs() < 1e-9);
        assert!((metrics.bias + 100.0 / 3.0).abs() < 1e-9);
        assert!((metrics.mape.unwrap() - 0.2 / 3.0).abs() < 1e-12);
        assert!((metrics.median_ape.unwrap() - 0.1).abs() < 1e-12);
        // Sum of squares around the mean: 14,000,000 / 3.
        assert!((metrics.r2.unwrap() - (1.0 - 50_000.0 * 3.0 / 14_000_000.0)).abs() < 1e-12);
    }

    #[test]
    fn what_is_undefined_is_none() {
        let constant = evaluate_regression(&[0.1; 7], &[0.2; 7]).unwrap();
        assert_eq!(constant.r2, None);
        assert!(constant.mape.is_some());
        let zero = evaluate_regression(&[0.0, 1.0], &[0.0, 1.0]).unwrap();
        assert_eq!((zero.mape, zero.median_ape, zero.r2), (None, None, Some(1.0)));
    }

    #[test]
    fn input_that_cannot_be_compared_is_refused_by_name() {
        for (actual, predicted, message) in [
            (vec![1.0], vec![], "invalid predictions of 0 rows: expected those of 1 rows"),
            (vec![], vec![], "invalid rows: expected at least one to evaluate"),
            (
                vec![1.0, f64::NAN],
                vec![1.0, 1.0],
                "invalid actual value \"NaN\" in row 1: expected a finite number",
            ),
            (vec![1.0], vec![f64::INFINITY], "invalid prediction \"inf\" in row 0: expected a finite number"),
            (vec![1e300], vec![-1e300], "invalid values: expected numbers whose squared errors are finite"),
        ] {
            assert_eq!(evaluate_regression(&actual, &predicted).unwrap_err().to_string(), message);
        }
    }
}
