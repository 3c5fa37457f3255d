//! The access log: one line per request.

use std::net::SocketAddr;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request, StatusCode};

/// The fields of a request that its log line carries.
pub(super) struct AccessLog {
    started: Instant,
    method: Method,
    path: String,
    /// The full URL if the request has a `Host` header, otherwise the path and query.
    url: String,
    user_agent: Option<String>,
    remote_ip: String,
}

impl AccessLog {
    pub(super) fn of(request: &Request<Incoming>, peer: SocketAddr) -> Self {
        let forwarded = header_text(request.headers(), &HeaderName::from_static("x-forwarded-for"));
        let scheme = header_text(request.headers(), &HeaderName::from_static("x-forwarded-proto"));
        let host = header_text(request.headers(), &header::HOST);
        let origin =
            host.map(|host| format!("{}://{host}", scheme.unwrap_or("http".into()))).unwrap_or_default();
        let client =
            forwarded.as_deref().and_then(|list| list.split(',').next()).map(|ip| ip.trim().to_owned());
        Self {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            url: format!("{origin}{}", request.uri()),
            user_agent: header_text(request.headers(), &header::USER_AGENT),
            remote_ip: client.unwrap_or_else(|| peer.ip().to_string()),
        }
    }

    /// Logs the response, with the `detail` of a problem.
    ///
    /// With `is_trigger`, the client is a trigger that discards the response, so a rejected request is logged as an
    /// error. A conflict of two concurrent triggers is expected and logged as a warning.
    pub(super) fn log(&self, status: StatusCode, detail: Option<&str>, is_trigger: bool) {
        let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        let latency = format!("{:.3}s", self.started.elapsed().as_secs_f64());
        macro_rules! access {
            ($level:ident) => {
                tracing::$level!(
                    http.method = self.method.as_str(),
                    http.url = self.url,
                    http.status = status.as_u16(),
                    http.latency = latency,
                    http.user_agent = self.user_agent,
                    http.remote_ip = self.remote_ip,
                    "{} {} {}{detail}",
                    self.method,
                    self.path,
                    status.as_u16()
                )
            };
        }
        match status {
            _ if matches!(self.path.as_str(), "/health" | "/ready") => access!(debug),
            StatusCode::CONFLICT if is_trigger => access!(warn),
            status if status.is_client_error() && is_trigger => access!(error),
            status if status.is_server_error() => access!(warn),
            _ => access!(info),
        }
    }
}

fn header_text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
