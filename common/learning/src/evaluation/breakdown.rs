//! Metrics by a label: salary band, classification, work type, year.

use std::collections::BTreeMap;

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::metrics::{RegressionMetrics, evaluate_regression};

/// The label of small groups together.
pub const OTHER: &str = "Other";
/// The label of ads without a value.
pub const MISSING: &str = "(missing)";

/// The metrics of the rows with one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The label; [`OTHER`] for small groups, [`MISSING`] for an empty one.
    pub label: String,
    /// Metrics of its rows.
    pub metrics: RegressionMetrics,
}

/// Metrics by label, the most frequent first; [`OTHER`], which merges the labels with fewer than `min_rows` rows, last.
///
/// # Errors
/// Those of [`evaluate_regression`]; `InvalidInput` if `labels` differs in length.
pub fn breakdown(labels: &[&str], actual: &[f64], predicted: &[f64], min_rows: usize) -> Result<Vec<Slice>> {
    evaluate_regression(actual, predicted)?;
    let groups = group_rows(labels, actual.len(), min_rows)?;
    let slice = |(label, rows): (String, Vec<usize>)| {
        let [actual, predicted] =
            [actual, predicted].map(|values| rows.iter().map(|row| values[*row]).collect::<Vec<_>>());
        Ok(Slice { label, metrics: evaluate_regression(&actual, &predicted)? })
    };
    groups.into_iter().map(slice).collect()
}

/// The rows of each label, in the order and with the names of [`breakdown`].
pub(crate) fn group_rows(labels: &[&str], rows: usize, min_rows: usize) -> Result<Vec<(String, Vec<usize>)>> {
    if labels.len() != rows {
        let found = labels.len();
        return Err(Error::invalid_input(format!(
            "invalid labels of {found} rows: expected those of {rows} rows"
        )));
    }
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, label) in labels.iter().enumerate() {
        let label = label.trim();
        groups.entry(if label.is_empty() { MISSING } else { label }).or_default().push(row);
    }
    let is_small = |label: &str, rows: &[usize]| rows.len() < min_rows || label == OTHER;
    let (small, large): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|(label, rows)| is_small(label, rows));
    let mut groups: Vec<(String, Vec<usize>)> =
        large.into_iter().map(|(label, rows)| (label.to_owned(), rows)).collect();
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let mut others: Vec<usize> = small.into_iter().flat_map(|(_, rows)| rows).collect();
    others.sort_unstable();
    if !others.is_empty() {
        groups.push((OTHER.to_owned(), others));
    }
    Ok(groups)
}

/// The salary band of each row: `count` bands with about equal numbers of rows, named by their bounds ("2,500-3,750").
///
/// Equal salaries are in one band, so there can be fewer bands than `count`.
pub fn salary_bands(salaries: &[f64], count: usize) -> Vec<String> {
    let mut sorted = salaries.to_vec();
    sorted.sort_by(f64::total_cmp);
    let band = |salary: &f64| {
        sorted.partition_point(|other| other.total_cmp(salary).is_lt()) * count.max(1) / sorted.len()
    };
    let mut bounds: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for salary in &sorted {
        bounds.entry(band(salary)).and_modify(|bounds| bounds.1 = *salary).or_insert((*salary, *salary));
    }
    let name = |salary: &f64| {
        let (low, high) = bounds[&band(salary)];
        format!("{}-{}", with_separators(low), with_separators(high))
    };
    salaries.iter().map(name).collect()
}

/// The amount without decimals, with separators of thousands.
pub(crate) fn with_separators(amount: f64) -> String {
    let digits = format!("{:.0}", amount.abs());
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if amount <= -0.5 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_by_rows_and_small_ones_are_merged() {
        let labels = ["b", "a", "a", "b", "b", "x", " ", "y", "Other"];
        let actual: Vec<f64> = (1..10).map(f64::from).collect();
        let slices = breakdown(&labels, &actual, &actual, 2).unwrap();
        let found: Vec<(&str, u64)> = slices.iter().map(|s| (s.label.as_str(), s.metrics.rows)).collect();
        assert_eq!(found, [("b", 3), ("a", 2), ("Other", 4)]);
        assert_eq!(breakdown(&labels, &actual, &actual, 1).unwrap()[2].label, MISSING);
        assert!(breakdown(&["a"], &[1.0, 2.0], &[1.0, 2.0], 1).is_err());
    }

    #[test]
    fn bands_are_named_by_their_bounds() {
        let salaries: Vec<f64> = (1..=8).map(|n| f64::from(n) * 1000.0).collect();
        let bands = salary_bands(&salaries, 4);
        assert_eq!((bands[0].as_str(), bands[7].as_str()), ("1,000-2,000", "7,000-8,000"));
        assert_eq!(salary_bands(&[5.0; 3], 4), ["5-5"; 3]);
        assert!(salary_bands(&[], 4).is_empty());
        assert_eq!(with_separators(-1_234_567.8), "-1,234,568");
    }
}
