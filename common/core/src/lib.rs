//! What every function stands on; knows no other crate of ours.
//!
//! - [`artifact`]: the manifest of published files, and their checksums
//! - [`config`]: environment and flags, parsed and refused at start
//! - [`error`]: one error type whose [`error::ErrorKind`] says what to do
//! - [`failpoint`]: points at which a test can let a thread die
//! - [`feed`]: streams that a thread feeds, with an explicit end
//! - [`fold`]: how text is compared
//! - [`job`]: the ad, its key, its text and that text's hash
//! - [`memory`]: what the allocator keeps
//! - [`pay`]: what an ad pays, in which currency
//! - [`telemetry`]: log lines for people and for Cloud Logging
//! - [`shim`]: the three ways in (local, Cloud Run job, HTTP function), leases, shutdown

pub mod artifact;
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
