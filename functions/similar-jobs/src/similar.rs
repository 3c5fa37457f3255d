//! `/v1/similar`: the ads most like an ad, a text or a vector, and why.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use common::runtime::http_util::{Body, Problem, content};
use futures::future::join_all;
use hyper::{Response, StatusCode};

use crate::answer::{Found, Head, to_json};
use crate::current::Served;
use crate::request::{Asked, Key, Similar, To};
use crate::search::{Hit, Query, Row};
use crate::service::State;
use crate::why::Why;

/// When a request came, and when it is given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
}

/// A query with everything that the search needs.
struct Prepared {
    vector: Vector,
    query: Similar,
}

enum Vector {
    /// The vector of an ad of the index.
    Of(Row),
    Given(Vec<f32>),
}

/// Answers one query, or a batch of them.
///
/// # Errors
/// A problem of status 400, 404 or 503; within a batch only where no query at all can be answered.
pub(crate) async fn answer(
    state: &State,
    served: Arc<Served>,
    asked: Asked,
    clock: Clock,
) -> Result<Response<Body>, Problem> {
    let (member, json) = match asked {
        Asked::One(query) => {
            let prepared = prepare(state, &served, query, clock).await?;
            ("results", search(state, &served, prepared).await?)
        }
        Asked::Many(queries) => ("answers", batch(state, &served, queries, clock).await),
    };
    let bytes = Head::new(served.manifest(), clock.started.elapsed()).with(member, &json);
    Ok(content(StatusCode::OK, "application/json", bytes))
}

/// Answers every query of a batch or says what is wrong with it, in order.
async fn batch(state: &State, served: &Arc<Served>, queries: Vec<Similar>, clock: Clock) -> Bytes {
    // All texts at once, so that they can share calls of the model; then one search after the other, so that a batch
    // takes its turn with other requests.
    let prepared = join_all(queries.into_iter().map(|query| prepare(state, served, query, clock))).await;
    let mut answers = vec![b'['];
    for prepared in prepared {
        if answers.len() > 1 {
            answers.push(b',');
        }
        let found = match prepared {
            Ok(prepared) => search(state, served, prepared).await,
            Err(problem) => Err(problem),
        };
        let (member, json) = match found {
            Ok(results) => ("results", results),
            Err(problem) => ("problem", Bytes::from(to_json(problem.members()))),
        };
        answers.extend_from_slice(format!("{{\"{member}\":").as_bytes());
        answers.extend_from_slice(&json);
        answers.push(b'}');
    }
    answers.push(b']');
    answers.into()
}

async fn prepare(state: &State, served: &Served, query: Similar, clock: Clock) -> Result<Prepared, Problem> {
    if query.hybrid && state.warehouse.is_some() {
        let detail =
            "hybrid: with SEARCH=warehouse there are vectors alone; leave it out, or serve the index";
        return Err(Problem::bad_request(detail).with("member", "hybrid"));
    }
    let manifest = served.manifest();
    let vector = match &query.to {
        To::Job(key) => Vector::Of(row_of(served, key)?),
        To::Embedding(vector) if vector.len() != manifest.dimension => {
            let (given, expected) = (vector.len(), manifest.dimension);
            let detail =
                format!("embedding: it has {given} numbers, and the index's vectors have {expected}");
            return Err(Problem::bad_request(detail).with("member", "embedding"));
        }
        To::Embedding(vector) => Vector::Given(vector.clone()),
        To::Text(text) => Vector::Given(state.texts.embed(text.clone(), manifest, clock.deadline).await?),
    };
    Ok(Prepared { vector, query })
}

/// The row of an ad.
///
/// # Errors
/// A problem of status 404 with the remedy.
pub(crate) fn row_of(served: &Served, key: &Key) -> Result<Row, Problem> {
    served.market.row_of(&key.source, &key.job_id).ok_or_else(|| {
        let detail = format!(
            "index {} has no ad {}/{}; an ad gets into the index by embed-new-jobs and then build-vector-index, unless it has no text or none \
             that the model can read",
            served.manifest().version,
            key.source,
            key.job_id
        );
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}

/// The results of one query as JSON.
async fn search(state: &State, served: &Arc<Served>, prepared: Prepared) -> Result<Bytes, Problem> {
    let served = Arc::clone(served);
    let hits = match &state.warehouse {
        None => None,
        Some(warehouse) => {
            let (vector, not) = prepared.sides(&served);
            Some(warehouse.search(served.market.as_ref(), vector, not, &prepared.query).await?)
        }
    };
    state.cpu.run(move || results(&served, &prepared, hits)).await
}

impl Prepared {
    /// The vector to look for, and the ad that it is of.
    fn sides<'a>(&'a self, served: &'a Served) -> (&'a [f32], Option<Row>) {
        match &self.vector {
            Vector::Of(row) => (served.market.vector(*row), Some(*row)),
            Vector::Given(vector) => (vector.as_slice(), None),
        }
    }
}

/// `hits` are what was found elsewhere.
fn results(served: &Served, prepared: &Prepared, hits: Option<Vec<Hit>>) -> Bytes {
    let market = served.market.as_ref();
    let query = &prepared.query;
    let (vector, not) = prepared.sides(served);
    let hits = hits.unwrap_or_else(|| {
        market.search(&Query {
            vector,
            words: match &query.to {
                To::Text(text) if query.hybrid => Some(text.as_str()),
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
    let reasons = |row| match &query.to {
        To::Job(_) => not.map(|not| market.reasons_between(not, row)).unwrap_or_default(),
        To::Text(text) => market.reasons_for_text(text, row),
        To::Embedding(_) => Vec::new(),
    };
    let found: Vec<Found<'_>> = hits
        .into_iter()
        .zip(1..)
        .map(|(hit, rank)| Found {
            rank,
            score: hit.similarity,
            job: market.ad(hit.row).into(),
            reposts: hit.reposts,
            why: reasons(hit.row).into_iter().map(Why::from).collect(),
        })
        .collect();
    to_json(&found).into()
}
