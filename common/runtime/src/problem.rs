//! Error responses: `application/problem+json` (RFC 9457).

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use super::http_util::{Body, RequestId, json};
use common_core::{Error, ErrorKind};

/// The default of `Retry-After`.
const RETRY_AFTER_S: u16 = 30;

/// An error response: a status, a `detail` sentence, and further members and headers.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with `status` and `detail`. With status 503 it has `Retry-After: 30`.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let problem = Self { status, members: Map::new(), headers: Vec::new() };
        let problem = problem
            .with("type", "about:blank")
            .with("title", status.canonical_reason().unwrap_or_default())
            .with("status", status.as_u16())
            .with("detail", detail.into());
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.retry_after(RETRY_AFTER_S),
            _ => problem,
        }
    }

    /// A problem with status 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A problem with status 405 and the methods that the path allows.
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path accepts {allowed}"))
            .header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// The problem for the client of a batch function whose run failed with `error`.
    pub(super) fn of_run(error: &Error) -> Self {
        // 404 and 409 have other meanings here: unknown path, and another run in progress.
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::of(error, "run", (status, status))
    }

    /// The problem for the client of a service whose request failed with `error`.
    ///
    /// It contains the message of an error about the request itself. Other errors are logged with the id of the
    /// request, and the client gets a general sentence.
    pub fn of_request(error: &Error) -> Self {
        let problem = Self::of(error, "request", (StatusCode::NOT_FOUND, StatusCode::CONFLICT));
        if problem.status.is_server_error() {
            tracing::error!("request failed: {}", error.chain());
        }
        problem
    }

    fn of(error: &Error, what: &str, (not_found, conflict): (StatusCode, StatusCode)) -> Self {
        let client_error = match error.kind() {
            ErrorKind::InvalidInput => Some(StatusCode::BAD_REQUEST),
            ErrorKind::NotFound => Some(not_found),
            ErrorKind::Conflict => Some(conflict),
            _ => None,
        };
        if let (Some(status), Some(detail)) = (client_error, error.outside()) {
            return Self::new(status, detail);
        }
        let (status, detail) = match error.kind() {
            ErrorKind::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("a dependency of the {what} is unavailable; the log has the details"),
            ),
            ErrorKind::Cancelled => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the {what} was interrupted by a shutdown; retry it"),
            ),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, format!("the {what} failed; the log has the details")),
        };
        Self::new(status, detail)
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a header of the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(present, _)| *present != name);
        self.headers.push((name, value));
        self
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u16) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The members of the body.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }
}

impl From<Problem> for Response<Body> {
    fn from(problem: Problem) -> Self {
        let mut response = json(problem.status, &problem.members);
        let headers = response.headers_mut();
        headers.extend(problem.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // For `add_request_id`.
        response.extensions_mut().insert(Members(problem.members));
        response
    }
}

/// The members of a problem, as an extension of its response.
#[derive(Clone)]
struct Members(Map<String, Value>);

/// Adds the id of the request to a response that is a problem, and returns the `detail` of the problem.
pub(super) fn add_request_id(response: &mut Response<Body>, id: &RequestId) -> Option<String> {
    let Members(mut members) = response.extensions_mut().remove()?;
    members.insert("request_id".to_owned(), id.0.as_str().into());
    let detail = members.get("detail").and_then(Value::as_str).map(str::to_owned);
    *response.body_mut() = Body::from(Bytes::from(Value::Object(members).to_string()));
    detail
}
