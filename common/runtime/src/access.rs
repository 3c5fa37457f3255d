//! What the access log says about a request.

use std::net::SocketAddr;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request, StatusCode};

/// A request that is being answered.
pub(super) struct Access {
    started: Instant,
    method: Method,
    path: String,
    /// As the client wrote it, if it says which host it meant.
    url: String,
    user_agent: Option<String>,
    remote_ip: String,
}

impl Access {
    pub(super) fn of(request: &Request<Incoming>, peer: SocketAddr) -> Self {
        let forwarded = text(request.headers(), &HeaderName::from_static("x-forwarded-for"));
        let scheme = text(request.headers(), &HeaderName::from_static("x-forwarded-proto"));
        let host = text(request.headers(), &header::HOST);
        let origin =
            host.map(|host| format!("{}://{host}", scheme.unwrap_or("http".into()))).unwrap_or_default();
        let client =
            forwarded.as_deref().and_then(|list| list.split(',').next()).map(|ip| ip.trim().to_owned());
        Self {
            started: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            url: format!("{origin}{}", request.uri()),
            user_agent: text(request.headers(), &header::USER_AGENT),
            remote_ip: client.unwrap_or_else(|| peer.ip().to_string()),
        }
    }

    /// Logs the answer, with its sentence where it is a refusal or a failure. `is_trigger`: nobody reads the answer, so
    /// that a refusal is an error: what was to happen does not. But of two triggers at once, one is refused in good order.
    pub(super) fn log(&self, status: StatusCode, sentence: Option<&str>, is_trigger: bool) {
        let sentence = sentence.map(|sentence| format!(": {sentence}")).unwrap_or_default();
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
                    "{} {} {}{sentence}",
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

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
