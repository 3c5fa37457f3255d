//! Clients of BigQuery, Cloud Storage and Vertex AI, with one set of credentials, retries and errors.
//!
//! - [`bigquery`]: `gcp-bigquery-client` for datasets, tables and jobs
//! - [`objects`]: `google-cloud-storage` for reading and writing objects
//! - [`client`]: the requests that neither of them makes
//! - [`credentials`]: application-default credentials, or none for an emulator
//! - [`repeat`]: time limits, and the loop that retries a request
//! - [`failure`]: classifies failed requests
//!
//! Every request must be idempotent, because it may be sent more than once: writes carry a job id or a precondition, so
//! that a second copy changes nothing.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

pub mod bigquery;
pub mod client;
pub mod credentials;
pub mod failure;
pub mod objects;
pub mod repeat;
mod transfer;

pub use client::{Body, Call, Client};
pub use credentials::Credentials;
pub use failure::Failure;
pub use repeat::{Allowance, Limits, Session};
pub use transfer::Transfer;

/// The characters to escape in a path segment: all but the unreserved ones of RFC 3986. Not every server decodes `%2D`.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes `text` as one path segment.
pub fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, &ESCAPED).to_string()
}

/// The base URL of an emulator from `host:port` or a URL.
pub fn emulator(host: &str) -> String {
    let host = host.trim_end_matches('/');
    if host.contains("://") { host.to_owned() } else { format!("http://{host}") }
}
