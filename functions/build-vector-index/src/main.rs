//! Builds the vector index of all embedded ads, compares it with exact search, and publishes it.
//!
//! - [`context`]: state that all runs of a process share
//! - [`options`]: options of a run
//! - [`run`]: one run from warehouse to champion; [`clustering`]: the clustering that places the ads
//! - [`published`]: published versions; [`promote`]: promoting one of them
//! - [`report`]: the report of a run

mod clustering;
mod context;
mod options;
mod promote;
mod published;
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
