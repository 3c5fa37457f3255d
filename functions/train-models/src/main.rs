//! Trains models of ads, judges them, and publishes those that are better than what is served.
//!
//! - [`context`]: state that all runs of a process share
//! - [`options`]: options of a run, and the command that they select
//! - [`run`]: one run: training, or a command on published models
//! - [`salary`]: training of salary models
//! - [`models`]: published models: list, show, promote, roll back; [`diff`]: two versions side by side
//! - [`experiments`]: runs in an MLflow server
//! - [`report`]: the report of a run

mod context;
mod diff;
mod experiments;
mod models;
mod options;
mod report;
mod run;
mod salary;

use std::process::ExitCode;

use common::runtime::{Function, run_batch};

use context::TrainModels;

const FUNCTION: Function = Function {
    name: "train-models",
    version: env!("CARGO_PKG_VERSION"),
    about: "Trains models of ads, judges them on later ads, and publishes those that are better than the champions",
};

fn main() -> ExitCode {
    common::learning::set_wait_policy();
    run_batch::<TrainModels>(FUNCTION)
}
