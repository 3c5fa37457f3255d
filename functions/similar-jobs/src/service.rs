//! The service: steps before and after the endpoint that are common to all requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::Result;
use common::runtime::Service;
use common::runtime::http_util::{Body, Limits, Problem, read_body, refuse_compressed};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::embed::{EmbedQueue, Open, RETRY_S};
use crate::endpoints::{self, Call, Context, Resources};
use crate::etag;
use crate::index_source::IndexSource;
use crate::metrics::Metrics;
use crate::request::{self, NoParameters, Refusal};
use crate::router::{Match, Router};
use crate::search_pool::SearchPool;
use crate::served_index::{Follower, ServedIndex};
use crate::served_models::{ChampionSource, ServedModels};
use crate::settings::ServiceSettings;
use crate::warehouse::WarehouseSearch;

/// Maximum size of a body.
const MAX_BODY_BYTES: usize = 64 << 10;

/// The parts that the service is created from.
pub(crate) struct Parts {
    pub(crate) settings: ServiceSettings,
    pub(crate) source: Arc<dyn IndexSource>,
    pub(crate) champions: ChampionSource,
    /// Searches in the warehouse instead of the index, if configured.
    pub(crate) warehouse: Option<WarehouseSearch>,
    pub(crate) open_model: Open,
    pub(crate) shutdown: CancellationToken,
}

/// The service.
pub(crate) struct SimilarJobs {
    router: Router,
    index: ServedIndex,
    embedder: Arc<EmbedQueue>,
    metrics: Arc<Metrics>,
    limits: Limits,
}

impl SimilarJobs {
    /// Starts the background work: the thread with the model, the task that watches for a new index, and the checksum
    /// of the program.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(crate) fn start(parts: Parts) -> Result<Self> {
        let Parts { settings, source, champions, warehouse, open_model, shutdown } = parts;
        etag::start_checksum();
        let metrics = Arc::<Metrics>::default();
        let limits = Limits::new(&settings.serving);
        let (deadline, every) = (limits.deadline(), settings.index_poll());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let retry = Duration::from_secs(RETRY_S.into());
        let embedder = Arc::new(EmbedQueue::start(open_model, retry, Arc::clone(&metrics))?);
        let models = ServedModels::follow(champions, shutdown.clone());
        let follower = Follower { source, every, deadline, metrics: Arc::clone(&metrics), shutdown };
        let index = follower.start();
        let resources = Resources {
            index: index.clone(),
            models,
            pool: SearchPool::new(cores),
            embedder: Arc::clone(&embedder),
            warehouse: warehouse.map(Arc::new),
            metrics: Arc::clone(&metrics),
        };
        Ok(Self { router: Router::new(endpoints::table(&resources))?, index, embedder, metrics, limits })
    }

    async fn respond(
        &self,
        found: Result<Option<Match<'_>>, Refusal>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let started = Instant::now();
        let Some(Match { route, segments }) = found? else {
            let detail = "unknown path; see /openapi.json";
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        };
        if request.method() == Method::OPTIONS {
            return Ok(options(route.allow()));
        }
        if !route.takes(request.method()) {
            return Err(Problem::method_not_allowed(route.allow()));
        }
        let (head, body) = request.into_parts();
        let is_post = head.method == Method::POST;
        let body = if is_post {
            // A POST has all its input in its body.
            request::query::<NoParameters>(head.uri.query())?;
            refuse_compressed(&head.headers)?;
            refuse_other_than_json(&head.headers)?;
            // Before a permit is acquired, so that a slow sender does not hold one.
            Some(read_body(body, MAX_BODY_BYTES).await?)
        } else {
            None
        };
        let pending =
            route.read(Call { segments: &segments, query: head.uri.query(), body: body.as_deref() })?;
        let conditions = (!is_post).then_some(head.headers);
        let context = move |deadline| Context { started, deadline, conditions };
        if route.is_limited {
            self.limits.admit(|deadline| pending(context(deadline))).await
        } else {
            pending(context(Instant::now() + self.limits.deadline())).await
        }
    }
}

impl Service for SimilarJobs {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let found = self.router.find(request.uri().path());
        let timer = self.metrics.start_request(match &found {
            Ok(Some(found)) => found.route.path,
            _ => "none",
        });
        let response = self.respond(found, request).await.unwrap_or_else(Response::from);
        timer.answered(response.status().as_u16());
        self.limits.finish(response)
    }

    fn unready(&self) -> Option<Problem> {
        self.index.unready()
    }

    async fn close(self: Arc<Self>) {
        self.embedder.close().await;
    }
}

fn refuse_other_than_json(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("that"));
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.is_empty() || media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = format!("invalid Content-Type {media_type:?}: expected application/json");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

fn options(allow: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

#[cfg(test)]
mod tests;
