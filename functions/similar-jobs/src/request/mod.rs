//! What a caller asks for, read strictly: what is not understood is refused by name, never ignored.
//!
//! - [`parameters`]: the part of an address after `?`
//! - `body`: a JSON body; `once`: that no member is there twice
//! - `values`: what both have in common: ranges, dates, filters

mod body;
mod once;
pub(crate) mod parameters;
mod values;

use common::runtime::http_util::Problem;

pub(crate) use body::read;
pub(crate) use parameters::Parameters;

use crate::search::Filter;

/// The most results of a query.
pub(crate) const MOST_RESULTS: u64 = 100;
/// Results where a query does not say how many.
const DEFAULT_RESULTS: usize = 10;
/// The longest text, in Unicode scalar values.
pub(crate) const MOST_CHARS: usize = 20_000;
/// The most queries of a batch.
pub(crate) const MOST_QUERIES: usize = 64;
/// The longest body.
pub(crate) const MOST_BODY_BYTES: usize = 64 << 10;

/// One query for similar ads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Similar {
    pub(crate) to: To,
    /// 1 to [`MOST_RESULTS`].
    pub(crate) top_k: usize,
    pub(crate) filter: Filter,
    /// -1 to 1.
    pub(crate) min_similarity: Option<f32>,
    pub(crate) exact: bool,
    pub(crate) include_reposts: bool,
    /// Words of title and company count beside the vector; only with a text.
    pub(crate) hybrid: bool,
}

/// What the ads are to be similar to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum To {
    /// Not blank, at most [`MOST_CHARS`].
    Text(String),
    Job(Key),
    /// Finite, of length 1, of the caller's dimension.
    Embedding(Vec<f32>),
}

/// An ad's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) source: String,
    pub(crate) job_id: String,
}

/// What a body asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    One(Similar),
    /// 1 to [`MOST_QUERIES`].
    Many(Vec<Similar>),
}

/// Why a request is refused: the member or parameter at fault, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Empty where the request as a whole is at fault.
    name: String,
    sentence: String,
}

impl Refusal {
    pub(crate) fn new(name: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { name: name.into(), sentence: sentence.into() }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        if refusal.name.is_empty() {
            return Self::bad_request(refusal.sentence);
        }
        let detail = format!("{}: {}", refusal.name, refusal.sentence);
        Self::bad_request(detail).with("member", refusal.name)
    }
}

#[cfg(test)]
mod tests;
