//! Builds the vector index of everything that is embedded, checks it against exact search, and publishes it.
//!
//! - [`options`]: what a run may be told
//! - [`run`]: one run from warehouse to champion
//! - [`promote`]: going back to a version that is there
//! - [`report`]: what a run says of itself

mod options;
mod promote;
mod report;
mod run;
mod warehouse_index;

use std::process::ExitCode;

use common::shim::{Function, run_batch};
use common::storage::open_leases;

const FUNCTION: Function = Function {
    name: "build-vector-index",
    version: env!("CARGO_PKG_VERSION"),
    about: "Builds the vector index of every embedded ad, measures it against exact search, and publishes it",
};

fn main() -> ExitCode {
    run_batch(FUNCTION, open_leases, run::run)
}
