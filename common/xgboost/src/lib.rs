//! A safe interface to XGBoost: trees that are trained on dense rows, and their predictions.
//!
//! - [`Xgboost`]: the library, loaded at run time; training
//! - [`Booster`]: trained trees
//! - `library`: the functions of the C interface, the only unsafe code
//!
//! XGBoost is a model that others are compared with, and no published model needs it. It is therefore loaded from a
//! folder, which `scripts/setup --xgboost` fills with the library of XGBoost's own Python package, and neither linked nor
//! a feature of the build (`docs/decisions/024-xgboost.md`).

mod booster;
mod library;

pub use booster::{Booster, Rows, Training, Xgboost};

#[cfg(test)]
mod tests;
