//! Cloud Storage's responses to requests for a missing bucket or object, and to failed preconditions.

use std::io::Result;

use super::Shared;
use super::fault::GoogleError;
use super::message::{Head, response};
use super::upstream;

/// Cloud Storage's response to a request that the emulator answered with `answer`; `None` if the emulator's is good
/// enough.
pub(super) async fn reworded(answer: &[u8], head: &Head, shared: &Shared) -> Result<Option<Vec<u8>>> {
    if answer.starts_with(b"HTTP/1.1 412 ") {
        let message = "At least one of the pre-conditions you specified did not hold.";
        let error = GoogleError::new(412, message, "conditionNotMet").location("header", "If-Match");
        return Ok(Some(error.response("412 Precondition Failed", "")));
    }
    if answer.starts_with(b"HTTP/1.1 404 ") { missing(head, shared).await } else { Ok(None) }
}

/// The 404 response to a request; `None` if it names neither a bucket nor an object.
async fn missing(head: &Head, shared: &Shared) -> Result<Option<Vec<u8>>> {
    let Some((_, named)) = head.path().split_once("/b/") else { return Ok(None) };
    let (bucket, object) = named.split_once("/o/").unwrap_or((named.trim_end_matches("/o"), ""));
    let look = format!("GET /storage/v1/b/{bucket} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let bucket_exists = !upstream::send(&shared.upstream, look.as_bytes(), &mut tokio::io::empty(), b"")
        .await?
        .starts_with(b"HTTP/1.1 404 ");
    let message = match bucket_exists {
        false => "The specified bucket does not exist.".to_owned(),
        true if object.is_empty() => return Ok(None),
        true => format!("No such object: {}/{}", decoded(bucket), decoded(object)),
    };
    // Downloads fail with plain text.
    if head.parameter("alt") == Some("media") {
        let headers = "Content-Type: text/html; charset=UTF-8\r\n";
        return Ok(Some(response("404 Not Found", headers, message.as_bytes())));
    }
    Ok(Some(GoogleError::new(404, message, "notFound").response("404 Not Found", "")))
}

/// Decodes percent-encoded bytes.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => bytes.push(code),
            None => bytes.extend(b"%"),
        }
        bytes.extend(&part.as_bytes()[code.map_or(0, |_| 2)..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
