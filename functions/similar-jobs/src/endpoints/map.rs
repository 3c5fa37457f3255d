//! `/v1/map`: a sample of ads as points of a plane.

use common::index::JobIndex;
use common::runtime::http_util::{Body, Problem};
use hyper::Response;
use serde::{Deserialize, Serialize};

use super::{Call, Context, Endpoint, ok_json};
use crate::answer::to_json;
use crate::request::values::Count;
use crate::request::{self, Refusal};
use crate::search_pool::SearchPool;
use crate::served_index::ServedIndex;

pub(super) struct Map {
    index: ServedIndex,
    pool: SearchPool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    limit: Count<5000, 2000>,
}

#[derive(Serialize)]
struct Answer<'a> {
    index_version: &'a str,
    points: Vec<Point<'a>>,
}

#[derive(Serialize)]
struct Point<'a> {
    x: f32,
    y: f32,
    source: &'a str,
    job_id: &'a str,
    job_title: Option<&'a str>,
    job_classification: Option<&'a str>,
    /// Id of its cluster; null if the index has no clusters.
    cluster: Option<u16>,
}

impl Map {
    pub(super) fn new(index: &ServedIndex, pool: &SearchPool) -> Self {
        Self { index: index.clone(), pool: pool.clone() }
    }
}

impl Endpoint for Map {
    type Request = Parameters;

    const PATH: &'static str = "/v1/map";
    const OPENAPI: &'static str = include_str!("map.json");

    fn parse(&self, call: Call<'_>) -> Result<Parameters, Refusal> {
        request::query(call.query)
    }

    async fn answer(&self, asked: Parameters, context: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.get().await?;
        let etag = served.etag.clone();
        let limit = asked.limit.get();
        let answer = async { Ok(ok_json(self.pool.run(move || points(&served.index, limit)).await?)) };
        context.unless_known(etag.as_ref(), answer).await
    }
}

fn points(index: &JobIndex, limit: usize) -> Vec<u8> {
    let point = |row| {
        let ad = index.ad(row);
        let [x, y] = ad.point;
        Point {
            x,
            y,
            source: ad.source,
            job_id: ad.job_id,
            job_title: ad.job_title,
            job_classification: ad.job_classification,
            cluster: ad.cluster.map(|cluster| cluster.id),
        }
    };
    let points = index.sample(limit).into_iter().map(point).collect();
    to_json(&Answer { index_version: &index.manifest().version, points })
}
