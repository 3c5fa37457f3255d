//! HTTP service that finds the ads most similar to an ad, a text or a vector, and explains why.
//!
//! - [`service`], [`router`]: steps common to all requests; endpoints by path
//! - [`endpoints`]: request and response of each path; [`page`]: the files of the page
//! - [`request`]: strict parsing of bodies and parameters; [`job_key`], [`answer`], [`why`]: members of requests
//!   and responses; [`etag`]: entity tags of responses
//! - [`index_source`], [`served_index`]: where indexes come from, and the one that is served; [`warehouse`]: searches in
//!   the warehouse instead; [`served_models`]: the models that predict
//! - [`embed`], [`search_pool`]: the thread with the model; the threads that search
//! - [`mod@settings`]: the service's settings; [`metrics`]: the process's metrics

mod answer;
mod embed;
mod endpoints;
mod etag;
mod index_source;
mod job_key;
mod metrics;
mod page;
mod request;
mod router;
mod search_pool;
mod served_index;
mod served_models;
mod service;
mod settings;
mod warehouse;
mod why;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use common::runtime::{Function, Start, run_service};
use common::storage::{Registry, Storage};
use common::{Result, embedding};

use served_models::ChampionSource;
use service::{Parts, SimilarJobs};
use settings::{Search, ServiceSettings};
use warehouse::WarehouseSearch;

const FUNCTION: Function = Function {
    name: "similar-jobs",
    version: env!("CARGO_PKG_VERSION"),
    about: "Serves the page and the HTTP interface that find ads like an ad, a text or a vector, and say why",
};

fn main() -> ExitCode {
    common::learning::set_wait_policy();
    run_service(FUNCTION, open)
}

async fn open(start: Start<ServiceSettings>) -> Result<SimilarJobs> {
    let Start { settings, shutdown } = start;
    let storage = Arc::new(Storage::new(settings.storage.clone()));
    let warehouse = match settings.search.search {
        Search::Index => None,
        Search::Warehouse => Some(WarehouseSearch::new(Arc::clone(&storage), &settings.embedding.model)?),
    };
    let (of_model, deadline) = (settings.embedding(), settings.deadline());
    SimilarJobs::start(Parts {
        source: Arc::new(index_source::Published {
            registry: Registry::new(storage.artifacts()?, common::index::manifest::KIND, "indexes"),
            index_dir: settings.index.index_dir.clone(),
            first_wait: settings.index_poll(),
            opened: Mutex::default(),
            failed: Mutex::default(),
        }),
        champions: ChampionSource {
            store: storage.artifacts()?,
            folder: settings.champions.champions_dir.clone(),
            every: settings.index_poll(),
        },
        warehouse,
        settings,
        open_model: Box::new(move || embedding::open_one(&of_model, deadline)),
        shutdown,
    })
}

#[cfg(test)]
mod testing;
