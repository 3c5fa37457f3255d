//! Takedowns: tombstones, removal of rows, and the statements that leave out ads with tombstones.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use chrono::Utc;
use common_core::job::JobKey;
use common_core::{ErrorKind, Result};
use serde_json::Value;

use super::dataset::Dataset;
use super::statement::{Statement, key};
use super::{ADS_A_STATEMENT, BigQuery, STAGED, rows, sql, tables};
use crate::warehouse::{FORGOTTEN_ADS, Forgotten, Takedowns, Traces};

#[async_trait]
impl Takedowns for BigQuery {
    async fn trace(&self, keys: &[JobKey]) -> Result<Traces> {
        self.0.trace(keys).await
    }

    async fn forget(&self, keys: &[JobKey]) -> Result<Vec<Forgotten>> {
        self.0.forget(keys).await
    }

    async fn tombstones(&self) -> Result<Vec<JobKey>> {
        self.0.tombstones().await
    }

    async fn undo_forget(&self, keys: &[JobKey]) -> Result<HashSet<JobKey>> {
        self.0.undo_forget(keys).await
    }
}

impl Dataset {
    /// The statement's text; it leaves out ads that were taken down.
    pub(super) async fn text(&self, statement: &Statement) -> Result<String> {
        let has_tombstones = !statement.reads_tombstones() || self.has_tombstones().await?;
        statement.text_of(has_tombstones)
    }

    /// All ads that were taken down.
    pub(super) async fn tombstones(self: &Arc<Self>) -> Result<Vec<JobKey>> {
        let found = self.collect(Statement::new("reading what was taken down", sql::LIST_TOMBSTONES)).await?;
        found.into_iter().map(|row| rows::key(&mut row.into_iter())).collect()
    }

    async fn trace(self: &Arc<Self>, keys: &[JobKey]) -> Result<Traces> {
        let mut traces = Traces::default();
        for table in self.tables_of_ads().await?.iter().filter(|table| !table.starts_with(STAGED)) {
            for keys in keys.chunks(ADS_A_STATEMENT) {
                traces.add(table, self.count_keys(table, keys).await?);
            }
        }
        Ok(traces)
    }

    /// Writes the tombstones first, so that an interruption between two statements does not bring an ad back.
    async fn forget(&self, keys: &[JobKey]) -> Result<Vec<Forgotten>> {
        self.create_tombstones().await?;
        let now = Utc::now();
        for keys in keys.chunks(ADS_A_STATEMENT) {
            let ads: Vec<Value> = keys.iter().map(key).collect();
            let statement = Statement::new("taking ads down", sql::ADD_TOMBSTONES)
                .ads(&ads)
                .moment("forgotten_at", Some(now));
            self.execute(&statement).await?;
        }
        let mut gone = Vec::new();
        for table in self.tables_of_ads().await?.into_iter().filter(|table| table != FORGOTTEN_ADS) {
            let is_staged = table.starts_with(STAGED);
            let mut rows = 0;
            for keys in keys.chunks(ADS_A_STATEMENT) {
                match self.changed_rows(self.delete_keys(&table, keys)).await {
                    Ok(deleted) => rows += deleted,
                    // Its rows were merged in the meantime, and the staging table was removed.
                    Err(error) if is_staged && error.kind() == ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(error.remedy(
                            "the ads have their tombstones and are left out everywhere; forget them again to remove the rows",
                        ));
                    }
                }
            }
            if !is_staged {
                gone.push(Forgotten { table, rows });
            }
        }
        Ok(gone)
    }

    async fn undo_forget(self: &Arc<Self>, keys: &[JobKey]) -> Result<HashSet<JobKey>> {
        let mut lifted = HashSet::new();
        if !self.has_tombstones().await? {
            return Ok(lifted);
        }
        for keys in keys.chunks(ADS_A_STATEMENT) {
            let found = self.count_keys(FORGOTTEN_ADS, keys).await?.into_iter().map(|(key, _)| key);
            lifted.extend(found.filter(|key| keys.contains(key)));
            self.changed_rows(self.delete_keys(FORGOTTEN_ADS, keys)).await?;
        }
        Ok(lifted)
    }

    async fn count_keys(self: &Arc<Self>, table: &str, keys: &[JobKey]) -> Result<Vec<(JobKey, u64)>> {
        let ads: Vec<Value> = keys.iter().map(key).collect();
        let statement = Statement::new(format!("looking for ads in {}", self.name(table)), sql::COUNT_KEYS)
            .with_value("table", &format!("`{table}`"))
            .ads(&ads);
        self.collect(statement).await?.into_iter().map(rows::count_of_key).collect()
    }

    /// Whether the table of tombstones exists; once created, it is never removed.
    async fn has_tombstones(&self) -> Result<bool> {
        if self.has_tombstones.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let is_there = self.has_table(FORGOTTEN_ADS).await?;
        self.has_tombstones.store(is_there, Ordering::Relaxed);
        Ok(is_there)
    }

    /// Tables with ad keys, in alphabetical order.
    async fn tables_of_ads(&self) -> Result<Vec<String>> {
        let mut of_ads = Vec::new();
        for table in self.table_names().await? {
            let facts = self.table(&table).await?.unwrap_or_default();
            let names: HashSet<String> = tables::fields(&facts)
                .map(|field| tables::text(field, "/name").to_ascii_lowercase())
                .collect();
            if names.contains("source") && names.contains("job_id") {
                of_ads.push(table);
            }
        }
        Ok(of_ads)
    }
}
