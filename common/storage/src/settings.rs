//! Settings of storage: the locations of rows and artifacts, and requests to Google.

use common_core::settings;
use common_core::settings::Whole;

pub use crate::url::{ArtifactsUrl, WarehouseUrl};

settings! {
    /// Settings of storage.
    pub struct StorageSettings, "Where" {
        /// Location of the rows: duckdb:PATH or bigquery://PROJECT/DATASET
        pub warehouse_url: WarehouseUrl = "duckdb:data/jobs.duckdb", flag "warehouse-url URL";
        /// Location of the artifacts: file:PATH or gs://BUCKET/PREFIX
        pub artifacts_url: ArtifactsUrl = "file:data/artifacts", flag "artifacts-url URL";
        /// Host of a BigQuery emulator to call instead of Google, without credentials
        pub bigquery_emulator_host: Option<String>;
        /// Host of a Cloud Storage emulator to call instead of Google, without credentials
        pub storage_emulator_host: Option<String>;
        /// Size from which an object is uploaded to Cloud Storage in a resumable session, in bytes; by default 8388608,
        /// and on an emulator none
        pub resumable_upload_bytes: Option<Whole<0, 9_223_372_036_854_775_807>>;
        /// Region in which a missing dataset is created
        pub bigquery_location: String = "asia-southeast1";
        /// Maximum number of bytes that a query may read; BigQuery rejects queries that would read more
        pub max_bytes_billed: Option<Whole<0, 9_223_372_036_854_775_807>>;
        /// Idle timeout of one attempt of a request to Google, in seconds
        pub request_timeout_s: Whole<1, 3600> = "60";
    }
}

#[cfg(test)]
mod tests;
