//! Where rows and artifacts live: traits, and every backend of them behind a feature.
//!
//! - [`warehouse`]: a trait a role, [`Warehouse`] for all of them, and the rows that cross them
//! - `duckdb` (feature `duckdb`): the warehouse in one file
//! - `bigquery` (feature `gcp`): the warehouse in a BigQuery dataset
//! - `contract` (feature `contract`): the suites that every warehouse passes; `artifacts::contract` has that of the
//!   stores
//! - [`runs`]: a function's run, written down
//! - [`drafts`]: folders of what is being made, which a killed process does not leave for good
//! - [`registry`]: versions of an artifact, and which is the champion
//! - [`artifacts`]: the [`ArtifactStore`] trait, its directory backend, and leases on top of any store

pub mod artifacts;
#[cfg(any(feature = "duckdb", feature = "gcp"))]
mod batches;
#[cfg(feature = "gcp")]
pub mod bigquery;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod drafts;
#[cfg(feature = "duckdb")]
pub mod duckdb;
mod placed;
pub mod registry;
pub mod runs;
#[cfg(any(feature = "duckdb", feature = "gcp"))]
mod schema;
#[cfg(any(feature = "duckdb", feature = "gcp"))]
mod sql;
pub mod warehouse;

use std::sync::Arc;

use common_core::config::{ArtifactsUrl, Config, WarehouseUrl};
use common_core::shim::LeaseStore;
use common_core::{Error, Result};

pub use artifacts::ArtifactStore;
pub use registry::Registry;
pub use runs::Run;
pub use warehouse::Warehouse;

/// What the caller will do with a warehouse; decides what happens where there is none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads only; the warehouse must exist.
    Read,
    /// The same for somebody who is waited for: another process that holds the warehouse gets a second to let go.
    ReadSoon,
    /// Reads and writes; the warehouse must exist.
    Write,
    /// Reads and writes; an absent warehouse is made.
    Create,
}

/// Opens the warehouse that `config` names.
///
/// # Errors
/// `NotFound` where it must exist and does not, `Unavailable` where another process holds it, `Corrupt` where its
/// file is damaged or of another version, `Configuration` where this build has no backend for the URL.
pub async fn open_warehouse(config: &Config, access: Access) -> Result<Arc<dyn Warehouse>> {
    match &config.warehouse {
        #[cfg(feature = "duckdb")]
        WarehouseUrl::DuckDb(path) => Ok(Arc::new(duckdb::DuckDb::open(path, access).await?)),
        #[cfg(feature = "gcp")]
        WarehouseUrl::BigQuery { project, dataset } => {
            Ok(Arc::new(bigquery::BigQuery::open(config, project, dataset, access).await?))
        }
        #[allow(unreachable_patterns)]
        other => Err(not_built("WAREHOUSE_URL", other)),
    }
}

/// Opens the artifact store that `config` names.
///
/// # Errors
/// `Configuration` where this build has no backend for the URL.
pub fn open_artifacts(config: &Config) -> Result<Arc<dyn ArtifactStore>> {
    match &config.artifacts {
        ArtifactsUrl::Directory(path) => Ok(Arc::new(artifacts::Directory::new(path))),
        #[cfg(feature = "gcp")]
        ArtifactsUrl::Gcs { bucket, prefix } => Ok(Arc::new(artifacts::Gcs::open(config, bucket, prefix)?)),
        #[allow(unreachable_patterns)]
        other => Err(not_built("ARTIFACTS_URL", other)),
    }
}

/// Leases in the artifact store that `config` names: what the shim needs to run one batch at a time.
///
/// # Errors
/// Those of [`open_artifacts`].
pub fn open_leases(config: &Config) -> Result<Arc<dyn LeaseStore>> {
    Ok(Arc::new(artifacts::Leases::new(open_artifacts(config)?)))
}

fn not_built(variable: &str, url: &impl std::fmt::Display) -> Error {
    Error::configuration(format!("{variable} is {url}; this program was built without that backend"))
}
