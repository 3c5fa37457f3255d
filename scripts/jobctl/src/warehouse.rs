//! Queries that the commands share.

use common::storage::warehouse::{Cell, ColumnType, OperatorQueries, QueryResult};
use common::{Error, Result};
use futures::StreamExt;

/// Checks that the table `name` exists, and returns its name.
///
/// # Errors
/// `NotFound`, with the names of the existing tables, if it does not.
pub(crate) async fn table(warehouse: &dyn OperatorQueries, name: &str) -> Result<String> {
    let tables = warehouse.tables().await?;
    if tables.iter().any(|table| table == name) {
        return Ok(name.to_owned());
    }
    let known = if tables.is_empty() { "none".to_owned() } else { tables.join(", ") };
    Err(Error::not_found(format!("invalid TABLE {name:?}: expected one of {known}")))
}

/// Replaces `{table}` in `sql` by the name of a table, which must be one of [`OperatorQueries::tables`].
///
/// # Errors
/// `InvalidInput` if the name would need quotes, whose syntax differs between the engines.
pub(crate) fn with_table(sql: &str, table: &str) -> Result<String> {
    let is_plain = table.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && table.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !is_plain {
        return Err(Error::invalid_input(format!(
            "invalid table name {table:?}: expected letters, digits and underscores; rename the table"
        )));
    }
    Ok(sql.replace("{table}", table))
}

/// All rows of a query; use it only for small results.
pub(crate) async fn rows(warehouse: &dyn OperatorQueries, sql: &str) -> Result<Vec<Vec<Cell>>> {
    let mut pages = warehouse.query(sql, &[]).await?.pages;
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await {
        rows.extend(page?);
    }
    Ok(rows)
}

/// The counts in the single row of a query.
pub(crate) async fn counts<const N: usize>(warehouse: &dyn OperatorQueries, sql: &str) -> Result<[u64; N]> {
    let rows = rows(warehouse, sql).await?;
    let counts = rows.first().map(|row| {
        row.iter()
            .map(|cell| if let Cell::Int(number) = cell { (*number).max(0) as u64 } else { 0 })
            .collect()
    });
    let counts: Vec<u64> = counts.unwrap_or_default();
    counts.try_into().map_err(|_| Error::internal(format!("a query of counts did not return {N} columns")))
}

/// The columns of a table.
pub(crate) async fn columns(
    warehouse: &dyn OperatorQueries,
    table: &str,
) -> Result<Vec<(String, ColumnType)>> {
    let QueryResult { columns, .. } =
        warehouse.query(&with_table(include_str!("../sql/columns.sql"), table)?, &[]).await?;
    Ok(columns)
}
