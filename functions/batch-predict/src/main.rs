//! Predicts salary, role and cluster of every ad that has a vector and no prediction by the champions.
//!
//! - [`context`]: state that all runs of a process share
//! - [`options`]: options of a run
//! - [`run`]: one run, from the warehouse to the report
//! - [`asked`]: the ads that `--job-ids` names
//! - [`stream`]: ads are read, predicted and written page by page
//! - [`report`]: the report of a run

mod asked;
mod context;
mod options;
mod report;
mod run;
mod stream;

use std::process::ExitCode;

use common::runtime::{Function, run_batch};

use context::BatchPredict;

const FUNCTION: Function = Function {
    name: "batch-predict",
    version: env!("CARGO_PKG_VERSION"),
    about: "Predicts salary, role and cluster of every ad that has no prediction by the champions, and writes them to \
            ml_predictions",
};

fn main() -> ExitCode {
    common::learning::set_wait_policy();
    run_batch::<BatchPredict>(FUNCTION)
}
