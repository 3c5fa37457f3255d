//! Vectors of ads.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common_core::job::{ContentHash, IndexedAd, JobKey, Timestamp};
use common_core::{Error, ErrorKind, Result};
use common_google::{Call, segment};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::dataset::Dataset;
use super::statement::{Statement, shared};
use super::{ADS_A_STATEMENT, BigQuery, STAGED, jobs, load, rows};
use crate::batches;
use crate::warehouse::{
    EmbeddingRow, EmbeddingStore, EmbeddingTable, IndexState, JobScan, QueryCost, Refused, SharedRow,
    WriteSize,
};

#[async_trait]
impl EmbeddingStore for BigQuery {
    fn write_size(&self) -> WriteSize {
        // A write is some ten requests and a merge of some seconds, and reads the keys of the whole table.
        WriteSize { rows: 8192, interval: Duration::from_secs(30) }
    }

    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()> {
        self.0.create_embedding_tables(embeddings).await
    }

    fn scan_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
    ) -> BoxStream<'static, Result<Vec<EmbeddingRow>>> {
        let sql = include_str!("../../../../infra/bigquery/scan_embeddings.sql");
        let statement = Statement::new("reading embeddings", sql).on(table).text("space", Some(space));
        let rows = self.0.stream(statement, rows::VECTOR_PAGE_ROWS);
        rows.map(|page| page?.into_iter().map(rows::embedding).collect::<Result<Vec<_>>>()).boxed()
    }

    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>> {
        let (this, table) = (Arc::clone(&self.0), table.clone());
        let sql = include_str!("../../../../infra/bigquery/scan_ads.sql");
        let statement = Statement::new("reading ads", sql).on(&table).text("space", Some(space));
        let pages = async move {
            if this.table(&table.name).await?.is_none() {
                return Ok(futures::stream::empty().boxed());
            }
            let rows = this.stream(statement, rows::VECTOR_PAGE_ROWS);
            Ok::<_, Error>(
                rows.map(|page| page?.into_iter().map(rows::indexed_ad).collect::<Result<Vec<_>>>()).boxed(),
            )
        };
        futures::stream::once(pages).try_flatten().boxed()
    }

    async fn index_state(&self, table: &EmbeddingTable, space: &str) -> Result<IndexState> {
        self.0.index_state(table, space).await
    }

    async fn embedding_spaces(&self, table: &EmbeddingTable) -> Result<Vec<(String, u64)>> {
        self.0.embedding_spaces(table).await
    }

    async fn known_texts(
        &self,
        table: &EmbeddingTable,
        space: &str,
        hashes: &[ContentHash],
        since: Option<Timestamp>,
    ) -> Result<HashSet<ContentHash>> {
        if hashes.is_empty() || self.0.table(&table.name).await?.is_none() {
            return Ok(HashSet::new());
        }
        let rows = self.0.collect(known_texts(table, space, hashes, since)).await?;
        let digits = rows.iter().filter_map(|row| row.first()?.as_str());
        digits.map(ContentHash::parse).collect()
    }

    async fn merge_embeddings(
        &self,
        table: &EmbeddingTable,
        rows: Vec<EmbeddingRow>,
    ) -> Result<Vec<Refused>> {
        let mut refused = Vec::new();
        let mut parts = vec![rows];
        while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
            match self.0.merge(table, &part).await {
                Ok(()) => {}
                // A load is refused whole, and names no ad: halving finds the rows that it is about.
                Err(error) if error.kind() == ErrorKind::InvalidInput => {
                    if let [row] = &part[..] {
                        refused.push(Refused { key: row.key.clone(), reason: error.to_string() });
                    } else {
                        let half = part.split_off(part.len() / 2);
                        parts.extend([half, part]);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    async fn share_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        rows: Vec<SharedRow>,
        since: Option<Timestamp>,
    ) -> Result<HashSet<JobKey>> {
        let mut without = HashSet::new();
        for rows in rows.chunks(ADS_A_STATEMENT) {
            let ads: Vec<Value> = rows.iter().map(shared).collect();
            let statement = |doing: &str, sql: &str| {
                Statement::new(doing, sql)
                    .on(table)
                    .ads(&ads)
                    .text("space", Some(space))
                    .moment("since", since)
            };
            let share = include_str!("../../../../infra/bigquery/share_embeddings.sql");
            self.0.execute(&statement("sharing vectors", share)).await?;
            let unshared = include_str!("../../../../infra/bigquery/unshared.sql");
            for row in self.0.collect(statement("looking for ads without a vector", unshared)).await? {
                without.insert(rows::key(&mut row.into_iter())?);
            }
        }
        Ok(without)
    }

    async fn update_filters(&self, table: &EmbeddingTable, rows: Vec<SharedRow>) -> Result<()> {
        for rows in rows.chunks(ADS_A_STATEMENT) {
            let ads: Vec<Value> = rows.iter().map(shared).collect();
            let sql = include_str!("../../../../infra/bigquery/update_filters.sql");
            self.0.execute(&Statement::new("updating filter columns", sql).on(table).ads(&ads)).await?;
        }
        Ok(())
    }

    async fn delete_embeddings(&self, table: &EmbeddingTable, keys: &[JobKey]) -> Result<u64> {
        let mut removed = 0;
        for keys in keys.chunks(ADS_A_STATEMENT) {
            removed += self.0.changed_rows(self.0.delete_keys(&table.name, keys)).await?;
        }
        Ok(removed)
    }

    async fn prune_embeddings(&self, scan: &JobScan) -> Result<u64> {
        self.0.changed_rows(prune_embeddings(scan)).await
    }

    async fn costs(&self, scan: &JobScan) -> Result<Vec<QueryCost>> {
        let has_table = self.0.table(&scan.embeddings.name).await?.is_some();
        let mut statements =
            vec![("count_jobs", jobs::count_jobs(scan)), ("scan_jobs", jobs::scan_jobs(scan, has_table))];
        if has_table {
            statements.push(("known_texts", known_texts(&scan.embeddings, "", &[], None)));
            statements.push(("prune_embeddings", prune_embeddings(scan)));
        }
        let mut costs = Vec::new();
        for (query, statement) in statements {
            let bytes_processed = self.0.estimate(&statement).await?.bytes_processed;
            costs.push(QueryCost { query: query.to_owned(), bytes_processed });
        }
        Ok(costs)
    }
}

impl Dataset {
    async fn index_state(self: &Arc<Self>, table: &EmbeddingTable, space: &str) -> Result<IndexState> {
        if self.table(&table.name).await?.is_none() {
            return Ok(IndexState::default());
        }
        let sql = include_str!("../../../../infra/bigquery/index_state.sql");
        let statement = Statement::new("looking at embeddings", sql).on(table).text("space", Some(space));
        let state = self.collect(statement).await?.into_iter().next().map(rows::index_state);
        state.unwrap_or_else(|| Ok(IndexState::default()))
    }

    pub(super) async fn embedding_spaces(
        self: &Arc<Self>,
        table: &EmbeddingTable,
    ) -> Result<Vec<(String, u64)>> {
        if self.table(&table.name).await?.is_none() {
            return Ok(Vec::new());
        }
        let sql = include_str!("../../../../infra/bigquery/embedding_spaces.sql");
        let found = self.collect(Statement::new("looking for spaces", sql).on(table)).await?;
        found.into_iter().map(rows::space).collect()
    }

    /// Loads the rows into a table of their own and merges that, so that a load that is refused changes nothing.
    async fn merge(&self, table: &EmbeddingTable, rows: &[EmbeddingRow]) -> Result<()> {
        let batch = batches::embeddings(rows, table.dimension)?;
        let file = load::blocking(move || load::parquet(&batch, &[])).await?;
        let staged = format!("{STAGED}embeddings_{}", uuid::Uuid::now_v7().simple());
        let doing = format!("merging {} rows into {}", rows.len(), self.name(&table.name));
        let named = |sql: &str| sql.replace("staged_embeddings", &format!("`{staged}`"));
        let stage = named(include_str!("../../../../infra/bigquery/stage_embeddings.sql"));
        let merge = include_str!("../../../../infra/bigquery/merge_embeddings.sql")
            .replace("USING staged_embeddings", &format!("USING `{staged}`"));
        let outcome = async {
            self.execute(&Statement::new(&doing, stage)).await?;
            self.load(&staged, "WRITE_EMPTY", &file).await?;
            self.execute(&Statement::new(&doing, merge).on(table)).await
        }
        .await;
        let url = self.dataset_url(&format!("tables/{}", segment(&staged)));
        // It expires by itself where this fails.
        let _ = self.client.send(&Call::delete(&doing, url)).await;
        outcome.map(|_| ())
    }
}

fn known_texts(
    table: &EmbeddingTable,
    space: &str,
    hashes: &[ContentHash],
    since: Option<Timestamp>,
) -> Statement {
    let joined = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    Statement::new("looking for known texts", include_str!("../../../../infra/bigquery/known_texts.sql"))
        .on(table)
        .text("space", Some(space))
        .text("hashes", Some(&joined))
        .moment("since", since)
}

fn prune_embeddings(scan: &JobScan) -> Statement {
    let sql = include_str!("../../../../infra/bigquery/prune_embeddings.sql");
    Statement::new("removing rows of vanished ads", sql)
        .on(&scan.embeddings)
        .share(scan.shard, scan.source.as_deref())
}
