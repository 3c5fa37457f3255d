//! Honest evaluation: families of reposts, splits by time, metrics with intervals, calibration, the leakage gate.
//!
//! - [`families`](mod@families): ads that are reposts of each other, which belong on one side of every split
//! - [`split`]: train, validation and test by time; folds by family; walk-forward folds
//! - [`metrics`], [`bootstrap`], [`breakdown`](mod@breakdown): errors of predictions, their intervals, and errors by label
//! - [`classification`]: how well classes are predicted
//! - [`leakage`], [`text_leaks`]: what knows too much about the salary
//! - [`implausible`]: salaries that are set aside
//! - [`conformal`], [`coverage`]: intervals, confidence, and how true both are
//! - [`silhouette`](mod@silhouette): how well clusters are apart, beside points without structure
//! - [`ceiling`]: how far the data could carry a model
//!
//! Nothing here reads or writes files, and everything random takes a seed.

pub mod bootstrap;
pub mod breakdown;
pub mod ceiling;
pub mod classification;
pub mod conformal;
pub mod coverage;
pub mod families;
pub mod implausible;
pub mod leakage;
pub mod metrics;
pub mod silhouette;
pub mod split;
pub mod text_leaks;

pub use bootstrap::{Interval, Intervals, Paired, intervals, paired_difference};
pub use breakdown::{Slice, breakdown};
pub use classification::{ClassificationMetrics, Classified, evaluate_classification};
pub use conformal::Calibration;
pub use families::{FamilyFacts, families};
pub use implausible::{Bounds, Reason, assess, is_narrow};
pub use leakage::{Column, ColumnKind, ColumnValues, Leak, LeakOptions, find_leaks};
pub use metrics::{RegressionMetrics, evaluate_regression};
pub use silhouette::{Silhouette, silhouette};
pub use split::{Fold, TimeSplit, WalkForward, grouped_folds, salary_strata, walk_forward};
pub use text_leaks::{Salary, TextLeaks, find_text_leaks};
