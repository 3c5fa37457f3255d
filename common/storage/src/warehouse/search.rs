//! Nearest-neighbour searches that the warehouse runs.

use std::collections::HashSet;

use async_trait::async_trait;
use common_core::fold::fold_name;
use common_core::job::{ContentHash, JobFilter, JobKey};
use common_core::{Error, Result};
use serde::Serialize;

use super::EmbeddingTable;

/// Parameters of a search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VectorQuery {
    /// `[dimension] f32`, of the space that is searched; its length must not be zero.
    pub vector: Vec<f32>,
    /// Maximum number of results.
    pub top_k: usize,
    /// Only these ads. A filter by company also reads `cleaned_jobs`, because companies are not stored beside the
    /// vectors.
    pub filter: JobFilter,
    /// Only ads with at least this cosine similarity, -1 to 1.
    pub min_similarity: Option<f32>,
}

/// An ad that a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorHit {
    /// The ad.
    pub key: JobKey,
    /// Hash of its text: ads with the same text have the same hash.
    pub content_hash: ContentHash,
    /// Cosine similarity of its vector and the query's, -1 to 1.
    pub similarity: f32,
}

/// Type of the warehouse's own vector index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorIndexKind {
    /// Lists of vectors around centroids: for one query or a few at a time. Stores the columns that filters need,
    /// so that a filtered search finds as many ads as it should.
    Ivf,
    /// Trees of compressed vectors: for hundreds of queries at once. Filters are applied to its results, which may
    /// leave fewer than requested.
    TreeAh,
}

/// State of the warehouse's own vector index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum VectorIndexState {
    /// This warehouse has no vector index and needs none: every search is exact.
    None,
    /// The table has too few rows for an index; every search is exact.
    TooFewRows {
        /// Rows of the table, of all spaces.
        rows: u64,
        /// Rows that an index needs.
        needed: u64,
    },
    /// The index is being built; searches do not use it yet.
    Building {
        /// Share of the rows that are in the index.
        coverage_percent: u8,
    },
    /// Searches use the index; rows that are not in it yet are found as well.
    Active {
        /// Share of the rows that are in the index.
        coverage_percent: u8,
    },
    /// The index exists, and the warehouse does not use it; every search is exact.
    Disabled {
        /// The reason, as the warehouse gives it.
        reason: String,
    },
}

/// Searches inside the warehouse.
#[async_trait]
pub trait VectorSearch: Send + Sync {
    /// The ads of `space` nearest to the query's vector, filtered inside the search: best first, ties by source and
    /// id. Exact, unless the warehouse uses a vector index. Empty if `table` does not exist.
    ///
    /// # Errors
    /// `InvalidInput` if the vector's length differs from that of the table's vectors, if the vector is zero or not
    /// finite, or for a filter by cluster.
    async fn search_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>>;

    /// Creates the warehouse's own vector index if the warehouse supports one and none exists, and returns its
    /// state. The index is built in the background: to wait for it, call this again. An existing index is kept,
    /// whatever its type.
    ///
    /// # Errors
    /// `NotFound` if `table` does not exist, in a warehouse that has vector indexes.
    async fn refresh_vector_index(
        &self,
        table: &EmbeddingTable,
        kind: VectorIndexKind,
    ) -> Result<VectorIndexState>;
}

/// The `stored` values that match a filter by `wanted`, as they are stored. Case folding happens only here.
pub(crate) fn spellings(wanted: &[String], stored: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted: HashSet<String> = wanted.iter().map(|value| fold_name(value)).collect();
    stored.into_iter().filter(|value| wanted.contains(&fold_name(value))).collect()
}

/// The values of a filter by columns that are stored beside the vectors, with the columns' names.
pub(crate) fn named(filter: &mut JobFilter) -> [(&'static str, &mut Vec<String>); 4] {
    [
        ("source", &mut filter.source),
        ("job_location", &mut filter.location),
        ("job_classification", &mut filter.classification),
        ("job_work_type", &mut filter.work_type),
    ]
}

impl VectorQuery {
    /// Returns the query if it can be run on `table`.
    ///
    /// # Errors
    /// `InvalidInput` if the vector's length differs from that of the table's vectors, if the vector is zero or not
    /// finite, or for a filter by cluster.
    pub(crate) fn checked(&self, table: &EmbeddingTable) -> Result<&Self> {
        if self.vector.len() != table.dimension {
            return Err(Error::invalid_input(format!(
                "the query's vector has {} elements, and those of {} have {}",
                self.vector.len(),
                table.name,
                table.dimension
            )));
        }
        let length: f32 = self.vector.iter().map(|x| x * x).sum();
        if !length.is_normal() {
            return Err(Error::invalid_input(
                "invalid query vector: expected finite numbers that are not all zero",
            ));
        }
        if !self.filter.cluster.is_empty() {
            return Err(Error::invalid_input(
                "invalid filter by cluster: expected none, because the warehouse has no clusters: search the index",
            ));
        }
        Ok(self)
    }
}
