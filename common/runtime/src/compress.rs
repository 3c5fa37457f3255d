//! Answers compressed with gzip for clients that take it (RFC 9110, 12.5.3), away from the runtime's threads.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Body as _;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::http_util::Body;

/// A shorter answer fits into one packet uncompressed.
const LEAST_BYTES: u64 = 1024;

/// What the entity tag of a compressed answer ends with: its bytes are others than those of the plain one.
const SUFFIX: &str = "-gzip\"";

/// What a client takes, from the head of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    gzip: bool,
    /// Whether an answer may be uncompressed.
    identity: bool,
    /// The tags of the answers that the client has.
    known: Vec<String>,
}

impl Accepted {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let known = known.flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned()).collect();
        let (gzip, identity) = weights(headers);
        Self {
            // Between two that the client likes as much, the shorter one.
            gzip: gzip > 0.0 && gzip >= identity.unwrap_or(0.0),
            identity: identity != Some(0.0),
            known,
        }
    }
}

/// Says whether `tag`, as a client sends it, is of the answer tagged `etag`, compressed where `headers` accept that.
pub fn is_tag_of(tag: &str, etag: &HeaderValue, headers: &HeaderMap) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag == etag || tag == compressed(etag) && weights(headers).0 > 0.0
}

/// The tag of the compressed form of the answer tagged `etag`.
fn compressed(etag: &str) -> String {
    etag.strip_suffix('"').map_or_else(|| etag.to_owned(), |begin| format!("{begin}{SUFFIX}"))
}

/// How much a client likes gzip, 0 for not at all, and the plain form, where it says so.
fn weights(headers: &HeaderMap) -> (f32, Option<f32>) {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let (mut gzip, mut identity, mut other) = (None, None, None);
    for item in lists.flat_map(|list| list.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.next().map_or(1.0, weight_of);
        match coding.as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "identity" => identity = Some(weight),
            "*" => other = Some(weight),
            _ => {}
        }
    }
    // A star is about what is not named; the plain form goes without saying unless a star forbids it.
    let identity = identity.or(other.filter(|weight| *weight == 0.0));
    (gzip.or(other).unwrap_or(0.0), identity)
}

/// What `q=0.5` says. What cannot be read counts as no.
fn weight_of(parameter: &str) -> f32 {
    let value = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let weight = value.and_then(|(_, weight)| weight.trim().parse().ok()).unwrap_or(0.0);
    if (0.0..=1.0).contains(&weight) { weight } else { 0.0 }
}

/// The answer as the client takes it best. A compressed one has an entity tag of its own.
pub(super) async fn answer(response: Response<Body>, accepted: &Accepted) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let is_unchanged = head.status == StatusCode::NOT_MODIFIED;
    if !is_unchanged && !is_text(&head.headers) {
        return Response::from_parts(head, body);
    }
    head.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let tag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(compressed);
    let tag = tag.and_then(|tag| Some((HeaderValue::from_str(&tag).ok()?, tag)));
    if is_unchanged {
        // The tag of the form that the client has.
        let is_known = |tag: &str| accepted.known.iter().any(|known| known.trim_start_matches("W/") == tag);
        if let Some((value, _)) = tag.filter(|(_, tag)| is_known(tag)) {
            head.headers.insert(header::ETAG, value);
        }
        return Response::from_parts(head, body);
    }
    let bytes = body.size_hint().exact().unwrap_or_default();
    if !accepted.gzip || bytes == 0 || bytes < LEAST_BYTES && accepted.identity {
        return Response::from_parts(head, body);
    }
    let Some(plain) = body.whole() else { return Response::from_parts(head, body) };
    let source = plain.clone();
    match tokio::task::spawn_blocking(move || gzip(&source)).await {
        Ok(Ok(short)) => {
            head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            if let Some((value, _)) = tag {
                head.headers.insert(header::ETAG, value);
            }
            Response::from_parts(head, Body::from(short))
        }
        failed => {
            tracing::warn!("an answer is sent uncompressed: compression failed: {failed:?}");
            Response::from_parts(head, body)
        }
    }
}

/// Says whether an answer is of a type that gzip makes shorter.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_json = kind == "application/json" || kind.ends_with("+json");
    (is_json || kind.starts_with("text/")) && !headers.contains_key(header::CONTENT_ENCODING)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}

#[cfg(test)]
mod tests;
