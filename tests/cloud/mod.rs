//! Tests against BigQuery and Cloud Storage: emulators, or Google's services with `scripts/test --live`.

mod bigquery;
mod bundle;
mod contract;
pub(crate) mod errors;
mod faults;
mod objects;
mod peers;
mod runs;
mod streams;
mod takedowns;

use std::sync::Arc;

use common::settings::from_variables;
use common::storage::settings::StorageSettings;
use common::storage::{Access, ArtifactStore, Warehouse, open_artifacts, open_warehouse};

use crate::support::{Emulators, emulators, unique};

/// The dataset and the bucket of one test, and the hosts that serve them.
pub(crate) struct World {
    pub(crate) warehouse_url: String,
    pub(crate) artifacts_url: String,
    /// The hosts of the two services.
    pub(crate) bigquery: String,
    pub(crate) storage: String,
    /// Timeout of one attempt of a request in seconds.
    pub(crate) timeout_s: u64,
}

impl World {
    /// A new dataset and bucket on the shared emulators, or `None` if there is no BigQuery emulator.
    pub(crate) fn on_emulators() -> Option<Self> {
        Some(Self::on(emulators()?))
    }

    /// A new dataset and bucket on `emulators`.
    pub(crate) fn on(emulators: &Emulators) -> Self {
        Self {
            warehouse_url: format!("bigquery://demo/dataset_{}", unique()),
            artifacts_url: format!("gs://{}/below/a prefix", emulators.bucket()),
            bigquery: emulators.bigquery.clone(),
            storage: emulators.storage.clone(),
            timeout_s: 30,
        }
    }

    /// A new dataset and prefix in Google Cloud, or `None` without `scripts/test --live`.
    pub(crate) fn live() -> Option<Self> {
        let named = |variable| std::env::var(variable).ok().filter(|value| !value.is_empty());
        let id = unique();
        Some(Self {
            warehouse_url: format!("{}_check_{id}", named("JOB_MARKET_LIVE_WAREHOUSE")?),
            artifacts_url: format!("{}/check-{id}", named("JOB_MARKET_LIVE_ARTIFACTS")?),
            bigquery: named("BIGQUERY_EMULATOR_HOST").unwrap_or_default(),
            storage: named("STORAGE_EMULATOR_HOST").unwrap_or_default(),
            timeout_s: 30,
        })
    }

    /// The environment variables of a program that uses this dataset and bucket.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        [
            ("WAREHOUSE_URL", &self.warehouse_url),
            ("ARTIFACTS_URL", &self.artifacts_url),
            ("BIGQUERY_EMULATOR_HOST", &self.bigquery),
            ("STORAGE_EMULATOR_HOST", &self.storage),
            ("REQUEST_TIMEOUT_S", &self.timeout_s.to_string()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
    }

    pub(crate) fn settings(&self) -> StorageSettings {
        from_variables(self.variables()).expect("settings")
    }

    pub(crate) async fn warehouse(&self) -> Arc<dyn Warehouse> {
        open_warehouse(&self.settings(), Access::Create).await.expect("the warehouse opens")
    }

    pub(crate) fn artifacts(&self) -> Arc<dyn ArtifactStore> {
        open_artifacts(&self.settings()).expect("the store opens")
    }
}
