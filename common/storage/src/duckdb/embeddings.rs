//! Vectors of ads: the role, and its writes, each call one transaction.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ::duckdb::{Connection, params};
use async_trait::async_trait;
use common_core::Result;
use common_core::job::{ContentHash, IndexedAd, JobKey, Timestamp};
use futures::stream::BoxStream;

use super::errors::Outcome;
use super::{DuckDb, ads, catalogue, micros, moment, render, shape, stage, takedowns, vectors};
use crate::batches;
use crate::warehouse::{
    EmbeddingRow, EmbeddingStore, EmbeddingTable, IndexState, JobScan, QueryCost, Refused, SharedRow,
    WriteSize,
};

/// Rows that take another ad's vector in one transaction.
const SHARED_ROWS: usize = 512;

/// In how many parts the keys are compared when vanished ads are looked for.
const PRUNE_PARTS: u32 = 64;

#[async_trait]
impl EmbeddingStore for DuckDb {
    fn write_size(&self) -> WriteSize {
        WriteSize { rows: 1024, interval: Duration::from_secs(5) }
    }

    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()> {
        let embeddings = embeddings.clone();
        self.write(move |connection| shape::create_embeddings(connection, &embeddings)).await
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
        // The columns take whatever the rows' types can hold.
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
        // Part by part, because all of a part's vectors are in memory, more than once.
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
        let sql = render(include_str!("../../../../infra/duckdb/update_filters.sql"), table);
        self.write(move |connection| {
            stage::shared(connection, &rows)?;
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

fn index_state(connection: &Connection, table: &EmbeddingTable, space: &str) -> ::duckdb::Result<IndexState> {
    if !catalogue::has_table(connection, &table.name)? {
        return Ok(IndexState::default());
    }
    let sql = include_str!("../../../../infra/duckdb/index_state.sql");
    let sql = takedowns::honoured(connection, sql, table)?;
    connection.query_row(&sql, [space], |row| {
        Ok(IndexState {
            rows: row.get(0)?,
            newest: moment(row, 1)?,
            checksum: row.get(2)?,
            ads: row.get(3)?,
            timestamps_out_of_range: row.get(4)?,
        })
    })
}

fn embedding_spaces(connection: &Connection, table: &EmbeddingTable) -> ::duckdb::Result<Vec<(String, u64)>> {
    if !catalogue::has_table(connection, &table.name)? {
        return Ok(Vec::new());
    }
    let sql = render(include_str!("../../../../infra/duckdb/embedding_spaces.sql"), table);
    connection.prepare(&sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Which of the hashes, joined by commas, have a vector of `space`, written since `since` where that is given.
fn known_texts(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    hashes: &str,
    since: Option<i64>,
) -> ::duckdb::Result<Vec<String>> {
    if !catalogue::has_table(connection, &table.name)? {
        return Ok(Vec::new());
    }
    let sql =
        takedowns::honoured(connection, include_str!("../../../../infra/duckdb/known_texts.sql"), table)?;
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![hashes, space, since], |row| row.get(0))?.collect()
}

fn merge_embeddings(connection: &Connection, table: &EmbeddingTable, rows: &[EmbeddingRow]) -> Outcome<()> {
    connection
        .execute_batch(&render(include_str!("../../../../infra/duckdb/stage_embeddings.sql"), table))?;
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
    for sql in [
        include_str!("../../../../infra/duckdb/stage_embeddings.sql"),
        include_str!("../../../../infra/duckdb/share_embeddings.sql"),
    ] {
        connection.execute_batch(&render(sql, table))?;
    }
    put_staged(connection, table)?;
    let mut statement = connection.prepare(include_str!("../../../../infra/duckdb/unshared.sql"))?;
    let unshared = statement
        .query_map([], |row| Ok(JobKey { source: row.get(0)?, job_id: row.get(1)? }))?
        .collect::<::duckdb::Result<_>>()?;
    Ok(unshared)
}

/// Copies the rows that have the staged texts' vectors, one by one: only their pages are read.
fn fetch_donors(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    since: Option<Timestamp>,
) -> Outcome<()> {
    connection.execute_batch(&render(include_str!("../../../../infra/duckdb/stage_donors.sql"), table))?;
    let mut find = connection.prepare(&takedowns::honoured(
        connection,
        include_str!("../../../../infra/duckdb/find_donors.sql"),
        table,
    )?)?;
    let donors: Vec<i64> =
        find.query_map(params![space, micros(since)], |row| row.get(0))?.collect::<::duckdb::Result<_>>()?;
    let mut fetch =
        connection.prepare(&render(include_str!("../../../../infra/duckdb/fetch_donor.sql"), table))?;
    for donor in donors {
        fetch.execute(params![donor])?;
    }
    Ok(())
}

/// Puts the staged rows in place of those that their ads had. What else the table's owner keeps in a row stays there.
fn put_staged(connection: &Connection, table: &EmbeddingTable) -> Outcome<()> {
    let statements = if shape::has_other_columns(connection, table)? {
        [
            include_str!("../../../../infra/duckdb/update_embeddings.sql"),
            include_str!("../../../../infra/duckdb/insert_new_embeddings.sql"),
        ]
    } else {
        [
            include_str!("../../../../infra/duckdb/replace_embeddings.sql"),
            include_str!("../../../../infra/duckdb/insert_embeddings.sql"),
        ]
    };
    for sql in statements {
        connection.execute_batch(&render(sql, table))?;
    }
    Ok(())
}

fn prune_embeddings(connection: &Connection, scan: &JobScan) -> Outcome<u64> {
    let sql = include_str!("../../../../infra/duckdb/prune_embeddings.sql");
    let mut statement = connection.prepare(&takedowns::honoured(connection, sql, &scan.embeddings)?)?;
    let (shard, source) = (scan.shard, &scan.source);
    let mut removed = 0;
    for part in 0..PRUNE_PARTS {
        removed += statement.execute(params![shard.count, shard.index, source, PRUNE_PARTS, part])?;
    }
    Ok(removed as u64)
}
