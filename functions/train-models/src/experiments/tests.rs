use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use super::*;

/// A server that answers each request with `answer` of its path, and remembers paths and bodies.
struct Server {
    uri: TrackingUri,
    requests: Arc<Mutex<Vec<(String, Json)>>>,
}

impl Server {
    fn start(answer: fn(&str) -> (u16, Json)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = TrackingUri(format!("http://{}", listener.local_addr().unwrap()));
        let requests = Arc::<Mutex<Vec<(String, Json)>>>::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                while let Some((path, body)) = read_request(&connection) {
                    let (status, answer) = answer(&path);
                    seen.lock().unwrap().push((path, body));
                    let answer = if answer.is_null() { String::new() } else { answer.to_string() };
                    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", answer.len());
                    (&connection).write_all((head + &answer).as_bytes()).unwrap();
                }
            }
        });
        Self { uri, requests }
    }

    fn methods(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let method = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
        requests.iter().map(|(path, _)| method(path)).collect()
    }
}

fn read_request(mut connection: &TcpStream) -> Option<(String, Json)> {
    let mut reader = BufReader::new(&mut connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.split('?').next()?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, serde_json::from_slice(&body).unwrap_or_default()))
}

fn healthy(path: &str) -> (u16, Json) {
    match path.rsplit('/').next().unwrap_or_default() {
        "get-by-name" => (404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none" })),
        "create" if path.contains("experiments") => (200, json!({ "experiment_id": "7" })),
        "create" => {
            let info = json!({ "run_id": "r1", "artifact_uri": "mlflow-artifacts:/7/r1/artifacts" });
            (200, json!({ "run": { "info": info } }))
        }
        "report.html" => (200, Json::Null),
        _ => (200, json!({})),
    }
}

fn numbers(values: &[(&str, f64)]) -> Numbers {
    values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[tokio::test]
async fn without_a_server_nothing_happens() {
    let mut tracking = Tracking::new(None);
    tracking.start("salary", &Texts::new(), &Texts::new()).await;
    tracking.metrics(&numbers(&[("mae", 1.0)])).await;
    tracking.finish().await;
    assert_eq!(tracking.state(), TrackingState::Off);
}

#[tokio::test]
async fn a_run_its_trials_and_its_files_are_sent() {
    let server = Server::start(healthy);
    let mut tracking = Tracking::new(Some(&server.uri));
    let params: Texts = (0..150).map(|n| (format!("p{n}"), "x".to_owned())).collect();
    tracking.start("salary", &params, &Texts::new()).await;
    tracking.metrics(&numbers(&[("mae", 1.0), ("nothing", f64::NAN)])).await;
    let trial = Trial { name: "trial 1".to_owned(), metrics: numbers(&[("mae", 2.0)]), ..Trial::default() };
    tracking.trial(&trial).await;
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    std::fs::write(&page, "\"a page\"").unwrap();
    tracking.artifact(&page).await;
    tracking.finish().await;
    assert_eq!(tracking.state(), TrackingState::Logged);
    let methods = server.methods();
    let expected = [
        "get-by-name",
        "create",
        "create",
        "log-batch",
        "log-batch",
        "log-batch",
        "get-by-name",
        "create",
        "create",
        "log-batch",
        "update",
        "report.html",
        "update",
    ];
    assert_eq!(methods, expected);
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests[3].1["params"].as_array().unwrap().len(), 100);
    assert_eq!(
        requests[5].1["metrics"].as_array().unwrap().len(),
        1,
        "a number that is not finite is left out"
    );
    assert_eq!(requests[8].1["tags"], json!([{ "key": PARENT, "value": "r1" }]));
    assert_eq!(
        requests[11],
        ("/api/2.0/mlflow-artifacts/artifacts/7/r1/artifacts/report.html".into(), json!("a page"))
    );
    assert_eq!(requests[12].1["status"], "FINISHED");
}

#[tokio::test]
async fn a_failure_is_reported_once_and_only_the_end_is_still_sent() {
    let server = Server::start(|path| match path.rsplit('/').next() {
        Some("log-batch") => (400, json!({ "error_code": "INVALID_PARAMETER_VALUE", "message": "no" })),
        _ => healthy(path),
    });
    let mut tracking = Tracking::new(Some(&server.uri));
    let params = Texts::from([("seed".to_owned(), "42".to_owned())]);
    tracking.start("salary", &params, &Texts::new()).await;
    for _ in 0..3 {
        tracking.metrics(&numbers(&[("mae", 1.0)])).await;
    }
    tracking.finish().await;
    assert_eq!(tracking.state(), TrackingState::Failed);
    assert_eq!(server.methods(), ["get-by-name", "create", "create", "log-batch", "update"]);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_or_is_not_mlflow_fails_nothing_else() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unreachable = TrackingUri(format!("http://{closed}"));
    let other = Server::start(|_| (200, json!("hello")));
    for uri in [&unreachable, &other.uri] {
        let mut tracking = Tracking::new(Some(uri));
        tracking.start("salary", &Texts::new(), &Texts::new()).await;
        tracking.metrics(&numbers(&[("mae", 1.0)])).await;
        tracking.finish().await;
        assert_eq!(tracking.state(), TrackingState::Failed);
    }
}

#[test]
fn an_address_is_read_without_its_last_slash_and_others_are_refused() {
    let read = |text| <TrackingUri as Value>::read(text);
    assert_eq!(read(" https://ml.example/base/ ").unwrap().0, "https://ml.example/base");
    for text in ["sqlite:///mlflow.db", "127.0.0.1:5000", "http://", "http://a b", "databricks"] {
        assert!(read(text).is_err(), "{text}");
    }
}
