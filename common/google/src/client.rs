//! Sends requests, and retries them while the failure is transient and time is left.

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
use crate::retry::Limits;
use crate::transfer::Transfer;

/// The body of a request.
#[derive(Debug, Clone)]
pub enum Body {
    /// No body.
    Empty,
    /// JSON.
    Json(Value),
    /// An upload (`multipart/related`): metadata and content.
    Upload(Value, Payload),
}

/// The content of an upload.
#[derive(Debug, Clone)]
pub enum Payload {
    /// In memory.
    Bytes(Bytes),
    /// In a file, which every attempt reads again.
    File(PathBuf),
}

/// An idempotent request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The beginning of error messages: "reading table p.d.t".
    pub doing: String,
    /// The HTTP method.
    pub method: Method,
    /// The URL without the parameters of `query`.
    pub url: String,
    /// Query parameters.
    pub query: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// The requested byte range; the end is exclusive.
    pub range: Option<(u64, u64)>,
    /// Time added to [`Limits::attempt`] and [`Limits::total`], for requests that the server answers late.
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

    /// Requests a byte range of the response body; `to` is exclusive.
    #[must_use]
    pub fn range(mut self, from: u64, to: u64) -> Self {
        self.range = Some((from, to));
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

impl Body {
    /// The size of an upload in memory; 0 for other bodies.
    fn bytes_in_memory(&self) -> u64 {
        if let Self::Upload(_, Payload::Bytes(bytes)) = self { bytes.len() as u64 } else { 0 }
    }

    /// The size of an upload without its metadata; 0 for other bodies.
    async fn length(&self) -> u64 {
        match self {
            // A file that cannot be read fails when it is sent, with its name.
            Self::Upload(_, Payload::File(path)) => {
                tokio::fs::metadata(path).await.map_or(0, |facts| facts.len())
            }
            other => other.bytes_in_memory(),
        }
    }
}

/// Chunk size of uploads from files. One chunk must be sent within [`Limits::attempt`].
const CHUNK_BYTES: usize = 1 << 18;

/// Maximum capacity that is reserved for a response body, whatever its `Content-Length`.
const MAX_RESERVED: u64 = 16 << 20;

/// A complete 2xx response.
#[derive(Debug)]
pub struct Answer {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Number of attempts.
    pub attempts: u32,
}

/// An HTTP client with credentials and retries. Clones share connections and tokens.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    credentials: Arc<Credentials>,
    limits: Limits,
}

impl Client {
    /// A client with `credentials` and `limits`.
    ///
    /// # Errors
    /// `Internal` if the TLS certificates of the system cannot be read.
    pub fn new(credentials: Credentials, limits: Limits) -> Result<Self> {
        // An error means that the process has installed a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10).min(limits.attempt))
            .user_agent(concat!("job-market/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::internal("cannot create an HTTP client").caused_by(error))?;
        Ok(Self { http, credentials: Arc::new(credentials), limits })
    }

    /// Sends `call`, and retries it until it succeeds, fails permanently, or the time limit is reached.
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
            // An upload from memory is one chunk, so that its progress is not visible.
            let idle =
                self.limits.attempt + call.patience + self.limits.transfer(call.body.bytes_in_memory());
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
                "{}: retrying",
                call.doing
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// Calls [`Client::send`] and parses the response as JSON; an empty body is `null`.
    ///
    /// # Errors
    /// The last failure.
    pub async fn json(&self, call: &Call) -> Result<Value, Failure> {
        let answer = self.send(call).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::local("invalidAnswer", format!("the response is not JSON: {error}")))
    }

    /// The time limits of this client.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sends `call` once. It fails after `idle` without progress, or if the transfer is too slow.
    async fn attempt(&self, call: &Call, idle: Duration) -> Result<(HeaderMap, Bytes), Failure> {
        let transfer = Arc::new(Transfer::new(self.limits, idle));
        let url = Url::parse(&call.url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("the server");
        tokio::select! {
            answer = self.exchange(call, idle, &transfer) => answer,
            () = transfer.stalled() => {
                let what = if transfer.has_moved() { "the transfer stopped or was too slow" } else { "no answer in time" };
                Err(Failure::of_connection(format!("{host}: {what}")))
            }
        }
    }

    async fn exchange(
        &self,
        call: &Call,
        most: Duration,
        transfer: &Arc<Transfer>,
    ) -> Result<(HeaderMap, Bytes), Failure> {
        let mut url = Url::parse(&call.url)
            .map_err(|error| Failure::local("address", format!("invalid URL {:?}: {error}", call.url)))?;
        // Without parameters, `query_pairs_mut` would append a question mark.
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
            Err(error) => return Err(Failure::local("noCredentials", error.chain())),
        }
        if let Some((from, to)) = call.range {
            request = request.header(RANGE, format!("bytes={from}-{}", to.saturating_sub(1)));
        }
        request = match &call.body {
            Body::Empty if call.method == Method::GET => request,
            Body::Empty => request.header(CONTENT_LENGTH, 0),
            Body::Json(value) => request.header(CONTENT_TYPE, "application/json").body(value.to_string()),
            Body::Upload(facts, payload) => upload(request, facts, payload, transfer).await?,
        };
        let mut response = request.send().await.map_err(|error| connection_failure(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        transfer.advance(0);
        // Content-Length is untrusted, so that the reserved capacity is limited.
        let capacity = response.content_length().unwrap_or_default().min(MAX_RESERVED);
        let mut body = BytesMut::with_capacity(capacity as usize);
        while let Some(part) = response.chunk().await.map_err(|error| connection_failure(&error))? {
            transfer.advance(part.len());
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
    transfer: &Arc<Transfer>,
) -> Result<reqwest::RequestBuilder, Failure> {
    // The boundary is random because the payload can contain any bytes.
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
            let failed = |error: std::io::Error| {
                Failure::local("file", format!("cannot read {}: {error}", path.display()))
            };
            let file = tokio::fs::File::open(path).await.map_err(failed)?;
            let length = file.metadata().await.map_err(failed)?.len();
            let whole = tokio::io::AsyncReadExt::chain(
                tokio::io::AsyncReadExt::chain(std::io::Cursor::new(head.clone().into_bytes()), file),
                std::io::Cursor::new(tail.clone().into_bytes()),
            );
            let stream = tokio_util::io::ReaderStream::with_capacity(whole, CHUNK_BYTES);
            let transfer = Arc::clone(transfer);
            let stream = stream.inspect_ok(move |part| transfer.advance(part.len()));
            request
                .header(CONTENT_LENGTH, head.len() as u64 + length + tail.len() as u64)
                .body(reqwest::Body::wrap_stream(stream))
        }
    })
}

/// The failure of a request without a complete response: the host and the root cause.
fn connection_failure(error: &reqwest::Error) -> Failure {
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
