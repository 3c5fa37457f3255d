//! A server that answers as a test tells it to, and remembers what it was asked.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// An answer: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// The connection ends while the request is read.
    Cut,
    /// The connection ends in the middle of an answer.
    Truncated,
    /// There is no answer for so long.
    Late(Duration),
    /// The request is read in parts of so many bytes, with a pause after each.
    Slow(usize, Duration),
    /// The answer comes in so many parts, with a pause before each but the first.
    Drip(usize, Duration),
}

impl Step {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl Into<String>) -> Self {
        Self::Answer(status, Vec::new(), Bytes::from(body.into()))
    }

    /// A failure in BigQuery's words.
    pub(crate) fn error(status: u16, reason: &str, message: &str) -> Self {
        let error =
            serde_json::json!({"message": message, "errors": [{"reason": reason, "message": message}]});
        Self::status(status, serde_json::json!({ "error": error }).to_string())
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A request that was read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) address: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

impl Server {
    /// `answer` is told the number of the request, from 0.
    #[allow(clippy::unused_async)] // It takes a runtime.
    pub(crate) async fn start(answer: impl Fn(usize) -> Step + Send + Sync + 'static) -> Self {
        // Its system would else take megabytes from a client before the server reads the first of them.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(256 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(128).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, arrivals) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<Mutex<Vec<Instant>>>::default());
        let (answer, all, times) = (Arc::new(answer), Arc::clone(&seen), Arc::clone(&arrivals));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, all, times) = (Arc::clone(&answer), Arc::clone(&all), Arc::clone(&times));
                let service = service_fn(move |request| {
                    let number = {
                        let mut times = times.lock().unwrap();
                        times.push(Instant::now());
                        times.len() - 1
                    };
                    serve(request, answer(number), Arc::clone(&all))
                });
                tokio::spawn(async move {
                    // A connection that breaks is what some tests are about.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, seen, arrivals }
    }

    /// Requests that were read to their end.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// When each request began.
    pub(crate) fn arrivals(&self) -> Vec<Instant> {
        self.arrivals.lock().unwrap().clone()
    }
}

type Reply = Response<BoxBody<Bytes, io::Error>>;

async fn serve(request: Request<Incoming>, step: Step, seen: Arc<Mutex<Vec<Seen>>>) -> io::Result<Reply> {
    let (parts, mut body) = request.into_parts();
    if matches!(step, Step::Cut) {
        body.frame().await;
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let body = match step {
        Step::Slow(part, pause) => slowly(body, part, pause).await?,
        _ => body.collect().await.map_err(io::Error::other)?.to_bytes(),
    };
    let (method, address) = (parts.method.to_string(), parts.uri.to_string());
    seen.lock().unwrap().push(Seen { method, address, headers: parts.headers, body });
    let whole = |bytes: Bytes| Full::new(bytes).map_err(|never: Infallible| match never {}).boxed();
    match step {
        Step::Answer(status, headers, bytes) => {
            let builder = Response::builder().status(status);
            let builder =
                headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
            Ok(builder.body(whole(bytes)).unwrap())
        }
        Step::Truncated => {
            let half = Half(Some(Bytes::from_static(b"{\"half\":")));
            Ok(Response::builder().header("content-length", 1000).body(half.boxed()).unwrap())
        }
        Step::Late(wait) => {
            tokio::time::sleep(wait).await;
            Ok(Response::new(whole(Bytes::from_static(b"{}"))))
        }
        Step::Slow(..) => Ok(Response::new(whole(Bytes::from_static(b"{}")))),
        Step::Drip(parts, pause) => {
            let drip = Drip { left: parts, pause, waiting: None };
            Ok(Response::builder().header("content-length", parts * PART.len()).body(drip.boxed()).unwrap())
        }
        Step::Cut => unreachable!("cut above"),
    }
}

/// The whole of `body`, read as a slow line lets it through.
async fn slowly(mut body: Incoming, part: usize, pause: Duration) -> io::Result<Bytes> {
    let (mut read, mut paused) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        read.extend(frame.map_err(io::Error::other)?.into_data().unwrap_or_default());
        while read.len() / part > paused {
            paused += 1;
            tokio::time::sleep(pause).await;
        }
    }
    Ok(read.into())
}

/// A part of an answer that comes in parts.
const PART: &[u8] = b"part of it";

/// A body that comes in parts.
struct Drip {
    left: usize,
    pause: Duration,
    waiting: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Body for Drip {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(waiting) = &mut self.waiting {
            std::task::ready!(waiting.as_mut().poll(cx));
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.waiting = (self.left > 0).then(|| Box::pin(tokio::time::sleep(self.pause)));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PART)))))
    }
}

/// A body that breaks off after what it holds.
struct Half(Option<Bytes>);

impl Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let end = || Err(io::ErrorKind::ConnectionAborted.into());
        Poll::Ready(Some(self.0.take().map_or_else(end, |bytes| Ok(Frame::data(bytes)))))
    }
}
