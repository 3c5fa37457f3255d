//! Writing, each call one transaction: all of it is there or none.

use std::collections::HashSet;

use ::duckdb::{Appender, Connection, params};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use common_core::job::{JobAd, JobKey, Timestamp};
use common_core::{Error, Result};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::{micros, render, shape, takedowns};
use crate::batches;
use crate::warehouse::{Appended, EmbeddingRow, EmbeddingTable, JobScan, RunRecord, SharedRow, Tombstones};

/// In how many parts the keys are compared when vanished ads are looked for.
const PRUNE_PARTS: u32 = 64;

/// Why a transaction is rolled back: the engine's reason or ours.
pub(super) enum Failure {
    Engine(::duckdb::Error),
    Ours(Error),
}

impl From<::duckdb::Error> for Failure {
    fn from(error: ::duckdb::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

pub(super) type Outcome<T> = Result<T, Failure>;

pub(super) fn append_jobs(
    connection: &Connection,
    runtime: &tokio::runtime::Handle,
    mut batches: BoxStream<'static, Result<Vec<JobAd>>>,
) -> Outcome<Appended> {
    let tombstones: Tombstones = takedowns::tombstones(connection)?.into_iter().collect();
    let mut counts = Appended::default();
    let mut appender: Option<Appender<'_>> = None;
    // This thread may block; what feeds the stream runs on the runtime's own threads.
    while let Some(batch) = runtime.block_on(batches.next()) {
        let mut batch = batch?;
        counts.forgotten += tombstones.leave_out(&mut batch);
        counts.sightings += batch.len() as u64;
        let batch = batches::jobs(&batch)?;
        let appender = match &mut appender {
            Some(appender) => appender,
            none => none.insert(connection.appender_with_columns("cleaned_jobs", &names(&batch.schema()))?),
        };
        appender.append_record_batch(batch)?;
    }
    if let Some(mut appender) = appender {
        appender.flush()?;
    }
    Ok(counts)
}

/// The batch's columns, which an appender must be told: without, it goes by the table's order, and wants a value for every column.
fn names(schema: &Schema) -> Vec<&str> {
    schema.fields().iter().map(|field| field.name().as_str()).collect()
}

/// Puts a batch into a temporary table of ours, column by name.
fn stage(connection: &Connection, table: &str, batch: RecordBatch) -> Outcome<()> {
    let schema = batch.schema();
    let names = names(&schema);
    let mut appender = connection.appender_with_columns_to_catalog_and_db(table, "temp", "main", &names)?;
    appender.append_record_batch(batch)?;
    appender.flush()?;
    Ok(())
}

pub(super) fn merge_embeddings(
    connection: &Connection,
    table: &EmbeddingTable,
    rows: &[EmbeddingRow],
) -> Outcome<()> {
    connection
        .execute_batch(&render(include_str!("../../../../infra/duckdb/stage_embeddings.sql"), table))?;
    stage(connection, "staged_embeddings", batches::embeddings(rows, table.dimension)?)?;
    put_staged(connection, table)
}

pub(super) fn stage_shared(connection: &Connection, rows: &[SharedRow]) -> Outcome<()> {
    connection.execute_batch(include_str!("../../../../infra/duckdb/stage_shared.sql"))?;
    stage(connection, "staged_shared", batches::shared(rows)?)
}

pub(super) fn share_staged(
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

pub(super) fn stage_keys(connection: &Connection, keys: &[JobKey]) -> Outcome<()> {
    connection.execute_batch(include_str!("../../../../infra/duckdb/stage_keys.sql"))?;
    stage(connection, "staged_keys", batches::keys(keys)?)
}

pub(super) fn prune_embeddings(connection: &Connection, scan: &JobScan) -> Outcome<u64> {
    let sql = include_str!("../../../../infra/duckdb/prune_embeddings.sql");
    let mut statement = connection.prepare(&takedowns::honoured(connection, sql, &scan.embeddings)?)?;
    let (shard, source) = (scan.shard, &scan.source);
    let mut removed = 0;
    for part in 0..PRUNE_PARTS {
        removed += statement.execute(params![shard.count, shard.index, source, PRUNE_PARTS, part])?;
    }
    Ok(removed as u64)
}

pub(super) fn record_run(connection: &Connection, run: &RunRecord) -> Outcome<()> {
    connection.execute(
        include_str!("../../../../infra/duckdb/record_run.sql"),
        params![
            run.function,
            run.run_id,
            run.started_at.timestamp_micros(),
            micros(run.finished_at),
            run.status.as_str(),
            run.report.to_string(),
            run.code_version,
            run.recorded_at.timestamp_micros(),
        ],
    )?;
    Ok(())
}
