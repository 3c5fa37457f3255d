//! `/v1/clusters`: the clusters of the ads.

use common::index::{Cluster, JobIndex};
use common::runtime::http_util::{Body, Problem};
use hyper::Response;
use serde::Serialize;

use super::{Call, Context, Endpoint, nothing, ok_json};
use crate::answer::to_json;
use crate::request::Refusal;
use crate::served_index::ServedIndex;

/// How an index gets clusters.
pub(super) const REMEDY: &str = "promote a clustering of train-models and run build-vector-index";

pub(super) struct Clusters {
    index: ServedIndex,
}

#[derive(Serialize)]
struct Answer<'a> {
    index_version: &'a str,
    /// Null if the index has no clusters.
    clustering_version: Option<&'a str>,
    clusters: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: u16,
    name: &'a str,
    keywords: &'a [String],
    ads: u64,
    share: f64,
    x: f32,
    y: f32,
}

impl<'a> From<&'a Cluster> for Listed<'a> {
    fn from(cluster: &'a Cluster) -> Self {
        let Cluster { id, ref name, ref keywords, ads, share, x, y, .. } = *cluster;
        Self { id, name, keywords, ads, share, x, y }
    }
}

impl Clusters {
    pub(super) fn new(index: &ServedIndex) -> Self {
        Self { index: index.clone() }
    }
}

impl Endpoint for Clusters {
    type Request = ();

    const PATH: &'static str = "/v1/clusters";
    const OPENAPI: &'static str = include_str!("clusters.json");

    fn parse(&self, call: Call<'_>) -> Result<(), Refusal> {
        nothing(call)
    }

    async fn answer(&self, (): (), context: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.get().await?;
        let answer = async { Ok(ok_json(to_json(&list(&served.index)))) };
        context.unless_known(served.etag.as_ref(), answer).await
    }
}

fn list(index: &JobIndex) -> Answer<'_> {
    let clusters = index.clusters();
    Answer {
        index_version: &index.manifest().version,
        clustering_version: clusters.map(|clusters| clusters.version.as_str()),
        clusters: clusters.iter().flat_map(|known| &known.clusters).map(Listed::from).collect(),
    }
}

/// That an index has no clusters, as a part of a sentence.
pub(super) fn without_clusters(index: &JobIndex) -> String {
    format!("index {} has no clusters", index.manifest().version)
}
