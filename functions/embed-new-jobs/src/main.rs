//! Embeds every ad that has no current embedding.
//!
//! - [`context`]: what the runs of one process share
//! - [`options`]: what a run may be told
//! - [`run`]: one run from warehouse to report
//! - [`plan`]: which ads of a page need what
//! - [`workers`]: threads that turn texts into vectors
//! - [`writer`]: what becomes of the vectors
//! - [`report`]: what a run says of itself

mod context;
mod options;
mod plan;
mod report;
mod run;
mod workers;
mod writer;

use std::process::ExitCode;

use common::runtime::{Function, run_batch};

use context::EmbedNewJobs;

const FUNCTION: Function = Function {
    name: "embed-new-jobs",
    version: env!("CARGO_PKG_VERSION"),
    about: "Embeds every ad in cleaned_jobs that has no current embedding, and writes them to job_embeddings",
};

fn main() -> ExitCode {
    run_batch::<EmbedNewJobs>(FUNCTION)
}
