//! `/metrics`: the metrics of the process.

use std::sync::Arc;

use common::runtime::http_util::{Body, Problem, content};
use hyper::{Response, StatusCode};

use super::{Call, Context, Endpoint, nothing};
use crate::embed::EmbedQueue;
use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::request::Refusal;
use crate::served_index::ServedIndex;

pub(super) struct Exposition {
    metrics: Arc<Metrics>,
    index: ServedIndex,
    embedder: Arc<EmbedQueue>,
}

impl Exposition {
    pub(super) fn new(metrics: &Arc<Metrics>, index: &ServedIndex, embedder: &Arc<EmbedQueue>) -> Self {
        Self { metrics: Arc::clone(metrics), index: index.clone(), embedder: Arc::clone(embedder) }
    }
}

impl Endpoint for Exposition {
    type Request = ();

    const PATH: &'static str = "/metrics";
    const OPENAPI: &'static str = include_str!("metrics.json");
    const IS_LIMITED: bool = false;

    fn parse(&self, call: Call<'_>) -> Result<(), Refusal> {
        nothing(call)
    }

    async fn answer(&self, (): (), _: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.now();
        let manifest = served.as_ref().map(|served| served.index.manifest());
        let text = self.metrics.render(manifest, self.embedder.waiting());
        Ok(content(StatusCode::OK, MEDIA_TYPE, text))
    }
}
