//! Errors, the ad, time and settings: what every other crate of ours builds on. It depends on none of them.
//!
//! - [`artifact`]: the manifest of published files, and their checksums
//! - [`error`]: one error type whose [`error::ErrorKind`] says what to do
//! - [`failpoint`]: named points at which a test can make a thread panic
//! - [`feed`]: streams that threads feed, with an explicit end
//! - [`fold`]: folding of text for comparison
//! - [`job`]: the ad, its key, its embedding text and the hash of that text
//! - [`mask`]: masking of stated pay in texts
//! - [`memory`]: settings of the allocator
//! - [`pay`]: amounts and currencies
//! - [`mod@settings`]: environment variables, declared by the crate that reads them

pub mod artifact;
pub mod error;
pub mod failpoint;
pub mod feed;
pub mod fold;
pub mod job;
pub mod mask;
pub mod memory;
pub mod pay;
pub mod settings;

pub use error::{Error, ErrorKind, Result};
