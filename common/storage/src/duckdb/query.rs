//! Ad-hoc queries: any SELECT, streamed as cells.

use std::sync::Arc;

use ::duckdb::Connection;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use common_core::{Error, Result, failpoint, feed};
use chrono::{DateTime, NaiveDateTime};
use futures::StreamExt;

use super::Shared;
use crate::runs::Status;
use crate::warehouse::{Cell, ColumnType, QueryResult, RunRecord};

/// A column as the catalogue knows it.
pub(super) struct CatalogueColumn {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) data_type: String,
}

/// Every column of every table, in alphabetical order of the tables.
pub(super) fn columns(connection: &Connection) -> ::duckdb::Result<Vec<CatalogueColumn>> {
    let mut statement =
        connection.prepare_cached(include_str!("../../../../infra/duckdb/list_columns.sql"))?;
    statement.query_map([], column)?.collect()
}

pub(super) fn column(row: &::duckdb::Row<'_>) -> ::duckdb::Result<CatalogueColumn> {
    Ok(CatalogueColumn { table: row.get(0)?, name: row.get(1)?, data_type: row.get(2)? })
}

/// Whether the file has this table.
pub(super) fn has_table(connection: &Connection, table: &str) -> ::duckdb::Result<bool> {
    Ok(columns(connection)?.iter().any(|column| column.table == table))
}

/// What `vw_runs` shows as running.
pub(super) fn running_runs(connection: &Connection) -> ::duckdb::Result<Vec<RunRecord>> {
    let mut statement = connection.prepare(include_str!("../../../../infra/duckdb/running_runs.sql"))?;
    let moment = |row: &::duckdb::Row<'_>, place| row.get(place).map(|time: NaiveDateTime| time.and_utc());
    let runs = statement.query_map([], |row| {
        Ok(RunRecord {
            function: row.get(0)?,
            run_id: row.get(1)?,
            started_at: moment(row, 2)?,
            finished_at: None,
            status: Status::Running,
            report: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
            code_version: row.get(4)?,
            recorded_at: moment(row, 5)?,
        })
    })?;
    runs.collect()
}

/// First the columns, then pages: what the thread that runs the statement sends.
enum Message {
    Columns(Vec<(String, ColumnType)>),
    Page(Vec<Vec<Cell>>),
}

pub(super) async fn query(shared: Arc<Shared>, sql: String) -> Result<QueryResult> {
    if sql.trim().is_empty() {
        return Err(Error::invalid_input("the statement is empty"));
    }
    let doing = shared.doing("answering a query");
    let (mut messages, _) = feed::from_thread(doing, 2, move |emit| run(&shared, &sql, emit));
    let columns = match messages.next().await {
        Some(Ok(Message::Columns(columns))) => columns,
        Some(Err(error)) => return Err(error),
        Some(Ok(Message::Page(_))) | None => return Err(Error::internal("a query ended without an answer")),
    };
    let pages = messages.filter_map(async |message| match message {
        Ok(Message::Page(page)) => Some(Ok(page)),
        Ok(Message::Columns(_)) => None,
        Err(error) => Some(Err(error)),
    });
    Ok(QueryResult { columns, pages: Box::pin(pages) })
}

fn run(shared: &Shared, sql: &str, emit: &mut dyn FnMut(Message) -> Result<()>) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(translate)?;
    let mut statement = connection.prepare(sql).map_err(translate)?;
    let batches = statement.stream_arrow([]).map_err(translate)?;
    let schema = batches.get_schema();
    let types: Vec<ColumnType> = schema.fields().iter().map(|field| column_type(field.data_type())).collect();
    let columns =
        schema.fields().iter().map(|field| field.name().clone()).zip(types.iter().copied()).collect();
    drop(batches);
    emit(Message::Columns(columns))?;
    // Step by step, because the iterator over the batches panics where the engine fails.
    while let Some(batch) = statement.step().map_err(translate)? {
        failpoint::reach("duckdb::query");
        emit(Message::Page(cells(&RecordBatch::from(&batch), &types)?))?;
    }
    failpoint::reach("duckdb::query");
    Ok(())
}

fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Boolean => ColumnType::Bool,
        kind if kind.is_integer() => ColumnType::Int,
        kind if kind.is_floating() => ColumnType::Float,
        DataType::Decimal128(..) => ColumnType::Float,
        DataType::Timestamp(..) | DataType::Date32 => ColumnType::Timestamp,
        DataType::FixedSizeList(item, _) | DataType::List(item) if item.data_type().is_floating() => {
            ColumnType::Vector
        }
        _ => ColumnType::Text,
    }
}

/// The type that every array of a column is cast to before its values are taken out.
fn plain(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Text | ColumnType::Vector => DataType::Utf8,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

fn cells(batch: &RecordBatch, types: &[ColumnType]) -> Result<Vec<Vec<Cell>>> {
    let mut rows = vec![Vec::with_capacity(types.len()); batch.num_rows()];
    for (array, &kind) in batch.columns().iter().zip(types) {
        for (row, cell) in rows.iter_mut().zip(values(array, kind)?) {
            row.push(cell);
        }
    }
    Ok(rows)
}

fn values(array: &ArrayRef, kind: ColumnType) -> Result<Vec<Cell>> {
    let defect = |error| Error::internal("a query's column cannot be read").caused_by(error);
    if kind == ColumnType::Vector {
        return vectors(array);
    }
    let is_nested = array.data_type().is_nested();
    let array = if is_nested { Arc::clone(array) } else { cast(array, &plain(kind)).map_err(defect)? };
    let format = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(&array, &format).map_err(defect)?;
    let cell = |index: usize| match kind {
        _ if array.is_null(index) => Cell::Null,
        ColumnType::Bool => Cell::Bool(array.as_boolean().value(index)),
        ColumnType::Int => Cell::Int(array.as_primitive::<Int64Type>().value(index)),
        ColumnType::Float => Cell::Float(array.as_primitive::<Float64Type>().value(index)),
        ColumnType::Text if is_nested => Cell::Text(formatter.value(index).to_string()),
        ColumnType::Text | ColumnType::Vector => Cell::Text(array.as_string::<i32>().value(index).to_owned()),
        ColumnType::Timestamp => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(index);
            DateTime::from_timestamp_micros(micros).map_or(Cell::Null, Cell::Timestamp)
        }
    };
    Ok((0..array.len()).map(cell).collect())
}

fn vectors(array: &ArrayRef) -> Result<Vec<Cell>> {
    let vector = |index: usize| {
        if array.is_null(index) {
            return Ok(Cell::Null);
        }
        let items = match array.data_type() {
            DataType::FixedSizeList(..) => array.as_fixed_size_list().value(index),
            _ => array.as_list::<i32>().value(index),
        };
        let items = cast(&items, &DataType::Float32)
            .map_err(|error| Error::internal("a vector cannot be read").caused_by(error))?;
        Ok(Cell::Vector(items.as_primitive::<Float32Type>().values().to_vec()))
    };
    (0..array.len()).map(vector).collect()
}
