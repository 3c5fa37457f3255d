//! The HTTP server of every function: connections, timeouts, health, access log, graceful shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::access_log::AccessLog;
use super::compress::{self, Accepted};
use super::http_util::{Body, Problem, READ_TIMEOUT, RequestId, json};
use super::problem::add_request_id;
use super::shutdown::{DELIVERY, DRAIN, LAST};
use super::write_timeout::WriteTimeout;
use crate::telemetry::TraceContext;
use common_core::{Error, Result};

/// The header with the [`RequestId`] of a request and its response.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a server continues to serve requests after shutdown begins, until clients know that it is not ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    /// The server stops after this time without a request.
    idle: Duration,
    /// The server stops after this time in any case.
    max: Duration,
}

impl Drain {
    /// For a batch function, which rejects requests as soon as shutdown begins.
    pub(super) const NONE: Self = Self { idle: Duration::ZERO, max: Duration::ZERO };
    /// For a service, which serves requests on open connections and closes each connection after its response.
    pub(super) const SERVICE: Self = Self { idle: Duration::from_millis(500), max: DRAIN };
}

/// The configuration of a server.
pub(super) struct Server<H, R> {
    pub(super) listener: TcpListener,
    /// Starts the shutdown of the server.
    pub(super) shutdown: CancellationToken,
    /// Work that continues if its client disconnects, and that shutdown waits for.
    pub(super) work: TaskTracker,
    pub(super) drain: Drain,
    /// Maximum number of open connections; further ones wait in the backlog of the listener.
    pub(super) max_connections: usize,
    /// Whether the clients are triggers, so that rejected requests are logged as errors.
    pub(super) is_trigger: bool,
    /// Returns the problem that `/ready` responds with, if the service is not ready.
    pub(super) unready: R,
    /// Handles every request except `/health` and `/ready`.
    pub(super) handler: H,
}

/// Counts of the requests that the handler has received and completed.
#[derive(Debug, Default)]
struct Traffic {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request in progress. It is complete when this value is dropped, which also happens if the client disconnects.
struct InFlight(Arc<Traffic>);

impl Traffic {
    fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }

    /// Returns when no request has arrived for `drain.idle` and none is in progress, at the latest after `drain.max`.
    async fn wait_idle(&self, drain: Drain) {
        let deadline = Instant::now() + drain.max;
        let (mut seen, mut since) = (self.begun.load(Ordering::SeqCst), Instant::now());
        while Instant::now() < deadline {
            let (ended, begun) = (self.ended.load(Ordering::SeqCst), self.begun.load(Ordering::SeqCst));
            if begun != seen || ended != begun {
                (seen, since) = (begun, Instant::now());
            } else if since.elapsed() >= drain.idle {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl<H, A, R> Server<H, R>
where
    H: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
    R: Fn() -> Option<Problem> + Clone + Send + 'static,
{
    /// Serves requests until `shutdown` is cancelled, `work` is complete, and the drain period is over.
    ///
    /// After `shutdown` is cancelled, `/ready` responds with 503, other requests are still handled, and every response
    /// closes its connection. Then the server stops listening and completes the responses in progress.
    pub(super) async fn serve(self) {
        let connections = GracefulShutdown::new();
        let traffic = Arc::new(Traffic::default());
        let mut drained = pin!(async {
            self.shutdown.cancelled().await;
            self.work.close();
            self.work.wait().await;
            traffic.wait_idle(self.drain).await;
        });
        let slots = Arc::new(Semaphore::new(self.max_connections));
        let mut is_full_logged = false;
        loop {
            if slots.available_permits() == 0 && !is_full_logged {
                tracing::warn!(
                    "all {} connections are in use: new ones wait until one closes",
                    self.max_connections
                );
                is_full_logged = true;
            }
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &slots) => accepted,
                () = &mut drained => break,
            };
            match accepted {
                Ok((stream, peer, slot)) => self.spawn(stream, peer, &traffic, &connections, Some(slot)),
                Err(error) => {
                    // Most likely out of file descriptors: wait until some connections close.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // Connections that are already in the backlog would otherwise be reset.
        while let Some(Ok((stream, peer))) = self.listener.accept().now_or_never() {
            self.spawn(stream, peer, &traffic, &connections, None);
        }
        drop(self.listener);
        // The listener is closed. The last connections may not have sent their request yet.
        let last = Drain { idle: self.drain.idle / 2, max: self.drain.max.min(LAST) };
        traffic.wait_idle(last).await;
        if tokio::time::timeout(DELIVERY, connections.shutdown()).await.is_err() {
            tracing::warn!("some clients did not read their response within {DELIVERY:?}");
        }
    }

    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        traffic: &Arc<Traffic>,
        connections: &GracefulShutdown,
        slot: Option<OwnedSemaphorePermit>,
    ) {
        // A response is one write, so that Nagle's algorithm would only delay it.
        let _ = stream.set_nodelay(true);
        let connection = connections.watch(self.connection(stream, peer, Arc::clone(traffic)));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("connection closed: {error}");
            }
            drop(slot);
        });
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        traffic: Arc<Traffic>,
    ) -> impl GracefulConnection<Error = hyper::Error> + Send + use<H, A, R> {
        let (shutdown, handler, unready) =
            (self.shutdown.clone(), self.handler.clone(), self.unready.clone());
        let is_trigger = self.is_trigger;
        let service = service_fn(move |mut request: Request<Incoming>| {
            let id = request_id(request.headers());
            let span = span(request.headers(), &id);
            let access_log = AccessLog::of(&request, peer);
            let accepted = Accepted::of(request.headers());
            request.extensions_mut().insert(id.clone());
            let (shutdown, handler, unready) = (shutdown.clone(), handler.clone(), unready.clone());
            let traffic = Arc::clone(&traffic);
            let answer = async move {
                let is_stopping = shutdown.is_cancelled();
                let health = health(&request, || if is_stopping { Some(shutting_down()) } else { unready() });
                let mut response = if let Some(response) = health {
                    response
                } else {
                    let _in_flight = traffic.begin();
                    // The panic hook logs the panic; the connection and other requests are not affected.
                    let answer = AssertUnwindSafe(async move { handler(request).await }).catch_unwind();
                    answer.await.unwrap_or_else(|_| panicked().into())
                };
                let detail = add_request_id(&mut response, &id);
                let mut response = compress::compress(response, &accepted).await;
                if let Ok(echo) = HeaderValue::from_str(&id.0) {
                    response.headers_mut().insert(X_REQUEST_ID, echo);
                }
                if shutdown.is_cancelled() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                access_log.log(response.status(), detail.as_deref(), is_trigger);
                Ok::<_, Infallible>(response)
            };
            answer.instrument(span)
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .serve_connection(TokioIo::new(WriteTimeout::new(stream, READ_TIMEOUT)), service)
    }
}

/// Raises the limit of open files, and so of connections, to the maximum that the system allows.
pub(super) fn allow_many_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(open_files = limit.current, "cannot raise the limit of open files: {error}");
    }
}

/// Waits for a free slot, then for a connection.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // Fails only if the semaphore is closed, which never happens.
    let slot = Arc::clone(slots).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

/// The maximum number of open connections: more than Cloud Run sends to an instance, and at most half of the limit of
/// open files.
pub(super) fn max_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files.map_or(MAX_CONNECTIONS, |files| MAX_CONNECTIONS.min(files as usize / 2)).max(1)
}

