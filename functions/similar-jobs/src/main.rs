//! Answers over HTTP which ads are most like an ad, a text or a vector, and why.
//!
//! - [`service`]: from a request to whoever answers it, and what every answer has
//! - [`router`], [`request`]: paths; what a caller asks for, read strictly
//! - [`similar`], [`browse`], [`page`]: who answers; [`answer`], [`why`]: what answers look like
//! - [`search`], [`current`]: the index, and the version of it that is served; [`warehouse`]: searching there instead
//! - [`embed`], [`cpu`]: the thread with the model; the threads that search
//! - [`mod@settings`]: what it reads; [`metrics`]: what the process counts

mod answer;
mod browse;
mod cpu;
mod current;
mod embed;
mod metrics;
mod page;
mod request;
mod router;
mod search;
mod service;
mod settings;
mod similar;
mod warehouse;
mod why;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use common::runtime::{Function, Start, run_service};
use common::storage::{Registry, Storage};
use common::{Result, embedding};

use service::{Parts, State};
use settings::{Search, ServiceSettings};
use warehouse::WarehouseSearch;

const FUNCTION: Function = Function {
    name: "similar-jobs",
    version: env!("CARGO_PKG_VERSION"),
    about: "Serves the page and the HTTP interface that find ads like an ad, a text or a vector, and say why",
};

fn main() -> ExitCode {
    run_service(FUNCTION, open)
}

async fn open(start: Start<ServiceSettings>) -> Result<State> {
    let Start { settings, shutdown } = start;
    let storage = Arc::new(Storage::new(settings.storage.clone()));
    let warehouse = match settings.search.search {
        Search::Index => None,
        Search::Warehouse => Some(WarehouseSearch::new(Arc::clone(&storage), &settings.embedding.model)?),
    };
    let (of_model, deadline) = (settings.embedding(), settings.deadline());
    State::start(Parts {
        source: Arc::new(search::Published {
            registry: Registry::new(storage.artifacts()?, common::index::manifest::KIND, "indexes"),
            index_dir: settings.index.index_dir.clone(),
            first_wait: settings.index_poll(),
            opened: Mutex::default(),
            failed: Mutex::default(),
        }),
        warehouse,
        settings,
        open_model: Box::new(move || embedding::open_one(&of_model, deadline)),
        shutdown,
    })
}

#[cfg(test)]
mod testing;
