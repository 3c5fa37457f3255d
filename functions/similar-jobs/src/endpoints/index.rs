//! `/v1/index`: properties of the served index, and the values of the filters.

use bytes::Bytes;
use chrono::SecondsFormat;
use common::index::ads::Column;
use common::index::manifest::{Quality, embedding_space};
use common::index::{Cluster, JobIndex};
use common::runtime::http_util::{Body, Problem};
use hyper::Response;
use serde::Serialize;

use super::{Call, Context, Endpoint, nothing, ok_json};
use crate::answer::{model_versions, to_json};
use crate::etag::entity_tag;
use crate::request::Refusal;
use crate::search_pool::SearchPool;
use crate::served_index::ServedIndex;

/// Maximum number of values of a column.
const MOST_VALUES: usize = 200;

pub(super) struct IndexFacts {
    index: ServedIndex,
    pool: SearchPool,
    /// What is searched: `index` or `warehouse`.
    search: &'static str,
}

#[derive(Serialize)]
struct Answer<'a> {
    index_version: &'a str,
    model_version: String,
    embedding_space: &'a str,
    dimension: usize,
    jobs: u64,
    published_at: String,
    recall_at_10: Option<f64>,
    bytes: u64,
    search: &'a str,
    filters: Filters,
}

#[derive(Serialize)]
struct Filters {
    source: Vec<Value>,
    classification: Vec<Value>,
    location: Vec<Value>,
    work_type: Vec<Value>,
    /// Names of clusters.
    cluster: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    value: String,
    jobs: u32,
}

impl IndexFacts {
    pub(super) fn new(index: &ServedIndex, pool: &SearchPool, searches_warehouse: bool) -> Self {
        let search = if searches_warehouse { "warehouse" } else { "index" };
        Self { index: index.clone(), pool: pool.clone(), search }
    }
}

impl Endpoint for IndexFacts {
    type Request = ();

    const PATH: &'static str = "/v1/index";
    const OPENAPI: &'static str = include_str!("index.json");

    fn parse(&self, call: Call<'_>) -> Result<(), Refusal> {
        nothing(call)
    }

    async fn answer(&self, (): (), context: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.get().await?;
        let search = self.search;
        let etag = entity_tag(served.index.manifest(), &[search]).await;
        let count = move || served.facts.get_or_init(|| facts(&served.index, search)).clone();
        let answer = async { Ok(ok_json(self.pool.run(count).await?)) };
        context.unless_known(etag.as_ref(), answer).await
    }
}

/// The names of the clusters with their number of ads, most ads first.
fn clusters(index: &JobIndex) -> Vec<Value> {
    let mut clusters: Vec<&Cluster> =
        index.clusters().map_or_else(Vec::new, |known| known.clusters.iter().collect());
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.ads));
    let value = |cluster: &Cluster| Value {
        value: cluster.name.clone(),
        jobs: u32::try_from(cluster.ads).unwrap_or(u32::MAX),
    };
    clusters.into_iter().take(MOST_VALUES).map(value).collect()
}

/// The body; making it counts the values of whole columns.
fn facts(index: &JobIndex, search: &str) -> Bytes {
    let values = |column| {
        let counted = index.facets(column).into_iter().take(MOST_VALUES);
        counted.map(|(value, jobs)| Value { value, jobs }).collect()
    };
    let manifest = index.manifest();
    let quality = Quality::of(manifest);
    to_json(&Answer {
        index_version: &manifest.version,
        model_version: model_versions(manifest),
        embedding_space: embedding_space(manifest),
        dimension: manifest.body.dimension,
        jobs: manifest.rows,
        published_at: manifest.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        recall_at_10: (quality.queries > 0).then_some(quality.recall_at_10),
        bytes: manifest.bytes(),
        search,
        filters: Filters {
            source: values(Column::Source),
            classification: values(Column::Classification),
            location: values(Column::Location),
            work_type: values(Column::WorkType),
            cluster: clusters(index),
        },
    })
    .into()
}
