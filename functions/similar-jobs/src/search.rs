//! The index as the service sees it: ads by row, and the nearest of them.

// What an index reads and makes is read and made by none yet but the tests'.
#![cfg_attr(not(test), allow(dead_code))]

use std::sync::Arc;

use async_trait::async_trait;
use common::Result;
use common::job::Timestamp;

/// Position of an ad in its index.
pub(crate) type Row = u32;

/// What an index knows of an ad. Salaries are in `currency`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ad<'a> {
    pub(crate) source: &'a str,
    pub(crate) job_id: &'a str,
    pub(crate) job_title: Option<&'a str>,
    pub(crate) company_name: Option<&'a str>,
    pub(crate) job_location: Option<&'a str>,
    pub(crate) job_classification: Option<&'a str>,
    pub(crate) job_work_type: Option<&'a str>,
    pub(crate) currency: Option<&'a str>,
    pub(crate) job_url: Option<&'a str>,
    pub(crate) salary_min_monthly: Option<f64>,
    pub(crate) salary_max_monthly: Option<f64>,
    pub(crate) posted: Option<Timestamp>,
    /// Where the map draws it: about -1..1 either way.
    pub(crate) point: [f32; 2],
}

/// Which ads count. Values of one column are alternatives, columns are conditions; case does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) source: Vec<String>,
    pub(crate) location: Vec<String>,
    pub(crate) classification: Vec<String>,
    pub(crate) work_type: Vec<String>,
    pub(crate) company: Vec<String>,
    pub(crate) salary_min_sgd_per_month: Option<f64>,
    pub(crate) posted_after: Option<Timestamp>,
}

/// What is searched for.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code)] // There is only an exact search yet.
pub(crate) struct Query<'a> {
    /// `[dimension]`, of length 1.
    pub(crate) vector: &'a [f32],
    pub(crate) top_k: usize,
    pub(crate) filter: &'a Filter,
    pub(crate) min_similarity: Option<f32>,
    /// Compares every vector, in place of the approximate search.
    pub(crate) exact: bool,
    /// The ad itself; its reposts go too unless `include_reposts`.
    pub(crate) not: Option<Row>,
    pub(crate) include_reposts: bool,
}

/// An ad that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    pub(crate) row: Row,
    /// Cosine.
    pub(crate) similarity: f32,
    /// Further ads of the same text that were folded into this one.
    pub(crate) reposts: u32,
}

/// What two ads have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reason {
    /// Their classification.
    Classification(String),
    /// Words that few other ads have.
    Terms(Vec<String>),
    /// A range of pay a month.
    Salary { from: f64, to: f64, currency: String },
}

/// The columns whose values can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Source,
    Classification,
    Location,
    WorkType,
}

/// What an index says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) version: String,
    pub(crate) model_version: String,
    pub(crate) embedding_space: String,
    pub(crate) dimension: usize,
    pub(crate) rows: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) recall_at_10: Option<f64>,
    pub(crate) bytes: u64,
}

/// One version of the index, opened. Its calls are work for a thread, not for the runtime.
pub(crate) trait MarketIndex: Send + Sync + 'static {
    fn manifest(&self) -> &Manifest;
    fn row_of(&self, source: &str, job_id: &str) -> Option<Row>;
    fn ad(&self, row: Row) -> Ad<'_>;
    fn vector(&self, row: Row) -> &[f32];
    /// The nearest first.
    fn search(&self, query: &Query<'_>) -> Vec<Hit>;
    fn reasons_between(&self, a: Row, b: Row) -> Vec<Reason>;
    fn reasons_for_text(&self, text: &str, b: Row) -> Vec<Reason>;
    /// Ads with these words in title or company, best first: at most `limit` after the first `after`, and whether there
    /// are more.
    fn find(&self, words: &str, after: usize, limit: usize) -> (Vec<Row>, bool);
    /// The column's values and how many ads have each, most frequent first.
    fn facets(&self, column: Column) -> Vec<(String, u32)>;
    /// At most `n` rows, evenly spread.
    fn sample(&self, n: usize) -> Vec<Row>;
}

/// Where indexes come from.
#[async_trait]
pub(crate) trait IndexSource: Send + Sync + 'static {
    /// The champion, opened, or `None` where it is `current` or there is none.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    async fn newest(&self, current: Option<&str>) -> Result<Option<Arc<dyn MarketIndex>>>;
}

/// A store without any index.
pub(crate) struct Nothing;

#[async_trait]
impl IndexSource for Nothing {
    async fn newest(&self, _current: Option<&str>) -> Result<Option<Arc<dyn MarketIndex>>> {
        Ok(None)
    }
}
