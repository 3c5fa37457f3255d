//! What models of ads need: features, models, evaluation and reports.
//!
//! - [`ads`]: the ad as the models see it
//! - [`features`]: from ads to numbers, fitted once and saved with a model
//! - [`models`]: models of salaries and of roles, each behind one trait
//! - [`evaluation`]: families of reposts, splits, metrics, intervals, the leakage gate
//! - [`manifest`]: the manifest of a published model, and its name in the registry
//! - [`report`]: one HTML page for each trained model
//!
//! The crate knows no warehouse and no artifact store. `features`, `evaluation` and `report` do no I/O.

#![cfg_attr(test, allow(clippy::float_cmp))] // Exact results are expected.

pub mod ads;
pub mod evaluation;
pub mod features;
pub mod manifest;
pub mod models;
pub mod report;
pub mod training;

pub use ads::Ad;
pub use common_lightgbm::set_wait_policy;
