//! The results of a query, as JSON.

use bytes::Bytes;
use common::index::{Hit, JobIndex, Query, Row};

use super::query::{QueryInput, SimilarQuery};
use crate::answer::{SearchResult, to_json};
use crate::why::Why;

/// A query with everything that its search needs.
pub(super) struct Prepared {
    pub(super) vector: Vector,
    pub(super) query: SimilarQuery,
}

pub(super) enum Vector {
    /// The vector of an ad of the index.
    OfRow(Row),
    Given(Vec<f32>),
}

impl Prepared {
    /// The query vector, and the row of the ad that it belongs to.
    pub(super) fn vector_and_row<'a>(&'a self, index: &'a JobIndex) -> (&'a [f32], Option<Row>) {
        match &self.vector {
            Vector::OfRow(row) => (index.vector(*row), Some(*row)),
            Vector::Given(vector) => (vector.as_slice(), None),
        }
    }

    /// Searches the index, unless `hits` were found in the warehouse.
    pub(super) fn results(&self, index: &JobIndex, hits: Option<Vec<Hit>>) -> Bytes {
        let query = &self.query;
        let (vector, not) = self.vector_and_row(index);
        let hits = hits.unwrap_or_else(|| {
            index.search(&Query {
                vector,
                words: match &query.input {
                    QueryInput::Text(text) if query.hybrid => Some(text.as_str()),
                    _ => None,
                },
                top_k: query.top_k,
                filter: &query.filter,
                min_similarity: query.min_similarity,
                exact: query.exact,
                not,
                include_reposts: query.include_reposts,
            })
        });
        let reasons = |row| match &query.input {
            QueryInput::Job(_) => not.map(|not| index.reasons_between(not, row)).unwrap_or_default(),
            QueryInput::Text(text) => index.reasons_for_text(text, row),
            QueryInput::Embedding(_) => Vec::new(),
        };
        let results: Vec<SearchResult<'_>> = hits
            .into_iter()
            .zip(1..)
            .map(|(hit, rank)| SearchResult {
                rank,
                score: hit.similarity,
                job: index.ad(hit.row).into(),
                reposts: hit.reposts,
                why: reasons(hit.row).into_iter().map(Why::from).collect(),
            })
            .collect();
        to_json(&results).into()
    }
}
