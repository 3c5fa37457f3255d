//! Answers over HTTP which ads are most like an ad, a text or a vector, and why.
//!
//! - [`service`], [`router`]: what every request goes through; which endpoint answers a path
//! - [`endpoints`]: what is asked and answered at each path; [`page`]: the files of the page
//! - [`request`]: strict reading of bodies and parameters; [`job_key`], [`answer`], [`why`]: members of requests and
//!   answers; [`etag`]: entity tags of answers
//! - [`search`], [`served_index`]: the index, and the version of it that is served; [`warehouse`]: the warehouse
//!   searched instead
//! - [`embed`], [`search_pool`]: the thread with the model; the threads that search
//! - [`metrics`]: what the process counts

mod answer;
mod embed;
mod endpoints;
mod etag;
mod job_key;
mod metrics;
mod page;
mod request;
mod router;
mod search;
mod search_pool;
mod served_index;
mod service;
mod warehouse;
mod why;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::config::Search;
use common::shim::{Function, Start, run_service};
use common::storage::{Registry, open_artifacts};
use common::{Result, embedding};

use service::{Parts, SimilarJobs};
use warehouse::WarehouseSearch;

const FUNCTION: Function = Function {
    name: "similar-jobs",
    version: env!("CARGO_PKG_VERSION"),
    about: "Serves the page and the HTTP interface that find ads like an ad, a text or a vector, and say why",
};

fn main() -> ExitCode {
    run_service(FUNCTION, open)
}

async fn open(start: Start) -> Result<SimilarJobs> {
    let Start { config, shutdown } = start;
    let warehouse = match config.serving.search {
        Search::Index => None,
        Search::Warehouse => Some(WarehouseSearch::new(Arc::clone(&config))?),
    };
    let of_model = Arc::clone(&config);
    let registry = Registry::new(open_artifacts(&config)?, "indexes");
    SimilarJobs::start(Parts {
        source: Arc::new(search::Published {
            registry,
            index_dir: config.index_dir.clone(),
            first_wait: Duration::from_secs(config.serving.index_poll_s),
            opened: Mutex::default(),
            failed: Mutex::default(),
        }),
        warehouse,
        config,
        open_model: Box::new(move || embedding::open_one(&of_model)),
        shutdown,
    })
}

#[cfg(test)]
mod testing;
