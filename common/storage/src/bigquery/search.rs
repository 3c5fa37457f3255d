//! Vector searches, and the vector index that makes them fast.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common_core::job::JobFilter;
use common_core::{Error, Result};
use futures::TryStreamExt;

use super::dataset::Dataset;
use super::statement::Statement;
use super::{BigQuery, rows, sql};
use crate::warehouse::search::{named, spellings};
use crate::warehouse::{
    Cell, EmbeddingTable, VectorHit, VectorIndexKind, VectorIndexState, VectorQuery, VectorSearch,
};

/// How long the values of a column are cached. If a filter matches none of them, a shorter time applies.
const KEPT: Duration = Duration::from_mins(5);
const KEPT_WITHOUT: Duration = Duration::from_secs(10);

/// BigQuery creates a vector index only for a table with at least this number of rows.
const INDEXED_ROWS: u64 = 5_000;

#[async_trait]
impl VectorSearch for BigQuery {
    async fn search_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>> {
        self.0.search(table, space, query.checked(table)?).await
    }

    async fn refresh_vector_index(
        &self,
        table: &EmbeddingTable,
        kind: VectorIndexKind,
    ) -> Result<VectorIndexState> {
        self.0.refresh_vector_index(table, kind).await
    }
}

impl Dataset {
    async fn search(
        self: &Arc<Self>,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>> {
        // Neither search accepts `top_k` 0.
        if query.top_k == 0 || !self.has_table(&table.name).await? {
            return Ok(Vec::new());
        }
        let Some(filter) = self.as_stored(table, space, &query.filter).await? else { return Ok(Vec::new()) };
        let template = if filter.company.is_empty() { sql::SEARCH_EMBEDDINGS } else { sql::SEARCH_COMPANIES };
        let mut statement = Statement::new("searching for ads", template)
            .on(table)
            .text("space", Some(space))
            .numbers("vector", query.vector.iter().copied().map(f64::from))
            .integer("top_k", u32::try_from(query.top_k).unwrap_or(u32::MAX))
            .number("min_similarity", query.min_similarity.map(f64::from))
            .number("salary_min", filter.salary_min_sgd_per_month)
            .moment("posted_after", filter.posted_after)
            .texts("sources", &filter.source)
            .texts("locations", &filter.location)
            .texts("classifications", &filter.classification)
            .texts("work_types", &filter.work_type);
        if !filter.company.is_empty() {
            statement = statement.texts("companies", &filter.company);
        }
        self.collect(statement).await?.into_iter().map(rows::hit).collect()
    }

    /// The filter with its names as they are stored, or `None` if one of its columns matches no stored value.
    async fn as_stored(
        self: &Arc<Self>,
        table: &EmbeddingTable,
        space: &str,
        asked: &JobFilter,
    ) -> Result<Option<JobFilter>> {
        let mut filter = asked.clone();
        for (column, values) in named(&mut filter).into_iter().filter(|(_, values)| !values.is_empty()) {
            let statement = Statement::new("looking for the values of a filter", sql::FILTER_VALUES)
                .with_value("value_column", column)
                .on(table)
                .text("space", Some(space));
            *values = self.spellings(statement, values).await?;
            if values.is_empty() {
                return Ok(None);
            }
        }
        if !filter.company.is_empty() {
            let statement =
                Statement::new("looking for the companies of a filter", sql::FILTER_COMPANIES).on(table);
            filter.company = self.spellings(statement, &filter.company).await?;
            if filter.company.is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(filter))
    }

    /// The stored values that `wanted` matches, from a cache: reading them takes longer than the search and costs
    /// as much. If no cached value matches, the cache may be out of date, and a shorter time applies.
    async fn spellings(self: &Arc<Self>, statement: Statement, wanted: &[String]) -> Result<Vec<String>> {
        let name = statement.identity();
        let kept = self.stored_values.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some((since, values)) = kept.filter(|(since, _)| since.elapsed() < KEPT) {
            let found = spellings(wanted, values.iter().cloned());
            if !found.is_empty() || since.elapsed() < KEPT_WITHOUT {
                return Ok(found);
            }
        }
        let found = self.collect(statement).await?;
        let values: Arc<Vec<String>> = Arc::new(found.into_iter().map(rows::text).collect::<Result<_>>()?);
        let found = spellings(wanted, values.iter().cloned());
        let kept = (Instant::now(), values);
        self.stored_values.lock().unwrap_or_else(PoisonError::into_inner).insert(name, kept);
        Ok(found)
    }

    async fn refresh_vector_index(
        self: &Arc<Self>,
        table: &EmbeddingTable,
        kind: VectorIndexKind,
    ) -> Result<VectorIndexState> {
        if !self.has_table(&table.name).await? {
            let name = self.name(&table.name);
            return Err(Error::not_found(format!(
                "{name} does not exist: create embeddings with `embed-new-jobs`"
            )));
        }
        // Check first: BigQuery limits the rate of statements that change a table's metadata.
        if let Some(state) = self.vector_index(table).await? {
            return Ok(state);
        }
        let rows = self.embedding_spaces(table).await?.iter().map(|(_, rows)| rows).sum();
        if rows < INDEXED_ROWS {
            return Ok(VectorIndexState::TooFewRows { rows, needed: INDEXED_ROWS });
        }
        let template = match kind {
            VectorIndexKind::Ivf => sql::CREATE_IVF_INDEX,
            VectorIndexKind::TreeAh => sql::CREATE_TREE_AH_INDEX,
        };
        let doing = format!("making the vector index of {}", self.name(&table.name));
        self.execute(&Statement::new(doing, template).on(table)).await?;
        Ok(self.vector_index(table).await?.unwrap_or(VectorIndexState::Building { coverage_percent: 0 }))
    }

    /// State of the table's vector index, or `None` if there is none.
    async fn vector_index(self: &Arc<Self>, table: &EmbeddingTable) -> Result<Option<VectorIndexState>> {
        let statement =
            Statement::new("looking at the vector index", sql::VECTOR_INDEX).text("table", Some(&table.name));
        let answer = self.ad_hoc(statement).await?;
        let found: Vec<Vec<Vec<Cell>>> = answer.pages.try_collect().await?;
        let columns: Vec<&str> = answer.columns.iter().map(|(name, _)| name.as_str()).collect();
        Ok(found.concat().first().map(|index| state(&columns, index)))
    }
}

/// State of an index by the columns of `INFORMATION_SCHEMA.VECTOR_INDEXES`.
fn state(columns: &[&str], index: &[Cell]) -> VectorIndexState {
    let cell = |name: &str| columns.iter().position(|column| *column == name).map(|place| &index[place]);
    let text = |name: &str| match cell(name) {
        Some(Cell::Text(text)) => text.as_str(),
        _ => "",
    };
    // An index whose disablement is pending is still used.
    if !["ACTIVE", "PENDING DISABLEMENT"].contains(&text("index_status")) {
        let status = text("index_status");
        let reason = [status, text("disable_reason")].into_iter().filter(|part| !part.is_empty());
        return VectorIndexState::Disabled { reason: reason.collect::<Vec<_>>().join(": ") };
    }
    let coverage_percent = match cell("coverage_percentage") {
        Some(Cell::Int(percent)) => (*percent).clamp(0, 100) as u8,
        _ => 0,
    };
    // According to BigQuery's documentation, searches do not use an index with a coverage of 0%, and an index is
    // not available before its first refresh.
    if coverage_percent == 0 || cell("last_refresh_time") == Some(&Cell::Null) {
        VectorIndexState::Building { coverage_percent }
    } else {
        VectorIndexState::Active { coverage_percent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_index_is_used_once_it_covers_something() {
        let columns = ["index_status", "coverage_percentage", "last_refresh_time", "disable_reason"];
        let seen = |status: &str, percent: i64, refreshed: bool, reason: &str| {
            let refresh = Cell::Timestamp(chrono::DateTime::UNIX_EPOCH);
            let cells = [
                Cell::Text(status.into()),
                Cell::Int(percent),
                if refreshed { refresh } else { Cell::Null },
                if reason.is_empty() { Cell::Null } else { Cell::Text(reason.into()) },
            ];
            state(&columns, &cells)
        };
        let building = |coverage_percent| VectorIndexState::Building { coverage_percent };
        assert_eq!(seen("ACTIVE", 0, false, ""), building(0));
        assert_eq!(seen("ACTIVE", 7, false, ""), building(7));
        assert_eq!(seen("ACTIVE", 98, true, ""), VectorIndexState::Active { coverage_percent: 98 });
        assert_eq!(
            seen("PENDING DISABLEMENT", 100, true, ""),
            VectorIndexState::Active { coverage_percent: 100 }
        );
        let small = seen("TEMPORARILY DISABLED", 0, true, "BASE_TABLE_TOO_SMALL");
        let reason = "TEMPORARILY DISABLED: BASE_TABLE_TOO_SMALL".to_owned();
        assert_eq!(small, VectorIndexState::Disabled { reason });
    }
}
