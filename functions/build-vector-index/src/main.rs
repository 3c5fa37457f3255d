//! Builds the vector index of everything that is embedded, checks it against exact search, and publishes it.
//!
//! - [`context`]: what the runs of one process share
//! - [`options`]: what a run may be told
//! - [`run`]: one run from warehouse to champion
//! - [`promote`]: going back to a version that is there
//! - [`report`]: what a run says of itself

mod context;
mod options;
mod promote;
mod report;
mod run;
mod warehouse_index;

use std::process::ExitCode;

use common::runtime::{Function, run_batch};

use context::BuildVectorIndex;

const FUNCTION: Function = Function {
    name: "build-vector-index",
    version: env!("CARGO_PKG_VERSION"),
    about: "Builds the vector index of every embedded ad, measures it against exact search, and publishes it",
};

fn main() -> ExitCode {
    run_batch::<BuildVectorIndex>(FUNCTION)
}
