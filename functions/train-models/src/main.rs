//! Trains models of ads, judges them, and publishes those that are better than what is served.
//!
//! - [`context`]: state that all runs of a process share
//! - [`options`]: options of a run, and the command that they select
//! - [`run`]: one run: training, or a command on published models
//! - [`training`]: the ads are read once ([`load`]), then each kind of models is trained: [`salary`], [`role`], [`cluster`]
//! - [`workspace`]: journals of searches, and a lock for each model; [`publish`]: from a trained model to a version
//! - [`models`]: published models: list, show, promote, roll back; [`diff`]: two versions side by side
//! - [`export`]: ads and folds as files, for other programs
//! - [`experiments`]: runs in an MLflow server
//! - [`report`]: the report of a run

mod cluster;
mod context;
mod diff;
mod experiments;
mod export;
mod load;
mod models;
mod options;
mod publish;
mod report;
mod role;
mod run;
mod salary;
mod training;
mod workspace;

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
