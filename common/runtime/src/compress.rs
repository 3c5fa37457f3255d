//! Compresses responses with gzip for clients that accept it (RFC 9110, 12.5.3), on a thread for blocking work.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Body as _;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::http_util::Body;

/// Minimum size to compress: a shorter response fits into one packet.
const MIN_GZIP_BYTES: u64 = 1024;

/// The end of the entity tag of a compressed response, whose bytes differ from the uncompressed ones.
const GZIP_ETAG_SUFFIX: &str = "-gzip\"";

/// The encodings that a client accepts, and the entity tags that it has cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    gzip: bool,
    /// Whether the response may be uncompressed.
    identity: bool,
    /// The entity tags in `If-None-Match`.
    etags: Vec<String>,
}

impl Accepted {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let etags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let etags = etags.flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned()).collect();
        let (gzip, identity) = weights(headers);
        Self {
            // With equal weights, prefer the shorter response.
            gzip: gzip > 0.0 && gzip >= identity.unwrap_or(0.0),
            identity: identity != Some(0.0),
            etags,
        }
    }
}

/// Whether `tag`, as sent by a client, matches the response with the entity tag `etag`, compressed if `headers` accept
/// gzip.
pub fn is_tag_of(tag: &str, etag: &HeaderValue, headers: &HeaderMap) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag == etag || tag == gzip_etag(etag) && weights(headers).0 > 0.0
}

/// The entity tag of the compressed form of the response with the entity tag `etag`.
fn gzip_etag(etag: &str) -> String {
    etag.strip_suffix('"').map_or_else(|| etag.to_owned(), |begin| format!("{begin}{GZIP_ETAG_SUFFIX}"))
}

/// The weight of gzip, 0 if it is not accepted, and the weight of `identity`, if the client gives one.
fn weights(headers: &HeaderMap) -> (f32, Option<f32>) {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let (mut gzip, mut identity, mut other) = (None, None, None);
    for item in lists.flat_map(|list| list.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.next().map_or(1.0, parse_weight);
        match coding.as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "identity" => identity = Some(weight),
            "*" => other = Some(weight),
            _ => {}
        }
    }
    // `*` applies to the encodings that are not listed. `identity` is acceptable unless it is excluded explicitly.
    let identity = identity.or(other.filter(|weight| *weight == 0.0));
    (gzip.or(other).unwrap_or(0.0), identity)
}

/// Parses `q=0.5`. An invalid weight counts as 0.
fn parse_weight(parameter: &str) -> f32 {
    let value = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    let weight = value.and_then(|(_, weight)| weight.trim().parse().ok()).unwrap_or(0.0);
    if (0.0..=1.0).contains(&weight) { weight } else { 0.0 }
}

/// The response in the encoding that the client prefers. A compressed response has a different entity tag.
pub(super) async fn compress(response: Response<Body>, accepted: &Accepted) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let is_unchanged = head.status == StatusCode::NOT_MODIFIED;
    if !is_unchanged && !is_compressible(&head.headers) {
        return Response::from_parts(head, body);
    }
    head.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let tag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(gzip_etag);
    let tag = tag.and_then(|tag| Some((HeaderValue::from_str(&tag).ok()?, tag)));
    if is_unchanged {
        // Repeat the entity tag that the client has cached.
        let is_cached =
            |tag: &str| accepted.etags.iter().any(|cached| cached.trim_start_matches("W/") == tag);
        if let Some((value, _)) = tag.filter(|(_, tag)| is_cached(tag)) {
            head.headers.insert(header::ETAG, value);
        }
        return Response::from_parts(head, body);
    }
    let bytes = body.size_hint().exact().unwrap_or_default();
    if !accepted.gzip || bytes == 0 || bytes < MIN_GZIP_BYTES && accepted.identity {
        return Response::from_parts(head, body);
    }
    let Some(plain) = body.whole() else { return Response::from_parts(head, body) };
    let source = plain.clone();
    match tokio::task::spawn_blocking(move || gzip(&source)).await {
        Ok(Ok(gzipped)) => {
            head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            if let Some((value, _)) = tag {
                head.headers.insert(header::ETAG, value);
            }
            Response::from_parts(head, Body::from(gzipped))
        }
        failed => {
            tracing::warn!("response sent uncompressed, because compression failed: {failed:?}");
            Response::from_parts(head, body)
        }
    }
}

/// Whether the media type is worth compressing.
fn is_compressible(headers: &HeaderMap) -> bool {
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
