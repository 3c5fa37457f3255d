//! What a table of embeddings holds, and which of its rows are nearest to a vector: always exact, by a scan.

use ::duckdb::{Connection, Row, ToSql, params, params_from_iter};
use common_core::Result;
use common_core::job::{ContentHash, JobFilter, JobKey};

use super::{micros, moment, query, render, takedowns};
use crate::warehouse::{EmbeddingTable, IndexState, VectorHit, VectorQuery, vectors};

pub(super) fn index_state(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
) -> ::duckdb::Result<IndexState> {
    if !query::has_table(connection, &table.name)? {
        return Ok(IndexState::default());
    }
    let sql = include_str!("../../../../infra/duckdb/index_state.sql");
    let sql = takedowns::honoured(connection, sql, table)?;
    connection.query_row(&sql, [space], |row| {
        Ok(IndexState {
            rows: row.get(0)?,
            newest: moment(row, 1)?,
            checksum: row.get(2)?,
            ads: row.get(3)?,
            timestamps_out_of_range: row.get(4)?,
        })
    })
}

pub(super) fn embedding_spaces(
    connection: &Connection,
    table: &EmbeddingTable,
) -> ::duckdb::Result<Vec<(String, u64)>> {
    if !query::has_table(connection, &table.name)? {
        return Ok(Vec::new());
    }
    let sql = render(include_str!("../../../../infra/duckdb/embedding_spaces.sql"), table);
    connection.prepare(&sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Which of the hashes, joined by commas, have a vector of `space`, written since `since` where that is given.
pub(super) fn known_texts(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    hashes: &str,
    since: Option<i64>,
) -> ::duckdb::Result<Vec<String>> {
    if !query::has_table(connection, &table.name)? {
        return Ok(Vec::new());
    }
    let sql =
        takedowns::honoured(connection, include_str!("../../../../infra/duckdb/known_texts.sql"), table)?;
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![hashes, space, since], |row| row.get(0))?.collect()
}

/// A row of the search, its hash not read yet.
pub(super) struct Found {
    key: JobKey,
    content_hash: String,
    similarity: f32,
}

pub(super) fn search(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    asked: &VectorQuery,
) -> ::duckdb::Result<Vec<Found>> {
    if !query::has_table(connection, &table.name)? {
        return Ok(Vec::new());
    }
    let Some(filter) = as_stored(connection, table, space, &asked.filter)? else { return Ok(Vec::new()) };
    let mut values: Vec<Box<dyn ToSql>> = vec![
        Box::new(format!("{:?}", asked.vector)),
        Box::new(space.to_owned()),
        Box::new(asked.top_k as u64),
        Box::new(asked.min_similarity),
        Box::new(array(&filter.source)),
        Box::new(array(&filter.location)),
        Box::new(array(&filter.classification)),
        Box::new(array(&filter.work_type)),
        Box::new(filter.salary_min_sgd_per_month),
        Box::new(micros(filter.posted_after)),
    ];
    let sql = if filter.company.is_empty() {
        include_str!("../../../../infra/duckdb/search_embeddings.sql")
    } else {
        values.push(Box::new(array(&filter.company)));
        include_str!("../../../../infra/duckdb/search_companies.sql")
    };
    let sql = takedowns::honoured(connection, sql, table)?;
    connection.prepare(&sql)?.query_map(params_from_iter(values), found)?.collect()
}

/// The filter with its names as they are stored, or `None` where nothing stored is meant by one of them.
fn as_stored(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    asked: &JobFilter,
) -> ::duckdb::Result<Option<JobFilter>> {
    let mut filter = asked.clone();
    for (column, values) in vectors::named(&mut filter).into_iter().filter(|(_, values)| !values.is_empty()) {
        let sql =
            include_str!("../../../../infra/duckdb/filter_values.sql").replace("{value_column}", column);
        *values = vectors::spellings(values, texts(connection, &render(&sql, table), &[&space])?);
        if values.is_empty() {
            return Ok(None);
        }
    }
    if !filter.company.is_empty() {
        let sql = render(include_str!("../../../../infra/duckdb/filter_companies.sql"), table);
        filter.company = vectors::spellings(&filter.company, texts(connection, &sql, &[])?);
        if filter.company.is_empty() {
            return Ok(None);
        }
    }
    Ok(Some(filter))
}

fn texts(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> ::duckdb::Result<Vec<String>> {
    connection.prepare(sql)?.query_map(values, |row| row.get(0))?.collect()
}

/// Values of a filter as one parameter: the engine's bindings take no lists.
fn array(values: &[String]) -> String {
    serde_json::Value::from(values).to_string()
}

fn found(row: &Row<'_>) -> ::duckdb::Result<Found> {
    Ok(Found {
        key: JobKey { source: row.get(0)?, job_id: row.get(1)? },
        content_hash: row.get(2)?,
        similarity: row.get(3)?,
    })
}

impl Found {
    pub(super) fn hit(self) -> Result<VectorHit> {
        let content_hash = ContentHash::parse(&self.content_hash)?;
        Ok(VectorHit { key: self.key, content_hash, similarity: self.similarity })
    }
}
