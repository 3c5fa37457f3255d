//! The HTTP server under every function: connections, time limits, health, access log, graceful end.

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

use super::access::Access;
use super::compress::{self, Accepted};
use super::delivery::Delivery;
use super::http_util::{Body, Problem, READ_TIMEOUT, RequestId, json};
use super::problem::name_request;
use super::shutdown::{DELIVERY, DRAIN, LAST};
use crate::telemetry::TraceContext;
use common_core::{Error, Result};

/// The header that carries a [`RequestId`] in and out.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a server goes on for callers who do not know yet that it is to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    /// It ends once nobody has asked anything for so long.
    quiet: Duration,
    /// It ends after so long in any case.
    most: Duration,
}

impl Drain {
    /// For a batch function, whose callers are turned away as soon as its end has come.
    pub(super) const NONE: Self = Self { quiet: Duration::ZERO, most: Duration::ZERO };
    /// For a service: whoever still has a connection to it is answered, told to leave, and leaves.
    pub(super) const SERVICE: Self = Self { quiet: Duration::from_millis(500), most: DRAIN };
}

/// A server before it runs.
pub(super) struct Server<H, R> {
    pub(super) listener: TcpListener,
    /// Ends the server.
    pub(super) shutdown: CancellationToken,
    /// Work that goes on where its client has gone, and that the server's end waits for.
    pub(super) work: TaskTracker,
    pub(super) drain: Drain,
    /// Connections at once; more wait with the system until one ends.
    pub(super) most: usize,
    /// Whether its callers are triggers, whose refusals only the log tells.
    pub(super) is_trigger: bool,
    /// Says why `/ready` is to be 503.
    pub(super) unready: R,
    /// Answers every request but `/health` and `/ready`.
    pub(super) handler: H,
}

/// Requests that the handler has been given.
#[derive(Debug, Default)]
struct Traffic {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// One of them; it has ended when this is dropped, also where the client went away.
struct InFlight(Arc<Traffic>);

impl Traffic {
    fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }

    /// Returns once nothing has been asked for `quiet` and nothing is being answered, after `most` at the latest.
    async fn ceases(&self, drain: Drain) {
        let deadline = Instant::now() + drain.most;
        let (mut seen, mut since) = (self.begun.load(Ordering::SeqCst), Instant::now());
        while Instant::now() < deadline {
            let (ended, begun) = (self.ended.load(Ordering::SeqCst), self.begun.load(Ordering::SeqCst));
            if begun != seen || ended != begun {
                (seen, since) = (begun, Instant::now());
            } else if since.elapsed() >= drain.quiet {
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
    /// Answers requests until `shutdown` is cancelled, `work` has ended after it, and callers had time to leave.
    ///
    /// In between, it still answers: `/ready` with 503, and the handler whatever it says to a late caller; every
    /// answer closes its connection. Then it stops listening and delivers the answers under way.
    pub(super) async fn serve(self) {
        let connections = GracefulShutdown::new();
        let traffic = Arc::new(Traffic::default());
        let mut over = pin!(async {
            self.shutdown.cancelled().await;
            self.work.close();
            self.work.wait().await;
            traffic.ceases(self.drain).await;
        });
        let places = Arc::new(Semaphore::new(self.most));
        let mut is_full_said = false;
        loop {
            if places.available_permits() == 0 && !is_full_said {
                tracing::warn!("{} connections are open: others wait until one of them ends", self.most);
                is_full_said = true;
            }
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                () = &mut over => break,
            };
            match accepted {
                Ok((stream, peer, place)) => self.spawn(stream, peer, &traffic, &connections, Some(place)),
                Err(error) => {
                    // Out of file descriptors, most likely: some connections have to end first.
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // Whoever the system has let in already would else be cut off.
        while let Some(Ok((stream, peer))) = self.listener.accept().now_or_never() {
            self.spawn(stream, peer, &traffic, &connections, None);
        }
        drop(self.listener);
        // Nobody comes any more. Whoever came last may not have asked yet.
        let last = Drain { quiet: self.drain.quiet / 2, most: self.drain.most.min(LAST) };
        traffic.ceases(last).await;
        if tokio::time::timeout(DELIVERY, connections.shutdown()).await.is_err() {
            tracing::warn!("some clients did not take their answer within {DELIVERY:?}");
        }
    }

    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        traffic: &Arc<Traffic>,
        connections: &GracefulShutdown,
        place: Option<OwnedSemaphorePermit>,
    ) {
        // An answer is one write: there is nothing for the kernel to wait for.
        let _ = stream.set_nodelay(true);
        let connection = connections.watch(self.connection(stream, peer, Arc::clone(traffic)));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended early: {error}");
            }
            drop(place);
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
            let access = Access::of(&request, peer);
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
                    // A panic is in the log; the connection and the others' requests live on.
                    let answer = AssertUnwindSafe(async move { handler(request).await }).catch_unwind();
                    answer.await.unwrap_or_else(|_| panicked().into())
                };
                let sentence = name_request(&mut response, &id);
                let mut response = compress::answer(response, &accepted).await;
                if let Ok(echo) = HeaderValue::from_str(&id.0) {
                    response.headers_mut().insert(X_REQUEST_ID, echo);
                }
                if shutdown.is_cancelled() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                access.log(response.status(), sentence.as_deref(), is_trigger);
                Ok::<_, Infallible>(response)
            };
            answer.instrument(span)
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .serve_connection(TokioIo::new(Delivery::new(stream, READ_TIMEOUT)), service)
    }
}

/// Raises the number of files and connections that the process may have open to what the system allows it.
pub(super) fn allow_many_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(open_files = limit.current, "the limit of open files stays: {error}");
    }
}

