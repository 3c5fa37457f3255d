//! Runs `build-vector-index` and `similar-jobs` on a market.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::settings::{Settings, from_variables};
use common::storage::settings::StorageSettings;
use common::storage::{Access, ArtifactStore, Registry, Warehouse, open_artifacts, open_warehouse};
use serde_json::{Value, json};

use super::{Ended, Market, Reply, Running, Service};

impl Market {
    /// Runs a program on the market and waits for its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Ended {
        Running::start(self.command(program).args(arguments)).end()
    }

    /// Starts a run of `build-vector-index`.
    pub(crate) fn indexing(&self, arguments: &[&str]) -> Running {
        let mut command = self.command("build-vector-index");
        // Two threads, because tests run concurrently.
        command.env("DEVICE", "cpu").env("THREADS", "2").env("LOG_FORMAT", "json");
        Running::start(command.arg("--once").args(arguments))
    }

    /// Runs `build-vector-index` and waits for its end.
    pub(crate) fn index(&self, arguments: &[&str]) -> Ended {
        self.indexing(arguments).end()
    }

    /// Runs `build-vector-index`, which must succeed, and returns the report.
    pub(crate) fn indexed(&self, arguments: &[&str]) -> Value {
        let ended = self.index(arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.answer()["report"].clone()
    }

    /// Starts `similar-jobs`, which checks for a newer index every second, and waits until it listens.
    pub(crate) fn serve(&self, variables: &[(&str, &str)]) -> Service {
        let mut command = self.command("similar-jobs");
        command.env("DEVICE", "cpu").env("INDEX_POLL_S", "1").envs(variables.iter().copied());
        Service::start(&mut command)
    }

    /// Starts `similar-jobs` and waits until it serves an index.
    pub(crate) fn serving(&self, variables: &[(&str, &str)]) -> Service {
        let mut service = self.serve(variables);
        service.wait_for_message("serves a new index");
        service
    }

    /// The storage settings of the market's programs.
    pub(crate) fn settings(&self) -> StorageSettings {
        self.read_settings()
    }

    /// The settings `S` that the market's programs read.
    pub(crate) fn read_settings<S: Settings>(&self) -> S {
        let command = self.command("similar-jobs");
        let text = |text: &std::ffi::OsStr| text.to_str().map(str::to_owned);
        let variables = command.get_envs().filter_map(|(name, value)| Some((text(name)?, text(value?)?)));
        from_variables(variables).expect("settings")
    }

    /// The warehouse of the market.
    pub(crate) async fn warehouse(&self) -> Arc<dyn Warehouse> {
        open_warehouse(&self.settings(), Access::Write).await.expect("the warehouse opens")
    }

    /// The artifact store of the market.
    pub(crate) fn artifacts(&self) -> Arc<dyn ArtifactStore> {
        open_artifacts(&self.settings()).expect("the store opens")
    }

    /// The registry of published indexes.
    pub(crate) fn registry(&self) -> Registry {
        Registry::new(self.artifacts(), common::index::manifest::KIND, "indexes")
    }

    /// Makes `version` the champion, unconditionally.
    pub(crate) async fn promote(&self, version: &str) {
        let registry = self.registry();
        let champion = registry.champion().await.expect("a champion");
        registry.promote(version, champion.as_ref()).await.expect("a promotion");
    }
}

impl Service {
    /// `GET path`.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// `POST /v1/similar`.
    pub(crate) fn similar(&self, query: &Value) -> Reply {
        let request = self.request("POST", "v1/similar").header("content-type", "application/json");
        request.body(query.to_string()).send()
    }

    /// The ads similar to an ad, which must be in the index.
    pub(crate) fn like(&self, ad: &Value) -> Value {
        let reply = self.similar(&json!({ "job": { "source": ad["source"], "job_id": ad["job_id"] } }));
        assert_eq!(reply.status, 200, "{}", reply.json);
        reply.json
    }

    /// `n` ads, evenly spread over the index, each with `source`, `job_id` and `job_title`.
    pub(crate) fn ads(&self, n: usize) -> Vec<Value> {
        let reply = self.get(&format!("v1/map?limit={n}"));
        assert_eq!(reply.status, 200, "{}", reply.json);
        reply.json["points"].as_array().expect("points").clone()
    }

    /// The version that is being served.
    pub(crate) fn version(&self) -> Value {
        self.get("v1/index").json["index_version"].clone()
    }

    /// Waits for the log line about serving `version`.
    pub(crate) fn wait_for_version(&mut self, version: &str) {
        self.process.wait_for_line(version, |line| line["index_version"] == version);
    }

    /// Waits for the log line about serving an index of `ads` ads.
    pub(crate) fn wait_for_ads(&mut self, ads: u64) {
        self.process.wait_for_line("an index", |line| line["rows"] == ads);
    }

    /// Polls until `version` is served.
    pub(crate) fn wait_until_served(&self, version: &str) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while self.version() != version {
            assert!(
                Instant::now() < deadline,
                "{version} is not served within the time limit, but {}",
                self.version()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a log line whose message contains `words`.
    pub(crate) fn wait_for_message(&mut self, words: &str) -> Value {
        self.process
            .wait_for_line(words, |line| line["message"].as_str().is_some_and(|text| text.contains(words)))
    }
}

/// The results of a reply, which must be successful.
pub(crate) fn results(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.json);
    reply.json["results"].as_array().unwrap_or_else(|| panic!("no results in {}", reply.json)).clone()
}
