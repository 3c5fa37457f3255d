//! Google's REST interfaces as BigQuery, Cloud Storage and Vertex AI need them.
//!
//! - [`client`]: one request, repeated while a repeat can help
//! - [`credentials`]: application-default credentials, or none before an emulator
//! - [`failure`]: what an answer other than 2xx says, and what to do about it
//! - [`retry`]: how long to wait between two tries
//!
//! Every request that goes through here may be repeated: writes carry a job id or a precondition, so that the second of
//! two that arrived changes nothing.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

pub mod client;
pub mod credentials;
pub mod failure;
mod pace;
pub mod retry;

pub use client::{Answer, Body, Call, Client};
pub use credentials::Credentials;
pub use failure::Failure;
pub use retry::Limits;

/// What a segment of a path may hold as it is: RFC 3986's unreserved characters. Not every server takes `%2D` for `-`.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text` as one segment of a path.
pub fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, &ESCAPED).to_string()
}

/// The address of an emulator that a variable names, with or without its scheme.
pub fn emulator(host: &str) -> String {
    let host = host.trim_end_matches('/');
    if host.contains("://") { host.to_owned() } else { format!("http://{host}") }
}
