//! Takedowns: the tombstones, the rows that leave, and statements that honour both.

use std::collections::HashSet;

use ::duckdb::{Connection, params};
use async_trait::async_trait;
use chrono::Utc;
use common_core::Result;
use common_core::job::{JobKey, Timestamp};

use super::errors::Outcome;
use super::{DuckDb, catalogue, render, shape, stage};
use crate::warehouse::{EmbeddingTable, FORGOTTEN_ADS, FROM_FORGOTTEN_ADS, Forgotten, Takedowns, Traces};

#[async_trait]
impl Takedowns for DuckDb {
    async fn trace(&self, keys: &[JobKey]) -> Result<Traces> {
        let keys = keys.to_vec();
        self.write(move |connection| trace(connection, &keys)).await
    }

    async fn forget(&self, keys: &[JobKey]) -> Result<Vec<Forgotten>> {
        let (keys, now) = (keys.to_vec(), Utc::now());
        self.write(move |connection| forget(connection, &keys, now)).await
    }

    async fn tombstones(&self) -> Result<Vec<JobKey>> {
        self.read(tombstones).await
    }

    async fn undo_forget(&self, keys: &[JobKey]) -> Result<HashSet<JobKey>> {
        let keys = keys.to_vec();
        self.write(move |connection| undo(connection, &keys)).await
    }
}

/// A statement that leaves out what was taken down, ready to run; where the table of tombstones is not made yet (a reader makes
/// nothing), over an empty one.
pub(super) fn honoured(
    connection: &Connection,
    sql: &str,
    table: &EmbeddingTable,
) -> ::duckdb::Result<String> {
    if catalogue::has_table(connection, FORGOTTEN_ADS)? {
        return Ok(render(sql, table));
    }
    let nothing = include_str!("../../../../infra/duckdb/no_forgotten_ads.sql");
    Ok(render(&sql.replace(FROM_FORGOTTEN_ADS, &format!("FROM {nothing} AS")), table))
}

/// Every ad that was taken down.
pub(super) fn tombstones(connection: &Connection) -> ::duckdb::Result<Vec<JobKey>> {
    if !catalogue::has_table(connection, FORGOTTEN_ADS)? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(include_str!("../../../../infra/duckdb/list_tombstones.sql"))?;
    statement.query_map([], |row| Ok(JobKey { source: row.get(0)?, job_id: row.get(1)? }))?.collect()
}

fn trace(connection: &Connection, keys: &[JobKey]) -> Outcome<Traces> {
    stage::keys(connection, keys)?;
    let mut traces = Traces::default();
    for table in tables_of_ads(connection)? {
        traces.add(&table, count_staged_keys(connection, &table)?);
    }
    Ok(traces)
}

fn forget(connection: &Connection, keys: &[JobKey], now: Timestamp) -> Outcome<Vec<Forgotten>> {
    shape::create_tombstones(connection)?;
    stage::keys(connection, keys)?;
    let add = include_str!("../../../../infra/duckdb/add_tombstones.sql");
    connection.execute(add, params![now.timestamp_micros()])?;
    let mut gone = Vec::new();
    for table in tables_of_ads(connection)?.into_iter().filter(|table| table != FORGOTTEN_ADS) {
        let rows = delete_staged_keys(connection, &table)?;
        gone.push(Forgotten { table, rows });
    }
    Ok(gone)
}

fn undo(connection: &Connection, keys: &[JobKey]) -> Outcome<HashSet<JobKey>> {
    if !catalogue::has_table(connection, FORGOTTEN_ADS)? {
        return Ok(HashSet::new());
    }
    stage::keys(connection, keys)?;
    let lifted = count_staged_keys(connection, FORGOTTEN_ADS)?;
    delete_staged_keys(connection, FORGOTTEN_ADS)?;
    Ok(lifted.into_iter().map(|(key, _)| key).filter(|key| keys.contains(key)).collect())
}

/// Removes the staged keys from one table, whose name comes from the catalogue or from [`EmbeddingTable`].
pub(super) fn delete_staged_keys(connection: &Connection, table: &str) -> Outcome<u64> {
    let sql = include_str!("../../../../infra/duckdb/delete_keys.sql");
    Ok(connection.execute(&on(sql, table), [])? as u64)
}

/// How many rows a table has of each staged key that it names.
fn count_staged_keys(connection: &Connection, table: &str) -> Outcome<Vec<(JobKey, u64)>> {
    let sql = include_str!("../../../../infra/duckdb/count_keys.sql");
    let mut statement = connection.prepare(&on(sql, table))?;
    let counts = statement
        .query_map([], |row| Ok((JobKey { source: row.get(0)?, job_id: row.get(1)? }, row.get(2)?)))?
        .collect::<::duckdb::Result<_>>()?;
    Ok(counts)
}

/// Tables that name ads, in alphabetical order.
fn tables_of_ads(connection: &Connection) -> ::duckdb::Result<Vec<String>> {
    let columns = catalogue::columns(connection)?;
    let has = |table: &str, name: &str| {
        columns.iter().any(|column| column.table == table && column.name.eq_ignore_ascii_case(name))
    };
    let mut tables: Vec<String> = columns.iter().map(|column| column.table.clone()).collect();
    tables.dedup();
    tables.retain(|table| has(table, "source") && has(table, "job_id"));
    Ok(tables)
}

fn on(sql: &str, table: &str) -> String {
    sql.replace("job_embeddings", &format!("\"{}\"", table.replace('"', "\"\"")))
}
