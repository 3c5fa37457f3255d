//! The results of a query, as JSON.

use bytes::Bytes;

use super::query::{QueryInput, SimilarQuery};
use crate::answer::{SearchResult, to_json};
use crate::search::{Hit, Query, Row};
use crate::served_index::IndexSnapshot;
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
    pub(super) fn vector_and_row<'a>(&'a self, served: &'a IndexSnapshot) -> (&'a [f32], Option<Row>) {
        match &self.vector {
            Vector::OfRow(row) => (served.market.vector(*row), Some(*row)),
            Vector::Given(vector) => (vector.as_slice(), None),
        }
    }

    /// Searches the index, unless `hits` were found in the warehouse.
    pub(super) fn results(&self, served: &IndexSnapshot, hits: Option<Vec<Hit>>) -> Bytes {
        let market = served.market.as_ref();
        let query = &self.query;
        let (vector, not) = self.vector_and_row(served);
        let hits = hits.unwrap_or_else(|| {
            market.search(&Query {
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
            QueryInput::Job(_) => not.map(|not| market.reasons_between(not, row)).unwrap_or_default(),
            QueryInput::Text(text) => market.reasons_for_text(text, row),
            QueryInput::Embedding(_) => Vec::new(),
        };
        let results: Vec<SearchResult<'_>> = hits
            .into_iter()
            .zip(1..)
            .map(|(hit, rank)| SearchResult {
                rank,
                score: hit.similarity,
                job: market.ad(hit.row).into(),
                reposts: hit.reposts,
                why: reasons(hit.row).into_iter().map(Why::from).collect(),
            })
            .collect();
        to_json(&results).into()
    }
}
