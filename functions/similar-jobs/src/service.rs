//! The service: from a request to whoever answers it, and what every answer has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::Result;
use common::runtime::Service;
use common::runtime::http_util::{Body, Problem, content, is_tag_of, read_body, refuse_compressed};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::browse::{self, Listing};
use crate::cpu::Cpu;
use crate::current::{Current, Follower, Served};
use crate::embed::{Open, RETRY_S, Texts};
use crate::metrics::Metrics;
use crate::request::{self, Asked, Key, MOST_BODY_BYTES, Parameters, Refusal, Similar, To};
use crate::router::{self, Endpoint, Route};
use crate::search::IndexSource;
use crate::settings::ServiceSettings;
use crate::similar::{self, Clock};
use crate::warehouse::WarehouseSearch;

/// The description of the interface.
pub(crate) const OPENAPI: &str = include_str!("../openapi.json");

/// Points of the map where a request does not say how many, and at most.
const POINTS: (u64, u64) = (2000, 5000);

/// What the service is made from.
pub(crate) struct Parts {
    pub(crate) settings: ServiceSettings,
    pub(crate) source: Arc<dyn IndexSource>,
    /// Where searches go instead of the index.
    pub(crate) warehouse: Option<WarehouseSearch>,
    pub(crate) open_model: Open,
    pub(crate) shutdown: CancellationToken,
}

/// The service, and what its requests share.
pub(crate) struct State {
    pub(crate) current: Current,
    pub(crate) texts: Texts,
    pub(crate) cpu: Cpu,
    pub(crate) warehouse: Option<WarehouseSearch>,
    metrics: Arc<Metrics>,
    /// Requests of `/v1` that are worked on.
    permits: Semaphore,
    deadline: Duration,
    cors_allow_origin: Option<HeaderValue>,
}

/// What a request of `/v1` asks for.
enum Asks {
    Similar(Asked),
    Jobs(Listing),
    Job(Key),
    Index,
    Map(usize),
}

