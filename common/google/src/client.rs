//! Requests of the REST APIs that neither `gcp-bigquery-client` nor `google-cloud-storage` makes.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use common_core::{Error, Result};
use futures::TryStreamExt;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, Url};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::failure::Failure;
use crate::repeat::{Allowance, Limits, Session};
use crate::transfer::Transfer;

/// The name of this program in requests.
pub(crate) const USER_AGENT: &str = concat!("job-market/", env!("CARGO_PKG_VERSION"));

/// The body of a request.
#[derive(Debug, Clone)]
pub enum Body {
    /// No body.
    Empty,
    /// JSON.
    Json(Value),
    /// An upload (`multipart/related`): metadata, and a file, which every attempt reads again.
    Upload(Value, PathBuf),
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
        Self { doing: doing.into(), method, url, query: Vec::new(), body, patience: Duration::ZERO }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    async fn allowance(&self) -> Allowance {
        let (patience, reported_bytes) = (self.patience, self.body.length().await);
        Allowance { patience, reported_bytes, ..Allowance::default() }
    }
}

impl Body {
    /// The size of an upload without its metadata; 0 for other bodies.
    async fn length(&self) -> u64 {
        match self {
            // A file that cannot be read fails when it is sent, with its name.
            Self::Upload(_, path) => tokio::fs::metadata(path).await.map_or(0, |facts| facts.len()),
            Self::Empty | Self::Json(_) => 0,
        }
    }
}

/// Chunk size of uploads from files. One chunk must be sent within [`Limits::attempt`].
const CHUNK_BYTES: usize = 1 << 18;

/// Maximum capacity that is reserved for a response body, whatever its `Content-Length`.
const MAX_RESERVED: u64 = 16 << 20;

/// An HTTP client with credentials and retries. Clones share connections and tokens.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    session: Session,
}

impl Client {
    /// A client with the credentials and limits of `session`.
    ///
    /// # Errors
    /// `Internal` if the TLS certificates of the system cannot be read.
    pub fn new(session: Session) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(session.limits().connect())
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| Error::internal("cannot create an HTTP client").caused_by(error))?;
        Ok(Self { http, session })
    }

    /// Sends `call`, retries it until it succeeds, fails permanently, or the time limit is reached, and returns the
    /// body of the response.
    ///
    /// # Errors
    /// The last failure.
    pub async fn send(&self, call: &Call) -> Result<Bytes, Failure> {
        self.repeat(call, Ok).await
    }

    /// As [`Client::send`], for a response of JSON; an empty body is `null`.
    ///
    /// # Errors
    /// The last failure.
    pub async fn json(&self, call: &Call) -> Result<Value, Failure> {
        let read = |body: Bytes| {
            if body.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(&body).map_err(|error| Failure::unreadable("JSON", &error))
        };
        self.repeat(call, read).await
    }

    /// Sends `call` once, and returns the body of the response.
    ///
    /// # Errors
    /// The failure of the attempt.
    pub async fn once(&self, call: &Call) -> Result<Bytes, Failure> {
        let allowance = call.allowance().await;
        self.session.once(allowance, |transfer| self.exchange(call, transfer)).await
    }

    async fn repeat<T>(&self, call: &Call, read: impl Fn(Bytes) -> Result<T, Failure>) -> Result<T, Failure> {
        let allowance = call.allowance().await;
        let read = &read;
        self.session
            .repeat(&call.doing, allowance, async |transfer| read(self.exchange(call, transfer).await?))
            .await
    }

    /// The time limits of this client.
    pub fn limits(&self) -> Limits {
        self.session.limits()
    }

    /// Sends `call` once.
    async fn exchange(&self, call: &Call, transfer: Arc<Transfer>) -> Result<Bytes, Failure> {
        let mut url = Url::parse(&call.url)
            .map_err(|error| Failure::local("address", format!("invalid URL {:?}: {error}", call.url)))?;
        // Without parameters, `query_pairs_mut` would append a question mark.
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.http.request(call.method.clone(), url);
        let token = self.session.credentials().token(transfer.idle()).await;
        if let Some(token) = token.map_err(|error| Failure::of_token(&error))? {
            request = request.bearer_auth(token);
        }
        request = match &call.body {
            Body::Empty if call.method == Method::GET => request,
            Body::Empty => request.header(CONTENT_LENGTH, 0),
            Body::Json(value) => request.header(CONTENT_TYPE, "application/json").body(value.to_string()),
            Body::Upload(facts, path) => upload(request, facts, path, &transfer).await?,
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
        if status.is_success() { Ok(body) } else { Err(Failure::of_answer(status.as_u16(), &headers, &body)) }
    }
}

async fn upload(
    request: reqwest::RequestBuilder,
    facts: &Value,
    path: &Path,
    transfer: &Arc<Transfer>,
) -> Result<reqwest::RequestBuilder, Failure> {
    // The boundary is random because the file can contain any bytes.
    let boundary = format!("part-{:032x}", rand::random::<u128>());
    let head = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{facts}\r\n\
         --{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let failed =
        |error: std::io::Error| Failure::local("file", format!("cannot read {}: {error}", path.display()));
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let length = head.len() as u64 + file.metadata().await.map_err(failed)?.len() + tail.len() as u64;
    let whole = Cursor::new(head.into_bytes()).chain(file).chain(Cursor::new(tail.into_bytes()));
    let transfer = Arc::clone(transfer);
    let parts =
        ReaderStream::with_capacity(whole, CHUNK_BYTES).inspect_ok(move |part| transfer.advance(part.len()));
    Ok(request
        .header(CONTENT_TYPE, format!("multipart/related; boundary={boundary}"))
        .header(CONTENT_LENGTH, length)
        .body(reqwest::Body::wrap_stream(parts)))
}

/// The failure of a request without a complete response.
fn connection_failure(error: &reqwest::Error) -> Failure {
    Failure::of_transport(error.is_timeout(), error)
}
