use std::sync::atomic::{AtomicUsize, Ordering};

use common_core::ErrorKind;
use common_core::job::Shard;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::lease::tests::MemoryStore;
use super::super::server::{Drain, Server};
use super::*;
use crate::function::{Function, Invocation, Report};
use crate::run;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    limit: u32,
    /// `wait` or `finish` until `go_on` is notified, `give up`, a kind of failure, or empty to return at once.
    action: String,
}

impl Report for Value {
    fn is_interrupted(&self) -> bool {
        self["interrupted"] == true
    }
}

/// A server whose function counts its runs.
struct Served {
    port: u16,
    store: Arc<MemoryStore>,
    runs: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

async fn function(invocation: Invocation<Options>, go_on: Arc<Notify>) -> Result<Value> {
    let dry_run = invocation.dry_run;
    match invocation.options.action.as_str() {
        "wait" => tokio::select! {
            () = go_on.notified() => {}
            () = invocation.shutdown.cancelled() => return Ok(json!({ "interrupted": true, "kept": 1 })),
        },
        "finish" => go_on.notified().await,
        "give up" => {
            invocation.shutdown.cancelled().await;
            return Err(Error::cancelled("asked to stop"));
        }
        "panic" => panic!("as asked"),
        "invalid" => return Err(Error::invalid_input("limit is beyond the number of ads").for_caller()),
        "missing" => return Err(Error::not_found("no secret table cleaned_jobs")),
        "broken sql" => return Err(Error::invalid_input("Parser Error: SELECT secret")),
        "conflict" => return Err(Error::conflict("the secret table has changed")),
        "no such version" => {
            let error = Error::not_found("there is no version v7").for_caller();
            return Err(error.context("secret bucket").caused_by("secret cause"));
        }
        "down" => return Err(Error::unavailable("secret-host:443 refused")),
        "broken" => return Err(Error::new(ErrorKind::Corrupt, "secret path is corrupt")),
        _ => {}
    }
    Ok(json!({ "limit": invocation.options.limit, "dry_run": dry_run }))
}

async fn serve_with(store: Arc<MemoryStore>, lease_ttl: Duration) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (runs, go_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counted, notified) = (runs.clone(), go_on.clone());
    let handler = run::handler(move |invocation| {
        counted.fetch_add(1, Ordering::SeqCst);
        function(invocation, notified.clone())
    });
    let function = Function { name: "f", version: "1.0.0", about: "" };
    let (shutdown, work) = (CancellationToken::new(), TaskTracker::new());
    let endpoint = Arc::new(Endpoint {
        runner: Runner { function, shard: Shard { index: 0, count: 1 }, handler },
        store: store.clone(),
        lease_ttl,
        dry_run: false,
        is_local: false,
        shutdown: shutdown.clone(),
        work: work.clone(),
    });
    let handler = move |request| Arc::clone(&endpoint).answer(request);
    let (stop, drain) = (shutdown.clone(), Drain::NONE);
    let (max_connections, is_trigger) = (100, true);
    let server = Server {
        listener,
        shutdown: stop,
        work,
        drain,
        max_connections,
        is_trigger,
        unready: || None,
        handler,
    };
    let server = tokio::spawn(server.serve());
    Served { port, store, runs, go_on, shutdown, server }
}

