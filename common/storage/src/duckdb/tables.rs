//! Schema of the tables: creates missing tables, adds missing columns, and refuses columns of another type.

use ::duckdb::Connection;

use super::errors::{Failure, Outcome};
use super::{catalogue, sql};
use crate::schema::{
    self, CLEANED_JOBS, Column, FORGOTTEN_ADS, JOB_EMBEDDINGS, Kind, ML_FEATURES, ML_PREDICTIONS, ML_RUNS,
    Table,
};
use crate::sql::{Template, Values};
use crate::warehouse::EmbeddingTable;

/// The engine's type of a kind.
pub(crate) fn type_of(kind: Kind, dimension: usize) -> String {
    match kind {
        Kind::Text => "VARCHAR".to_owned(),
        Kind::Moment => "TIMESTAMP".to_owned(),
        Kind::Number => "DOUBLE".to_owned(),
        Kind::Integer => "BIGINT".to_owned(),
        Kind::Vector => format!("FLOAT[{dimension}]"),
        Kind::Numbers => "DOUBLE[]".to_owned(),
    }
}

pub(super) fn create_jobs(connection: &Connection) -> Outcome<()> {
    if catalogue::has_view(connection, CLEANED_JOBS.name)? {
        return Err(Failure::Ours(schema::refuse(
            "cleaned_jobs is a view, and this program needs a table to add to",
        )));
    }
    create(connection, &CLEANED_JOBS, sql::CREATE_CLEANED_JOBS, None)?;
    create_tombstones(connection)?;
    create_view(connection, sql::CREATE_VW_LATEST_JOBS, None)
}

/// Creates the table of tombstones.
pub(super) fn create_tombstones(connection: &Connection) -> Outcome<()> {
    create(connection, &FORGOTTEN_ADS, sql::CREATE_FORGOTTEN_ADS, None)
}

pub(super) fn create_runs(connection: &Connection) -> Outcome<()> {
    if let Some(column) = missing(connection, CLEANED_JOBS.name, &CLEANED_JOBS, 0, true)?.first() {
        return Err(Failure::Ours(schema::lacks(CLEANED_JOBS.name, column)));
    }
    create_tombstones(connection)?;
    create_view(connection, sql::CREATE_VW_LATEST_JOBS, None)?;
    create(connection, &ML_RUNS, sql::CREATE_ML_RUNS, None)?;
    create_view(connection, sql::CREATE_VW_RUNS, None)
}

pub(super) fn create_embeddings(connection: &Connection, table: &EmbeddingTable) -> Outcome<()> {
    create_runs(connection)?;
    for table in [table, &table.masked()] {
        create(connection, &JOB_EMBEDDINGS, sql::CREATE_JOB_EMBEDDINGS, Some(table))?;
    }
    create_view(connection, sql::CREATE_VW_ML_FEATURES, Some(table))
}

/// Creates the table of features.
pub(super) fn create_features(connection: &Connection) -> Outcome<()> {
    create(connection, &ML_FEATURES, sql::CREATE_ML_FEATURES, None)
}

/// Creates the table of predictions and its view.
pub(super) fn create_predictions(connection: &Connection) -> Outcome<()> {
    create_tombstones(connection)?;
    create(connection, &ML_PREDICTIONS, sql::CREATE_ML_PREDICTIONS, None)?;
    create_view(connection, sql::CREATE_VW_PREDICTIONS_LATEST, None)
}

fn create_view(connection: &Connection, template: Template, table: Option<&EmbeddingTable>) -> Outcome<()> {
    Ok(connection.execute_batch(&sql::fill(connection, template, table)?)?)
}

fn create(
    connection: &Connection,
    schema: &Table,
    template: Template,
    embeddings: Option<&EmbeddingTable>,
) -> Outcome<()> {
    let name = embeddings.map_or(schema.name, |table| &table.name);
    let dimension = embeddings.map_or(0, |table| table.dimension);
    // The statement creates the table and does not read it.
    let values = Values::default().with("forgotten_ads", FORGOTTEN_ADS.name);
    connection.execute_batch(&sql::fill_with(connection, template, embeddings, values)?)?;
    for column in schema::addable(name, missing(connection, name, schema, dimension, false)?)? {
        let values =
            Values::default().with("table", name).with("column", column.name).with("type", column.of_type);
        connection.execute_batch(&sql::ADD_COLUMN.fill(&values)?)?;
    }
    Ok(())
}

/// Columns of `schema` that a table, or a view if views are accepted, does not have.
fn missing(
    connection: &Connection,
    table: &str,
    schema: &Table,
    dimension: usize,
    may_be_view: bool,
) -> Outcome<Vec<Column>> {
    let columns: Vec<_> = catalogue::columns_of(connection, table)?
        .into_iter()
        .filter(|column| may_be_view || !column.is_view)
        .collect();
    for column in columns.iter().filter(|column| !schema.declares(&column.name)) {
        if column.must_be_given {
            return Err(Failure::Ours(schema::unfillable(table, &column.name)));
        }
        if column.name.eq_ignore_ascii_case("rowid") {
            let sentence = format!("table {table} has a column rowid, which hides the engine's row numbers");
            return Err(Failure::Ours(schema::refuse(&sentence)));
        }
    }
    let found: Vec<(String, String)> =
        columns.into_iter().map(|column| (column.name, column.data_type)).collect();
    if found.is_empty() {
        // If there is no such table, this fails with the engine's message.
        connection.prepare(&format!("SELECT 1 FROM \"{table}\""))?;
        let sentence = format!("{table} is a view, and this program needs a table");
        return Err(Failure::Ours(schema::refuse(&sentence)));
    }
    Ok(schema.missing(table, |kind| type_of(kind, dimension), &found)?)
}

/// Whether the table has columns that belong to its owner.
pub(super) fn has_other_columns(connection: &Connection, table: &EmbeddingTable) -> ::duckdb::Result<bool> {
    let columns = catalogue::columns(connection)?;
    let mut names = columns.iter().filter(|column| column.table == table.name).map(|column| &column.name);
    Ok(names.any(|name| !JOB_EMBEDDINGS.declares(name)))
}
