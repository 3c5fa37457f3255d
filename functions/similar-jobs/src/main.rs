//! Answers over HTTP which ads are most like an ad, a text or a vector, and why.
//!
//! - [`service`]: from a request to whoever answers it, and what every answer has
//! - [`router`], [`request`]: paths; what a caller asks for, read strictly
//! - [`similar`], [`browse`], [`page`]: who answers; [`answer`], [`why`]: what answers look like
//! - [`search`], [`current`]: the index, and the version of it that is served
//! - [`embed`], [`cpu`]: the thread with the model; the threads that search
//! - [`metrics`]: what the process counts

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
mod similar;
mod why;

use std::process::ExitCode;
use std::sync::Arc;

use common::config::Search;
use common::shim::{Function, Start, run_service};
use common::{Error, Result, embedding};

use service::{Parts, State};

const FUNCTION: Function = Function {
    name: "similar-jobs",
    version: env!("CARGO_PKG_VERSION"),
    about: "Serves the page and the HTTP interface that find ads like an ad, a text or a vector, and say why",
};

fn main() -> ExitCode {
    run_service(FUNCTION, open)
}

async fn open(start: Start) -> Result<State> {
    let Start { config, shutdown } = start;
    if config.serving.search == Search::Warehouse {
        return Err(Error::configuration("SEARCH is \"warehouse\"; this version searches the index alone"));
    }
    let of_model = Arc::clone(&config);
    State::start(Parts {
        config,
        source: Arc::new(search::Nothing),
        open_model: Box::new(move || embedding::open_one(&of_model)),
        shutdown,
    })
}

#[cfg(test)]
mod testing;
