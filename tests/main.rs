//! The bundle as its users meet it: processes, files and HTTP. One binary, a module a room.

// What a test cannot unwrap is a failure of the test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cloud;
mod embeddings;
mod faults;
mod house;
mod jobctl;
mod page;
mod round_trip;
mod runtime;
mod similar_jobs;
mod support;
