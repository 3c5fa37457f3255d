//! Opens the warehouse and the artifact store that the settings select.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use common_core::{Error, Result};
#[cfg(feature = "gcp")]
use tokio::sync::OnceCell;

use crate::artifacts::{self, ArtifactStore};
use crate::settings::{ArtifactsUrl, StorageSettings, WarehouseUrl};
use crate::warehouse::Warehouse;

/// How a caller uses a warehouse, and what happens if it does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only reads; the warehouse must exist.
    Read,
    /// Like [`Access::Read`], but waits only one second for a lock that another process holds on the warehouse.
    ReadSoon,
    /// Reads and writes; the warehouse must exist.
    Write,
    /// Reads and writes; a missing warehouse is created.
    Create,
}

/// Opens the warehouse and the artifact store of one process.
///
/// HTTP clients and their tokens are created once. A DuckDB file is opened by each call of [`Storage::warehouse`] and
/// closed when the warehouse is dropped, because an open file is locked for other processes.
pub struct Storage {
    settings: StorageSettings,
    artifacts: OnceLock<Arc<dyn ArtifactStore>>,
    #[cfg(feature = "gcp")]
    bigquery: OnceCell<crate::bigquery::Connection>,
}

impl Storage {
    /// Storage with these settings; opens nothing.
    pub fn new(settings: StorageSettings) -> Self {
        Self {
            settings,
            artifacts: OnceLock::new(),
            #[cfg(feature = "gcp")]
            bigquery: OnceCell::new(),
        }
    }

    /// The settings of the storage.
    pub fn settings(&self) -> &StorageSettings {
        &self.settings
    }

    /// Opens the warehouse.
    ///
    /// # Errors
    /// `NotFound` if it must exist and does not, `Unavailable` if another process has locked it, `Corrupt` if its file
    /// is damaged or has another version, `Configuration` if this build has no backend for the URL.
    pub async fn warehouse(&self, access: Access) -> Result<Arc<dyn Warehouse>> {
        match &self.settings.warehouse_url {
            #[cfg(feature = "duckdb")]
            WarehouseUrl::DuckDb(path) => Ok(Arc::new(crate::duckdb::DuckDb::open(path, access).await?)),
            #[cfg(feature = "gcp")]
            WarehouseUrl::BigQuery { project, dataset } => {
                let connect = || crate::bigquery::connect(&self.settings);
                let google = self.bigquery.get_or_try_init(connect).await?.clone();
                let dataset = (project.as_str(), dataset.as_str());
                let opened = crate::bigquery::BigQuery::open(google, &self.settings, dataset, access);
                Ok(Arc::new(opened.await?))
            }
            #[allow(unreachable_patterns)]
            other => Err(not_built("WAREHOUSE_URL", other)),
        }
    }

    /// Opens the artifact store.
    ///
    /// # Errors
    /// `Configuration` if this build has no backend for the URL.
    pub fn artifacts(&self) -> Result<Arc<dyn ArtifactStore>> {
        get_or_try_init(&self.artifacts, || match &self.settings.artifacts_url {
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

/// The value of `cell`, opened if it is empty.
fn get_or_try_init<T: Clone>(cell: &OnceLock<T>, open: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Some(value) = cell.get() {
        return Ok(value.clone());
    }
    let value = open()?;
    Ok(cell.get_or_init(|| value).clone())
}

/// Opens a warehouse without a shared [`Storage`].
///
/// # Errors
/// The errors of [`Storage::warehouse`].
pub async fn open_warehouse(settings: &StorageSettings, access: Access) -> Result<Arc<dyn Warehouse>> {
    Storage::new(settings.clone()).warehouse(access).await
}

/// Opens an artifact store without a shared [`Storage`].
///
/// # Errors
/// The errors of [`Storage::artifacts`].
pub fn open_artifacts(settings: &StorageSettings) -> Result<Arc<dyn ArtifactStore>> {
    Storage::new(settings.clone()).artifacts()
}

fn not_built(variable: &str, url: &impl Display) -> Error {
    let expected = "the URL of a backend that this program was built with";
    Error::configuration(format!("invalid {variable} \"{url}\": expected {expected}"))
}
