//! What the tests are run against: the service on a port of its own, over a small index and a model that hashes words.

mod market;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::settings::from_variables;
use common::storage::Storage;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::embed::{EmbedQueue, Open};
use crate::endpoints::{self, Resources, Route};
use crate::metrics::Metrics;
use crate::search_pool::SearchPool;
use crate::served_index::Follower;
use crate::served_models::{ChampionSource, ServedModels};
use crate::service::{Parts, SimilarJobs};
use crate::settings::{Search, ServiceSettings};
use crate::warehouse::WarehouseSearch;

pub(crate) use market::{DIMENSION, SPACE, Store, Words, clustered_market, index, market, vector};

/// The service, listening. Dropping it ends it as SIGTERM would.
pub(crate) struct Running {
    pub(crate) port: u16,
    pub(crate) shutdown: CancellationToken,
    server: Option<JoinHandle<()>>,
    runtime: Runtime,
}

/// The endpoints of the service, over an empty store.
pub(crate) fn routes() -> Vec<Route> {
    let runtime = Runtime::new().unwrap();
    let _runtime = runtime.enter();
    let metrics = Arc::<Metrics>::default();
    let follower = Follower {
        source: Arc::<Store>::default(),
        every: Duration::from_mins(1),
        deadline: Duration::from_secs(1),
        metrics: Arc::clone(&metrics),
        shutdown: CancellationToken::new(),
    };
    let model = Words::open(Duration::ZERO);
    endpoints::table(&Resources {
        index: follower.start(),
        models: ServedModels::none(),
        pool: SearchPool::new(1),
        embedder: Arc::new(EmbedQueue::start(model, Duration::from_mins(1), Arc::clone(&metrics)).unwrap()),
        warehouse: None,
        metrics,
    })
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Running {
    pub(crate) fn start(store: Arc<Store>, open_model: Open, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: ServiceSettings = from_variables(variables).unwrap();
        let is_elsewhere = settings.search.search == Search::Warehouse;
        let storage = Arc::new(Storage::new(settings.storage.clone()));
        let runtime = Runtime::new().unwrap();
        let shutdown = CancellationToken::new();
        let parts = Parts {
            source: store,
            champions: ChampionSource {
                store: storage.artifacts().unwrap(),
                folder: settings.champions.champions_dir.clone(),
                every: Duration::from_mins(1),
            },
            warehouse: is_elsewhere
                .then(|| WarehouseSearch::new(storage, &settings.embedding.model).unwrap()),
            settings,
            open_model,
            shutdown: shutdown.clone(),
        };
        let (port, server) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let state = Arc::new(SimilarJobs::start(parts).unwrap());
            (port, tokio::spawn(common::runtime::serve(state, listener, shutdown.clone())))
        });
        Self { port, shutdown, server: Some(server), runtime }
    }

    /// With the usual market and a model that takes no time.
    pub(crate) fn usual() -> Self {
        Self::start(Store::with(market("v1")), Words::open(Duration::ZERO), &[])
    }

    /// With the usual market in clusters.
    pub(crate) fn clustered() -> Self {
        Self::start(Store::with(clustered_market("v1")), Words::open(Duration::ZERO), &[])
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_mins(1)));
        let agent: ureq::Agent = config.build().into();
        let mut response = agent.run(request.body(body).unwrap()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), text, json }
    }

    /// Head and body as they come, compressed or not.
    pub(crate) fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (ureq::http::HeaderMap, Vec<u8>) {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.run(request.body(()).unwrap()).unwrap();
        let bytes = response.body_mut().read_to_vec().unwrap();
        (response.headers().clone(), bytes)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, body: impl AsRef<[u8]>) -> Reply {
        self.send("POST", "/v1/similar", &[("content-type", "application/json")], body.as_ref())
    }

    /// Waits until `/metrics` has `line`.
    pub(crate) fn wait_for_metric(&self, line: &str) {
        for _ in 0..1000 {
            if self.get("/metrics").text.lines().any(|found| found == line) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no {line} in {}", self.get("/metrics").text);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(server) = self.server.take() {
            let ended =
                self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), server).await });
            assert!(std::thread::panicking() || ended.is_ok(), "the service did not end");
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn detail(&self) -> &str {
        self.json["detail"].as_str().unwrap_or_default()
    }

    /// Titles of the results, best first.
    pub(crate) fn titles(&self) -> Vec<&str> {
        titles(&self.json["results"])
    }
}

pub(crate) fn titles(results: &Value) -> Vec<&str> {
    let results = results.as_array().unwrap_or_else(|| panic!("no results but {results}"));
    results.iter().map(|job| job["job_title"].as_str().unwrap()).collect()
}

/// What is read from `stream` until its other end closes it.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Sends text and leaves the connection open.
pub(crate) fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
}
