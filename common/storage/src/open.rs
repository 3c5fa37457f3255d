//! From settings to a warehouse and an artifact store.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use common_core::{Error, Result};
#[cfg(feature = "gcp")]
use common_google::Client;

use crate::artifacts::{self, ArtifactStore};
use crate::settings::{ArtifactsUrl, StorageSettings, WarehouseUrl};
use crate::warehouse::Warehouse;

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

/// Opens the warehouse and the artifact store of one process. HTTP clients and their tokens are made once; a DuckDB file is
/// opened by each [`Storage::warehouse`] and closed with it, because an open one locks out every other process.
pub struct Storage {
    settings: StorageSettings,
    artifacts: OnceLock<Arc<dyn ArtifactStore>>,
    #[cfg(feature = "gcp")]
    bigquery: OnceLock<Client>,
}

impl Storage {
    /// The storage that `settings` name; nothing is opened yet.
    pub fn new(settings: StorageSettings) -> Self {
        Self {
            settings,
            artifacts: OnceLock::new(),
            #[cfg(feature = "gcp")]
            bigquery: OnceLock::new(),
        }
    }

    /// What it was made from.
    pub fn settings(&self) -> &StorageSettings {
        &self.settings
    }

    /// Opens the warehouse.
    ///
    /// # Errors
    /// `NotFound` where it must exist and does not, `Unavailable` where another process holds it, `Corrupt` where its
    /// file is damaged or of another version, `Configuration` where this build has no backend for the URL.
    pub async fn warehouse(&self, access: Access) -> Result<Arc<dyn Warehouse>> {
        match &self.settings.warehouse_url {
            #[cfg(feature = "duckdb")]
            WarehouseUrl::DuckDb(path) => Ok(Arc::new(crate::duckdb::DuckDb::open(path, access).await?)),
            #[cfg(feature = "gcp")]
            WarehouseUrl::BigQuery { project, dataset } => {
                let client = once(&self.bigquery, || crate::bigquery::client(&self.settings))?;
                let place = (project.as_str(), dataset.as_str());
                let opened = crate::bigquery::BigQuery::open(client, &self.settings, place, access);
                Ok(Arc::new(opened.await?))
            }
            #[allow(unreachable_patterns)]
            other => Err(not_built("WAREHOUSE_URL", other)),
        }
    }

    /// The artifact store.
    ///
    /// # Errors
    /// `Configuration` where this build has no backend for the URL.
    pub fn artifacts(&self) -> Result<Arc<dyn ArtifactStore>> {
        once(&self.artifacts, || match &self.settings.artifacts_url {
            ArtifactsUrl::Directory(path) => {
                Ok(Arc::new(artifacts::Directory::new(path)) as Arc<dyn ArtifactStore>)
            }
            #[cfg(feature = "gcp")]
            ArtifactsUrl::Gcs { bucket, prefix } => {
                Ok(Arc::new(artifacts::Gcs::open(&self.settings, bucket, prefix)?) as Arc<dyn ArtifactStore>)
            }
            #[allow(unreachable_patterns)]
            other => Err(not_built("ARTIFACTS_URL", other)),
        })
    }
}

/// The value of `cell`, opened where it is empty.
fn once<T: Clone>(cell: &OnceLock<T>, open: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Some(value) = cell.get() {
        return Ok(value.clone());
    }
    let value = open()?;
    Ok(cell.get_or_init(|| value).clone())
}

/// [`Storage::warehouse`] for a caller that opens one alone.
///
/// # Errors
/// Those of [`Storage::warehouse`].
pub async fn open_warehouse(settings: &StorageSettings, access: Access) -> Result<Arc<dyn Warehouse>> {
    Storage::new(settings.clone()).warehouse(access).await
}

/// [`Storage::artifacts`] for a caller that opens one alone.
///
/// # Errors
/// Those of [`Storage::artifacts`].
pub fn open_artifacts(settings: &StorageSettings) -> Result<Arc<dyn ArtifactStore>> {
    Storage::new(settings.clone()).artifacts()
}

fn not_built(variable: &str, url: &impl Display) -> Error {
    let expected = "a URL of a backend that this program is built with";
    Error::configuration(format!("invalid {variable} \"{url}\": expected {expected}"))
}