/// Waits for a free place, and for a client to take it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // Fails where the semaphore is closed, and nobody closes it.
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// Connections at once: more than Cloud Run gives an instance, and never so many that none of the files that the process
/// may have open are left for its work.
pub(super) fn most_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files.map_or(MOST_CONNECTIONS, |files| MOST_CONNECTIONS.min(files as usize / 2)).max(1)
}

/// The limit where the system sets none: the memory of a connection that asks nothing is some ten kilobytes.
const MOST_CONNECTIONS: usize = 4096;

/// Connections that the system may hold for us before we take them. With the default of 128 a burst of clients overflows
/// it, and each of those left out tries again a second later.
const BACKLOG: u32 = 4096;

/// Listens on `interface` and `port`.
///
/// # Errors
/// `Unavailable` where the port is somebody else's.
pub(super) fn listen((interface, port): ([u8; 4], u16)) -> Result<TcpListener> {
    let listen = || {
        let socket = TcpSocket::new_v4()?;
        // A server that has just ended leaves the port in a state that would else bar its successor.
        socket.set_reuseaddr(true)?;
        socket.bind((std::net::Ipv4Addr::from(interface), port).into())?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error: std::io::Error| {
        Error::unavailable(format!("cannot listen on port {port}")).caused_by(error)
    })
}

/// The request's own name where it has a usable one, else a new one.
fn request_id(headers: &HeaderMap) -> RequestId {
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = given.filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    RequestId(usable.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
}

/// The span whose trace and request every line about the request carries.
fn span(headers: &HeaderMap, id: &RequestId) -> Span {
    let trace = TraceContext::from_headers(headers);
    let (trace_id, span_id) = trace.map(|trace| (trace.trace_id, trace.span_id)).unzip();
    tracing::error_span!("request", request_id = id.0, trace_id, span_id = span_id.flatten())
}

/// `/health` says that the process answers, `/ready` whether it takes new work.
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

/// What a caller is told who comes after SIGTERM.
pub(super) fn shutting_down() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this instance is shutting down; another will answer")
}

fn panicked() -> Problem {
    Problem::of_request(&Error::internal("the handler panicked"))
}

#[cfg(test)]
mod tests;
