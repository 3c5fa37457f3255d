//! The ads nearest to a vector, found by the warehouse.

use std::collections::HashSet;

use async_trait::async_trait;
use common_core::fold::fold_name;
use common_core::job::{ContentHash, JobFilter, JobKey};
use common_core::{Error, Result};
use serde::Serialize;

use super::EmbeddingTable;

/// Which ads are nearest to a vector.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VectorQuery {
    /// `[dimension] f32`, of the space that is searched; any length but zero.
    pub vector: Vec<f32>,
    /// At most so many.
    pub top_k: usize,
    /// Only these ads. One by company reads `cleaned_jobs` too, because companies are not beside the vectors.
    pub filter: JobFilter,
    /// Only ads at least so similar: a cosine, -1 to 1.
    pub min_similarity: Option<f32>,
}

/// An ad that a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorHit {
    /// The ad.
    pub key: JobKey,
    /// Hash of its text: ads of one text have one hash.
    pub content_hash: ContentHash,
    /// Cosine of its vector and the query's, -1 to 1.
    pub similarity: f32,
}

/// How a warehouse arranges the vectors of an index of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorIndexKind {
    /// Lists of vectors around centres: for one query or a few at a time. Keeps the columns that filters need, so that a
    /// filtered search finds as many as it should.
    Ivf,
    /// Trees of compressed vectors: for hundreds of queries at once. Filters apply to what it finds, which may then be fewer.
    TreeAh,
}

/// What became of a warehouse's own vector index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum VectorIndexState {
    /// This warehouse has none and needs none: every search is exact.
    None,
    /// None is made of so few rows; every search is exact.
    TooFewRows {
        /// What the table has, of all spaces.
        rows: u64,
        /// What it must have.
        needed: u64,
    },
    /// It is being filled, and searches do without it so far.
    Building {
        /// How much of the rows is in it.
        coverage_percent: u8,
    },
    /// Searches use it; rows that are not in it yet are found all the same.
    Active {
        /// How much of the rows is in it.
        coverage_percent: u8,
    },
    /// It is there, and the warehouse does not use it; every search is exact.
    Disabled {
        /// Why, in the warehouse's words.
        reason: String,
    },
}

/// Searches inside the warehouse.
#[async_trait]
pub trait VectorSearch: Send + Sync {
    /// The ads of `space` nearest to the query's vector, filtered inside the search: best first, ads of one
    /// similarity by source and id. Exact, but where the warehouse has a vector index. Nothing where there is no
    /// `table`.
    ///
    /// # Errors
    /// `InvalidInput` where the vector is of another length than the table's, or zero, or not of numbers.
    async fn search_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>>;

    /// Makes the warehouse's own vector index where it has use for one and has none, and looks at it once. It fills by
    /// itself: a caller that waits for it asks again. One that is there stays, whatever its kind.
    ///
    /// # Errors
    /// `NotFound` where there is no `table`, in a warehouse that makes indexes.
    async fn refresh_vector_index(
        &self,
        table: &EmbeddingTable,
        kind: VectorIndexKind,
    ) -> Result<VectorIndexState>;
}

/// Those of the `stored` values that a filter by `wanted` means, as they are stored: text is folded here and nowhere else.
pub(crate) fn spellings(wanted: &[String], stored: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted: HashSet<String> = wanted.iter().map(|value| fold_name(value)).collect();
    stored.into_iter().filter(|value| wanted.contains(&fold_name(value))).collect()
}

/// The values of a filter by columns that are stored beside the vectors, by the column's name.
pub(crate) fn named(filter: &mut JobFilter) -> [(&'static str, &mut Vec<String>); 4] {
    [
        ("source", &mut filter.source),
        ("job_location", &mut filter.location),
        ("job_classification", &mut filter.classification),
        ("job_work_type", &mut filter.work_type),
    ]
}

impl VectorQuery {
    /// The query, if it can be asked of `table`.
    ///
    /// # Errors
    /// `InvalidInput` where the vector is of another length than the table's, or has no direction.
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
                "the query's vector has no direction: it is zero, or not of numbers",
            ));
        }
        Ok(self)
    }
}