impl State {
    /// Starts what works beside the requests: the thread with the model, the task that follows the index.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub(crate) fn start(parts: Parts) -> Result<Self> {
        let Parts { settings, source, warehouse, open_model, shutdown } = parts;
        let metrics = Arc::<Metrics>::default();
        let (deadline, every) = (settings.deadline(), settings.index_poll());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let texts = Texts::start(open_model, Duration::from_secs(RETRY_S.into()), Arc::clone(&metrics))?;
        let follower = Follower { source, every, deadline, metrics: Arc::clone(&metrics), shutdown };
        let origin = settings.serving.cors_allow_origin.as_ref();
        Ok(Self {
            current: follower.start(),
            texts,
            cpu: Cpu::new(cores),
            warehouse,
            metrics,
            permits: Semaphore::new(settings.serving.max_concurrent.count()),
            deadline,
            cors_allow_origin: origin.and_then(|origin| HeaderValue::from_str(origin.as_str()).ok()),
        })
    }

    async fn respond(
        &self,
        found: Result<Option<(Route, Vec<String>)>, Refusal>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let started = Instant::now();
        let Some((route, pieces)) = found? else {
            let detail = "there is nothing at this path; /openapi.json says what there is";
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        };
        if request.method() == Method::OPTIONS {
            return Ok(options(route.allow()));
        }
        if !route.takes(request.method()) {
            return Err(Problem::method_not_allowed(route.allow()));
        }
        let (head, body) = request.into_parts();
        let asks = if head.method == Method::POST {
            Parameters::read(head.uri.query(), &[])?;
            refuse_compressed(&head.headers)?;
            refuse_other_than_json(&head.headers)?;
            // Before a permit is taken: a slow sender is nobody's work.
            Asks::Similar(request::read(&read_body(body, MOST_BODY_BYTES).await?)?)
        } else {
            let is_file = matches!(route.endpoint, Endpoint::Page(_));
            // What follows `?` says nothing to a file.
            let query = head.uri.query().filter(|_| !is_file);
            let parameters = Parameters::read(query, route.parameters)?;
            match route.endpoint {
                Endpoint::Similar => Asks::Similar(Asked::One(parameters.similar()?)),
                Endpoint::Jobs => Asks::Jobs(Listing::read(&parameters)?),
                Endpoint::Job => Asks::Job(key(pieces)),
                Endpoint::Index => Asks::Index,
                Endpoint::Map => Asks::Map(parameters.whole("limit", POINTS.0, POINTS.1)?),
                Endpoint::Page(file) => return Ok(file.answer()),
                Endpoint::Metrics => return Ok(self.metrics()),
                Endpoint::OpenApi => return Ok(content(StatusCode::OK, "application/json", OPENAPI)),
            }
        };
        let _permit = self.permits.try_acquire().map_err(|_| busy())?;
        let clock = Clock { started, deadline: Instant::now() + self.deadline };
        let asked_if = (head.method != Method::POST).then_some(&head.headers);
        let work = self.work(asks, clock, asked_if);
        tokio::time::timeout(self.deadline, work).await.unwrap_or_else(|_| Err(late(self.deadline)))
    }

    /// Answers what needs the index. `conditions`: the headers of a GET.
    async fn work(
        &self,
        asks: Asks,
        clock: Clock,
        conditions: Option<&HeaderMap>,
    ) -> Result<Response<Body>, Problem> {
        let served = self.current.get().await?;
        // What a warehouse answers changes with its rows, not with the index.
        let is_of_index = self.warehouse.is_none() || !matches!(asks, Asks::Similar(_));
        let etag = served.etag.clone().filter(|_| conditions.is_some() && is_of_index);
        let is_known = etag.as_ref().zip(conditions).is_some_and(|(etag, headers)| has(headers, etag));
        let mut response = if is_known {
            asks.exists(&served)?;
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            match asks {
                Asks::Similar(asked) => similar::answer(self, served, asked, clock).await?,
                Asks::Jobs(listing) => browse::list(self, served, listing).await?,
                Asks::Job(key) => browse::one(&served, &key)?,
                Asks::Index => browse::facts(self, served).await?,
                Asks::Map(limit) => browse::map(self, served, limit).await?,
            }
        };
        if let Some(etag) = etag {
            response.headers_mut().insert(header::ETAG, etag);
            // To be kept, and asked for again: the same address has another answer once there is a newer index.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        Ok(response)
    }

    fn metrics(&self) -> Response<Body> {
        let served = self.current.now();
        let text = self.metrics.render(served.as_deref().map(Served::manifest), self.texts.waiting());
        content(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
    }

    /// Adds what every answer has.
    fn dress(&self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = &self.cors_allow_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            for (name, value) in CORS {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }
}

/// What a page of an allowed origin may send and see.
const CORS: [(HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, if-none-match, x-request-id, traceparent"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, retry-after, x-request-id"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

impl Service for State {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let found = router::find(request.uri().path());
        let asking = self.metrics.begin(match &found {
            Ok(Some((route, _))) => route.path,
            _ => "none",
        });
        let response = self.respond(found, request).await.unwrap_or_else(Response::from);
        asking.answered(response.status().as_u16());
        self.dress(response)
    }

    fn unready(&self) -> Option<Problem> {
        self.current.unready()
    }

    async fn close(self: Arc<Self>) {
        self.texts.close().await;
    }
}

impl Asks {
    /// Refuses what the index does not have.
    fn exists(&self, served: &Served) -> Result<(), Problem> {
        match self {
            Self::Similar(Asked::One(Similar { to: To::Job(key), .. })) | Self::Job(key) => {
                similar::row_of(served, key).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

/// The ad that the pieces of a path name.
fn key(pieces: Vec<String>) -> Key {
    let mut pieces = pieces.into_iter();
    let mut next = || pieces.next().unwrap_or_default();
    Key { source: next(), job_id: next() }
}

/// Says whether the client has the answer of this tag already.
fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|list| list.split(',')).any(|tag| tag.trim() == "*" || is_tag_of(tag, etag, headers))
}

fn refuse_other_than_json(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("that"));
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.is_empty() || media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = format!("{media_type} is not taken; send application/json");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

fn options(allow: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

fn busy() -> Problem {
    let detail = "as many requests as this instance takes are worked on already";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

fn late(deadline: Duration) -> Problem {
    let detail = format!("the answer was not ready within {} ms", deadline.as_millis());
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

#[cfg(test)]
mod tests;
