//! One request, repeated while a repeat can help and there is time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use common_core::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RANGE};
use reqwest::{Method, Url};
use serde_json::Value;

use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::pace::Pace;
use crate::retry::Limits;

/// What a request carries.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Value),
    /// An upload in two parts (`multipart/related`): what it is, and its bytes.
    Upload(Value, Payload),
}

/// The bytes of an upload.
#[derive(Debug, Clone)]
pub enum Payload {
    /// In memory.
    Bytes(Bytes),
    /// In a file, read again at every try.
    File(PathBuf),
}

/// A request that may be repeated.
#[derive(Debug, Clone)]
pub struct Call {
    /// What it does, as the beginning of an error's sentence: "reading table p.d.t".
    pub doing: String,
    /// Its method.
    pub method: Method,
    /// Its address, without what `query` adds.
    pub url: String,
    /// Parameters of the address.
    pub query: Vec<(&'static str, String)>,
    /// What it carries.
    pub body: Body,
    /// The bytes that it asks for: from the first to one past the last.
    pub range: Option<(u64, u64)>,
    /// Time added to [`Limits::attempt`], for an answer that is known to take long.
    pub patience: Duration,
}

impl Call {
    /// A GET of `url`.
    pub fn get(doing: impl Into<String>, url: String) -> Self {
        Self::new(doing, Method::GET, url, Body::Empty)
    }

    /// A POST of `body` to `url`.
    pub fn post(doing: impl Into<String>, url: String, body: Body) -> Self {
        Self::new(doing, Method::POST, url, body)
    }

    /// A DELETE of `url`.
    pub fn delete(doing: impl Into<String>, url: String) -> Self {
        Self::new(doing, Method::DELETE, url, Body::Empty)
    }

    fn new(doing: impl Into<String>, method: Method, url: String, body: Body) -> Self {
        Self {
            doing: doing.into(),
            method,
            url,
            query: Vec::new(),
            body,
            range: None,
            patience: Duration::ZERO,
        }
    }

    /// Asks for a part of the answer's body.
    #[must_use]
    pub fn range(mut self, from: u64, to: u64) -> Self {
        self.range = Some((from, to));
        self
    }

    /// Adds a parameter to the address.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

impl Body {
    /// The bytes of an upload that are in memory.
    fn held_bytes(&self) -> u64 {
        if let Self::Upload(_, Payload::Bytes(bytes)) = self { bytes.len() as u64 } else { 0 }
    }

    /// The bytes that are sent, but for what describes them.
    async fn length(&self) -> u64 {
        match self {
            // One that cannot be read fails by its name when it is sent.
            Self::Upload(_, Payload::File(path)) => {
                tokio::fs::metadata(path).await.map_or(0, |facts| facts.len())
            }
            held => held.held_bytes(),
        }
    }
}

/// Bytes of a file that are sent at once: what has to move within the time that nothing may happen.
const PART_BYTES: usize = 1 << 18;

/// Room that is made for an answer before it is there.
const MOST_RESERVED: u64 = 16 << 20;

/// A 2xx answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// How often the request was sent.
    pub attempts: u32,
}

/// Sends requests.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    credentials: Arc<Credentials>,
    limits: Limits,
}

