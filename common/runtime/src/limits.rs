//! The limits of a service: concurrent requests, time per request, and the origins that may call it (CORS).

use std::time::Duration;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::body::Body;
use crate::problem::Problem;
use crate::settings::ServingSettings;

/// The headers that a browser requires before a page of another origin may read a response.
const CORS: [(HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, if-none-match, x-request-id, traceparent"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, retry-after, x-request-id"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// The limits of a service.
pub struct Limits {
    permits: Semaphore,
    deadline: Duration,
    cors_allow_origin: Option<HeaderValue>,
}

impl Limits {
    /// The limits in `settings`.
    pub fn new(settings: &ServingSettings) -> Self {
        let origin = settings.cors_allow_origin.as_ref();
        Self {
            permits: Semaphore::new(settings.max_concurrent.count()),
            deadline: Duration::from_millis(settings.request_deadline_ms.get()),
            cors_allow_origin: origin.and_then(|origin| HeaderValue::from_str(origin.as_str()).ok()),
        }
    }

    /// The time limit of a request.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Runs `work` for a request within the limits; `work` receives its deadline.
    ///
    /// # Errors
    /// A problem with status 503 if the maximum number of requests is in progress, or `work` exceeds the deadline.
    pub async fn admit<T, F>(&self, work: impl FnOnce(std::time::Instant) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let busy =
            || unavailable("this instance is already handling its maximum number of requests".to_owned());
        let _permit = self.permits.try_acquire().map_err(|_| busy())?;
        let deadline = Instant::now() + self.deadline;
        let late =
            || unavailable(format!("the answer was not ready within {} ms", self.deadline.as_millis()));
        tokio::time::timeout_at(deadline, work(deadline.into_std())).await.unwrap_or_else(|_| Err(late()))
    }

    /// Adds the headers that every response of a service has: `X-Content-Type-Options`, and the CORS headers if an
    /// origin is configured.
    pub fn finish(&self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = &self.cors_allow_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            for (name, value) in CORS {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }
}

fn unavailable(detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

#[cfg(test)]
mod tests {
    use common_core::settings::from_variables;

    use super::*;

    fn limits(variables: &[(&str, &str)]) -> Limits {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Limits::new(&from_variables(variables).unwrap())
    }

    #[tokio::test]
    async fn requests_beyond_the_limit_or_the_deadline_are_rejected() {
        let limits = limits(&[("MAX_CONCURRENT", "1"), ("REQUEST_DEADLINE_MS", "50")]);
        let inner = limits.admit(|_| async {
            let second = limits.admit(|_| async { Ok(2) }).await.unwrap_err();
            assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
            Ok(1)
        });
        assert_eq!(inner.await.unwrap(), 1);
        assert_eq!(limits.admit(|_| async { Ok(3) }).await.unwrap(), 3, "the permit is released");
        let late = limits.admit(|_| std::future::pending::<Result<(), _>>()).await.unwrap_err();
        assert!(late.members()["detail"].as_str().unwrap().contains("within 50 ms"), "{late:?}");
    }

    #[test]
    fn cors_headers_are_sent_only_if_an_origin_is_configured() {
        let header = |limits: &Limits, name: HeaderName| {
            limits.finish(Response::new(Body::default())).headers().get(name).cloned()
        };
        let closed = limits(&[]);
        assert_eq!(header(&closed, header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
        assert_eq!(header(&closed, header::X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
        let open = limits(&[("CORS_ALLOW_ORIGIN", "https://jobs.example.sg")]);
        assert_eq!(header(&open, header::ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "https://jobs.example.sg");
        assert!(header(&open, header::ACCESS_CONTROL_EXPOSE_HEADERS).is_some());
    }
}
