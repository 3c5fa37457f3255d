//! The warehouse in a BigQuery dataset.
//!
//! A file a role:
//!
//! - `jobs`: the ads as they were seen
//! - `takedowns`: the ads that were taken down, and statements that leave them out
//! - `embeddings`: vectors of ads
//! - `search`: rows near a vector, and the index for that
//! - `runs`: runs of the functions
//! - `queries`: ad-hoc queries
//!
//! What they use:
//!
//! - `sql`: the statements of `infra/bigquery`
//! - `statement`: one of them and its parameters
//! - `dataset`: where the tables are, and the requests that are no BigQuery jobs
//! - `execute`: running a BigQuery job, so that a repeated request runs it once
//! - `rows`: reading an answer page by page
//! - `cells`: the values of an ad-hoc query
//! - `load`: rows in, as Parquet by load jobs
//! - `shape`: the tables as they must be

mod cells;
mod dataset;
mod embeddings;
mod execute;
mod jobs;
mod load;
mod queries;
mod rows;
mod runs;
mod search;
mod shape;
pub(crate) mod sql;
mod statement;
mod takedowns;
mod wire;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common_core::Result;
use common_core::settings::Whole;
use common_google::Client;

use self::dataset::Dataset;
pub use self::dataset::client;
#[cfg(test)]
pub(crate) use self::shape::type_of;
use crate::Access;
use crate::settings::StorageSettings;

/// Names of tables that hold rows on their way elsewhere begin with this.
const STAGED: &str = "staged_";

/// Ads that one statement takes as its parameter, of 10 MB at most.
const ADS_A_STATEMENT: usize = 4096;

/// A warehouse in a BigQuery dataset.
pub struct BigQuery(Arc<Dataset>);

impl BigQuery {
    /// Opens the dataset; with [`Access::Create`] an absent one is made in `settings.bigquery_location`.
    ///
    /// # Errors
    /// `NotFound` where there is no such dataset or project, `Forbidden` without permission.
    pub async fn open(
        client: Client,
        settings: &StorageSettings,
        (project, dataset): (&str, &str),
        access: Access,
    ) -> Result<Self> {
        let emulator = settings.bigquery_emulator_host.as_deref().map(common_google::emulator);
        let mut this = Dataset {
            client,
            root: emulator.unwrap_or_else(|| "https://bigquery.googleapis.com".to_owned()),
            project: project.to_owned(),
            id: dataset.to_owned(),
            location: String::new(),
            max_bytes_billed: settings.max_bytes_billed.map(Whole::get),
            bytes_billed: AtomicU64::new(0),
            has_tombstones: AtomicBool::new(false),
            stored_values: Mutex::default(),
        };
        let facts = this.find_or_make(access, &settings.bigquery_location).await?;
        this.location = execute::text(&facts, "/location");
        Ok(Self(Arc::new(this)))
    }

    /// Removes the dataset with everything in it: for whoever made it for a check.
    ///
    /// # Errors
    /// `Forbidden` without permission; `NotFound` where it is gone already.
    pub async fn remove(self) -> Result<()> {
        self.0.remove().await
    }

    /// Bytes that Google has billed for the statements of this handle.
    pub fn bytes_billed(&self) -> u64 {
        self.0.bytes_billed.load(Ordering::Relaxed)
    }
}
