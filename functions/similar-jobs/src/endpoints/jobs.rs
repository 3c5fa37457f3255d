//! `/v1/jobs`: searches ads by words of title and company, in pages.

use common::index::JobIndex;
use common::runtime::http_util::{Body, Problem};
use hyper::Response;
use serde::{Deserialize, Serialize};

use super::{Call, Context, Endpoint, ok_json};
use crate::answer::{JobDetails, to_json};
use crate::request::values::{Count, Text, some};
use crate::request::{self, Refusal};
use crate::search_pool::SearchPool;
use crate::served_index::ServedIndex;

/// Maximum length of the query, in Unicode scalar values.
const MOST_QUERY_CHARS: usize = 200;
/// Maximum number of ads in a page.
const MOST_ADS: usize = 50;
/// Maximum number of ads before a page.
const MOST_LISTED: usize = 9_999;

pub(super) struct Jobs {
    index: ServedIndex,
    pool: SearchPool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    q: Text<MOST_QUERY_CHARS>,
    #[serde(default)]
    limit: Count<MOST_ADS, 20>,
    /// Number of ads before the page.
    #[serde(default, deserialize_with = "some")]
    cursor: Option<Count<MOST_LISTED, 1>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    index_version: &'a str,
    jobs: Vec<JobDetails<'a>>,
    next_cursor: Option<String>,
}

impl Jobs {
    pub(super) fn new(index: &ServedIndex, pool: &SearchPool) -> Self {
        Self { index: index.clone(), pool: pool.clone() }
    }
}

impl Endpoint for Jobs {
    type Request = Parameters;

    const PATH: &'static str = "/v1/jobs";
    const OPENAPI: &'static str = include_str!("jobs.json");

    fn parse(&self, call: Call<'_>) -> Result<Parameters, Refusal> {
        request::query(call.query)
    }

    async fn answer(&self, asked: Parameters, context: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.get().await?;
        let etag = served.etag.clone();
        let answer = async { Ok(ok_json(self.pool.run(move || page(&served.index, &asked)).await?)) };
        context.unless_known(etag.as_ref(), answer).await
    }
}

fn page(index: &JobIndex, asked: &Parameters) -> Vec<u8> {
    let after = asked.cursor.map_or(0, Count::get);
    let (rows, is_more) = index.find(&asked.q.0, after, asked.limit.get());
    let next = after + rows.len();
    let is_more = is_more && next <= MOST_LISTED;
    to_json(&Answer {
        index_version: &index.manifest().version,
        jobs: rows.into_iter().map(|row| index.ad(row).into()).collect(),
        next_cursor: is_more.then(|| next.to_string()),
    })
}
