//! What a refused or failed request is answered with: RFC 9457 `application/problem+json`.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use super::server::{Body, json};
use crate::error::{Error, ErrorKind};

/// How long a caller is asked to wait before the next attempt.
const RETRY_AFTER_S: &str = "30";

/// A status, one sentence for the caller, and what else helps them.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of `status` that says `detail`.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let problem = Self { status, members: Map::new(), headers: Vec::new() };
        let problem = problem
            .with("type", "about:blank")
            .with("title", status.canonical_reason().unwrap_or_default())
            .with("status", status.as_u16())
            .with("detail", detail.into());
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.header(header::RETRY_AFTER, RETRY_AFTER_S),
            _ => problem,
        }
    }

    /// The caller's fault: 400.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 405 with the methods that the path has.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allowed}"))
            .header(header::ALLOW, allowed)
    }

    /// What a caller may know about `error`: the sentence where they can act on it, else only whose fault it is.
    pub(super) fn of(error: &Error) -> Self {
        let (status, detail) = match error.kind() {
            ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, error.to_string()),
            // Not 404 and 409: those say that there is no such path, and that another run is under way.
            ErrorKind::NotFound | ErrorKind::Conflict => {
                (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            ErrorKind::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "something that the run needs is out of reach for now; the log has the details".to_owned(),
            ),
            ErrorKind::Cancelled => {
                (StatusCode::SERVICE_UNAVAILABLE, "the run was asked to stop before it finished".to_owned())
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "the run failed; the log has the details".to_owned()),
        };
        Self::new(status, detail)
    }

    /// Adds a member.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
}

impl From<Problem> for Response<Body> {
    fn from(problem: Problem) -> Self {
        let mut response = json(problem.status, &problem.members.into());
        let headers = response.headers_mut();
        headers.extend(problem.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
