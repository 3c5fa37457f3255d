//! What a refused or failed request is answered with: RFC 9457 `application/problem+json`.

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use super::http_util::{Body, RequestId, json};
use common_core::{Error, ErrorKind};

/// How long a caller is asked to wait before the next attempt, where nobody knows better.
const RETRY_AFTER_S: u16 = 30;

/// A status, one sentence for the caller, and what else helps them.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of `status` that says `detail`. One of status 503 asks the caller to come back in 30 s.
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

    /// The caller's fault: 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 405 with the methods that the path has.
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allowed}"))
            .header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// What the caller of a batch function may know about `error`.
    pub(super) fn of_run(error: &Error) -> Self {
        // Not 404 and 409: those say that there is no such path, and that another run is under way.
        let refused = StatusCode::UNPROCESSABLE_ENTITY;
        Self::of(error, "run", (refused, refused))
    }

    /// What the caller of a service may know about `error`: what it says to them where it is about what they sent, else
    /// only that it is not their fault. What is withheld is logged here, under the request's id.
    pub fn of_request(error: &Error) -> Self {
        let problem = Self::of(error, "request", (StatusCode::NOT_FOUND, StatusCode::CONFLICT));
        if problem.status.is_server_error() {
            tracing::error!("a request failed: {}", error.chain());
        }
        problem
    }

    fn of(error: &Error, what: &str, (not_found, conflict): (StatusCode, StatusCode)) -> Self {
        let refused = match error.kind() {
            ErrorKind::InvalidInput => Some(StatusCode::BAD_REQUEST),
            ErrorKind::NotFound => Some(not_found),
            ErrorKind::Conflict => Some(conflict),
            _ => None,
        };
        if let (Some(status), Some(sentence)) = (refused, error.outside()) {
            return Self::new(status, sentence);
        }
        let (status, detail) = match error.kind() {
            ErrorKind::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("something that the {what} needs is out of reach for now; the log has the details"),
            ),
            ErrorKind::Cancelled => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("the {what} was asked to stop before it finished"))
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, format!("the {what} failed; the log has the details")),
        };
        Self::new(status, detail)
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(present, _)| *present != name);
        self.headers.push((name, value));
        self
    }

    /// Asks the caller to come back in so many seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u16) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its members as they stand in the body.
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
        // For `name_request`, which knows what a handler does not.
        response.extensions_mut().insert(Members(problem.members));
        response
    }
}

/// What a problem's body says, as an extension of its answer.
#[derive(Clone)]
struct Members(Map<String, Value>);

/// Adds the request's name to an answer that is a problem, so that its lines in the log can be found, and returns the
/// problem's sentence.
pub(super) fn name_request(response: &mut Response<Body>, id: &RequestId) -> Option<String> {
    let Members(mut members) = response.extensions_mut().remove()?;
    members.insert("request_id".to_owned(), id.0.as_str().into());
    let detail = members.get("detail").and_then(Value::as_str).map(str::to_owned);
    *response.body_mut() = Body::from(Bytes::from(Value::Object(members).to_string()));
    detail
}
