//! `/v1/clusters/{id}`: one cluster with the summary of its ads.

use common::index::{self, JobIndex};
use common::runtime::http_util::{Body, Problem};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::clusters::{REMEDY, without_clusters};
use super::{Call, Context, Endpoint, nothing, ok_json};
use crate::answer::to_json;
use crate::request::Refusal;
use crate::served_index::ServedIndex;

pub(super) struct Cluster {
    index: ServedIndex,
}

#[derive(Serialize)]
struct Answer<'a> {
    index_version: &'a str,
    clustering_version: &'a str,
    cluster: &'a index::Cluster,
}

impl Cluster {
    pub(super) fn new(index: &ServedIndex) -> Self {
        Self { index: index.clone() }
    }
}

impl Endpoint for Cluster {
    type Request = u16;

    const PATH: &'static str = "/v1/clusters/{id}";
    const OPENAPI: &'static str = include_str!("cluster.json");

    fn parse(&self, call: Call<'_>) -> Result<u16, Refusal> {
        nothing(call)?;
        let id = call.segments.first().map(String::as_str).unwrap_or_default();
        // Rust would also accept a leading plus sign.
        let is_plain = id.bytes().all(|digit| digit.is_ascii_digit());
        let read = id.parse().ok().filter(|_| is_plain);
        read.ok_or_else(|| Refusal::invalid_text("id", id, "a whole number from 0 to 65535"))
    }

    async fn answer(&self, id: u16, context: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.get().await?;
        let found = find(&served.index, id)?;
        let answer = async { Ok(ok_json(to_json(&found))) };
        context.unless_known(served.etag.as_ref(), answer).await
    }
}

/// The cluster with this id.
///
/// # Errors
/// A problem of status 404, with the remedy.
fn find(index: &JobIndex, id: u16) -> Result<Answer<'_>, Problem> {
    let missing = |detail: String| Problem::new(StatusCode::NOT_FOUND, detail);
    let Some(clusters) = index.clusters() else {
        return Err(missing(format!("{}: {REMEDY}", without_clusters(index))));
    };
    let version = &index.manifest().version;
    match clusters.get(id) {
        Some(cluster) => {
            Ok(Answer { index_version: version, clustering_version: &clusters.version, cluster })
        }
        None => Err(missing(format!("index {version} has no cluster {id}; /v1/clusters lists its clusters"))),
    }
}
