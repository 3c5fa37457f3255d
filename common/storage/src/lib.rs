//! Storage of rows and artifacts: the traits, and their backends, each behind a feature.
//!
//! - [`warehouse`]: one trait for each role, [`Warehouse`] for all of them, and the row types
//! - `duckdb` (feature `duckdb`): the warehouse in a DuckDB file
//! - `bigquery` (feature `gcp`): the warehouse in a BigQuery dataset
//! - `contract` (feature `contract`): the test suites that every warehouse passes; `artifacts::contract` has the
//!   suite of the artifact stores
//! - [`mod@settings`]: URLs of the warehouse and the artifacts; [`Storage`] opens them
//! - [`staging`]: staging folders, removed after their process is killed
//! - [`registry`]: published versions of artifacts, and the champions
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
