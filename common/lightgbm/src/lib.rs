//! A safe interface to LightGBM: datasets, training with validation sets, prediction and contributions.
//!
//! - [`parameters`]: parameters by name, checked against LightGBM's own list
//! - [`dataset`]: rows in bins, and further datasets with the same bins
//! - [`training`]: rounds of boosting with a history, early stopping and a way to stop
//! - [`booster`]: a trained model: predictions, contributions, importance, text
//! - `text`: what a model's text must be before LightGBM reads it
//! - `native`, `ffi`: the calls into LightGBM and their declarations, the only unsafe code
//!
//! The library is the one of LightGBM's own Python package, which `scripts/setup` downloads. The crates `lightgbm3` and
//! `lightgbm3-sys` are not used: the former's datasets ignore their parameters and its contributions of several classes
//! are written past the end of the buffer, and the latter compiles LightGBM's C++
//! (`docs/decisions/022-lightgbm.md`).
//!
//! Results do not depend on the number of threads. LightGBM keeps the number of threads for the whole process, and its
//! buffers are as many as the threads: two calls with different numbers at once would write outside them. This crate
//! never sets that number. It sets OpenMP's, which each thread of the process has for itself.
//!
//! On a machine that does other work too, the variable `OMP_WAIT_POLICY=passive` keeps its threads from spinning while
//! they wait for one another. A program sets it by [`set_wait_policy`], and `.cargo/config.toml` sets it for tests.
//!
//! LightGBM's messages are events of level `DEBUG`. It also prints the message of each error to standard error.

use std::os::unix::process::CommandExt;
use std::process::Command;

pub mod booster;
pub mod dataset;
mod ffi;
mod native;
pub mod parameters;
mod text;
pub mod training;

pub use booster::{Booster, Importance};
pub use dataset::{Dataset, DatasetOptions, Matrix};
pub use parameters::Parameters;
pub use training::{EarlyStopping, Evaluation, Round, Trained, Training, train};

/// Restarts this program with `OMP_WAIT_POLICY=passive`, unless the variable is set: OpenMP reads it when a process
/// starts. Call it first in `main`.
///
/// By default, threads that wait for one another spin. Two trainings at once on two cores then took over ten times as
/// long. If the program cannot be restarted, nothing changes.
pub fn set_wait_policy() {
    const NAME: &str = "OMP_WAIT_POLICY";
    if std::env::var_os(NAME).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let mut arguments = std::env::args_os();
        let mut command = Command::new(program);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        // Returns only if it fails.
        let _error = command.args(arguments).env(NAME, "passive").exec();
    }
}

#[cfg(test)]
mod tests;
