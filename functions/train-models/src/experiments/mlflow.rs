//! The test against a real MLflow server, in the environment that `scripts/test` installs.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::*;

/// A server with its own store, which ends with the test.
struct Server {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

/// The Python that has MLflow, or `None` if `scripts/test` has not installed it.
fn python() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    Some(cache.join("job-market/mlflow-venv/bin/python")).filter(|python| python.exists())
}

impl Server {
    fn start() -> Option<Self> {
        let python = python()?;
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python);
        command
            .args(["-m", "mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db"])
            .args(["--artifacts-destination", "./files", "--host", "127.0.0.1", "--workers", "1", "--port"])
            .arg(port.to_string())
            .current_dir(folder.path())
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::from(std::fs::File::create(folder.path().join("log")).unwrap()));
        let process = std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn().unwrap();
        let mut server = Self { process, address: format!("http://127.0.0.1:{port}"), folder };
        let deadline = Instant::now() + Duration::from_mins(4);
        while ureq::get(format!("{}/health", server.address)).call().is_err() {
            let ended = server.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", server.log());
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(server)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn post(&self, method: &str, body: &Json) -> Json {
        let url = format!("{}/api/2.0/mlflow/{method}", self.address);
        ureq::post(url).send_json(body).unwrap().body_mut().read_json().unwrap()
    }

    fn runs(&self) -> Vec<Json> {
        let url = format!("{}/api/2.0/mlflow/experiments/get-by-name", self.address);
        let found = ureq::get(url).query("experiment_name", EXPERIMENT).call();
        let found: Json = found.unwrap().body_mut().read_json().unwrap();
        let experiment = &found["experiment"]["experiment_id"];
        let runs = self.post("runs/search", &json!({ "experiment_ids": [experiment] }));
        runs["runs"].as_array().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its worker is a process of the same group.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}

fn texts(values: &[(&str, &str)]) -> Texts {
    values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The values of a list of keys and values.
fn values(list: &Json) -> Json {
    let pairs = list.as_array().into_iter().flatten();
    Json::Object(
        pairs.map(|pair| (pair["key"].as_str().unwrap().to_owned(), pair["value"].clone())).collect(),
    )
}

#[tokio::test]
async fn a_run_is_in_a_real_server_with_its_trials_and_files() {
    let Some(server) = Server::start() else {
        let _ = writeln!(std::io::stderr(), "LEFT OUT: the test against MLflow: scripts/test installs it");
        return;
    };
    let uri = <TrackingUri as Value>::read(&server.address).unwrap();
    // The second run finds the experiment that the first one has created.
    for name in ["salary_predictor", "salary_predictor_gbp"] {
        let mut tracking = Tracking::new(Some(&uri));
        let params = texts(&[("ridge.alpha", "3"), ("trees.£", &"x".repeat(7000))]);
        tracking.start(name, &params, &texts(&[("run_id", "0193")])).await;
        for mae in [0.1 + 0.2, 1234.5] {
            let trial = Trial {
                name: format!("{name} trial"),
                params: texts(&[("num_leaves", "31")]),
                metrics: Numbers::from([("mae".to_owned(), mae)]),
            };
            tracking.trial(&trial).await;
        }
        let metrics = Numbers::from([("test_r2".to_owned(), 0.1 + 0.2), ("none".to_owned(), f64::NAN)]);
        tracking.metrics(&metrics).await;
        let page = server.folder.path().join("report.html");
        std::fs::write(&page, name.repeat(100_000)).unwrap();
        tracking.artifact(&page).await;
        assert_eq!(tracking.state(), TrackingState::Logged, "{}", server.log());
        tracking.finish().await;
        assert_eq!(tracking.state(), TrackingState::Logged, "{}", server.log());
    }
    let runs = server.runs();
    assert_eq!(runs.len(), 6);
    let of = |name: &str| runs.iter().filter(|run| run["info"]["run_name"] == name).collect::<Vec<_>>();
    let [run] = of("salary_predictor_gbp")[..] else { panic!("{runs:?}") };
    assert_eq!(run["info"]["status"], "FINISHED");
    let (data, id) = (&run["data"], &run["info"]["run_id"]);
    assert_eq!(values(&data["metrics"]), json!({ "test_r2": 0.1 + 0.2 }), "every bit of a metric is kept");
    assert_eq!(values(&data["params"]), json!({ "ridge.alpha": "3", "trees._": "x".repeat(6000) }));
    assert_eq!(values(&data["tags"])["run_id"], "0193");
    let trials = of("salary_predictor_gbp trial");
    assert_eq!(trials.len(), 2);
    assert!(trials.iter().all(|trial| values(&trial["data"]["tags"])[PARENT] == *id), "{trials:?}");
    let file = run["info"]["artifact_uri"].as_str().unwrap().trim_start_matches("mlflow-artifacts:/");
    let url = format!("{}/api/2.0/mlflow-artifacts/artifacts/{file}/report.html", server.address);
    let page = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
    assert_eq!(page, "salary_predictor_gbp".repeat(100_000));
}
