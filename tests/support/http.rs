//! HTTP requests and their replies. A status of 400 or above is not an error.

use std::time::Duration;

use serde_json::Value;
use ureq::http;

/// A request before it is sent.
pub(crate) struct Request {
    builder: http::request::Builder,
    body: String,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
    /// The body as JSON; `null` if it is not JSON.
    pub(crate) json: Value,
}

impl Request {
    pub(crate) fn new(method: &'static str, url: String) -> Self {
        Self { builder: http::Request::builder().method(method).uri(url), body: String::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn send(self) -> Reply {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_mins(2)))
            .build()
            .into();
        let request = self.builder.body(self.body).expect("a request");
        let mut response = agent.run(request).expect("a reply");
        let body = response.body_mut().read_to_string().expect("a body");
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            json: serde_json::from_str(&body).unwrap_or_default(),
            text: body,
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
