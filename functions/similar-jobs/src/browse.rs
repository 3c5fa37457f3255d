//! What the page shows besides results: `/v1/jobs`, one ad, `/v1/index`, `/v1/map`.

use std::sync::Arc;

use bytes::Bytes;
use chrono::SecondsFormat;
use common::runtime::http_util::{Body, Problem, content};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::answer::{Described, to_json};
use crate::current::Served;
use crate::request::{Key, Parameters, Refusal};
use crate::search::Column;
use crate::service::State;
use crate::similar::row_of;

/// The longest words to look for, in Unicode scalar values.
const MOST_QUERY_CHARS: usize = 200;
/// How far a listing goes.
const MOST_LISTED: u64 = 9_999;
/// Values of a column that `/v1/index` counts.
const MOST_VALUES: usize = 200;

/// `?q=words`: ads by words of title and company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    words: String,
    limit: usize,
    /// Ads before the page.
    after: usize,
}

impl Listing {
    /// The parameters of a listing.
    pub(crate) const PARAMETERS: &[&str] = &["q", "limit", "cursor"];

    /// Reads them.
    ///
    /// # Errors
    /// A refusal that names the one at fault.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let words = parameters.required("q")?;
        if words.chars().count() > MOST_QUERY_CHARS {
            return Err(Refusal::new("q", format!("it is longer than {MOST_QUERY_CHARS} characters")));
        }
        let limit = parameters.whole("limit", 20, 50)?;
        let after = match parameters.one("cursor")? {
            None => 0,
            Some(cursor) => {
                let is_ours = cursor.bytes().all(|digit| digit.is_ascii_digit());
                let after = cursor.parse().ok().filter(|after| is_ours && (1..=MOST_LISTED).contains(after));
                after.ok_or_else(|| Refusal::new("cursor", "it is not the next_cursor of an answer"))?
                    as usize
            }
        };
        Ok(Self { words, limit, after })
    }
}

/// Ads by words, best first.
///
/// # Errors
/// A problem of status 503 where there is no index.
pub(crate) async fn list(
    state: &State,
    served: Arc<Served>,
    asked: Listing,
) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Page<'a> {
        index_version: &'a str,
        jobs: Vec<Described<'a>>,
        next_cursor: Option<String>,
    }
    let page = move || {
        let market = served.market.as_ref();
        let (rows, is_more) = market.find(&asked.words, asked.after, asked.limit);
        let next = asked.after + rows.len();
        let is_more = is_more && next as u64 <= MOST_LISTED;
        to_json(&Page {
            index_version: &served.manifest().version,
            jobs: rows.into_iter().map(|row| market.ad(row).into()).collect(),
            next_cursor: is_more.then(|| next.to_string()),
        })
    };
    Ok(answered(state.cpu.run(page).await?))
}

/// One ad.
///
/// # Errors
/// A problem of status 404 where the index has none of that name.
pub(crate) fn one(served: &Served, key: &Key) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct One<'a> {
        index_version: &'a str,
        job: Described<'a>,
    }
    let row = row_of(served, key)?;
    let job = served.market.ad(row).into();
    Ok(answered(to_json(&One { index_version: &served.manifest().version, job })))
}

/// What is being served, and the values that filters may have.
///
/// # Errors
/// A problem of status 500 where counting failed.
pub(crate) async fn facts(state: &State, served: Arc<Served>) -> Result<Response<Body>, Problem> {
    let search = if state.warehouse.is_some() { "warehouse" } else { "index" };
    let count = move || served.facts.get_or_init(|| counted(&served, search)).clone();
    Ok(answered(state.cpu.run(count).await?))
}

fn counted(served: &Served, search: &str) -> Bytes {
    #[derive(Serialize)]
    struct Value {
        value: String,
        jobs: u32,
    }
    #[derive(Serialize)]
    struct Filters {
        source: Vec<Value>,
        classification: Vec<Value>,
        location: Vec<Value>,
        work_type: Vec<Value>,
    }
    #[derive(Serialize)]
    struct Facts<'a> {
        index_version: &'a str,
        model_version: &'a str,
        embedding_space: &'a str,
        dimension: usize,
        jobs: u64,
        published_at: String,
        recall_at_10: Option<f64>,
        bytes: u64,
        search: &'a str,
        filters: Filters,
    }
    let values = |column| {
        let counted = served.market.facets(column).into_iter().take(MOST_VALUES);
        counted.map(|(value, jobs)| Value { value, jobs }).collect()
    };
    let manifest = served.manifest();
    to_json(&Facts {
        index_version: &manifest.version,
        model_version: &manifest.model_version,
        embedding_space: &manifest.embedding_space,
        dimension: manifest.dimension,
        jobs: manifest.rows,
        published_at: manifest.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        recall_at_10: manifest.recall_at_10,
        bytes: manifest.bytes,
        search,
        filters: Filters {
            source: values(Column::Source),
            classification: values(Column::Classification),
            location: values(Column::Location),
            work_type: values(Column::WorkType),
        },
    })
    .into()
}

/// At most `limit` ads as points of the plane.
///
/// # Errors
/// A problem of status 500 where drawing failed.
pub(crate) async fn map(state: &State, served: Arc<Served>, limit: usize) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Point<'a> {
        x: f32,
        y: f32,
        source: &'a str,
        job_id: &'a str,
        job_title: Option<&'a str>,
        job_classification: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Map<'a> {
        index_version: &'a str,
        points: Vec<Point<'a>>,
    }
    let draw = move || {
        let market = served.market.as_ref();
        let point = |row| {
            let ad = market.ad(row);
            let [x, y] = ad.point;
            let (source, job_id) = (ad.source, ad.job_id);
            Point { x, y, source, job_id, job_title: ad.job_title, job_classification: ad.job_classification }
        };
        let points = market.sample(limit).into_iter().map(point).collect();
        to_json(&Map { index_version: &served.manifest().version, points })
    };
    Ok(answered(state.cpu.run(draw).await?))
}

fn answered(json: impl Into<Bytes>) -> Response<Body> {
    content(StatusCode::OK, "application/json", json)
}
