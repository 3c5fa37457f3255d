//! The tables' shape: made where they are missing, completed by columns that a later version of ours added, refused where a
//! column has another type.

use ::duckdb::Connection;

use super::errors::{Failure, Outcome};
use super::{catalogue, render};
use crate::shape::{self, Column};
use crate::warehouse::{self, EmbeddingTable};

const CLEANED_JOBS: &str = include_str!("../../../../infra/duckdb/create_cleaned_jobs.sql");
const JOB_EMBEDDINGS: &str = include_str!("../../../../infra/duckdb/create_job_embeddings.sql");
const FORGOTTEN_ADS: &str = include_str!("../../../../infra/duckdb/create_forgotten_ads.sql");
const ML_RUNS: &str = include_str!("../../../../infra/duckdb/create_ml_runs.sql");
const VW_RUNS: &str = include_str!("../../../../infra/duckdb/create_vw_runs.sql");
const ADD_COLUMN: &str = include_str!("../../../../infra/duckdb/add_column.sql");

pub(super) fn create_jobs(connection: &Connection) -> Outcome<()> {
    create(connection, "cleaned_jobs", CLEANED_JOBS)?;
    create_tombstones(connection)
}

/// Makes the table of those that were taken down.
pub(super) fn create_tombstones(connection: &Connection) -> Outcome<()> {
    create(connection, warehouse::FORGOTTEN_ADS, FORGOTTEN_ADS)
}

pub(super) fn create_runs(connection: &Connection) -> Outcome<()> {
    if let Some(column) = missing(connection, "cleaned_jobs", CLEANED_JOBS)?.first() {
        return Err(Failure::Ours(shape::lacks("cleaned_jobs", column)));
    }
    create_tombstones(connection)?;
    create(connection, "ml_runs", ML_RUNS)?;
    Ok(connection.execute_batch(VW_RUNS)?)
}

pub(super) fn create_embeddings(connection: &Connection, table: &EmbeddingTable) -> Outcome<()> {
    create_runs(connection)?;
    create(connection, &table.name, &render(JOB_EMBEDDINGS, table))
}

fn create(connection: &Connection, table: &str, sql: &str) -> Outcome<()> {
    connection.execute_batch(sql)?;
    for column in shape::addable(table, missing(connection, table, sql)?)? {
        let add = ADD_COLUMN.replace("job_embeddings", table);
        let add = add.replace("{column}", &column.name).replace("{type}", &column.of_type);
        connection.execute_batch(&add)?;
    }
    Ok(())
}

fn missing(connection: &Connection, table: &str, sql: &str) -> Outcome<Vec<Column>> {
    let columns: Vec<_> =
        catalogue::columns(connection)?.into_iter().filter(|column| column.table == table).collect();
    for column in columns.iter().filter(|column| !shape::declares(sql, &column.name)) {
        if column.must_be_given {
            return Err(Failure::Ours(shape::unfillable(table, &column.name)));
        }
        if column.name.eq_ignore_ascii_case("rowid") {
            let sentence = format!("table {table} has a column rowid, which hides the engine's row numbers");
            return Err(Failure::Ours(shape::refuse(&sentence)));
        }
    }
    let found: Vec<(String, String)> =
        columns.into_iter().map(|column| (column.name, column.data_type)).collect();
    if found.is_empty() {
        // Fails in the engine's own words where there is nothing of that name.
        connection.prepare(&format!("SELECT 1 FROM \"{table}\""))?;
        let sentence = format!("{table} is a view, and this program needs a table");
        return Err(Failure::Ours(shape::refuse(&sentence)));
    }
    Ok(shape::missing(table, sql, &found)?)
}

/// Whether the table has columns that are its owner's.
pub(super) fn has_other_columns(connection: &Connection, table: &EmbeddingTable) -> ::duckdb::Result<bool> {
    let columns = catalogue::columns(connection)?;
    let mut names = columns.iter().filter(|column| column.table == table.name).map(|column| &column.name);
    Ok(names.any(|name| !shape::declares(JOB_EMBEDDINGS, name)))
}