async fn serve() -> Served {
    serve_with(Arc::default(), Duration::from_mins(1)).await
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Served {
    async fn send(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let length = body.len();
        let request =
            format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn ask(&self, head: &str, body: &str) -> Answer {
        read(self.send(head, body).await).await
    }

    async fn post(&self, body: &str) -> Answer {
        self.ask("POST / HTTP/1.1\r\ncontent-type: application/json", body).await
    }

    async fn post_keyed(&self, key: &str, body: &str) -> Answer {
        let head = format!("POST / HTTP/1.1\r\ncontent-type: application/json\r\nidempotency-key: {key}");
        self.ask(&head, body).await
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    async fn started(&self, runs: usize) {
        while self.runs() < runs {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
}

#[tokio::test]
async fn a_post_runs_the_function_and_returns_its_report() {
    let served = serve().await;
    let answer = served.post(r#"{"limit": 5, "dry_run": true}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["function"], "f");
    assert_eq!(answer.body["version"], "1.0.0");
    assert_eq!(answer.body["status"], "succeeded");
    assert_eq!(answer.body["report"], json!({ "limit": 5, "dry_run": true }));
    assert_eq!(Uuid::parse_str(answer.body["run_id"].as_str().unwrap()).unwrap().get_version_num(), 7);
    assert_eq!(served.ask("POST / HTTP/1.1", "").await.body["report"]["limit"], 0);
    assert_eq!(served.runs(), 2, "the lease was released in between");
}

#[tokio::test]
async fn an_invalid_request_is_a_problem_with_its_status() {
    let served = serve().await;
    let long = format!("{{\"action\": \"{}\"}}", "x".repeat(MAX_BODY_BYTES));
    let json = "POST / HTTP/1.1\r\ncontent-type: application/json";
    for (head, body, status, expected) in [
        ("GET / HTTP/1.1", "", 405, "allow: post"),
        ("PUT /health HTTP/1.1", "", 405, "allow: get, head"),
        ("POST /run HTTP/1.1", "", 404, "application/problem+json"),
        ("POST / HTTP/1.1\r\ncontent-type: text/plain", "{}", 415, "application/problem+json"),
        (json, "{", 400, "application/problem+json"),
        (
            "POST / HTTP/1.1\r\ncontent-type: application/json\r\ncontent-encoding: gzip",
            "\u{1f}",
            415,
            "accept-encoding: identity",
        ),
        ("POST / HTTP/1.1\r\norigin: https://evil.example", "", 403, "application/problem+json"),
        ("POST / HTTP/1.1\r\nsec-fetch-site: cross-site", "", 403, "application/problem+json"),
        (json, &long, 413, "application/problem+json"),
    ] {
        let answer = served.ask(head, body).await;
        assert_eq!(answer.status, status, "{head}");
        assert_eq!(answer.body["status"], status);
        assert!(answer.body["detail"].as_str().unwrap().len() > 10);
        assert!(answer.head.contains(expected), "{expected} is not in {}", answer.head);
    }
    let wrong = served.post(r#"{"limit": "five"}"#).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body["detail"].as_str().unwrap().starts_with("limit: invalid type"), "{}", wrong.body);
    assert_eq!(served.runs(), 0);
}

#[tokio::test]
async fn a_failure_has_the_status_of_its_kind_and_hides_internal_details() {
    let served = serve().await;
    for (action, status, detail) in [
        ("invalid", 400, "limit is beyond the number of ads"),
        ("no such version", 422, "there is no version v7"),
        ("missing", 500, "the run failed; the log has the details"),
        ("broken sql", 500, "the run failed; the log has the details"),
        ("conflict", 500, "the run failed; the log has the details"),
        ("down", 503, "a dependency of the run is unavailable"),
        ("broken", 500, "the run failed; the log has the details"),
        ("panic", 500, "the run failed; the log has the details"),
    ] {
        let answer = served.post(&json!({ "action": action }).to_string()).await;
        assert_eq!(answer.status, status, "{action}");
        let text = answer.body["detail"].as_str().unwrap();
        assert!(text.contains(detail) && !text.contains("secret"), "{text}");
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
        assert!(answer.body["run_id"].is_string() && answer.body["request_id"].is_string());
        assert_eq!(answer.head.contains("retry-after: "), status == 503);
    }
}

#[tokio::test]
async fn a_second_run_is_rejected_with_the_id_of_the_first_on_any_instance() {
    let first = serve().await;
    let second = serve_with(first.store.clone(), Duration::from_mins(1)).await;
    let running = first.send("POST / HTTP/1.1\r\nidempotency-key: k", r#"{"action": "wait"}"#).await;
    first.started(1).await;
    let rejected = [
        first.post("{}").await,
        second.post("{}").await,
        second.post_keyed("k", r#"{"action": "wait"}"#).await,
    ];
    first.go_on.notify_one();
    let answer = read(running).await;
    for reply in rejected {
        assert_eq!(reply.status, 409);
        assert_eq!(reply.body["run_id"], answer.body["run_id"]);
    }
    assert_eq!(second.post("{}").await.status, 200);
    assert_eq!((first.runs(), second.runs()), (1, 1));
}

#[tokio::test]
async fn a_trigger_that_succeeded_is_not_run_again() {
    let served = serve().await;
    let first = served.post_keyed("k", r#"{"limit": 5}"#).await;
    let other_instance = serve_with(served.store.clone(), Duration::from_mins(1)).await;
    for repeat in [
        served.post_keyed("k", r#"{"limit":5}"#).await,
        other_instance.post_keyed("k", r#"{"limit": 5}"#).await,
    ] {
        assert_eq!((repeat.status, &repeat.body), (200, &first.body));
        assert!(repeat.head.contains("idempotency-replayed: true"));
    }
    assert!(!first.head.contains("idempotency-replayed"));
    assert_eq!(served.post_keyed("k", r#"{"limit": 6}"#).await.status, 422);
    assert_eq!(served.runs() + other_instance.runs(), 1);
    assert_eq!(served.post_keyed("other", r#"{"limit": 5}"#).await.status, 200);
    assert_eq!(served.runs(), 2);
}

#[tokio::test]
async fn a_trigger_that_failed_is_run_again() {
    let served = serve().await;
    for _ in 0..2 {
        assert_eq!(served.post_keyed("k", r#"{"action": "broken"}"#).await.status, 500);
    }
    assert_eq!(served.runs(), 2);
}

#[tokio::test]
async fn a_run_continues_when_its_client_disconnects() {
    let served = serve().await;
    let client = served.send("POST / HTTP/1.1\r\nidempotency-key: k", r#"{"action": "wait"}"#).await;
    served.started(1).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(served.post("{}").await.status, 409, "the run continues");
    served.go_on.notify_one();
    let replayed = loop {
        let answer = served.post_keyed("k", r#"{"action": "wait"}"#).await;
        if answer.status == 200 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(replayed.head.contains("idempotency-replayed: true"));
    assert_eq!(served.runs(), 1);
}

#[tokio::test]
async fn an_interrupted_run_gets_a_response_and_its_trigger_is_not_saved() {
    for action in ["wait", "give up"] {
        let served = serve().await;
        let body = json!({ "action": action }).to_string();
        let running = served.send("POST / HTTP/1.1\r\nidempotency-key: k", &body).await;
        served.started(1).await;
        served.shutdown.cancel();
        let answer = read(running).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body["answer"]["status"], "interrupted");
        served.server.await.unwrap();
        let next = serve_with(served.store.clone(), Duration::from_mins(1)).await;
        let again = next.send("POST / HTTP/1.1\r\nidempotency-key: k", &body).await;
        next.started(1).await;
        drop(again);
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_rejects_new_runs_and_reports_it() {
    let served = serve().await;
    assert_eq!(served.ask("GET /ready HTTP/1.1", "").await.status, 200);
    let idle = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    let running = served.send("POST / HTTP/1.1", r#"{"action": "finish"}"#).await;
    served.started(1).await;
    served.shutdown.cancel();
    assert_eq!(served.ask("GET /health HTTP/1.1", "").await.status, 200);
    assert_eq!(served.ask("GET /ready HTTP/1.1", "").await.status, 503);
    assert_eq!(served.post("{}").await.status, 503);
    served.go_on.notify_one();
    assert_eq!(read(running).await.status, 200, "a run that finishes in time gets a response");
    tokio::time::timeout(Duration::from_secs(1), served.server).await.unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn a_run_whose_lease_is_taken_over_is_interrupted() {
    let served = serve_with(Arc::default(), Duration::from_millis(90)).await;
    let running = served.send("POST / HTTP/1.1", r#"{"action": "wait"}"#).await;
    served.started(1).await;
    let store: Arc<dyn ArtifactStore> = served.store.clone();
    let (name, ttl) = ("runs/f/lease.json".into(), Duration::from_mins(1));
    let terms = LeaseTerms { store, name, ttl, attempt: None };
    let far = Utc::now() + chrono::TimeDelta::hours(1);
    assert!(matches!(terms.acquire("other", far).await.unwrap(), Acquired::Granted(_)));
    let answer = read(running).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["answer"]["report"]["kept"], 1);
}

#[tokio::test]
async fn an_unavailable_store_is_answered_with_503_and_retry_after() {
    let served = serve().await;
    *served.store.is_down.lock().unwrap() = true;
    let answer = served.post_keyed("k", "{}").await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: "));
    assert_eq!(served.runs(), 0);
}
