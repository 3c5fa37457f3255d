//! `/v1/similar`: the ads most similar to an ad, a text or a vector, and the reasons.

mod parameters;
mod query;
mod results;

use std::sync::Arc;

use bytes::Bytes;
use common::index::manifest::embedding_space;
use common::runtime::http_util::{Body, Problem};
use futures::future::join_all;
use hyper::Response;

pub(crate) use query::{QueryInput, SimilarQuery, SimilarRequest};
use results::{Prepared, Vector};

use super::clusters::{REMEDY as CLUSTERS_REMEDY, without_clusters};
use super::{Call, Context, Endpoint, ok_json};
use crate::answer::{AnswerHead, to_json};
use crate::embed::EmbedQueue;
use crate::request::{self, Refusal};
use crate::search_pool::SearchPool;
use crate::served_index::{IndexSnapshot, ServedIndex};
use crate::warehouse::WarehouseSearch;

pub(super) struct Similar {
    index: ServedIndex,
    pool: SearchPool,
    embedder: Arc<EmbedQueue>,
    /// Searches in the warehouse instead of the index, if configured.
    warehouse: Option<Arc<WarehouseSearch>>,
}

impl Similar {
    pub(super) fn new(
        index: &ServedIndex,
        pool: &SearchPool,
        embedder: &Arc<EmbedQueue>,
        warehouse: Option<&Arc<WarehouseSearch>>,
    ) -> Self {
        Self {
            index: index.clone(),
            pool: pool.clone(),
            embedder: Arc::clone(embedder),
            warehouse: warehouse.cloned(),
        }
    }
}

impl Endpoint for Similar {
    type Request = SimilarRequest;

    const PATH: &'static str = "/v1/similar";
    const OPENAPI: &'static str = include_str!("../similar.json");
    const TAKES_POST: bool = true;

    fn parse(&self, call: Call<'_>) -> Result<SimilarRequest, Refusal> {
        match call.body {
            Some(body) => SimilarRequest::from_json(body),
            None => request::query::<parameters::Parameters>(call.query)
                .map(|parameters| SimilarRequest::One(Box::new(parameters.into()))),
        }
    }

    async fn answer(&self, request: SimilarRequest, context: Context) -> Result<Response<Body>, Problem> {
        let served = self.index.get().await?;
        if let SimilarRequest::One(query) = &request
            && let QueryInput::Job(key) = &query.input
        {
            key.row(&served.index)?;
        }
        // The warehouse's results change with its rows, not with the index.
        let etag = served.etag.clone().filter(|_| self.warehouse.is_none());
        context.unless_known(etag.as_ref(), self.respond(&served, request, &context)).await
    }
}

impl Similar {
    async fn respond(
        &self,
        served: &Arc<IndexSnapshot>,
        request: SimilarRequest,
        context: &Context,
    ) -> Result<Response<Body>, Problem> {
        let (member, json) = match request {
            SimilarRequest::One(query) => {
                let prepared = self.prepare(served, *query, context).await?;
                ("results", self.search(served, prepared).await?)
            }
            SimilarRequest::Batch(queries) => ("answers", self.batch(served, queries, context).await),
        };
        let head = AnswerHead::new(served.index.manifest(), context.started.elapsed());
        Ok(ok_json(head.with(member, &json)))
    }

    /// Answers the queries of a batch in order, each with its results or its problem.
    async fn batch(
        &self,
        served: &Arc<IndexSnapshot>,
        queries: Vec<SimilarQuery>,
        context: &Context,
    ) -> Bytes {
        // All texts at once, so that they can share calls of the model; then one search after the other, so that
        // the searches of other requests can run in between.
        let prepared = join_all(queries.into_iter().map(|query| self.prepare(served, query, context))).await;
        let mut answers = vec![b'['];
        for prepared in prepared {
            if answers.len() > 1 {
                answers.push(b',');
            }
            let found = match prepared {
                Ok(prepared) => self.search(served, prepared).await,
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

    /// Finds the vector of a query.
    async fn prepare(
        &self,
        served: &IndexSnapshot,
        query: SimilarQuery,
        context: &Context,
    ) -> Result<Prepared, Problem> {
        if query.hybrid && self.warehouse.is_some() {
            let detail =
                "hybrid: with SEARCH=warehouse there are vectors alone; leave it out, or serve the index";
            return Err(Problem::bad_request(detail).with("member", "hybrid"));
        }
        if !query.filter.cluster.is_empty() {
            self.refuse_clusters(served)?;
        }
        let manifest = served.index.manifest();
        let dimension = manifest.body.dimension;
        let vector = match &query.input {
            QueryInput::Job(key) => Vector::OfRow(key.row(&served.index)?),
            QueryInput::Embedding(vector) if vector.len() != dimension => {
                let given = vector.len();
                let detail = format!(
                    "invalid embedding of length {given}: expected {dimension} numbers, as the index's vectors have"
                );
                return Err(Problem::bad_request(detail).with("member", "embedding"));
            }
            QueryInput::Embedding(vector) => Vector::Given(vector.clone()),
            QueryInput::Text(text) => {
                let space = embedding_space(manifest);
                Vector::Given(self.embedder.embed(text.clone(), space, context.deadline).await?)
            }
        };
        Ok(Prepared { vector, query })
    }

    /// Refuses a filter by cluster if what is searched has no clusters.
    ///
    /// # Errors
    /// A problem of status 400, with the remedy.
    fn refuse_clusters(&self, served: &IndexSnapshot) -> Result<(), Problem> {
        let detail = if self.warehouse.is_some() {
            "cluster: with SEARCH=warehouse there are no clusters to filter by; leave it out, or serve the index"
                .to_owned()
        } else if served.index.clusters().is_none() {
            format!("cluster: {}; leave it out, or {CLUSTERS_REMEDY}", without_clusters(&served.index))
        } else {
            return Ok(());
        };
        Err(Problem::bad_request(detail).with("member", "cluster"))
    }

    /// The results of one query as JSON.
    async fn search(&self, served: &Arc<IndexSnapshot>, prepared: Prepared) -> Result<Bytes, Problem> {
        let served = Arc::clone(served);
        let hits = match &self.warehouse {
            None => None,
            Some(warehouse) => {
                let (vector, not) = prepared.vector_and_row(&served.index);
                Some(warehouse.search(&served.index, vector, not, &prepared.query).await?)
            }
        };
        self.pool.run(move || prepared.results(&served.index, hits)).await
    }
}

#[cfg(test)]
mod tests;
