//! What a refused or failed request is answered with: RFC 9457 `application/problem+json`.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use super::http_util::{Body, json};
use crate::error::{Error, ErrorKind};

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

    /// What the caller of a service may know about `error`: the sentence where they can act on it, else only whose
    /// fault it is. What is withheld here is for the log.
    pub fn of_request(error: &Error) -> Self {
        Self::of(error, "request", (StatusCode::NOT_FOUND, StatusCode::CONFLICT))
    }

    fn of(error: &Error, what: &str, (not_found, conflict): (StatusCode, StatusCode)) -> Self {
        let (status, detail) = match error.kind() {
            ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, error.to_string()),
            ErrorKind::NotFound => (not_found, error.to_string()),
            ErrorKind::Conflict => (conflict, error.to_string()),
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
        response
    }
}
