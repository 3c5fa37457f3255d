//! Reading embeddings in bulk, as Arrow batches.

use std::sync::Arc;

use ::duckdb::{Connection, Params, params};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use chrono::DateTime;
use common_core::job::{ContentHash, JobKey, Timestamp};
use common_core::{Error, Result, failpoint, feed};
use futures::stream::BoxStream;

use super::errors::Outcome;
use super::{Shared, catalogue, sql};
use crate::warehouse::{EmbeddingRow, EmbeddingTable, FilterColumns};

/// Rows in a page: about 6 MB of vectors.
pub(super) const PAGE_ROWS: i64 = 4096;

pub(super) fn scan_embeddings(
    shared: Arc<Shared>,
    table: EmbeddingTable,
    space: String,
) -> BoxStream<'static, Result<Vec<EmbeddingRow>>> {
    let doing = shared.doing("reading embeddings");
    feed::from_thread(doing, 1, move |emit| read_pages(&shared, &table, &space, emit)).0
}

fn read_pages(
    shared: &Shared,
    table: &EmbeddingTable,
    space: &str,
    emit: &mut dyn FnMut(Vec<EmbeddingRow>) -> Result<()>,
) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    if !catalogue::has_table(&connection, &table.name).map_err(translate)? {
        return Ok(());
    }
    let end = shared.settle(end(&connection, table))?;
    for from in (0..end).step_by(PAGE_ROWS as usize) {
        failpoint::reach("duckdb::scan_embeddings");
        emit(page(shared, &connection, table, space, from)?)?;
    }
    Ok(())
}

/// The greatest row number plus one.
pub(super) fn end(connection: &Connection, table: &EmbeddingTable) -> Outcome<i64> {
    let sql = sql::fill(connection, sql::END_OF_EMBEDDINGS, Some(table))?;
    Ok(connection.query_row(&sql, [], |row| row.get(0))?)
}

/// Rows of `space` in the [`PAGE_ROWS`] row numbers from `from`.
pub(super) fn page(
    shared: &Shared,
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    from: i64,
) -> Result<Vec<EmbeddingRow>> {
    let batches = shared.with_room(|| shared.settle(batches(connection, table, space, from)))?;
    Ok(batches.iter().map(rows).collect::<Result<Vec<_>>>()?.concat())
}

fn batches(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    from: i64,
) -> Outcome<Vec<RecordBatch>> {
    let sql = sql::fill(connection, sql::SCAN_EMBEDDINGS, Some(table))?;
    query(connection, &sql, params![space, from, from + PAGE_ROWS])
}

/// The result of a query.
pub(super) fn query(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Outcome<Vec<RecordBatch>> {
    let mut statement = connection.prepare_cached(sql)?;
    drop(statement.query_arrow(parameters)?);
    // `step` instead of the iterator over the batches, which panics if the engine fails.
    let batches = std::iter::from_fn(|| statement.step().transpose());
    Ok(batches.map(|batch| Ok(RecordBatch::from(&batch?))).collect::<::duckdb::Result<_>>()?)
}

fn rows(batch: &RecordBatch) -> Result<Vec<EmbeddingRow>> {
    (0..batch.num_rows()).map(|row| embedding(batch, row)).collect()
}

fn embedding(batch: &RecordBatch, row: usize) -> Result<EmbeddingRow> {
    let text =
        |column: usize| optional(batch.column(column), row, |a| a.as_string::<i32>().value(row).to_owned());
    let needed = |column: usize| text(column).ok_or_else(|| Error::corrupt("job_embeddings has a NULL key"));
    let moment = |column: usize| -> Option<Timestamp> {
        let micros = optional(batch.column(column), row, |a| a.as_primitive::<Int64Type>().value(row))?;
        DateTime::from_timestamp_micros(micros)
    };
    let vector = batch.column(2).as_fixed_size_list().value(row);
    Ok(EmbeddingRow {
        key: JobKey { source: needed(0)?, job_id: needed(1)? },
        embedding: vector.as_primitive::<Float32Type>().values().to_vec(),
        model_name: needed(3)?,
        created_at: moment(4).ok_or_else(|| {
            Error::corrupt("job_embeddings has a row whose created_at is not within the years 1 to 9999")
        })?,
        embedding_space: needed(5)?,
        model_version: needed(6)?,
        content_hash: ContentHash::parse(&needed(7)?)?,
        filters: FilterColumns {
            job_location: text(8),
            job_classification: text(9),
            job_work_type: text(10),
            job_posted_timestamp: moment(11),
            salary_mid: optional(batch.column(12), row, |a| a.as_primitive::<Float64Type>().value(row)),
        },
    })
}

fn optional<T>(column: &ArrayRef, row: usize, value: impl FnOnce(&ArrayRef) -> T) -> Option<T> {
    (!column.is_null(row)).then(|| value(column))
}
