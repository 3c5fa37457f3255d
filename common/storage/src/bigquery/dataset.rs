//! The dataset of the warehouse: its creation, its addresses and the names of its tables.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use common_core::job::JobKey;
use common_core::{ErrorKind, Result};
use common_google::segment;
use gcp_bigquery_client::model::dataset as google;
use gcp_bigquery_client::table::ListOptions;
use serde_json::Value;

use super::requests::Connection;
use super::sql;
use super::statement::{Statement, key};
use crate::Access;

/// Distinct values of a column, and when they were read.
pub(super) type StoredValues = (Instant, Arc<Vec<String>>);

/// A dataset, and the clients that access it.
pub(super) struct Dataset {
    pub(super) google: Connection,
    pub(super) project: String,
    pub(super) id: String,
    /// Location of the dataset; its jobs run there.
    pub(super) location: String,
    pub(super) max_bytes_billed: Option<u64>,
    pub(super) bytes_billed: AtomicU64,
    /// Whether the table of tombstones was found.
    pub(super) has_tombstones: AtomicBool,
    /// Cached values of columns that filters use, by the statement that reads them.
    pub(super) stored_values: Mutex<HashMap<String, StoredValues>>,
}

impl Dataset {
    /// The location of the dataset, which is created if `access` allows it.
    pub(super) async fn find_or_make(&self, access: Access, location: &str) -> Result<String> {
        let (api, project, id) = (self.google.api.dataset(), &self.project, &self.id);
        let doing = format!("opening dataset {project}.{id}");
        let find = || api.get(project, id);
        let found = match self.request(&doing, find).await {
            Err(failure) if failure.kind() == ErrorKind::NotFound && access == Access::Create => {
                let doing = format!("making dataset {project}.{id}");
                let new = google::Dataset::new(project, id).location(location);
                let made = match self.request(&doing, || api.create(new.clone())).await {
                    Err(failure) if failure.kind() == ErrorKind::Conflict => self.request(&doing, find).await,
                    made => made,
                };
                made.map_err(|failure| failure.into_error(&doing))?
            }
            Err(failure) if failure.kind() == ErrorKind::NotFound => {
                // A missing project differs from a missing dataset in the message alone.
                let remedy = if failure.message.starts_with("Not found: Project") {
                    "correct WAREHOUSE_URL"
                } else {
                    "load ads with `jobctl load FILE`, which creates it, or correct WAREHOUSE_URL"
                };
                return Err(failure.into_error(&doing).remedy(remedy));
            }
            found => found.map_err(|failure| failure.into_error(&doing))?,
        };
        Ok(found.location.unwrap_or_default())
    }

    pub(super) async fn remove(&self) -> Result<()> {
        let doing = format!("removing dataset {}.{}", self.project, self.id);
        let api = self.google.api.dataset();
        let removed = self.request(&doing, || api.delete(&self.project, &self.id, true)).await;
        removed.map_err(|failure| failure.into_error(&doing))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/bigquery/v2/projects/{}/{path}", self.google.root, segment(&self.project))
    }

    pub(super) fn upload_url(&self, path: &str) -> String {
        format!("{}/upload/bigquery/v2/projects/{}/{path}", self.google.root, segment(&self.project))
    }

    pub(super) fn dataset_url(&self, path: &str) -> String {
        let url = self.url(&format!("datasets/{}", segment(&self.id)));
        if path.is_empty() { url } else { format!("{url}/{path}") }
    }

    /// Full name of a table.
    pub(super) fn name(&self, table: &str) -> String {
        format!("{}.{}.{table}", self.project, self.id)
    }

    pub(super) fn count_billed(&self, bytes: u64) {
        self.bytes_billed.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Every table that can hold rows, in alphabetical order; without views.
    pub(super) async fn table_names(&self) -> Result<Vec<String>> {
        let doing = format!("listing the tables of {}.{}", self.project, self.id);
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let options = || {
                let options = ListOptions::default().max_results(1000);
                token.iter().cloned().fold(options, ListOptions::page_token)
            };
            let api = self.google.api.table();
            let listed = self.request(&doing, || api.list(&self.project, &self.id, options())).await;
            let page = listed.map_err(|failure| failure.into_error(&doing))?;
            let tables = page.tables.into_iter().flatten();
            names.extend(
                tables
                    .filter(|table| table.r#type.as_deref() == Some("TABLE"))
                    .map(|table| table.table_reference.table_id),
            );
            token = page.next_page_token;
            if token.is_none() {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(super) async fn changed_rows(&self, statement: Statement) -> Result<u64> {
        Ok(self.execute(&statement).await?.changed_rows())
    }

    pub(super) fn delete_keys(&self, table: &str, keys: &[JobKey]) -> Statement {
        let rows: Vec<Value> = keys.iter().map(key).collect();
        Statement::new(format!("removing ads from {}", self.name(table)), sql::DELETE_KEYS)
            .with_value("table", &format!("`{table}`"))
            .ads(&rows)
    }
}