impl Client {
    /// A client that shows `credentials` and keeps `limits`.
    ///
    /// # Errors
    /// `Internal` where the machine's certificates cannot be read.
    pub fn new(credentials: Credentials, limits: Limits) -> Result<Self> {
        // Fails where somebody else of this process was first, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10).min(limits.attempt))
            .user_agent(concat!("job-market/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::internal("cannot make an HTTP client").caused_by(error))?;
        Ok(Self { http, credentials: Arc::new(credentials), limits })
    }

    /// Sends `call` until it succeeds, cannot, or its time is over.
    ///
    /// # Errors
    /// The last failure.
    pub async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        let started = Instant::now();
        let total = self.limits.total + call.patience + self.limits.transfer(call.body.length().await);
        let mut attempts = 0;
        let mut renewed_token = false;
        loop {
            attempts += 1;
            let left = total.saturating_sub(started.elapsed());
            // Bytes in memory are sent as one part.
            let idle = self.limits.attempt + call.patience + self.limits.transfer(call.body.held_bytes());
            let mut failure = match self.attempt(call, left.min(idle)).await {
                Ok((headers, body)) => return Ok(Answer { headers, body, attempts }),
                Err(failure) => failure,
            };
            failure.attempts = attempts;
            let wait = if failure.status == Some(401) && !renewed_token {
                renewed_token = true;
                self.credentials.forget().await;
                Duration::ZERO
            } else if failure.kind() == ErrorKind::Unavailable {
                self.limits.wait(attempts, failure.retry_after)
            } else {
                return Err(failure);
            };
            if started.elapsed().saturating_add(wait) >= total.saturating_sub(call.patience) {
                return Err(failure);
            }
            tracing::debug!(
                attempts,
                ?wait,
                status = failure.status,
                reason = failure.reason,
                "{}: again",
                call.doing
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// [`Client::send`], and the answer as JSON.
    ///
    /// # Errors
    /// The last failure.
    pub async fn json(&self, call: &Call) -> Result<Value, Failure> {
        let answer = self.send(call).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::ours("invalidAnswer", format!("the answer is no JSON: {error}")))
    }

    /// How long requests of this client may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sends `call` once. Nothing may happen for `idle`; what moves may take as long as it needs.
    async fn attempt(&self, call: &Call, idle: Duration) -> Result<(HeaderMap, Bytes), Failure> {
        let pace = Arc::new(Pace::new(self.limits, idle));
        let url = Url::parse(&call.url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("the server");
        tokio::select! {
            answer = self.exchange(call, idle, &pace) => answer,
            () = pace.stalls() => {
                let what = if pace.has_moved() { "the transfer stopped or was too slow" } else { "no answer in time" };
                Err(Failure::of_connection(format!("{host}: {what}")))
            }
        }
    }

    async fn exchange(
        &self,
        call: &Call,
        most: Duration,
        pace: &Arc<Pace>,
    ) -> Result<(HeaderMap, Bytes), Failure> {
        let mut url = Url::parse(&call.url)
            .map_err(|error| Failure::ours("address", format!("{:?} is no address: {error}", call.url)))?;
        // Nothing to add would still add a question mark.
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.http.request(call.method.clone(), url);
        match self.credentials.token(most).await {
            Ok(Some(token)) => request = request.bearer_auth(token),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                return Err(Failure::of_connection(error.chain()));
            }
            Err(error) => return Err(Failure::ours("noCredentials", error.chain())),
        }
        if let Some((from, to)) = call.range {
            request = request.header(RANGE, format!("bytes={from}-{}", to.saturating_sub(1)));
        }
        request = match &call.body {
            Body::Empty if call.method == Method::GET => request,
            Body::Empty => request.header(CONTENT_LENGTH, 0),
            Body::Json(value) => request.header(CONTENT_TYPE, "application/json").body(value.to_string()),
            Body::Upload(facts, payload) => upload(request, facts, payload, pace).await?,
        };
        let mut response = request.send().await.map_err(|error| broken(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        pace.advance(0);
        // No more than is promised is kept ready for, and of that only what can be: the promise is the server's.
        let promised = response.content_length().unwrap_or_default().min(MOST_RESERVED);
        let mut body = BytesMut::with_capacity(promised as usize);
        while let Some(part) = response.chunk().await.map_err(|error| broken(&error))? {
            pace.advance(part.len());
            body.extend_from_slice(&part);
        }
        let body = body.freeze();
        if status.is_success() {
            Ok((headers, body))
        } else {
            Err(Failure::of_answer(status, &headers, &body))
        }
    }
}

async fn upload(
    request: reqwest::RequestBuilder,
    facts: &Value,
    payload: &Payload,
    pace: &Arc<Pace>,
) -> Result<reqwest::RequestBuilder, Failure> {
    // Which bytes the payload has is not ours to know.
    let boundary = format!("part-{:032x}", rand::random::<u128>());
    let head = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{facts}\r\n\
         --{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let request = request.header(CONTENT_TYPE, format!("multipart/related; boundary={boundary}"));
    Ok(match payload {
        Payload::Bytes(bytes) => {
            let whole = [head.as_bytes(), bytes, tail.as_bytes()].concat();
            request.body(whole)
        }
        Payload::File(path) => {
            let cannot = |error: std::io::Error| {
                Failure::ours("file", format!("cannot read {}: {error}", path.display()))
            };
            let file = tokio::fs::File::open(path).await.map_err(cannot)?;
            let length = file.metadata().await.map_err(cannot)?.len();
            let whole = tokio::io::AsyncReadExt::chain(
                tokio::io::AsyncReadExt::chain(std::io::Cursor::new(head.clone().into_bytes()), file),
                std::io::Cursor::new(tail.clone().into_bytes()),
            );
            let stream = tokio_util::io::ReaderStream::with_capacity(whole, PART_BYTES);
            let pace = Arc::clone(pace);
            let stream = stream.inspect_ok(move |part| pace.advance(part.len()));
            request
                .header(CONTENT_LENGTH, head.len() as u64 + length + tail.len() as u64)
                .body(reqwest::Body::wrap_stream(stream))
        }
    })
}

/// No answer, or half of one.
fn broken(error: &reqwest::Error) -> Failure {
    let mut message = if error.is_timeout() { "no answer in time".to_owned() } else { String::new() };
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner.source().is_none() && message.is_empty() {
            message = inner.to_string();
        }
        cause = inner.source();
    }
    let host = error.url().and_then(Url::host_str).unwrap_or("the server");
    Failure::of_connection(format!("{host}: {message}"))
}
