//! Staging of rows in temporary tables of the connection.

use ::duckdb::Connection;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use common_core::job::JobKey;

use super::errors::Outcome;
use super::sql;
use crate::batches;
use crate::warehouse::SharedRow;

/// The batch's columns. An appender without column names uses the table's order and needs a value for every column.
pub(super) fn names(schema: &Schema) -> Vec<&str> {
    schema.fields().iter().map(|field| field.name().as_str()).collect()
}

/// Appends a batch to a temporary table, matching columns by name.
pub(super) fn rows(connection: &Connection, table: &str, batch: RecordBatch) -> Outcome<()> {
    let schema = batch.schema();
    let names = names(&schema);
    let mut appender = connection.appender_with_columns_to_catalog_and_db(table, "temp", "main", &names)?;
    appender.append_record_batch(batch)?;
    appender.flush()?;
    Ok(())
}

pub(super) fn shared(connection: &Connection, ads: &[SharedRow]) -> Outcome<()> {
    connection.execute_batch(sql::STAGE_SHARED.text)?;
    rows(connection, "staged_shared", batches::shared(ads)?)
}

pub(super) fn keys(connection: &Connection, keys: &[JobKey]) -> Outcome<()> {
    connection.execute_batch(sql::STAGE_KEYS.text)?;
    rows(connection, "staged_keys", batches::keys(keys)?)
}
