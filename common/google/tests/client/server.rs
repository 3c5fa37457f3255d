//! A server whose responses a test scripts, and which records its requests.

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

/// The behaviour for one request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Respond with status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// Close the connection while the request is read.
    Cut,
    /// Close the connection in the middle of the response.
    Truncated,
    /// Respond after this time.
    Late(Duration),
    /// Read the request in chunks of this size, with a pause after each.
    Slow(usize, Duration),
    /// Send the response in this many chunks, with a pause between them.
    Drip(usize, Duration),
}

impl Step {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl Into<String>) -> Self {
        Self::Answer(status, Vec::new(), Bytes::from(body.into()))
    }

    /// An error response in BigQuery's format.
    pub(crate) fn error(status: u16, reason: &str, message: &str) -> Self {
        let error = serde_json::json!({"code": status, "message": message, "errors": [{"reason": reason, "message": message}]});
        Self::status(status, serde_json::json!({ "error": error }).to_string())
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A complete request.
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

/// A running server; it ends with the runtime of the test.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

impl Server {
    /// Starts a server; `answer` returns the behaviour for a request by its number, from 0.
    #[allow(clippy::unused_async)] // It must be called in a runtime.
    pub(crate) async fn start(answer: impl Fn(usize) -> Step + Send + Sync + 'static) -> Self {
        // With the default buffer, the kernel would accept megabytes before the server reads.
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
                    // Some tests break connections on purpose.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, seen, arrivals }
    }

    /// The complete requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The start time of each request.
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
        Step::Slow(part, pause) => read_slowly(body, part, pause).await?,
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

/// Reads `body` with a pause after every `part` bytes.
async fn read_slowly(mut body: Incoming, part: usize, pause: Duration) -> io::Result<Bytes> {
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

/// A chunk of a response of [`Step::Drip`].
const PART: &[u8] = b"part of it";

/// The body of [`Step::Drip`].
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

/// A body that fails after its content.
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
