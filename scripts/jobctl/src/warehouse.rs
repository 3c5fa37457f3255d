//! What the commands ask of the warehouse besides its own methods.

use common::storage::warehouse::{Cell, ColumnType, OperatorQueries, QueryResult};
use common::{Error, Result};
use futures::StreamExt;

/// The table that `name` names.
///
/// # Errors
/// `NotFound` with the names of the tables there are.
pub(crate) async fn table(warehouse: &dyn OperatorQueries, name: &str) -> Result<String> {
    let tables = warehouse.tables().await?;
    if tables.iter().any(|table| table == name) {
        return Ok(name.to_owned());
    }
    let known = if tables.is_empty() { "none".to_owned() } else { tables.join(", ") };
    Err(Error::not_found(format!("there is no table {name:?}; the tables are: {known}")))
}

/// Puts the name of a table, which is one of [`OperatorQueries::tables`], into a statement.
///
/// Both engines take a plain name without quotes; any other is refused, because their quotes differ.
pub(crate) fn of_table(sql: &str, table: &str) -> Result<String> {
    let is_plain = table.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && table.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !is_plain {
        return Err(Error::invalid_input(format!(
            "table {table:?} has a name that needs quotes; rename it to letters, digits and underscores"
        )));
    }
    Ok(sql.replace("{table}", table))
}

/// All rows of a statement that has few.
pub(crate) async fn rows(warehouse: &dyn OperatorQueries, sql: &str) -> Result<Vec<Vec<Cell>>> {
    let mut pages = warehouse.query(sql, &[]).await?.pages;
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await {
        rows.extend(page?);
    }
    Ok(rows)
}

/// The counts in the only row of a statement.
pub(crate) async fn counts<const N: usize>(warehouse: &dyn OperatorQueries, sql: &str) -> Result<[u64; N]> {
    let rows = rows(warehouse, sql).await?;
    let counts = rows.first().map(|row| {
        row.iter()
            .map(|cell| if let Cell::Int(number) = cell { (*number).max(0) as u64 } else { 0 })
            .collect()
    });
    let counts: Vec<u64> = counts.unwrap_or_default();
    counts.try_into().map_err(|_| Error::internal("a count came back with another shape"))
}

/// The columns of a table.
pub(crate) async fn columns(
    warehouse: &dyn OperatorQueries,
    table: &str,
) -> Result<Vec<(String, ColumnType)>> {
    let QueryResult { columns, .. } =
        warehouse.query(&of_table(include_str!("../sql/columns.sql"), table)?, &[]).await?;
    Ok(columns)
}
