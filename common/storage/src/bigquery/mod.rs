//! The warehouse in a BigQuery dataset.
//!
//! One file for each role:
//!
//! - `jobs`: sightings of ads
//! - `takedowns`: ads that were taken down, and statements that leave them out
//! - `embeddings`: vectors of ads
//! - `features`: what models learn from
//! - `search`: nearest-neighbour searches, and the vector index
//! - `runs`: runs of the functions
//! - `queries`: ad-hoc queries
//!
//! Helpers:
//!
//! - `sql`: the statements of `infra/bigquery`
//! - `statement`: a statement and its parameters
//! - `requests`: the clients, and how a request of `gcp-bigquery-client` is repeated
//! - `dataset`: the dataset and the names of its tables
//! - `execute`: running a BigQuery job, so that a repeated request runs it once
//! - `pages`: reading a result page by page
//! - `rows`: the values of our own statements
//! - `wire`, `cells`: the pages and the values of an ad-hoc query
//! - `load`: loading rows from Parquet files by load jobs
//! - `tables`: creating and checking the tables
//!
//! Requests are made by `gcp-bigquery-client`. It cannot make these: the upload of a load job (`execute`), the dry run
//! (`execute`) and the pages (`queries`) of an ad-hoc query, the description of a table (`tables`), and the request that
//! finds the status of an unreadable response (`requests`).

mod cells;
mod dataset;
mod embeddings;
mod execute;
mod features;
mod jobs;
mod load;
mod merge;
mod pages;
mod predictions;
mod queries;
mod requests;
mod rows;
mod runs;
mod search;
pub(crate) mod sql;
mod statement;
mod tables;
mod takedowns;
mod wire;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common_core::Result;
use common_core::settings::Whole;

use self::dataset::Dataset;
pub use self::requests::{Connection, connect};
#[cfg(test)]
pub(crate) use self::tables::type_of;
use crate::Access;
use crate::settings::StorageSettings;

/// Prefix of the names of staging tables.
const STAGED: &str = "staged_";

/// Maximum number of ads in one statement's parameter, which is limited to 10 MB.
const ADS_A_STATEMENT: usize = 4096;

/// A warehouse in a BigQuery dataset.
pub struct BigQuery(Arc<Dataset>);

impl BigQuery {
    /// Opens the dataset; [`Access::Create`] creates a missing one in `settings.bigquery_location`.
    ///
    /// # Errors
    /// `NotFound` if the dataset or the project does not exist, `Forbidden` without permission.
    pub async fn open(
        google: Connection,
        settings: &StorageSettings,
        (project, dataset): (&str, &str),
        access: Access,
    ) -> Result<Self> {
        let mut this = Dataset {
            google,
            project: project.to_owned(),
            id: dataset.to_owned(),
            location: String::new(),
            max_bytes_billed: settings.max_bytes_billed.map(Whole::get),
            bytes_billed: AtomicU64::new(0),
            has_tombstones: AtomicBool::new(false),
            stored_values: Mutex::default(),
        };
        this.location = this.find_or_make(access, &settings.bigquery_location).await?;
        Ok(Self(Arc::new(this)))
    }

    /// Removes the dataset with all its tables; for tests that created one.
    ///
    /// # Errors
    /// `Forbidden` without permission; `NotFound` if the dataset does not exist.
    pub async fn remove(self) -> Result<()> {
        self.0.remove().await
    }

    /// Bytes that Google billed for the statements of this value.
    pub fn bytes_billed(&self) -> u64 {
        self.0.bytes_billed.load(Ordering::Relaxed)
    }
}
