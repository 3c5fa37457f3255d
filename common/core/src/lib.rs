//! What every function stands on; knows no other crate of ours.
//!
//! - [`config`]: environment and flags, parsed and refused at start
//! - [`error`]: one error type whose [`error::ErrorKind`] says what to do
//! - [`failpoint`]: named points at which a test can make a thread panic
//! - [`feed`]: streams that threads feed, with an explicit end
//! - [`fold`]: folding of text for comparison
//! - [`job`]: the ad, its key, its embedding text and the hash of that text
//! - [`memory`]: settings of the allocator
//! - [`pay`]: amounts and currencies
//! - [`telemetry`]: log lines for people and for Cloud Logging
//! - [`shim`]: the three ways in (local, Cloud Run job, HTTP function), leases, shutdown

pub mod config;
pub mod error;
pub mod failpoint;
pub mod feed;
pub mod fold;
pub mod job;
pub mod memory;
pub mod pay;
pub mod shim;
pub mod telemetry;

pub use error::{Error, ErrorKind, Result};
