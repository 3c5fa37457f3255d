//! `build-vector-index` and `similar-jobs` on a market.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::settings::{Settings, from_variables};
use common::storage::settings::StorageSettings;
use common::storage::{Access, ArtifactStore, Registry, Warehouse, open_artifacts, open_warehouse};
use serde_json::{Value, json};

use super::{Ended, Market, Reply, Running, Service};

impl Market {
    /// Runs a program of the market to its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Ended {
        Running::start(self.command(program).args(arguments)).end()
    }

    /// `build-vector-index`, about to run once.
    pub(crate) fn indexing(&self, arguments: &[&str]) -> Running {
        let mut command = self.command("build-vector-index");
        // Two threads, which tests that run at once can share.
        command.env("DEVICE", "cpu").env("THREADS", "2").env("LOG_FORMAT", "json");
        Running::start(command.arg("--once").args(arguments))
    }

    /// Runs it to its end.
    pub(crate) fn index(&self, arguments: &[&str]) -> Ended {
        self.indexing(arguments).end()
    }

    /// The report of a run that must succeed.
    pub(crate) fn indexed(&self, arguments: &[&str]) -> Value {
        let ended = self.index(arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.answer()["report"].clone()
    }

    /// `similar-jobs`, listening; it looks for a newer index every second.
    pub(crate) fn serve(&self, variables: &[(&str, &str)]) -> Service {
        let mut command = self.command("similar-jobs");
        command.env("DEVICE", "cpu").env("INDEX_POLL_S", "1").envs(variables.iter().copied());
        Service::start(&mut command)
    }

    /// `similar-jobs` once it serves an index.
    pub(crate) fn serving(&self, variables: &[(&str, &str)]) -> Service {
        let mut service = self.serve(variables);
        service.wait_for_message("serves a new index");
        service
    }

    /// What the market's programs are told.
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

    /// The warehouse that they use.
    pub(crate) async fn warehouse(&self) -> Arc<dyn Warehouse> {
        open_warehouse(&self.settings(), Access::Write).await.expect("the warehouse opens")
    }

    /// The artifact store that they use.
    pub(crate) fn artifacts(&self) -> Arc<dyn ArtifactStore> {
        open_artifacts(&self.settings()).expect("the store opens")
    }

    /// The versions of the index that are published there.
    pub(crate) fn registry(&self) -> Registry {
        Registry::new(self.artifacts(), common::index::manifest::KIND, "indexes")
    }

    /// Makes `version` the champion, whatever it is now.
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

    /// What is like an ad, which must be there.
    pub(crate) fn like(&self, ad: &Value) -> Value {
        let reply = self.similar(&json!({ "job": { "source": ad["source"], "job_id": ad["job_id"] } }));
        assert_eq!(reply.status, 200, "{}", reply.json);
        reply.json
    }

    /// `n` ads, evenly over the index: each with `source`, `job_id` and `job_title`.
    pub(crate) fn ads(&self, n: usize) -> Vec<Value> {
        let reply = self.get(&format!("v1/map?limit={n}"));
        assert_eq!(reply.status, 200, "{}", reply.json);
        reply.json["points"].as_array().expect("points").clone()
    }

    /// The version that is served at this moment.
    pub(crate) fn version(&self) -> Value {
        self.get("v1/index").json["index_version"].clone()
    }

    /// Waits until `version` is served.
    pub(crate) fn wait_for_version(&mut self, version: &str) {
        self.process.wait_for_line(version, |line| line["index_version"] == version);
    }

    /// Waits until an index of so many ads is served.
    pub(crate) fn wait_for_ads(&mut self, ads: u64) {
        self.process.wait_for_line("an index", |line| line["rows"] == ads);
    }

    /// Asks until `version` is what is served.
    pub(crate) fn wait_until_served(&self, version: &str) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while self.version() != version {
            assert!(Instant::now() < deadline, "{version} is never served, but {}", self.version());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a line of the log with these words in its message.
    pub(crate) fn wait_for_message(&mut self, words: &str) -> Value {
        self.process
            .wait_for_line(words, |line| line["message"].as_str().is_some_and(|text| text.contains(words)))
    }
}

/// The results of an answer, which must be one.
pub(crate) fn results(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.json);
    reply.json["results"].as_array().unwrap_or_else(|| panic!("no results in {}", reply.json)).clone()
}
