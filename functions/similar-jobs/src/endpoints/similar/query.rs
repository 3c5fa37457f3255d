//! The body of a POST request: one query, or a batch.

use common::index::Filter;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::job_key::JobKey;
use crate::request::values::{
    Amount, ClusterWords, Count, Flag, List, Moment, Object, Similarity, Text, UnitVector, Words, some,
};
use crate::request::{self, Refusal};

/// Maximum number of queries in a batch.
pub(crate) const MOST_QUERIES: usize = 64;
/// Maximum length of a text, in Unicode scalar values.
const MOST_CHARS: usize = 20_000;

/// Number of results.
pub(super) type TopK = Count<100, 10>;

/// A parsed request. Whether the index has the ad, and the vector's dimension, are not checked yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SimilarRequest {
    One(Box<SimilarQuery>),
    /// 1 to [`MOST_QUERIES`].
    Batch(Vec<SimilarQuery>),
}

/// A query for similar ads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SimilarQuery {
    pub(crate) input: QueryInput,
    pub(crate) top_k: usize,
    pub(crate) filter: Filter,
    /// -1 to 1.
    pub(crate) min_similarity: Option<f32>,
    pub(crate) exact: bool,
    pub(crate) include_reposts: bool,
    /// Whether the words of title and company also count; only with a text.
    pub(crate) hybrid: bool,
}

/// The query's input: what the ads should be similar to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum QueryInput {
    /// Not blank, at most 20,000 characters.
    Text(String),
    Job(JobKey),
    /// Finite, of length 1, of any dimension.
    Embedding(Vec<f32>),
}

/// Distinguishes a batch from a query.
#[derive(Deserialize)]
struct Probe {
    #[serde(default, deserialize_with = "some")]
    queries: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchMembers {
    queries: List<Object<QueryMembers>, MOST_QUERIES>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryMembers {
    #[serde(default, deserialize_with = "some")]
    text: Option<Text<MOST_CHARS>>,
    #[serde(default, deserialize_with = "some")]
    job: Option<Object<JobKey>>,
    #[serde(default, deserialize_with = "some")]
    embedding: Option<UnitVector>,
    #[serde(default)]
    top_k: TopK,
    #[serde(default, deserialize_with = "some")]
    filter: Option<Object<FilterMembers>>,
    #[serde(default, deserialize_with = "some")]
    min_similarity: Option<Similarity>,
    #[serde(default)]
    exact: Flag,
    #[serde(default)]
    include_reposts: Flag,
    #[serde(default)]
    hybrid: Flag,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilterMembers {
    #[serde(default)]
    source: Words,
    #[serde(default)]
    location: Words,
    #[serde(default)]
    classification: Words,
    #[serde(default)]
    work_type: Words,
    #[serde(default)]
    company: Words,
    #[serde(default, deserialize_with = "some")]
    salary_min_sgd_per_month: Option<Amount>,
    #[serde(default, deserialize_with = "some")]
    posted_after: Option<Moment>,
    #[serde(default)]
    cluster: ClusterWords,
}

impl SimilarRequest {
    /// Parses a query, or `{"queries": […]}`.
    ///
    /// # Errors
    /// A refusal that names the invalid member.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, Refusal> {
        let Probe { queries } = request::json(body)?;
        if queries.is_none() {
            return SimilarQuery::read(request::json(body)?, "").map(Box::new).map(Self::One);
        }
        let BatchMembers { queries: List(queries) } = request::json(body)?;
        let queries = queries.into_iter().enumerate();
        let read =
            queries.map(|(place, Object(query))| SimilarQuery::read(query, &format!("queries[{place}]")));
        read.collect::<Result<_, _>>().map(Self::Batch)
    }
}

impl SimilarQuery {
    /// Checks combinations of members of the query at `path`.
    fn read(members: QueryMembers, path: &str) -> Result<Self, Refusal> {
        let text = members.text.map(|Text(text)| QueryInput::Text(text));
        let job = members.job.map(|Object(key)| QueryInput::Job(key));
        let embedding = members.embedding.map(|UnitVector(vector)| QueryInput::Embedding(vector));
        let mut inputs = [text, job, embedding].into_iter().flatten();
        let (Some(input), None) = (inputs.next(), inputs.next()) else {
            return Err(Refusal::invalid_at(path, "query", "exactly one of text, job and embedding"));
        };
        let Flag(hybrid) = members.hybrid;
        if hybrid && !matches!(input, QueryInput::Text(_)) {
            let name = if path.is_empty() { "hybrid".to_owned() } else { format!("{path}.hybrid") };
            return Err(Refusal::invalid(&name, "it only beside text, whose words it looks for"));
        }
        Ok(Self {
            input,
            top_k: members.top_k.get(),
            filter: members.filter.map(|Object(filter)| filter.into()).unwrap_or_default(),
            min_similarity: members.min_similarity.map(|Similarity(similarity)| similarity),
            exact: members.exact.0,
            include_reposts: members.include_reposts.0,
            hybrid,
        })
    }
}

impl From<FilterMembers> for Filter {
    fn from(members: FilterMembers) -> Self {
        Self {
            source: members.source.0,
            location: members.location.0,
            classification: members.classification.0,
            work_type: members.work_type.0,
            company: members.company.0,
            salary_min_sgd_per_month: members.salary_min_sgd_per_month.map(|Amount(amount)| amount),
            posted_after: members.posted_after.map(|Moment(moment)| moment),
            cluster: members.cluster.0,
        }
    }
}
