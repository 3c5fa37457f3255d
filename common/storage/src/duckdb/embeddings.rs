//! Vectors of ads. Each write is one transaction.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ::duckdb::{Connection, params};
use async_trait::async_trait;
use common_core::Result;
use common_core::job::{ContentHash, IndexedAd, JobKey, Timestamp};
use futures::stream::BoxStream;

use super::errors::Outcome;
use super::{DuckDb, ads, catalogue, micros, moment, sql, stage, tables, takedowns, vectors};
use crate::batches;
use crate::warehouse::{
    EmbeddingRow, EmbeddingStore, EmbeddingTable, IndexState, JobScan, QueryCost, Refused, SharedRow,
    WriteSize,
};

/// Rows that reuse a vector in one transaction.
const SHARED_ROWS: usize = 512;

/// Sightings whose keys are compared at once to find removed ads, unless that takes more than [`MAX_PRUNE_PARTS`].
const PRUNE_ROWS: u64 = 4096;

/// Maximum number of parts in which keys are compared: each part reads all keys.
const MAX_PRUNE_PARTS: u64 = 64;

#[async_trait]
impl EmbeddingStore for DuckDb {
    fn write_size(&self) -> WriteSize {
        WriteSize { rows: 1024, interval: Duration::from_secs(5) }
    }

    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()> {
        let embeddings = embeddings.clone();
        self.write(move |connection| tables::create_embeddings(connection, &embeddings)).await
    }

    fn scan_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
    ) -> BoxStream<'static, Result<Vec<EmbeddingRow>>> {
        vectors::scan_embeddings(Arc::clone(&self.shared), table.clone(), space.to_owned())
    }

    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>> {
        ads::scan_ads(Arc::clone(&self.shared), table.clone(), space.to_owned())
    }

    async fn index_state(&self, table: &EmbeddingTable, space: &str) -> Result<IndexState> {
        let (table, space) = (table.clone(), space.to_owned());
        self.read(move |connection| index_state(connection, &table, &space)).await
    }

    async fn embedding_spaces(&self, table: &EmbeddingTable) -> Result<Vec<(String, u64)>> {
        let table = table.clone();
        self.read(move |connection| embedding_spaces(connection, &table)).await
    }

    async fn known_texts(
        &self,
        table: &EmbeddingTable,
        space: &str,
        hashes: &[ContentHash],
        since: Option<Timestamp>,
    ) -> Result<HashSet<ContentHash>> {
        if hashes.is_empty() {
            return Ok(HashSet::new());
        }
        let joined = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (space, since) = (space.to_owned(), micros(since));
        let table = table.clone();
        let known = move |connection: &Connection| known_texts(connection, &table, &space, &joined, since);
        let found = self.read(known).await?;
        found.iter().map(|digits| ContentHash::parse(digits)).collect()
    }

    async fn merge_embeddings(
        &self,
        table: &EmbeddingTable,
        rows: Vec<EmbeddingRow>,
    ) -> Result<Vec<Refused>> {
        let table = table.clone();
        self.write(move |connection| merge_embeddings(connection, &table, &rows)).await?;
        // The columns accept all values of the rows' types.
        Ok(Vec::new())
    }

    async fn share_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        rows: Vec<SharedRow>,
        since: Option<Timestamp>,
    ) -> Result<HashSet<JobKey>> {
        let mut without = HashSet::new();
        // In parts, because all vectors of a part are in memory, more than once.
        for part in rows.chunks(SHARED_ROWS) {
            let (table, space, part) = (table.clone(), space.to_owned(), part.to_vec());
            let unshared = self.write(move |connection| {
                stage::shared(connection, &part)?;
                share_staged(connection, &table, &space, since)
            });
            without.extend(unshared.await?);
        }
        Ok(without)
    }

    async fn update_filters(&self, table: &EmbeddingTable, rows: Vec<SharedRow>) -> Result<()> {
        let table = table.clone();
        self.write(move |connection| {
            stage::shared(connection, &rows)?;
            let sql = sql::fill(connection, sql::UPDATE_FILTERS, Some(&table))?;
            Ok(connection.execute_batch(&sql)?)
        })
        .await
    }

    async fn delete_embeddings(&self, table: &EmbeddingTable, keys: &[JobKey]) -> Result<u64> {
        let (table, keys) = (table.name.clone(), keys.to_vec());
        self.write(move |connection| {
            stage::keys(connection, &keys)?;
            takedowns::delete_staged_keys(connection, &table)
        })
        .await
    }

    async fn prune_embeddings(&self, scan: &JobScan) -> Result<u64> {
        let scan = scan.clone();
        self.write(move |connection| prune_embeddings(connection, &scan)).await
    }

    async fn costs(&self, _scan: &JobScan) -> Result<Vec<QueryCost>> {
        Ok(Vec::new())
    }
}

