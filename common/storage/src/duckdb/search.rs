//! Nearest-neighbour searches: always exact, by a full scan.

use ::duckdb::{Connection, Row, ToSql, params_from_iter};
use async_trait::async_trait;
use common_core::Result;
use common_core::job::{ContentHash, JobFilter, JobKey};

use super::errors::Outcome;
use super::{DuckDb, catalogue, micros, sql};
use crate::sql::Values;
use crate::warehouse::search::{named, spellings};
use crate::warehouse::{
    EmbeddingTable, VectorHit, VectorIndexKind, VectorIndexState, VectorQuery, VectorSearch,
};

#[async_trait]
impl VectorSearch for DuckDb {
    async fn search_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>> {
        let (table, space, query) = (table.clone(), space.to_owned(), query.checked(table)?.clone());
        let found = self.read(move |connection| search(connection, &table, &space, &query)).await?;
        found.into_iter().map(Found::hit).collect()
    }

    async fn refresh_vector_index(
        &self,
        _table: &EmbeddingTable,
        _kind: VectorIndexKind,
    ) -> Result<VectorIndexState> {
        Ok(VectorIndexState::None)
    }
}

/// A row of the search's result, with its hash not parsed yet.
struct Found {
    key: JobKey,
    content_hash: String,
    similarity: f32,
}

fn search(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    asked: &VectorQuery,
) -> Outcome<Vec<Found>> {
    if !catalogue::has_table(connection, &table.name)? {
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
    let template = if filter.company.is_empty() {
        sql::SEARCH_EMBEDDINGS
    } else {
        values.push(Box::new(array(&filter.company)));
        sql::SEARCH_COMPANIES
    };
    let sql = sql::fill(connection, template, Some(table))?;
    let mut statement = connection.prepare(&sql)?;
    Ok(statement.query_map(params_from_iter(values), found)?.collect::<::duckdb::Result<_>>()?)
}

/// The filter with its names as they are stored, or `None` if one of its columns matches no stored value.
fn as_stored(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    asked: &JobFilter,
) -> Outcome<Option<JobFilter>> {
    let mut filter = asked.clone();
    for (column, values) in named(&mut filter).into_iter().filter(|(_, values)| !values.is_empty()) {
        let value_column = Values::default().with("value_column", column);
        let sql = sql::fill_with(connection, sql::FILTER_VALUES, Some(table), value_column)?;
        *values = spellings(values, texts(connection, &sql, &[&space])?);
        if values.is_empty() {
            return Ok(None);
        }
    }
    if !filter.company.is_empty() {
        let sql = sql::fill(connection, sql::FILTER_COMPANIES, Some(table))?;
        filter.company = spellings(&filter.company, texts(connection, &sql, &[])?);
        if filter.company.is_empty() {
            return Ok(None);
        }
    }
    Ok(Some(filter))
}

fn texts(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> ::duckdb::Result<Vec<String>> {
    connection.prepare(sql)?.query_map(values, |row| row.get(0))?.collect()
}

/// Values of a filter as one parameter, because the engine's bindings support no list parameters.
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
    fn hit(self) -> Result<VectorHit> {
        let content_hash = ContentHash::parse(&self.content_hash)?;
        Ok(VectorHit { key: self.key, content_hash, similarity: self.similarity })
    }
}
