//! Ad-hoc queries: any SELECT, whose rows are streamed as cells.

use std::sync::Arc;

use ::duckdb::types::{TimeUnit, Value};
use ::duckdb::{Connection, params_from_iter};
use arrow::array::RecordBatch;
use async_trait::async_trait;
use common_core::{Error, Result, failpoint, feed};
use futures::StreamExt;

use super::{DuckDb, Shared, catalogue, cells, sql};
use crate::warehouse::{Cell, ColumnType, OperatorQueries, Parameter, QueryResult};

#[async_trait]
impl OperatorQueries for DuckDb {
    async fn tables(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut tables: Vec<String> =
                catalogue::columns(connection)?.into_iter().map(|column| column.table).collect();
            tables.dedup();
            Ok(tables)
        })
        .await
    }

    async fn query(&self, sql: &str, parameters: &[Parameter]) -> Result<QueryResult> {
        query(Arc::clone(&self.shared), sql.to_owned(), parameters.iter().map(value).collect()).await
    }
}

fn value(parameter: &Parameter) -> Value {
    match parameter {
        Parameter::Bool(value) => Value::Boolean(*value),
        Parameter::Int(value) => Value::BigInt(*value),
        Parameter::Float(value) => Value::Double(*value),
        Parameter::Text(value) => Value::Text(value.clone()),
        Parameter::Timestamp(moment) => Value::Timestamp(TimeUnit::Microsecond, moment.timestamp_micros()),
    }
}

/// Sent by the thread that runs the statement: first the columns, then pages.
enum Message {
    Columns(Vec<(String, ColumnType)>),
    Page(Vec<Vec<Cell>>),
}

async fn query(shared: Arc<Shared>, sql: String, parameters: Vec<Value>) -> Result<QueryResult> {
    if sql.trim().is_empty() {
        return Err(Error::invalid_input("the statement is empty"));
    }
    let doing = shared.doing("answering a query");
    let (mut messages, _) = feed::from_thread(doing, 2, move |emit| run(&shared, &sql, &parameters, emit));
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

/// Refuses a text of several statements, of which the engine would return only the last one's result. The engine
/// counts statements only if all are SELECTs.
fn refuse_several(connection: &Connection, statement: &str) -> ::duckdb::Result<Result<()>> {
    let statements: Option<i64> =
        connection.query_row(sql::COUNT_STATEMENTS.text, [statement], |row| row.get(0))?;
    Ok(match statements {
        Some(several @ 2..) => Err(Error::invalid_input(format!(
            "invalid statement: expected one, not {several}; ask for them one by one"
        ))),
        _ => Ok(()),
    })
}

/// The reason why a statement failed while its rows were read. If several threads work on it, the engine may report
/// only that the others were interrupted; running the whole statement again returns the reason.
fn reason(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
    error: ::duckdb::Error,
) -> ::duckdb::Error {
    if !error.to_string().contains("INTERRUPT Error") {
        return error;
    }
    let again = || {
        connection.execute_batch("ROLLBACK; BEGIN TRANSACTION READ ONLY")?;
        connection.prepare(sql)?.query_arrow(params_from_iter(parameters)).map(drop)
    };
    again().err().unwrap_or(error)
}

fn run(
    shared: &Shared,
    sql: &str,
    parameters: &[Value],
    emit: &mut dyn FnMut(Message) -> Result<()>,
) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(translate)?;
    refuse_several(&connection, sql).map_err(translate)??;
    let sql = cells::presentable(&connection, sql, parameters);
    let mut statement = connection.prepare(&sql).map_err(translate)?;
    let (needed, given) = (statement.parameter_count(), parameters.len());
    if needed != given {
        return Err(Error::invalid_input(format!(
            "invalid statement: expected {given} parameters, not {needed}"
        )));
    }
    let batches = statement.stream_arrow(params_from_iter(parameters)).map_err(translate)?;
    let schema = batches.get_schema();
    let types: Vec<ColumnType> =
        schema.fields().iter().map(|field| cells::column_type(field.data_type())).collect();
    let columns =
        schema.fields().iter().map(|field| field.name().clone()).zip(types.iter().copied()).collect();
    drop(batches);
    emit(Message::Columns(columns))?;
    // `step` instead of the iterator over the batches, which panics if the engine fails.
    loop {
        let batch = match statement.step() {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(error) => {
                drop(statement);
                return Err(translate(reason(&connection, &sql, parameters, error)));
            }
        };
        failpoint::reach("duckdb::query");
        emit(Message::Page(cells::cells(&RecordBatch::from(&batch), &types)?))?;
    }
    failpoint::reach("duckdb::query");
    Ok(())
}
