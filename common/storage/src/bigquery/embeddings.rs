//! Vectors of ads.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use common_core::job::{ContentHash, IndexedAd, JobKey, Timestamp};
use common_core::{Error, ErrorKind, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::dataset::Dataset;
use super::merge::Merge;
use super::statement::{Statement, shared};
use super::{ADS_A_STATEMENT, BigQuery, jobs, pages, rows, sql};
use crate::batches;
use crate::sql::Template;
use crate::warehouse::{
    EmbeddingRow, EmbeddingStore, EmbeddingTable, IndexState, JobScan, QueryCost, Refused, SharedRow,
    WriteSize,
};

#[async_trait]
impl EmbeddingStore for BigQuery {
    fn write_size(&self) -> WriteSize {
        // A write takes about ten requests and a merge of several seconds, and reads the keys of the whole table.
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
        let statement =
            Statement::new("reading embeddings", sql::SCAN_EMBEDDINGS).on(table).text("space", Some(space));
        let rows = self.0.stream(statement, pages::VECTOR_PAGE_ROWS);
        rows.map(|page| page?.into_iter().map(rows::embedding).collect::<Result<Vec<_>>>()).boxed()
    }

    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>> {
        let (this, table) = (Arc::clone(&self.0), table.clone());
        let statement = Statement::new("reading ads", sql::SCAN_ADS).on(&table).text("space", Some(space));
        let pages = async move {
            if !this.has_table(&table.name).await? {
                return Ok(futures::stream::empty().boxed());
            }
            let rows = this.stream(statement, pages::VECTOR_PAGE_ROWS);
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
        if hashes.is_empty() || !self.0.has_table(&table.name).await? {
            return Ok(HashSet::new());
        }
        let rows = self.0.collect(known_texts(table, space, hashes, since)).await?;
        rows.into_iter().map(|row| ContentHash::parse(&rows::text(row)?)).collect()
    }

    async fn merge_embeddings(
        &self,
        table: &EmbeddingTable,
        rows: Vec<EmbeddingRow>,
    ) -> Result<Vec<Refused>> {
        let mut refused = Vec::new();
        let mut parts = vec![rows];
        while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
            let merge = Merge {
                table: &table.name,
                placeholder: "staged_embeddings",
                stage: sql::STAGE_EMBEDDINGS,
                write: sql::MERGE_EMBEDDINGS,
                embeddings: Some(table),
            };
            match self.0.merge(merge, batches::embeddings(&part, table.dimension)?).await {
                Ok(_) => {}
                // A load fails as a whole, and its error names no row: bisecting finds the invalid rows.
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
            let statement = |doing: &str, template: Template| {
                Statement::new(doing, template)
                    .on(table)
                    .ads(&ads)
                    .text("space", Some(space))
                    .moment("since", since)
            };
            self.0.execute(&statement("sharing vectors", sql::SHARE_EMBEDDINGS)).await?;
            for row in self.0.collect(statement("looking for ads without a vector", sql::UNSHARED)).await? {
                without.insert(rows::key(&mut row.into_iter())?);
            }
        }
        Ok(without)
    }

    async fn update_filters(&self, table: &EmbeddingTable, rows: Vec<SharedRow>) -> Result<()> {
        for rows in rows.chunks(ADS_A_STATEMENT) {
            let ads: Vec<Value> = rows.iter().map(shared).collect();
            self.0
                .execute(&Statement::new("updating filter columns", sql::UPDATE_FILTERS).on(table).ads(&ads))
                .await?;
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
        let has_table = self.0.has_table(&scan.embeddings.name).await?;
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
        if !self.has_table(&table.name).await? {
            return Ok(IndexState::default());
        }
        let statement =
            Statement::new("looking at embeddings", sql::INDEX_STATE).on(table).text("space", Some(space));
        let state = self.collect(statement).await?.into_iter().next().map(rows::index_state);
        state.unwrap_or_else(|| Ok(IndexState::default()))
    }

    pub(super) async fn embedding_spaces(
        self: &Arc<Self>,
        table: &EmbeddingTable,
    ) -> Result<Vec<(String, u64)>> {
        if !self.has_table(&table.name).await? {
            return Ok(Vec::new());
        }
        let found =
            self.collect(Statement::new("looking for spaces", sql::EMBEDDING_SPACES).on(table)).await?;
        found.into_iter().map(rows::space).collect()
    }
}

fn known_texts(
    table: &EmbeddingTable,
    space: &str,
    hashes: &[ContentHash],
    since: Option<Timestamp>,
) -> Statement {
    let joined = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    Statement::new("looking for known texts", sql::KNOWN_TEXTS)
        .on(table)
        .text("space", Some(space))
        .text("hashes", Some(&joined))
        .moment("since", since)
}

fn prune_embeddings(scan: &JobScan) -> Statement {
    Statement::new("removing rows of vanished ads", sql::PRUNE_EMBEDDINGS)
        .on(&scan.embeddings)
        .share(scan.shard, scan.source.as_deref())
}
