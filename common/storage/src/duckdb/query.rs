//! Ad-hoc queries: any SELECT, streamed as cells.

use std::sync::Arc;

use ::duckdb::Connection;
use arrow::array::RecordBatch;
use common_core::{Error, Result, failpoint, feed};
use futures::StreamExt;

use super::{Shared, cells, moments};
use crate::warehouse::RunStatus;
use crate::warehouse::{Cell, ColumnType, QueryResult, RunRecord};

/// A column as the catalogue knows it.
pub(super) struct CatalogueColumn {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) data_type: String,
    /// Whether a row without a value of it is refused.
    pub(super) must_be_given: bool,
}

/// Every column of every table, in alphabetical order of the tables.
pub(super) fn columns(connection: &Connection) -> ::duckdb::Result<Vec<CatalogueColumn>> {
    let mut statement =
        connection.prepare_cached(include_str!("../../../../infra/duckdb/list_columns.sql"))?;
    statement.query_map([], column)?.collect()
}

pub(super) fn column(row: &::duckdb::Row<'_>) -> ::duckdb::Result<CatalogueColumn> {
    Ok(CatalogueColumn {
        table: row.get(0)?,
        name: row.get(1)?,
        data_type: row.get(2)?,
        must_be_given: row.get(3)?,
    })
}

/// Whether the file has this table.
pub(super) fn has_table(connection: &Connection, table: &str) -> ::duckdb::Result<bool> {
    Ok(columns(connection)?.iter().any(|column| column.table == table))
}

/// What `vw_runs` shows as running.
pub(super) fn running_runs(connection: &Connection) -> ::duckdb::Result<Vec<RunRecord>> {
    let mut statement = connection.prepare(include_str!("../../../../infra/duckdb/running_runs.sql"))?;
    // A moment outside the calendar, in a row that others wrote, is as good as the first one.
    let moment = |row: &::duckdb::Row<'_>, place| {
        Ok::<_, ::duckdb::Error>(moments::moment(row, place)?.unwrap_or_default())
    };
    let runs = statement.query_map([], |row| {
        Ok(RunRecord {
            function: row.get(0)?,
            run_id: row.get(1)?,
            started_at: moment(row, 2)?,
            finished_at: None,
            status: RunStatus::Running,
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

/// Refuses several statements at once, of which the engine would answer the last. It tells how many there are where all are SELECTs.
fn refuse_several(connection: &Connection, sql: &str) -> ::duckdb::Result<Result<()>> {
    let count = include_str!("../../../../infra/duckdb/count_statements.sql");
    let statements: Option<i64> = connection.query_row(count, [sql], |row| row.get(0))?;
    Ok(match statements {
        Some(several @ 2..) => Err(Error::invalid_input(format!(
            "invalid statement: expected one, not {several}; ask for them one by one"
        ))),
        _ => Ok(()),
    })
}

/// Why a statement failed while its rows were read. Where several threads work on it, the engine may say that the others were
/// interrupted, and not by what: its answer to the same statement as a whole does.
fn reason(connection: &Connection, sql: &str, error: ::duckdb::Error) -> ::duckdb::Error {
    if !error.to_string().contains("INTERRUPT Error") {
        return error;
    }
    let again = || {
        connection.execute_batch("ROLLBACK; BEGIN TRANSACTION READ ONLY")?;
        connection.prepare(sql)?.query_arrow([]).map(drop)
    };
    again().err().unwrap_or(error)
}

fn run(shared: &Shared, sql: &str, emit: &mut dyn FnMut(Message) -> Result<()>) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(translate)?;
    refuse_several(&connection, sql).map_err(translate)??;
    let sql = cells::presentable(&connection, sql);
    let mut statement = connection.prepare(&sql).map_err(translate)?;
    let batches = statement.stream_arrow([]).map_err(translate)?;
    let schema = batches.get_schema();
    let types: Vec<ColumnType> =
        schema.fields().iter().map(|field| cells::column_type(field.data_type())).collect();
    let columns =
        schema.fields().iter().map(|field| field.name().clone()).zip(types.iter().copied()).collect();
    drop(batches);
    emit(Message::Columns(columns))?;
    // Step by step, because the iterator over the batches panics where the engine fails.
    loop {
        let batch = match statement.step() {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) => {
                drop(statement);
                return Err(translate(reason(&connection, &sql, error)));
            }
        };
        failpoint::reach("duckdb::query");
        emit(Message::Page(cells::cells(&RecordBatch::from(&batch), &types)?))?;
    }
    failpoint::reach("duckdb::query");
    Ok(())
}
