//! Helpers for HTTP handlers: reading bodies, and building responses and [`Problem`]s.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

pub use crate::body::{Body, Event, events};
pub use crate::compress::is_tag_of;
pub use crate::limits::Limits;
pub use crate::problem::Problem;

/// The time limit for receiving the headers of a request, and again for receiving its body.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// How much of a body that is too large is read and discarded, so that the client can receive the response.
const DISCARDED_BYTES: usize = 16 << 20;

/// The id of a request in its response (`X-Request-Id`) and in the log: an extension of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// A response with `value` as its JSON body.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => content(status, "application/json", bytes),
        Err(error) => {
            tracing::error!("a response cannot be serialized: {error}");
            content(StatusCode::INTERNAL_SERVER_ERROR, "application/json", Bytes::from_static(b"{}"))
        }
    }
}

/// A response with the body `bytes` and the media type `content_type`.
pub fn content(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Rejects a compressed body, which could decompress to more than fits in memory.
///
/// # Errors
/// A problem with status 415 that names the encoding, with the accepted encoding in `Accept-Encoding`.
pub fn refuse_compressed(headers: &HeaderMap) -> Result<(), Problem> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let codings = codings.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    match codings.into_iter().find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")) {
        None => Ok(()),
        Some(coding) => {
            let detail =
                format!("invalid Content-Encoding {coding:?}: expected a body that is not compressed");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
                .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")))
        }
    }
}

/// Reads the whole body, if it has at most `max_bytes` and arrives within 15 s.
///
/// # Errors
/// A problem with status 413, 408, or 400 if the connection broke.
pub async fn read_body(body: Incoming, max_bytes: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is longer than {max_bytes} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    if body.size_hint().lower() > DISCARDED_BYTES as u64 {
        return Err(too_large());
    }
    let collect = async {
        let mut body = body;
        let (mut kept, mut seen_bytes) = (BytesMut::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| Problem::bad_request(format!("the body is incomplete: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            seen_bytes += data.len();
            if seen_bytes <= max_bytes {
                kept.extend_from_slice(&data);
            } else if seen_bytes > DISCARDED_BYTES {
                break;
            }
        }
        if seen_bytes <= max_bytes { Ok(kept.freeze()) } else { Err(too_large()) }
    };
    tokio::time::timeout(READ_TIMEOUT, collect).await.unwrap_or_else(|_| {
        let detail = format!("the body did not arrive within {} s", READ_TIMEOUT.as_secs());
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
    })
}
