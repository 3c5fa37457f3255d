//! Errors, the ad, time and settings: what every other crate of ours builds on. It depends on none of them.
//!
//! - [`artifact`]: the manifest of published files, and their checksums
//! - [`error`]: one error type whose [`error::ErrorKind`] says what to do
//! - [`failpoint`]: points at which a test can let a thread die
//! - [`feed`]: streams that a thread feeds, with an explicit end
//! - [`fold`]: how text is compared
//! - [`job`]: the ad, its key, its text and that text's hash
//! - [`memory`]: what the allocator keeps
//! - [`pay`]: what an ad pays, in which currency
//! - [`mod@settings`]: environment variables, declared by the crate that reads them

pub mod artifact;
pub mod error;
pub mod failpoint;
pub mod feed;
pub mod fold;
pub mod job;
pub mod memory;
pub mod pay;
pub mod settings;

pub use error::{Error, ErrorKind, Result};
