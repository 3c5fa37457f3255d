//! Where rows and artifacts are, and how Google is called for them.

use common_core::settings;
use common_core::settings::Whole;

pub use crate::url::{ArtifactsUrl, WarehouseUrl};

settings! {
    /// Where rows and artifacts are.
    pub struct StorageSettings, "Where" {
        /// Where the rows are: duckdb:PATH or bigquery://PROJECT/DATASET
        pub warehouse_url: WarehouseUrl = "duckdb:data/jobs.duckdb", flag "warehouse-url URL";
        /// Where the artifacts are: file:PATH or gs://BUCKET/PREFIX
        pub artifacts_url: ArtifactsUrl = "file:data/artifacts", flag "artifacts-url URL";
        /// BigQuery emulator to call instead of Google, without credentials
        pub bigquery_emulator_host: Option<String>;
        /// Cloud Storage emulator to call instead of Google, without credentials
        pub storage_emulator_host: Option<String>;
        /// Region in which an absent dataset is made
        pub bigquery_location: String = "asia-southeast1";
        /// Most bytes that a query may read; BigQuery refuses one that would read more
        pub max_bytes_billed: Option<Whole<0, 9_223_372_036_854_775_807>>;
        /// The longest that nothing may move within one try of a request to Google, in seconds
        pub request_timeout_s: Whole<1, 3600> = "60";
    }
}

#[cfg(test)]
mod tests;
