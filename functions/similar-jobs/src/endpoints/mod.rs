//! The endpoints, one module each: request (parse), response, and the endpoint's part of the `OpenAPI` document.
//!
//! To add an endpoint: write `endpoints/NAME.rs` with a type that implements [`Endpoint`] and holds what it needs
//! (the served index, the search pool, …), describe it in `endpoints/NAME.json`, and add a line to [`table`].
//! Routes, limits, metrics, `/openapi.json` and the tests that compare it with the code are derived from the table.
//! A request derives `Deserialize` with the types of [`values`](crate::request::values); [`Context::unless_known`]
//! adds the entity tag to a response.
//!
//! Three rules are not visible in the types. `NAME.json` has the form of the others: the document is assembled as text
//! (`START`, `MIDDLE` and `END` in `openapi.rs`). `parse` must refuse unknown parameters, because a test reads the
//! known ones from the refusal. The schemas of responses and bodies are compared with the code only for the endpoints
//! that `tests.rs` lists.

mod cluster;
mod clusters;
mod index;
mod job;
mod jobs;
mod map;
mod metrics;
mod openapi;
mod page;
mod predict;
pub(crate) mod similar;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use common::Result;
use common::runtime::http_util::{Body, Problem, content, is_tag_of};
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::embed::EmbedQueue;
use crate::metrics::Metrics;
use crate::request::{self, Refusal};
use crate::search_pool::SearchPool;
use crate::served_index::ServedIndex;
use crate::served_models::ServedModels;
use crate::warehouse::WarehouseSearch;

/// What the endpoints need. Only [`table`] reads it: an endpoint gets the fields that it uses.
pub(crate) struct Resources {
    pub(crate) index: ServedIndex,
    pub(crate) models: ServedModels,
    pub(crate) pool: SearchPool,
    pub(crate) embedder: Arc<EmbedQueue>,
    /// Searches in the warehouse instead of the index, if configured.
    pub(crate) warehouse: Option<Arc<WarehouseSearch>>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The endpoints of the service, in the order of the `OpenAPI` document.
pub(crate) fn table(resources: &Resources) -> Vec<Route> {
    let Resources { index, models, pool, embedder, warehouse, metrics } = resources;
    let mut routes = vec![
        Route::new(similar::Similar::new(index, pool, embedder, warehouse.as_ref())),
        Route::new(jobs::Jobs::new(index, pool)),
        Route::new(job::Job::new(index)),
        Route::new(index::IndexFacts::new(index, pool, warehouse.is_some())),
        Route::new(map::Map::new(index, pool)),
        Route::new(clusters::Clusters::new(index)),
        Route::new(cluster::Cluster::new(index)),
        Route::new(predict::Predict::new(models, pool, embedder)),
        Route::new(metrics::Exposition::new(metrics, index, embedder)),
    ];
    let document = openapi::OpenApi::of(&routes);
    routes.push(Route::new(document));
    routes.extend(page::routes());
    routes
}

/// A path of the service and its handler.
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// A parsed request.
    type Request: Send + 'static;

    /// The path. `{name}` matches any non-empty segment.
    const PATH: &'static str;

    /// The part of the `OpenAPI` document: a JSON object of `paths` and `components.schemas`.
    const OPENAPI: &'static str;

    /// Whether the path accepts POST besides GET.
    const TAKES_POST: bool = false;

    /// Whether requests count against `MAX_CONCURRENT` and have a deadline.
    const IS_LIMITED: bool = true;

    /// Parses a request, before a permit is acquired for the response.
    ///
    /// # Errors
    /// A refusal that names the invalid member or parameter.
    fn parse(&self, call: Call<'_>) -> Result<Self::Request, Refusal>;

    /// Answers a request.
    ///
    /// # Errors
    /// A problem with the reason.
    fn answer(
        &self,
        request: Self::Request,
        context: Context,
    ) -> impl Future<Output = Result<Response<Body>, Problem>> + Send;
}

/// A request before parsing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The segments that match `{name}` in the path, decoded.
    pub(crate) segments: &'a [String],
    /// The part of the URL after `?`.
    pub(crate) query: Option<&'a str>,
    /// The body of a POST request.
    pub(crate) body: Option<&'a [u8]>,
}

/// What a response needs of its request besides the parsed values.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    /// The headers of a GET request, which may say that the client has the response cached.
    pub(crate) conditions: Option<HeaderMap>,
}

/// An endpoint with its properties, independent of its type.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    openapi: &'static str,
    pub(crate) is_limited: bool,
    takes_post: bool,
    endpoint: Arc<dyn Answering>,
}

/// The response to a parsed request; the work starts when it is called.
pub(crate) type Pending =
    Box<dyn FnOnce(Context) -> BoxFuture<'static, Result<Response<Body>, Problem>> + Send>;

/// An [`Endpoint`] with any request type.
trait Answering: Send + Sync {
    fn read(self: Arc<Self>, call: Call<'_>) -> Result<Pending, Refusal>;
}

impl<E: Endpoint> Answering for E {
    fn read(self: Arc<Self>, call: Call<'_>) -> Result<Pending, Refusal> {
        let request = self.parse(call)?;
        Ok(Box::new(move |context| async move { self.answer(request, context).await }.boxed()))
    }
}

impl Route {
    fn new<E: Endpoint>(endpoint: E) -> Self {
        Self {
            path: E::PATH,
            openapi: E::OPENAPI,
            is_limited: E::IS_LIMITED,
            takes_post: E::TAKES_POST,
            endpoint: Arc::new(endpoint),
        }
    }

    /// The methods of the path, for an `Allow` header.
    pub(crate) fn allow(&self) -> &'static str {
        if self.takes_post { "GET, HEAD, POST, OPTIONS" } else { "GET, HEAD, OPTIONS" }
    }

    /// Whether the path accepts `method`.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        matches!(*method, Method::GET | Method::HEAD) || (self.takes_post && *method == Method::POST)
    }

    /// Parses a request.
    ///
    /// # Errors
    /// A refusal that names the invalid member or parameter.
    pub(crate) fn read(&self, call: Call<'_>) -> Result<Pending, Refusal> {
        Arc::clone(&self.endpoint).read(call)
    }
}

impl Context {
    /// The response of `make` with the tag `etag`, or status 304 if the client has it cached. The response to a
    /// POST has no tag.
    ///
    /// # Errors
    /// Errors of `make`.
    pub(crate) async fn unless_known(
        &self,
        etag: Option<&HeaderValue>,
        make: impl Future<Output = Result<Response<Body>, Problem>> + Send,
    ) -> Result<Response<Body>, Problem> {
        let Some((etag, headers)) = etag.zip(self.conditions.as_ref()) else { return make.await };
        let mut response = if is_known(headers, etag) {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            make.await?
        };
        response.headers_mut().insert(header::ETAG, etag.clone());
        // The response may be cached but must be revalidated, because a newer index changes it.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }
}

/// Whether the client has the response of this tag cached.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|tag| tag.trim() == "*" || is_tag_of(tag, etag, headers))
}

/// A response of status 200 with a JSON body.
fn ok_json(json: impl Into<Bytes>) -> Response<Body> {
    content(StatusCode::OK, "application/json", json)
}

/// Parses a request that has neither parameters nor a body.
fn nothing(call: Call<'_>) -> Result<(), Refusal> {
    request::query::<request::NoParameters>(call.query).map(|_| ())
}

#[cfg(test)]
mod tests;
