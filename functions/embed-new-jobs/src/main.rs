//! Embeds every ad that has no current embedding.
//!
//! - [`context`]: the state that the runs of one process share
//! - [`options`]: the options of a run
//! - [`run`]: one run, from the warehouse to the report
//! - [`plan`]: decides what each ad of a page needs
//! - [`workers`]: threads that compute embeddings
//! - [`writer`]: writes embeddings to the warehouse
//! - [`report`]: the report of a run

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
