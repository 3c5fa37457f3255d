//! The endpoints, one module each: the request (parse), the answer, and the part of the `OpenAPI` document.
//!
//! To add one: write `endpoints/NAME.rs` with a type that implements [`Endpoint`] and holds what it answers from
//! (the served index, the search pool, …), describe it in `endpoints/NAME.json`, and add its line to [`table`].
//! Routes, limits, metrics, `/openapi.json` and the tests that compare it with the code follow from the table. A
//! request derives `Deserialize` over the types of [`values`](crate::request::values); [`Context::unless_known`]
//! tags an answer with its versions.

mod index;
mod job;
mod jobs;
mod map;
mod metrics;
mod openapi;
mod page;
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
use crate::warehouse::WarehouseSearch;

/// What the endpoints answer from. [`table`] alone reads it: an endpoint is given the fields that it needs.
pub(crate) struct Resources {
    pub(crate) index: ServedIndex,
    pub(crate) pool: SearchPool,
    pub(crate) embedder: Arc<EmbedQueue>,
    /// Where searches go instead of the index.
    pub(crate) warehouse: Option<Arc<WarehouseSearch>>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The endpoints of the service, in the order of the `OpenAPI` document.
pub(crate) fn table(resources: &Resources) -> Vec<Route> {
    let Resources { index, pool, embedder, warehouse, metrics } = resources;
    let mut routes = vec![
        Route::new(similar::Similar::new(index, pool, embedder, warehouse.as_ref())),
        Route::new(jobs::Jobs::new(index, pool)),
        Route::new(job::Job::new(index)),
        Route::new(index::IndexFacts::new(index, pool, warehouse.is_some())),
        Route::new(map::Map::new(index, pool)),
        Route::new(metrics::Exposition::new(metrics, index, embedder)),
    ];
    let document = openapi::OpenApi::of(&routes);
    routes.push(Route::new(document));
    routes.extend(page::routes());
    routes
}

/// A path of the service and what answers it.
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// A request that is valid by itself.
    type Request: Send + 'static;

    /// The path. `{name}` stands for any segment that is not empty.
    const PATH: &'static str;

    /// The part of the `OpenAPI` document: a JSON object of `paths` and `components.schemas`.
    const OPENAPI: &'static str;

    /// Whether the path takes POST besides GET.
    const TAKES_POST: bool = false;

    /// Whether requests count against `MAX_CONCURRENT` and have a deadline.
    const IS_LIMITED: bool = true;

    /// Reads a request, before the answer is given a permit.
    ///
    /// # Errors
    /// A refusal that names the member or parameter at fault.
    fn parse(&self, call: Call<'_>) -> Result<Self::Request, Refusal>;

    /// Answers a request.
    ///
    /// # Errors
    /// A problem that says why it cannot be answered.
    fn answer(
        &self,
        request: Self::Request,
        context: Context,
    ) -> impl Future<Output = Result<Response<Body>, Problem>> + Send;
}

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The segments that stand for the braces of the path, decoded.
    pub(crate) segments: &'a [String],
    /// The part of the address after `?`.
    pub(crate) query: Option<&'a str>,
    /// The body of a POST.
    pub(crate) body: Option<&'a [u8]>,
}

/// What an answer needs to know of its request besides what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    /// The headers of a GET, whose answer may be one that the client has.
    pub(crate) conditions: Option<HeaderMap>,
}

/// An endpoint as the service calls it.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    openapi: &'static str,
    pub(crate) is_limited: bool,
    takes_post: bool,
    endpoint: Arc<dyn Answering>,
}

/// The answer to a request that was read; the work starts when it is called.
pub(crate) type Pending =
    Box<dyn FnOnce(Context) -> BoxFuture<'static, Result<Response<Body>, Problem>> + Send>;

/// An [`Endpoint`] of any type of request.
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

    /// The methods that the path takes, for an `Allow` header.
    pub(crate) fn allow(&self) -> &'static str {
        if self.takes_post { "GET, HEAD, POST, OPTIONS" } else { "GET, HEAD, OPTIONS" }
    }

    /// Whether the path takes `method`.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        matches!(*method, Method::GET | Method::HEAD) || (self.takes_post && *method == Method::POST)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// A refusal that names the member or parameter at fault.
    pub(crate) fn read(&self, call: Call<'_>) -> Result<Pending, Refusal> {
        Arc::clone(&self.endpoint).read(call)
    }
}

impl Context {
    /// The answer that `make` makes, tagged `etag`; or 304 where the client has it already. A POST has no tag.
    ///
    /// # Errors
    /// Those of `make`.
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
        // The answer may be stored, and is asked for again each time: a newer index has another.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }
}

/// Whether the client has the answer of this tag.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|tag| tag.trim() == "*" || is_tag_of(tag, etag, headers))
}

/// An answer of status 200 with a JSON body.
fn ok_json(json: impl Into<Bytes>) -> Response<Body> {
    content(StatusCode::OK, "application/json", json)
}

/// Reads a request that has neither parameters nor a body.
fn nothing(call: Call<'_>) -> Result<(), Refusal> {
    request::query::<request::NoParameters>(call.query).map(|_| ())
}

#[cfg(test)]
mod tests;
