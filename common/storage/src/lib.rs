//! Where rows and artifacts live: traits, and every backend of them behind a feature.
//!
//! - [`warehouse`]: a trait a role, [`Warehouse`] for all of them, and the rows that cross them
//! - `duckdb` (feature `duckdb`): the warehouse in one file
//! - `bigquery` (feature `gcp`): the warehouse in a BigQuery dataset
//! - `contract` (feature `contract`): the suites that every warehouse passes; `artifacts::contract` has that of the
//!   stores
//! - [`mod@settings`]: where both are; [`Storage`] opens them
//! - [`staging`]: folders in which something is built, removed if their process is killed
//! - [`registry`]: published versions of artifacts, and which of them are served
//! - [`artifacts`]: the [`ArtifactStore`] trait, and its backends: a directory, Cloud Storage

pub mod artifacts;
#[cfg(any(feature = "duckdb", feature = "gcp"))]
mod batches;
#[cfg(feature = "gcp")]
pub mod bigquery;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(feature = "duckdb")]
pub mod duckdb;
mod open;
pub mod registry;
#[cfg(any(feature = "duckdb", feature = "gcp"))]
mod schema;
pub mod settings;
#[cfg(any(feature = "duckdb", feature = "gcp"))]
mod sql;
pub mod staging;
mod url;
pub mod warehouse;

pub use artifacts::ArtifactStore;
pub use open::{Access, Storage, open_artifacts, open_warehouse};
pub use registry::Registry;
pub use warehouse::Warehouse;