fn index_state(connection: &Connection, table: &EmbeddingTable, space: &str) -> Outcome<IndexState> {
    if !catalogue::has_table(connection, &table.name)? {
        return Ok(IndexState::default());
    }
    let sql = sql::fill(connection, sql::INDEX_STATE, Some(table))?;
    let state = connection.query_row(&sql, [space], |row| {
        Ok(IndexState {
            rows: row.get(0)?,
            newest: moment(row, 1)?,
            checksum: row.get(2)?,
            ads: row.get(3)?,
            timestamps_out_of_range: row.get(4)?,
        })
    })?;
    Ok(state)
}

fn embedding_spaces(connection: &Connection, table: &EmbeddingTable) -> Outcome<Vec<(String, u64)>> {
    if !catalogue::has_table(connection, &table.name)? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(&sql::fill(connection, sql::EMBEDDING_SPACES, Some(table))?)?;
    let spaces = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(spaces.collect::<::duckdb::Result<_>>()?)
}

/// The hashes, joined by commas, that have a vector of `space`, written since `since` if given.
fn known_texts(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    hashes: &str,
    since: Option<i64>,
) -> Outcome<Vec<String>> {
    if !catalogue::has_table(connection, &table.name)? {
        return Ok(Vec::new());
    }
    let sql = sql::fill(connection, sql::KNOWN_TEXTS, Some(table))?;
    let mut statement = connection.prepare_cached(&sql)?;
    let known = statement.query_map(params![hashes, space, since], |row| row.get(0))?;
    Ok(known.collect::<::duckdb::Result<_>>()?)
}

fn merge_embeddings(connection: &Connection, table: &EmbeddingTable, rows: &[EmbeddingRow]) -> Outcome<()> {
    connection.execute_batch(&sql::fill(connection, sql::STAGE_EMBEDDINGS, Some(table))?)?;
    stage::rows(connection, "staged_embeddings", batches::embeddings(rows, table.dimension)?)?;
    put_staged(connection, table)
}

fn share_staged(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    since: Option<Timestamp>,
) -> Outcome<HashSet<JobKey>> {
    fetch_donors(connection, table, space, since)?;
    for template in [sql::STAGE_EMBEDDINGS, sql::SHARE_EMBEDDINGS] {
        connection.execute_batch(&sql::fill(connection, template, Some(table))?)?;
    }
    put_staged(connection, table)?;
    let mut statement = connection.prepare(sql::UNSHARED.text)?;
    let unshared = statement
        .query_map([], |row| Ok(JobKey { source: row.get(0)?, job_id: row.get(1)? }))?
        .collect::<::duckdb::Result<_>>()?;
    Ok(unshared)
}

/// Copies the rows with the staged texts' vectors one by one, so that only the pages of these rows are read.
fn fetch_donors(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    since: Option<Timestamp>,
) -> Outcome<()> {
    connection.execute_batch(&sql::fill(connection, sql::STAGE_DONORS, Some(table))?)?;
    let mut find = connection.prepare(&sql::fill(connection, sql::FIND_DONORS, Some(table))?)?;
    let donors: Vec<i64> =
        find.query_map(params![space, micros(since)], |row| row.get(0))?.collect::<::duckdb::Result<_>>()?;
    let mut fetch = connection.prepare(&sql::fill(connection, sql::FETCH_DONOR, Some(table))?)?;
    for donor in donors {
        fetch.execute(params![donor])?;
    }
    Ok(())
}

/// Inserts the staged rows or updates existing rows of the same ads. Columns that belong to the table's owner keep
/// their values.
fn put_staged(connection: &Connection, table: &EmbeddingTable) -> Outcome<()> {
    let statements = if tables::has_other_columns(connection, table)? {
        [sql::UPDATE_EMBEDDINGS, sql::INSERT_NEW_EMBEDDINGS]
    } else {
        [sql::REPLACE_EMBEDDINGS, sql::INSERT_EMBEDDINGS]
    };
    for template in statements {
        connection.execute_batch(&sql::fill(connection, template, Some(table))?)?;
    }
    Ok(())
}

fn prune_embeddings(connection: &Connection, scan: &JobScan) -> Outcome<u64> {
    let sql = sql::fill(connection, sql::PRUNE_EMBEDDINGS, Some(&scan.embeddings))?;
    let mut statement = connection.prepare(&sql)?;
    let (shard, source) = (scan.shard, &scan.source);
    let end_of_sightings = sql::fill(connection, sql::END_OF_SIGHTINGS, None)?;
    let sightings: u64 = connection.query_row(&end_of_sightings, [], |row| row.get(0))?;
    let parts = sightings.div_ceil(PRUNE_ROWS).clamp(1, MAX_PRUNE_PARTS);
    let mut removed = 0;
    for part in 0..parts {
        removed += statement.execute(params![shard.count, shard.index, source, parts, part])?;
    }
    Ok(removed as u64)
}
