//! The requests to an MLflow server.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::error::OnPath;
use common::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::StatusCode;

use super::{Numbers, Status, Texts};

/// Time limit of one request. An upload may take longer.
const REQUEST: Duration = Duration::from_secs(20);

/// Time limit of one upload.
const UPLOAD: Duration = Duration::from_mins(5);

/// Waits between the attempts of a request that may be repeated.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// The most parameters and metrics in one request, and characters of a parameter, that MLflow takes.
const MOST_PARAMS: usize = 100;
const MOST_METRICS: usize = 1000;
const MOST_CHARACTERS: usize = 6000;

/// The scheme of artifacts that the server stores itself.
const PROXIED: &str = "mlflow-artifacts:";

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    agent: Agent,
    address: String,
}

/// A run that was started.
#[derive(Debug, Clone)]
pub(super) struct OpenRun {
    pub(super) run_id: String,
    /// Where its artifacts go.
    artifact_uri: String,
}

/// An error as the server describes it.
#[derive(Debug, Deserialize)]
struct Refusal {
    error_code: String,
    #[serde(default)]
    message: String,
}

impl Client {
    pub(super) fn new(address: String) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(REQUEST)).build();
        Self { agent: config.into(), address }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Starts a run in the experiment with this name, which is created if it does not exist.
    pub(super) fn create_run(&self, experiment: &str, name: &str, tags: &Texts) -> Result<OpenRun> {
        #[derive(Deserialize)]
        struct Created {
            run: Run,
        }
        #[derive(Deserialize)]
        struct Run {
            info: Info,
        }
        #[derive(Deserialize)]
        struct Info {
            run_id: String,
            artifact_uri: String,
        }
        let body = json!({
            "experiment_id": self.experiment(experiment)?,
            "run_name": name,
            "start_time": now_ms(),
            "tags": pairs(tags),
        });
        // Not repeated: the first attempt may have created a run.
        let created: Created = read(self.post_once("runs/create", &body)?)?;
        let Info { run_id, artifact_uri } = created.run.info;
        Ok(OpenRun { run_id, artifact_uri })
    }

    fn experiment(&self, name: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct Made {
            experiment_id: String,
        }
        #[derive(Deserialize)]
        struct Found {
            experiment: Experiment,
        }
        #[derive(Deserialize)]
        struct Experiment {
            experiment_id: String,
            lifecycle_stage: String,
        }
        let find = || -> Result<Option<String>> {
            let url = self.url("experiments/get-by-name");
            let found = repeated(|| {
                answered(self.agent.get(&url).query("experiment_name", name).call(), "get-by-name")
            });
            match found {
                Ok(found) => {
                    let Found { experiment } = read(found)?;
                    if experiment.lifecycle_stage != "active" {
                        return Err(Error::conflict(format!(
                            "the experiment {name:?} was deleted: restore it in MLflow"
                        )));
                    }
                    Ok(Some(experiment.experiment_id))
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        };
        if let Some(id) = find()? {
            return Ok(id);
        }
        match self.post("experiments/create", &json!({ "name": name })) {
            Ok(made) => Ok(read::<Made>(made)?.experiment_id),
            // Another run created it in the meantime.
            Err(error) if error.kind() == ErrorKind::Conflict => find()?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// Adds parameters and metrics to a run.
    pub(super) fn log(&self, run: &OpenRun, params: &Texts, metrics: &Numbers) -> Result<()> {
        let at = now_ms();
        let metrics: Vec<Value> = metrics
            .iter()
            .filter(|(_, value)| value.is_finite())
            .map(|(name, value)| json!({ "key": key(name), "value": value, "timestamp": at, "step": 0 }))
            .collect();
        for params in pairs(params).chunks(MOST_PARAMS) {
            self.post("runs/log-batch", &json!({ "run_id": run.run_id, "params": params }))?;
        }
        for metrics in metrics.chunks(MOST_METRICS) {
            self.post("runs/log-batch", &json!({ "run_id": run.run_id, "metrics": metrics }))?;
        }
        Ok(())
    }

    pub(super) fn end_run(&self, run: &OpenRun, status: Status) -> Result<()> {
        let body = json!({ "run_id": run.run_id, "status": status, "end_time": now_ms() });
        self.post("runs/update", &body).map(drop)
    }

    /// Uploads a file through the server.
    pub(super) fn upload(&self, run: &OpenRun, path: &Path) -> Result<()> {
        let Some(folder) = proxied_folder(&run.artifact_uri) else {
            return Err(Error::configuration(format!(
                "the server stores artifacts in {}, which only its own clients write to: start it with --serve-artifacts",
                run.artifact_uri
            )));
        };
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Error::invalid_input(format!("invalid artifact {:?}: expected a file", path.display()))
        })?;
        let url = format!("{}/api/2.0/mlflow-artifacts/artifacts/{folder}/{name}", self.address);
        repeated(|| {
            let file = File::open(path).on_path("cannot read", path)?;
            let bytes = file.metadata().on_path("cannot look at", path)?.len();
            let request = self
                .agent
                .put(&url)
                .config()
                .timeout_global(Some(UPLOAD))
                .build()
                .header("content-type", "application/octet-stream")
                .header("content-length", bytes.to_string());
            answered(request.send(file), name)
        })
        .map(drop)
    }

    fn url(&self, method: &str) -> String {
        format!("{}/api/2.0/mlflow/{method}", self.address)
    }

    fn post(&self, method: &str, body: &Value) -> Result<Value> {
        repeated(|| self.post_once(method, body))
    }

    fn post_once(&self, method: &str, body: &Value) -> Result<Value> {
        answered(self.agent.post(self.url(method)).send_json(body), method)
    }
}

/// Sends a request that may arrive twice until it succeeds, fails for good, or was tried three times.
fn repeated(request: impl Fn() -> Result<Value>) -> Result<Value> {
    for wait in WAITS {
        match request() {
            Err(error) if error.kind().is_retryable() => thread::sleep(wait),
            outcome => return outcome,
        }
    }
    request()
}

/// The JSON body of a successful answer, null if it is empty; `what` names the request in errors.
fn answered(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>, what: &str) -> Result<Value> {
    let mut answer =
        answer.map_err(|error| Error::unavailable(format!("{what} was not answered")).caused_by(error))?;
    let status = answer.status();
    let text = answer
        .body_mut()
        .read_to_string()
        .map_err(|error| Error::unavailable(format!("the answer to {what} broke off")).caused_by(error))?;
    if status.is_success() && text.is_empty() {
        // An upload.
        return Ok(Value::Null);
    }
    if status.is_success() {
        return serde_json::from_str(&text).map_err(|error| {
            Error::internal(format!("invalid answer to {what}: expected the JSON of an MLflow server"))
                .caused_by(error)
        });
    }
    let refusal = serde_json::from_str::<Refusal>(&text).ok();
    let code = refusal.as_ref().map(|refusal| refusal.error_code.as_str());
    let kind = match (status, code) {
        (_, Some("RESOURCE_ALREADY_EXISTS")) => ErrorKind::Conflict,
        (_, Some("RESOURCE_DOES_NOT_EXIST")) => ErrorKind::NotFound,
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => ErrorKind::Forbidden,
        (StatusCode::TOO_MANY_REQUESTS, _) => ErrorKind::Unavailable,
        (status, _) if status.is_server_error() => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    let why = refusal.map(|refusal| format!("{}: {}", refusal.error_code, refusal.message));
    Err(Error::new(kind, format!("{what} was answered with {}", status.as_u16()))
        .caused_by(why.unwrap_or_else(|| text.chars().take(200).collect())))
}

fn read<T: for<'a> Deserialize<'a>>(answer: Value) -> Result<T> {
    serde_json::from_value(answer).map_err(|error| {
        Error::internal("invalid answer: expected the JSON of an MLflow server").caused_by(error)
    })
}

/// The folder of a run's artifacts on the server, or `None` if the server does not store them itself:
/// `mlflow-artifacts:/1/abc/artifacts`, also with a host, becomes `1/abc/artifacts`.
fn proxied_folder(artifact_uri: &str) -> Option<&str> {
    let rest = artifact_uri.strip_prefix(PROXIED)?;
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/')?.1,
        None => rest,
    };
    Some(path.trim_matches('/'))
}

/// Names and values as MLflow takes them.
fn pairs(texts: &Texts) -> Vec<Value> {
    texts
        .iter()
        .map(|(name, text)| {
            let value: String = text.chars().take(MOST_CHARACTERS).collect();
            json!({ "key": key(name), "value": value })
        })
        .collect()
}

/// `name` with the characters that MLflow takes in names, at most 250.
fn key(name: &str) -> String {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || "_-. :/".contains(c);
    let plain = |c: char| if is_valid(c) { c } else { '_' };
    name.trim_matches(['/', '.']).chars().take(250).map(plain).collect()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_that_the_server_stores_are_recognised() {
        for uri in ["mlflow-artifacts:/1/ab/artifacts", "mlflow-artifacts://host:5000/1/ab/artifacts"] {
            assert_eq!(proxied_folder(uri), Some("1/ab/artifacts"), "{uri}");
        }
        for uri in ["s3://bucket/1/ab/artifacts", "/srv/mlruns/1", "mlflow-artifacts://host"] {
            assert_eq!(proxied_folder(uri), None, "{uri}");
        }
    }

    #[test]
    fn names_and_values_are_cut_to_what_mlflow_takes() {
        assert_eq!(key("error: band 4,000–5,000/£"), "error: band 4_000_5_000/_");
        assert_eq!(key("../up"), "up");
        assert_eq!(key(&"n".repeat(300)).len(), 250);
        let long = Texts::from([("recipe".to_owned(), "é".repeat(7000))]);
        assert_eq!(pairs(&long)[0]["value"].as_str().unwrap().chars().count(), 6000);
    }
}
