//! How true intervals and confidence are.

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::breakdown::{OTHER, group_rows};
use super::metrics::median_of_sorted;

/// Bins of the reliability curve.
const BINS: usize = 10;

/// Coverage of the intervals of some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cover {
    /// The label that the rows share.
    pub label: String,
    /// Number of rows.
    pub rows: u64,
    /// Share of the salaries that are inside their interval.
    pub coverage: f64,
    /// Median of upper end divided by lower end.
    pub width_ratio: f64,
}

/// Coverage over all rows, by salary band and by classification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoverageReport {
    /// All rows.
    pub all: Cover,
    /// By salary band, the most rows first.
    pub by_band: Vec<Cover>,
    /// By classification, the most rows first.
    pub by_class: Vec<Cover>,
    /// The band with the lowest coverage.
    pub worst_band: Option<Cover>,
    /// The classification with the lowest coverage, small ones together left out.
    pub worst_class: Option<Cover>,
}

/// Rows with their intervals and labels: lists of equal length.
#[derive(Debug, Clone, Copy)]
pub struct Covered<'a> {
    /// Actual salaries, in money.
    pub actual: &'a [f64],
    /// Lower and upper ends, in money.
    pub intervals: &'a [(f64, f64)],
    /// Salary bands.
    pub bands: &'a [&'a str],
    /// Classifications.
    pub classes: &'a [&'a str],
    /// Labels with fewer rows are merged.
    pub min_rows: usize,
}

impl Covered<'_> {
    /// Computes the coverage of all rows and of each label.
    ///
    /// # Errors
    /// `InvalidInput` if there are no rows, or the lists differ in length.
    pub fn report(&self) -> Result<CoverageReport> {
        let rows = self.actual.len();
        if rows == 0 || self.intervals.len() != rows {
            let found = self.intervals.len();
            return Err(Error::invalid_input(format!(
                "invalid intervals of {found} rows: expected those of {rows} rows, at least one"
            )));
        }
        let by = |labels: &[&str]| {
            let groups = group_rows(labels, rows, self.min_rows)?;
            Ok::<_, Error>(
                groups.into_iter().map(|(label, rows)| self.cover(label, &rows)).collect::<Vec<_>>(),
            )
        };
        let (by_band, by_class) = (by(self.bands)?, by(self.classes)?);
        let worst = |covers: &[Cover]| {
            let named = covers.iter().filter(|cover| cover.label != OTHER);
            named.min_by(|a, b| a.coverage.total_cmp(&b.coverage)).cloned()
        };
        Ok(CoverageReport {
            all: self.cover("All".to_owned(), &(0..rows).collect::<Vec<_>>()),
            worst_band: worst(&by_band),
            worst_class: worst(&by_class),
            by_band,
            by_class,
        })
    }

    fn cover(&self, label: String, rows: &[usize]) -> Cover {
        let inside = rows.iter().filter(|&&row| {
            let (low, high) = self.intervals[row];
            (low..=high).contains(&self.actual[row])
        });
        let coverage = inside.count() as f64 / rows.len() as f64;
        let mut ratios: Vec<f64> =
            rows.iter().map(|&row| self.intervals[row].1 / self.intervals[row].0).collect();
        ratios.retain(|ratio| ratio.is_finite());
        ratios.sort_by(f64::total_cmp);
        Cover { label, rows: rows.len() as u64, coverage, width_ratio: median_of_sorted(&ratios) }
    }
}

/// Rows of similar confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Number of rows.
    pub rows: u64,
    /// Mean confidence.
    pub confidence: f64,
    /// Share of the rows that were right.
    pub share: f64,
}

/// The reliability curve and what it adds up to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Expected calibration error: the mean distance of confidence and share over the bins, weighted by rows.
    pub error: f64,
    /// Bins of equal numbers of rows, ascending.
    pub bins: Vec<ReliabilityBin>,
}

/// Compares confidence with what was right, in ten bins of equal numbers of rows.
///
/// # Errors
/// `InvalidInput` if there are no rows, the lists differ in length, or a confidence is outside 0 to 1.
pub fn calibration_error(confidence: &[f64], is_right: &[bool]) -> Result<Reliability> {
    let rows = confidence.len();
    if rows == 0 || is_right.len() != rows {
        let found = is_right.len();
        return Err(Error::invalid_input(format!(
            "invalid outcomes of {found} rows: expected those of {rows} rows, at least one"
        )));
    }
    if let Some((row, value)) = confidence.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value))
    {
        return Err(Error::invalid_input(format!(
            "invalid confidence \"{value}\" in row {row}: expected a number from 0 to 1"
        )));
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by(|a, b| confidence[*a].total_cmp(&confidence[*b]));
    let bins: Vec<ReliabilityBin> = (0..BINS)
        .map(|bin| &order[rows * bin / BINS..rows * (bin + 1) / BINS])
        .filter(|bin| !bin.is_empty())
        .map(|bin| ReliabilityBin {
            rows: bin.len() as u64,
            confidence: bin.iter().map(|row| confidence[*row]).sum::<f64>() / bin.len() as f64,
            share: bin.iter().filter(|row| is_right[**row]).count() as f64 / bin.len() as f64,
        })
        .collect();
    let distance = |bin: &ReliabilityBin| (bin.confidence - bin.share).abs() * bin.rows as f64;
    Ok(Reliability { error: bins.iter().map(distance).sum::<f64>() / rows as f64, bins })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_band_and_class_are_named() {
        let report = Covered {
            actual: &[1.0, 2.0, 3.0, 4.0, 9.0],
            intervals: &[(0.5, 2.0), (1.0, 2.0), (4.0, 8.0), (4.0, 8.0), (1.0, 2.0)],
            bands: &["low", "low", "high", "high", "high"],
            classes: &["IT", "IT", "IT", "IT", "Law"],
            min_rows: 2,
        }
        .report()
        .unwrap();
        assert_eq!((report.all.rows, report.all.coverage, report.all.width_ratio), (5, 0.6, 2.0));
        let worst = report.worst_band.unwrap();
        assert_eq!((worst.label.as_str(), worst.rows), ("high", 3));
        assert_eq!(report.by_class[1].label, OTHER);
        assert_eq!(report.worst_class.unwrap().label, "IT");
    }

    #[test]
    fn calibration_error_is_the_mean_distance() {
        let confidence: Vec<f64> = (0..100).map(|row| if row < 50 { 0.2 } else { 0.9 }).collect();
        let is_right: Vec<bool> =
            (0..100).map(|row| if row < 50 { row % 5 == 0 } else { row % 2 == 0 }).collect();
        let reliability = calibration_error(&confidence, &is_right).unwrap();
        assert_eq!(reliability.bins.len(), 10);
        assert!((reliability.error - 0.2).abs() < 1e-9);
        assert_eq!(calibration_error(&[0.5], &[true]).unwrap().bins.len(), 1);
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(calibration_error(&[], &[]).is_err());
        assert!(calibration_error(&[0.5], &[]).is_err());
        let message = calibration_error(&[f64::NAN], &[true]).unwrap_err().to_string();
        assert_eq!(message, "invalid confidence \"NaN\" in row 0: expected a number from 0 to 1");
        let none = Covered { actual: &[], intervals: &[], bands: &[], classes: &[], min_rows: 1 };
        assert!(none.report().is_err());
    }
}
