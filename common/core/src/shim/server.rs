//! The HTTP server under every function: connections, time limits, health, access log, graceful end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use super::problem::Problem;
use crate::telemetry::TraceContext;

/// The body of every answer.
pub(super) type Body = Full<Bytes>;

/// How long a client may take for a request's head, and again for its body.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a finished answer may take to reach its client once the process is to end.
const DELIVERY: Duration = Duration::from_secs(2);
/// How much of a body that is too long is read and thrown away, so that its sender gets to see the answer.
const DISCARDED_BYTES: usize = 16 << 20;

/// A server before it runs.
pub(super) struct Server<H> {
    pub(super) listener: TcpListener,
    /// Ends the server.
    pub(super) shutdown: CancellationToken,
    /// Work that goes on where its client has gone, and that the server's end waits for.
    pub(super) work: TaskTracker,
    /// Answers every request but `/health` and `/ready`.
    pub(super) handler: H,
}

impl<H, A> Server<H>
where
    H: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    /// Answers requests until `shutdown` is cancelled and `work` has ended after it.
    ///
    /// In between, it still answers: `/ready` with 503, and the handler whatever it says to a late caller. Then it
    /// stops listening and delivers the answers under way.
    pub(super) async fn serve(self) {
        let connections = GracefulShutdown::new();
        let mut over = pin!(async {
            self.shutdown.cancelled().await;
            self.work.close();
            self.work.wait().await;
        });
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut over => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = connections.watch(self.connection(stream, peer));
                    tokio::spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!("a connection ended early: {error}");
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some connections have to end first.
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        if tokio::time::timeout(DELIVERY, connections.shutdown()).await.is_err() {
            tracing::warn!("some clients did not take their answer within {DELIVERY:?}");
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl GracefulConnection<Error = hyper::Error> + Send + use<H, A> {
        let (shutdown, handler) = (self.shutdown.clone(), self.handler.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let span = span(request.headers());
            let (handler, is_ready) = (handler.clone(), !shutdown.is_cancelled());
            let answer = async move {
                let access = Access::of(&request, peer);
                let response = match health(&request, is_ready) {
                    Some(response) => response,
                    None => handler(request).await,
                };
                access.log(response.status());
                Ok::<_, Infallible>(response)
            };
            answer.instrument(span)
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(READ_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    }
}

/// The span whose trace every line about the request carries.
fn span(headers: &HeaderMap) -> Span {
    let trace = TraceContext::from_headers(headers);
    let (trace_id, span_id) = trace.map(|trace| (trace.trace_id, trace.span_id)).unzip();
    tracing::error_span!("request", trace_id, span_id = span_id.flatten())
}

/// `/health` says that the process answers, `/ready` whether it takes new work.
fn health(request: &Request<Incoming>, is_ready: bool) -> Option<Response<Body>> {
    let path = request.uri().path();
    if path != "/health" && path != "/ready" {
        return None;
    }
    Some(match *request.method() {
        Method::GET | Method::HEAD if path == "/health" || is_ready => {
            json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
        }
        Method::GET | Method::HEAD => shutting_down().into(),
        _ => Problem::method_not_allowed("GET, HEAD").into(),
    })
}

/// What a caller is told who comes after SIGTERM.
pub(super) fn shutting_down() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this instance is shutting down; another will answer")
}

/// An answer with `value` as its JSON body.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The whole body, if it has at most `most_bytes` and arrives in time.
///
/// # Errors
/// A problem of status 413, 408, or 400 where the connection broke.
pub(super) async fn read_body(body: Incoming, most_bytes: usize) -> Result<Bytes, Problem> {
    let too_long = || {
        let detail = format!("the body is longer than {most_bytes} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    if body.size_hint().lower() > DISCARDED_BYTES as u64 {
        return Err(too_long());
    }
    let collect = async {
        let mut body = body;
        let (mut kept, mut seen_bytes) = (BytesMut::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            seen_bytes += data.len();
            if seen_bytes <= most_bytes {
                kept.extend_from_slice(&data);
            } else if seen_bytes > DISCARDED_BYTES {
                break;
            }
        }
        if seen_bytes <= most_bytes { Ok(kept.freeze()) } else { Err(too_long()) }
    };
    tokio::time::timeout(READ_TIMEOUT, collect).await.unwrap_or_else(|_| {
        let detail = format!("the body did not arrive within {} s", READ_TIMEOUT.as_secs());
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
    })
}

/// What the access log says about a request.
struct Access {
    started: Instant,
    method: Method,
    path: String,
    /// As the client wrote it, if it says which host it meant.
    url: String,
    user_agent: Option<String>,
    remote_ip: String,
}

impl Access {
    fn of(request: &Request<Incoming>, peer: SocketAddr) -> Self {
        let forwarded = text(request.headers(), &HeaderName::from_static("x-forwarded-for"));
        let scheme = text(request.headers(), &HeaderName::from_static("x-forwarded-proto"));
        let host = text(request.headers(), &header::HOST);
        let origin =
            host.map(|host| format!("{}://{host}", scheme.unwrap_or("http".into()))).unwrap_or_default();
        let client =
            forwarded.as_deref().and_then(|list| list.split(',').next()).map(|ip| ip.trim().to_owned());
        Self {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            url: format!("{origin}{}", request.uri()),
            user_agent: text(request.headers(), &header::USER_AGENT),
            remote_ip: client.unwrap_or_else(|| peer.ip().to_string()),
        }
    }

    fn log(&self, status: StatusCode) {
        let latency = format!("{:.3}s", self.started.elapsed().as_secs_f64());
        macro_rules! access {
            ($level:ident) => {
                tracing::$level!(
                    http.method = self.method.as_str(),
                    http.url = self.url,
                    http.status = status.as_u16(),
                    http.latency = latency,
                    http.user_agent = self.user_agent,
                    http.remote_ip = self.remote_ip,
                    "{} {} {}",
                    self.method,
                    self.path,
                    status.as_u16()
                )
            };
        }
        match status {
            _ if matches!(self.path.as_str(), "/health" | "/ready") => access!(debug),
            status if status.is_server_error() => access!(warn),
            _ => access!(info),
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