/// The limit if the system sets none. An idle connection takes about 10 KB of memory.
const MAX_CONNECTIONS: usize = 4096;

/// The backlog of the listener. With the default of 128 a burst of clients overflows it, and clients retry after a
/// second.
const BACKLOG: u32 = 4096;

/// Listens on `interface` and `port`.
///
/// # Errors
/// `Unavailable` if the port is in use.
pub(super) fn listen((interface, port): ([u8; 4], u16)) -> Result<TcpListener> {
    let listen = || {
        let socket = TcpSocket::new_v4()?;
        // Allows binding the port while connections of an earlier process are in TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind((std::net::Ipv4Addr::from(interface), port).into())?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error: std::io::Error| {
        Error::unavailable(format!("cannot listen on port {port}")).caused_by(error)
    })
}

/// The id in the header of the request if it is valid, otherwise a new id.
fn request_id(headers: &HeaderMap) -> RequestId {
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = given.filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    RequestId(usable.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
}

/// The span of a request; its trace and request id are added to every log line of the request.
fn span(headers: &HeaderMap, id: &RequestId) -> Span {
    let trace = TraceContext::from_headers(headers);
    let (trace_id, span_id) = trace.map(|trace| (trace.trace_id, trace.span_id)).unzip();
    tracing::error_span!("request", request_id = id.0, trace_id, span_id = span_id.flatten())
}

/// Responds to `/health` (the process is running) and `/ready` (it accepts new work).
fn health(request: &Request<Incoming>, unready: impl Fn() -> Option<Problem>) -> Option<Response<Body>> {
    let path = request.uri().path();
    if path != "/health" && path != "/ready" {
        return None;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Some(Problem::method_not_allowed("GET, HEAD").into());
    }
    let problem = if path == "/ready" { unready() } else { None };
    Some(problem.map_or_else(|| json(StatusCode::OK, &serde_json::json!({ "status": "ok" })), Response::from))
}

/// The problem for a request that arrives after SIGTERM.
pub(super) fn shutting_down() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "this instance is shutting down; retry to reach another instance",
    )
}

fn panicked() -> Problem {
    Problem::of_request(&Error::internal("the handler panicked"))
}

#[cfg(test)]
mod tests;
