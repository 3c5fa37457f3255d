//! End-to-end tests of the bundle with processes, files and HTTP. One binary with one module per subject.

// A panic fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cloud;
mod embeddings;
mod faults;
mod features;
mod house;
mod jobctl;
mod page;
mod prediction;
mod round_trip;
mod runtime;
mod similar_jobs;
mod support;
mod training;
