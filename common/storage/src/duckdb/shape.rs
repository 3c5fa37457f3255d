//! The tables' shape: made where they are missing, compared where they are there.

use ::duckdb::{Connection, params};
use common_core::Error;

use super::query::{self, CatalogueColumn};
use super::render;
use super::write::{Failure, Outcome};
use crate::warehouse::EmbeddingTable;

const CLEANED_JOBS: &str = include_str!("../../../../infra/duckdb/create_cleaned_jobs.sql");
const JOB_EMBEDDINGS: &str = include_str!("../../../../infra/duckdb/create_job_embeddings.sql");
const ML_RUNS: &str = include_str!("../../../../infra/duckdb/create_ml_runs.sql");

pub(super) fn create_jobs(connection: &Connection) -> Outcome<()> {
    create(connection, "cleaned_jobs", CLEANED_JOBS)
}

pub(super) fn create_embeddings(connection: &Connection, table: &EmbeddingTable) -> Outcome<()> {
    compare(connection, "cleaned_jobs", CLEANED_JOBS)?;
    create(connection, "ml_runs", ML_RUNS)?;
    create(connection, &table.name, &render(JOB_EMBEDDINGS, table))
}

fn create(connection: &Connection, table: &str, sql: &str) -> Outcome<()> {
    connection.execute_batch(sql)?;
    compare(connection, table, sql)
}

/// Compares the table with the one that its statement makes. Columns beyond those are nobody's business.
fn compare(connection: &Connection, table: &str, sql: &str) -> Outcome<()> {
    let temporary = sql.replace("CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE TEMP TABLE");
    let temporary = temporary.replace(&format!("TABLE {table} ("), "TABLE expected_shape (");
    connection.execute_batch(&temporary)?;
    let mut statement =
        connection.prepare(include_str!("../../../../infra/duckdb/list_staged_columns.sql"))?;
    let expected = statement.query_map(params!["expected_shape"], query::column)?;
    let actual: Vec<CatalogueColumn> =
        query::columns(connection)?.into_iter().filter(|column| column.table == table).collect();
    if actual.is_empty() {
        // Fails in the engine's own words where there is nothing of that name.
        connection.prepare(&format!("SELECT 1 FROM \"{table}\""))?;
        return refuse(&format!("{table} is a view, and this program needs a table"));
    }
    for column in expected {
        let CatalogueColumn { name, data_type, .. } = column?;
        match actual.iter().find(|found| found.name == name) {
            Some(found) if found.data_type == data_type => {}
            Some(found) => {
                let has = &found.data_type;
                return refuse(&format!(
                    "column {name} of table {table} is {has}, and this program needs {data_type}"
                ));
            }
            None => return refuse(&format!("table {table} has no column {name} ({data_type})")),
        }
    }
    Ok(())
}

fn refuse(sentence: &str) -> Outcome<()> {
    let remedy = "rename that table or choose another warehouse, and the right one is made";
    Err(Failure::Ours(Error::conflict(format!("{sentence}: {remedy}"))))
}
