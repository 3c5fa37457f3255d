//! Runs in an MLflow server: parameters, metrics, trials and artifacts, over its REST interface.
//!
//! Only the server's own addresses are called: artifacts go through its proxy (`--serve-artifacts`, its default). A
//! failure is a warning and never fails the training.

mod client;

use std::collections::BTreeMap;
use std::path::Path;

use common::settings::Value;
use common::{Error, Result, feed};
use serde::Serialize;

use client::{Client, OpenRun};

/// Name of the experiment that runs belong to.
const EXPERIMENT: &str = "job-market";

/// The tag of a trial that names the run it belongs to.
const PARENT: &str = "mlflow.parentRunId";

/// Base address of an MLflow server, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrackingUri(String);

impl Value for TrackingUri {
    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        match host {
            Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("the address of an MLflow server, for example http://127.0.0.1:5000".to_owned()),
        }
    }
}

/// Whether a run is in an MLflow server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrackingState {
    /// `MLFLOW_TRACKING_URI` is not set.
    Off,
    /// Everything was logged.
    Logged,
    /// Something could not be logged; the log has the reason.
    Failed,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    /// It is complete.
    Finished,
    /// A part of it could not be logged.
    Failed,
}

/// Texts by name: parameters or tags.
pub(crate) type Texts = BTreeMap<String, String>;

/// Numbers by name. Those that are not finite are left out.
pub(crate) type Numbers = BTreeMap<String, f64>;

/// What a trial tried and reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trial {
    /// Its name in the list of runs.
    pub(crate) name: String,
    pub(crate) params: Texts,
    pub(crate) metrics: Numbers,
}

/// One run of this program in an MLflow server. After a failure nothing more is sent, except the end of the run.
pub(crate) struct Tracking {
    client: Option<Client>,
    run: Option<OpenRun>,
    has_failed: bool,
}

impl Tracking {
    /// Logs to the server at `uri`, or nowhere without one. Sends nothing yet.
    pub(crate) fn new(uri: Option<&TrackingUri>) -> Self {
        Self { client: uri.map(|uri| Client::new(uri.0.clone())), run: None, has_failed: false }
    }

    /// Starts a run with this name.
    pub(crate) async fn start(&mut self, name: &str, params: &Texts, tags: &Texts) {
        let (name, params, tags) = (name.to_owned(), params.clone(), tags.clone());
        self.run = self.send(move |client, _| client.create_run(EXPERIMENT, &name, &tags)).await;
        self.send(move |client, run| client.log(&opened(run)?, &params, &Numbers::new())).await;
    }

    /// Adds metrics to the run.
    pub(crate) async fn metrics(&mut self, metrics: &Numbers) {
        let metrics = metrics.clone();
        self.send(move |client, run| client.log(&opened(run)?, &Texts::new(), &metrics)).await;
    }

    /// Adds a trial: a finished run of its own below this one.
    pub(crate) async fn trial(&mut self, trial: &Trial) {
        let trial = trial.clone();
        self.send(move |client, run| {
            let parent = Texts::from([(PARENT.to_owned(), opened(run)?.run_id)]);
            let run = client.create_run(EXPERIMENT, &trial.name, &parent)?;
            client.log(&run, &trial.params, &trial.metrics)?;
            client.end_run(&run, Status::Finished)
        })
        .await;
    }

    /// Uploads a file under its own name.
    pub(crate) async fn artifact(&mut self, path: &Path) {
        let path = path.to_owned();
        self.send(move |client, run| client.upload(&opened(run)?, &path)).await;
    }

    /// Ends the run, as failed if a part of it could not be logged. Also tried after a failure, so that the server does
    /// not show the run as running.
    pub(crate) async fn finish(&mut self) {
        let had_failed = std::mem::take(&mut self.has_failed);
        let status = if had_failed { Status::Failed } else { Status::Finished };
        if self.run.is_some() {
            self.send(move |client, run| client.end_run(&opened(run)?, status)).await;
        }
        self.has_failed |= had_failed;
        self.run = None;
    }

    /// Whether everything was logged so far.
    pub(crate) fn state(&self) -> TrackingState {
        match (&self.client, self.has_failed) {
            (None, _) => TrackingState::Off,
            (Some(_), false) => TrackingState::Logged,
            (Some(_), true) => TrackingState::Failed,
        }
    }

    /// Sends requests on a thread. Returns `None` without a server, and after the first failed request.
    async fn send<T: Send + 'static>(
        &mut self,
        request: impl FnOnce(&Client, Option<OpenRun>) -> Result<T> + Send + 'static,
    ) -> Option<T> {
        let client = self.client.clone().filter(|_| !self.has_failed)?;
        let (run, address) = (self.run.clone(), client.address().to_owned());
        match feed::blocking("logging to MLflow", move || request(&client, run)).await {
            Ok(sent) => Some(sent),
            Err(error) => {
                tracing::warn!(
                    "the run is not logged to MLflow at {address}, and goes on without it: {}",
                    error.chain()
                );
                self.has_failed = true;
                None
            }
        }
    }
}

fn opened(run: Option<OpenRun>) -> Result<OpenRun> {
    run.ok_or_else(|| Error::internal("no run was started in MLflow"))
}

#[cfg(test)]
mod mlflow;
#[cfg(test)]
mod tests;
