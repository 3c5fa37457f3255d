//! Tables and columns of the file.

use ::duckdb::Connection;

use super::sql;

/// A column in the catalogue.
pub(super) struct CatalogueColumn {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) data_type: String,
    /// Whether a row must have a value for it: NOT NULL without a default.
    pub(super) must_be_given: bool,
    /// Whether it belongs to a view.
    pub(super) is_view: bool,
}

/// Columns of all tables, in alphabetical order of the tables; without views.
pub(super) fn columns(connection: &Connection) -> ::duckdb::Result<Vec<CatalogueColumn>> {
    Ok(columns_with_views(connection)?.into_iter().filter(|column| !column.is_view).collect())
}

/// Columns of all tables and views, in alphabetical order of these.
fn columns_with_views(connection: &Connection) -> ::duckdb::Result<Vec<CatalogueColumn>> {
    let mut statement = connection.prepare_cached(sql::LIST_COLUMNS.text)?;
    statement.query_map([], column)?.collect()
}

fn column(row: &::duckdb::Row<'_>) -> ::duckdb::Result<CatalogueColumn> {
    Ok(CatalogueColumn {
        table: row.get(0)?,
        name: row.get(1)?,
        data_type: row.get(2)?,
        must_be_given: row.get(3)?,
        is_view: row.get(4)?,
    })
}

/// Columns of one table or view; none if the file has neither.
pub(super) fn columns_of(connection: &Connection, name: &str) -> ::duckdb::Result<Vec<CatalogueColumn>> {
    let is_view = has_view(connection, name)?;
    if !is_view && !has_table(connection, name)? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(sql::TABLE_COLUMNS.text)?;
    let column = |row: &::duckdb::Row<'_>| {
        Ok(CatalogueColumn {
            table: name.to_owned(),
            name: row.get(0)?,
            data_type: row.get(1)?,
            must_be_given: row.get(2)?,
            is_view,
        })
    };
    statement.query_map([name], column)?.collect()
}

/// Whether the file has this table.
pub(super) fn has_table(connection: &Connection, table: &str) -> ::duckdb::Result<bool> {
    has_relation(connection, table, false)
}

/// Whether the file has this view.
pub(super) fn has_view(connection: &Connection, view: &str) -> ::duckdb::Result<bool> {
    has_relation(connection, view, true)
}

fn has_relation(connection: &Connection, name: &str, is_view: bool) -> ::duckdb::Result<bool> {
    let mut statement = connection.prepare_cached(sql::HAS_RELATION.text)?;
    statement.query_row(::duckdb::params![name, is_view], |row| row.get(0))
}
