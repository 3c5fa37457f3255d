//! Takedowns: tombstones, removal of rows, and the statements that leave out ads with tombstones.

use std::collections::HashSet;

use ::duckdb::{Connection, params};
use async_trait::async_trait;
use chrono::Utc;
use common_core::Result;
use common_core::job::{JobKey, Timestamp};

use super::errors::Outcome;
use super::{DuckDb, catalogue, sql, stage, tables};
use crate::sql::{Template, Values};
use crate::warehouse::{FORGOTTEN_ADS, Forgotten, Takedowns, Traces};

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

/// All ads that were taken down.
pub(super) fn tombstones(connection: &Connection) -> Outcome<Vec<JobKey>> {
    if !catalogue::has_table(connection, FORGOTTEN_ADS)? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(&sql::fill(connection, sql::LIST_TOMBSTONES, None)?)?;
    let keys = statement.query_map([], |row| Ok(JobKey { source: row.get(0)?, job_id: row.get(1)? }))?;
    Ok(keys.collect::<::duckdb::Result<_>>()?)
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
    tables::create_tombstones(connection)?;
    stage::keys(connection, keys)?;
    let add = sql::fill(connection, sql::ADD_TOMBSTONES, None)?;
    connection.execute(&add, params![now.timestamp_micros()])?;
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

/// Removes the staged keys from a table, whose name comes from the catalogue or from `EmbeddingTable`.
pub(super) fn delete_staged_keys(connection: &Connection, table: &str) -> Outcome<u64> {
    let sql = on(sql::DELETE_KEYS, table)?;
    Ok(connection.execute(&sql, [])? as u64)
}

/// Number of rows that a table has of each staged key.
fn count_staged_keys(connection: &Connection, table: &str) -> Outcome<Vec<(JobKey, u64)>> {
    let mut statement = connection.prepare(&on(sql::COUNT_KEYS, table)?)?;
    let counts = statement
        .query_map([], |row| Ok((JobKey { source: row.get(0)?, job_id: row.get(1)? }, row.get(2)?)))?
        .collect::<::duckdb::Result<_>>()?;
    Ok(counts)
}

/// Tables with ad keys, in alphabetical order.
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

/// A statement with the name of one table.
fn on(template: Template, table: &str) -> Outcome<String> {
    Ok(template.fill(&Values::default().with("table", sql::quoted(table)))?)
}
