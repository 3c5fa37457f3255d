//! The dataset of the warehouse: its addresses and tables, and the requests that are not jobs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use common_core::job::JobKey;
use common_core::{ErrorKind, Result};
use common_google::{Body, Call, Client, Credentials, Limits, Session, segment};
use serde_json::{Value, json};

use super::statement::{Statement, key};
use super::{execute, sql};
use crate::Access;
use crate::settings::StorageSettings;

/// Distinct values of a column, and when they were read.
pub(super) type StoredValues = (Instant, Arc<Vec<String>>);

/// A dataset, and the client that accesses it.
pub(super) struct Dataset {
    pub(super) client: Client,
    /// Base URL of the API: Google's or an emulator's.
    pub(super) root: String,
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

/// A client for [`BigQuery::open`](super::BigQuery::open); all datasets opened with it share its connections and
/// tokens.
///
/// # Errors
/// `Internal` if the HTTP client cannot be created.
pub fn client(settings: &StorageSettings) -> Result<Client> {
    let credentials = match &settings.bigquery_emulator_host {
        Some(_) => Credentials::anonymous(),
        None => Credentials::application_default(),
    };
    Client::new(Session::new(credentials, Limits::of_seconds(settings.request_timeout_s.get())))
}

impl Dataset {
    pub(super) async fn find_or_make(&self, access: Access, location: &str) -> Result<Value> {
        let doing = format!("opening dataset {}.{}", self.project, self.id);
        let failure = match self.client.json(&Call::get(&doing, self.dataset_url(""))).await {
            Ok(facts) => return Ok(facts),
            Err(failure) => failure,
        };
        if failure.kind() != ErrorKind::NotFound {
            return Err(failure.into_error(&doing));
        }
        if access != Access::Create {
            return Err(failure
                .into_error(&doing)
                .remedy("load ads with `jobctl load FILE`, which creates it, or correct WAREHOUSE_URL"));
        }
        let reference = json!({"projectId": self.project, "datasetId": self.id});
        let body = json!({"datasetReference": reference, "location": location});
        let doing = format!("making dataset {}.{}", self.project, self.id);
        match self.client.json(&Call::post(&doing, self.url("datasets"), Body::Json(body))).await {
            Ok(facts) => Ok(facts),
            Err(failure) if failure.kind() == ErrorKind::Conflict => {
                let again = self.client.json(&Call::get(&doing, self.dataset_url(""))).await;
                again.map_err(|failure| failure.into_error(&doing))
            }
            Err(failure) => Err(failure.into_error(&doing)),
        }
    }

    pub(super) async fn remove(&self) -> Result<()> {
        let doing = format!("removing dataset {}.{}", self.project, self.id);
        let call = Call::delete(&doing, self.dataset_url("")).with("deleteContents", "true");
        self.client.send(&call).await.map(|_| ()).map_err(|failure| failure.into_error(&doing))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/bigquery/v2/projects/{}/{path}", self.root, segment(&self.project))
    }

    pub(super) fn upload_url(&self, path: &str) -> String {
        format!("{}/upload/bigquery/v2/projects/{}/{path}", self.root, segment(&self.project))
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
            let mut call = Call::get(&doing, self.dataset_url("tables")).with("maxResults", "1000");
            if let Some(token) = token {
                call = call.with("pageToken", token);
            }
            let page = self.client.json(&call).await.map_err(|failure| failure.into_error(&doing))?;
            let tables = page.get("tables").and_then(Value::as_array).into_iter().flatten();
            names.extend(
                tables
                    .filter(|table| execute::text(table, "/type") == "TABLE")
                    .map(|table| execute::text(table, "/tableReference/tableId")),
            );
            match page.get("nextPageToken").and_then(Value::as_str) {
                Some(next) => token = Some(next.to_owned()),
                None => break,
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
