//! The client against a server with the faults of networks and servers.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A panic fails the test.

mod server;

use std::process::Command;
use std::time::{Duration, Instant};

use common_core::ErrorKind;
use common_google::repeat::LEAST_RATE;
use common_google::{Allowance, Body, Call, Client, Credentials, Failure, Limits, Session, bigquery};
use serde_json::{Value, json};

use server::{Seen, Server, Step};

/// Short waits, and timeouts long enough for a busy machine.
const LIMITS: Limits = Limits {
    attempt: Duration::from_secs(20),
    total: Duration::from_secs(40),
    least_rate: LEAST_RATE,
    first_wait: Duration::from_millis(5),
};

fn client() -> Client {
    client_within(LIMITS)
}

fn client_within(limits: Limits) -> Client {
    Client::new(Session::new(Credentials::anonymous(), limits)).unwrap()
}

fn client_of(metadata: &Server, limits: Limits) -> Client {
    Client::new(Session::new(Credentials::metadata_server(&metadata.url), limits)).unwrap()
}

fn get(server: &Server) -> Call {
    Call::get("reading table p.d.t", format!("{}/tables/t", server.url))
}

fn error_of(failure: Failure) -> String {
    failure.into_error("reading table p.d.t").chain()
}

#[tokio::test]
async fn requests_have_parameters_and_json() {
    let server = Server::start(|_| Step::ok(r#"{"a":1}"#)).await;
    let call = get(&server).with("q", "a b&c");
    assert_eq!(client().json(&call).await.unwrap(), json!({"a": 1}));
    let call = Call::post("asking", format!("{}/q", server.url), Body::Json(json!({"query": "é"})));
    client().json(&call).await.unwrap();
    client().send(&Call::delete("deleting", format!("{}/q", server.url))).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].address, "/tables/t?q=a+b%26c");
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(serde_json::from_slice::<Value>(&seen[1].body).unwrap(), json!({"query": "é"}));
    assert_eq!(seen[1].address, "/q");
    assert_eq!((&*seen[1].method, seen[1].header("content-type")), ("POST", Some("application/json")));
    assert_eq!((&*seen[2].method, seen[2].header("content-length")), ("DELETE", Some("0")));
}

#[tokio::test]
async fn retry_after_is_respected() {
    let server = Server::start(|number| match number {
        0 => Step::error(429, "rateLimitExceeded", "slowly").with("retry-after", "1"),
        _ => Step::ok("{}"),
    })
    .await;
    client().send(&get(&server)).await.unwrap();
    let arrivals = server.arrivals();
    assert_eq!(arrivals.len(), 2);
    assert!(arrivals[1] - arrivals[0] >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_retry_after_beyond_the_limit_fails_immediately() {
    let longest = u64::MAX.to_string();
    let server = Server::start(move |_| Step::status(503, "").with("retry-after", &longest)).await;
    let failure = client().send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.attempts, failure.kind()), (1, ErrorKind::Unavailable));
}

#[tokio::test]
async fn transient_failures_are_retried() {
    let page = "<html><h1>502 Bad Gateway</h1></html>";
    let server = Server::start(move |number| match number {
        0 | 2 => Step::error(503, "backendError", "busy"),
        1 => Step::status(502, page).with("content-type", "text/html"),
        3 => Step::Cut,
        4 => Step::Truncated,
        5 => Step::error(403, "userRateLimitExceeded", "slowly"),
        _ => Step::ok(r#"{"done":true}"#),
    })
    .await;
    let body = client().send(&get(&server)).await.unwrap();
    assert_eq!((server.arrivals().len(), &*body), (7, br#"{"done":true}"#.as_slice()));
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    let server = Server::start(|_| Step::error(403, "accessDenied", "Access Denied: Table p:d.t.")).await;
    let failure = client().send(&get(&server)).await.unwrap_err();
    assert_eq!((server.arrivals().len(), failure.kind()), (1, ErrorKind::Forbidden));
    let expected = "reading table p.d.t failed: HTTP 403, Access Denied: Table p:d.t (accessDenied): grant this account \
                    the required role, or use the credentials of another account";
    assert_eq!(error_of(failure), expected);
}

#[tokio::test]
async fn attempts_time_out() {
    let server = Server::start(|_| Step::Late(Duration::from_mins(1))).await;
    let (attempt, total) = (Duration::from_millis(200), Duration::from_millis(900));
    let client = client_within(Limits { attempt, total, ..LIMITS });
    let started = Instant::now();
    let failure = client.send(&get(&server)).await.unwrap_err();
    let seconds = started.elapsed().as_secs_f64();
    assert!((0.6..10.0).contains(&seconds), "{seconds}");
    assert!((2..=5).contains(&failure.attempts), "{failure:?}");
    assert_eq!(failure.kind(), ErrorKind::Unavailable);
    let error = error_of(failure);
    assert!(error.contains("tries: 127.0.0.1: no answer in time: try again"), "{error}");
}

#[tokio::test]
async fn patience_extends_the_limits() {
    let server = Server::start(|_| Step::Late(Duration::from_millis(300))).await;
    let (attempt, total) = (Duration::from_millis(50), Duration::from_millis(100));
    let client = client_within(Limits { attempt, total, ..LIMITS });
    let mut call = get(&server);
    call.patience = Duration::from_secs(20);
    client.send(&call).await.unwrap();
    assert_eq!(server.arrivals().len(), 1);
    // One attempt is not limited by the time of all.
    assert_eq!(&*client.once(&call).await.unwrap(), b"{}");
}

#[tokio::test]
async fn patience_extends_the_time_of_repeats() {
    // Later than the limit without patience.
    let server = Server::start(|number| match number {
        0 => Step::error(503, "backendError", "busy").with("retry-after", "1"),
        _ => Step::ok("{}"),
    })
    .await;
    let client = client_within(Limits { total: Duration::from_millis(500), ..LIMITS });
    let mut call = get(&server);
    call.patience = Duration::from_secs(20);
    client.send(&call).await.unwrap();
    assert_eq!(server.arrivals().len(), 2);
}

#[tokio::test]
async fn a_single_attempt_is_not_repeated() {
    let server = Server::start(|_| Step::error(503, "backendError", "busy")).await;
    let failure = client().once(&get(&server)).await.unwrap_err();
    assert_eq!((failure.attempts, failure.kind(), server.arrivals().len()), (1, ErrorKind::Unavailable, 1));
}

/// A response that is not BigQuery's JSON has no status.
#[tokio::test]
async fn unreadable_responses_are_retried_a_few_times() {
    let metadata = metadata_server().await;
    let front_end = r#"{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}"#;
    let server = Server::start(move |number| match number {
        0 | 2 => Step::status(401, front_end),
        1 | 3 => Step::ok(r#"{"datasetReference":{"projectId":"p","datasetId":"d"},"location":"US"}"#),
        _ => Step::status(403, "<html>403</html>"),
    })
    .await;
    let session = Session::new(Credentials::metadata_server(&metadata.url), LIMITS);
    let api = bigquery::client(&session, &server.url).await.unwrap();
    let find = async || {
        let attempt = |_| async { Ok(api.dataset().get("p", "d").await?) };
        session.repeat("reading", Allowance::default(), attempt).await
    };
    for _ in 0..2 {
        assert_eq!(find().await.unwrap().location.as_deref(), Some("US"));
    }
    let tokens = ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"];
    assert_eq!(bearers(&server), tokens, "every request renews the token once");
    let failure = find().await.unwrap_err();
    assert_eq!((failure.kind(), failure.attempts), (ErrorKind::Unavailable, 6));
    assert!(failure.is_unreadable && failure.message.starts_with("the response is not BigQuery's JSON: "));
}

/// A file that is larger than all socket buffers.
fn big_file() -> (tempfile::NamedTempFile, usize) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes = 24 << 20;
    std::fs::write(file.path(), vec![7; bytes]).unwrap();
    (file, bytes)
}

fn upload(server: &Server, file: &tempfile::NamedTempFile) -> Call {
    let body = Body::Upload(json!({}), file.path().to_owned());
    Call::post("writing gs://b/x", format!("{}/upload", server.url), body)
}

/// An upload and a download that take longer than [`Limits::attempt`], but make progress.
#[tokio::test]
async fn transfers_may_take_longer_than_the_idle_limit() {
    let attempt = Duration::from_secs(2);
    let client = client_within(Limits { attempt, ..LIMITS });
    // The download has 100 bytes per second, so that the minimum rate must be lower.
    let patient = client_within(Limits { attempt, least_rate: 50, ..LIMITS });
    let (file, bytes) = big_file();
    // 2.9 s each.
    let slow = Server::start(|_| Step::Slow(512 << 10, Duration::from_millis(60))).await;
    let drip = Server::start(|_| Step::Drip(30, Duration::from_millis(100))).await;
    let started = Instant::now();
    let (upload, download) = (upload(&slow, &file), get(&drip));
    let (sent, received) = tokio::join!(client.send(&upload), patient.send(&download));
    assert!(started.elapsed() > attempt, "the transfers were too fast for this test");
    sent.unwrap();
    assert_eq!((slow.arrivals().len(), slow.seen()[0].body.len() > bytes), (1, true));
    assert_eq!((drip.arrivals().len(), received.unwrap().len()), (1, 300));
}

#[tokio::test]
async fn transfers_that_stall_or_are_too_slow_fail() {
    let (file, _) = big_file();
    let (attempt, total) = (Duration::from_millis(200), Duration::from_millis(300));
    // The first server stops reading, the second stops writing.
    let hour = Duration::from_hours(1);
    let stuck = Server::start(move |_| Step::Slow(1 << 20, hour)).await;
    let silent = Server::start(move |_| Step::Drip(3, hour)).await;
    let client = client_within(Limits { attempt, total, ..LIMITS });
    let fast = Limits { attempt, total, least_rate: u64::MAX, ..LIMITS };
    for (client, call) in [
        (&client_within(fast), upload(&stuck, &file)),
        (&client, get(&silent)),
    ] {
        let failure = client.send(&call).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Unavailable);
        assert!(failure.message.contains("the transfer stopped or was too slow"), "{}", failure.message);
    }
    // Progress that is too slow is not idle.
    let trickle = Server::start(|_| Step::Drip(10_000, Duration::from_millis(20))).await;
    let failure = client.send(&get(&trickle)).await.unwrap_err();
    assert!(failure.message.contains("the transfer stopped or was too slow"), "{}", failure.message);
}

#[tokio::test]
async fn refused_connections_name_the_host() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let limits = Limits { total: Duration::from_millis(200), ..LIMITS };
    let client = client_within(limits);
    let call = Call::get("reading", format!("http://127.0.0.1:{port}/"));
    let error = error_of(client.send(&call).await.unwrap_err());
    assert!(error.contains("127.0.0.1: Connection refused") && error.ends_with(": try again"), "{error}");
}

/// The headers and contents of the two parts of a `multipart/related` body.
fn parts(seen: &Seen) -> [(String, Vec<u8>); 2] {
    let boundary = seen.header("content-type").unwrap().strip_prefix("multipart/related; boundary=").unwrap();
    let (delimiter, body) = (format!("\r\n--{boundary}"), [b"\r\n", &*seen.body].concat());
    let find = |text: &[u8], from: usize| {
        let window = body[from..].windows(text.len()).position(|window| window == text);
        window.map(|at| from + at)
    };
    let part = |from: usize| {
        let begin = find(delimiter.as_bytes(), from).unwrap() + delimiter.len();
        let head = find(b"\r\n\r\n", begin).unwrap();
        let end = find(delimiter.as_bytes(), head).unwrap();
        let kind = String::from_utf8(body[begin + 2..head].to_vec()).unwrap();
        (end, (kind, body[head + 4..end].to_vec()))
    };
    let (end, first) = part(0);
    let (end, second) = part(end);
    assert_eq!(body[end + delimiter.len()..], *b"--\r\n");
    [first, second]
}

#[tokio::test]
async fn uploads_are_complete_after_retries() {
    // Various bytes, longer than any buffer, with text that looks like a boundary.
    let mut content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    content.extend(b"\r\n--part-\r\n\r\n--");
    let file = std::env::temp_dir().join(format!("upload-{}", std::process::id()));
    std::fs::write(&file, &content).unwrap();
    let facts = json!({"name": "an object", "metadata": {"é": "\r\n--"}});
    let server = Server::start(|number| match number {
        0 => Step::Cut,
        1 => Step::error(503, "backendError", "busy"),
        _ => Step::ok("{}"),
    })
    .await;
    let body = Body::Upload(facts.clone(), file.clone());
    let call = Call::post("uploading", format!("{}/upload", server.url), body);
    client().send(&call.with("uploadType", "multipart")).await.unwrap();
    let seen = server.seen();
    assert_eq!((server.arrivals().len(), seen.len()), (3, 2));
    for request in &seen {
        assert_eq!(request.header("content-length"), Some(&*request.body.len().to_string()));
        let [(kind, bytes), (payload_kind, payload)] = parts(request);
        assert_eq!(kind, "Content-Type: application/json; charset=UTF-8");
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), facts);
        assert_eq!(payload_kind, "Content-Type: application/octet-stream");
        assert!(payload == content, "{} bytes of {}", payload.len(), content.len());
    }
    std::fs::remove_file(&file).unwrap();
    let call = Call::post("uploading", "http://127.0.0.1:1/".into(), Body::Upload(facts, file));
    let failure = client().send(&call).await.unwrap_err();
    assert!(failure.message.contains("upload-") && failure.attempts == 1, "{failure:?}");
}

/// A metadata server whose tokens are `token-1`, `token-2`, and so on.
async fn metadata_server() -> Server {
    Server::start(|number| {
        let token = format!("token-{}", number + 1);
        Step::ok(json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).to_string())
            .with("content-type", "application/json")
            .with("metadata-flavor", "Google")
    })
    .await
}

fn bearers(server: &Server) -> Vec<String> {
    server.seen().iter().map(|seen| seen.header("authorization").unwrap_or("none").to_owned()).collect()
}

#[tokio::test]
async fn tokens_are_shared_and_renewed_once_after_a_rejection() {
    let metadata = metadata_server().await;
    let server = Server::start(|number| match number {
        0..=7 | 9 => Step::ok("{}"),
        _ => Step::error(401, "authError", "Invalid Credentials"),
    })
    .await;
    let client = client_of(&metadata, LIMITS);
    let together: Vec<_> = (0..8)
        .map(|_| {
            let (client, call) = (client.clone(), get(&server));
            tokio::spawn(async move { client.send(&call).await })
        })
        .collect();
    for sent in together {
        sent.await.unwrap().unwrap();
    }
    assert_eq!(bearers(&server), vec!["Bearer token-1"; 8]);
    let asked = metadata.seen();
    assert_eq!((asked.len(), asked[0].header("metadata-flavor")), (1, Some("Google")));
    let path = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=";
    assert!(asked[0].address.starts_with(path), "{}", asked[0].address);

    client.send(&get(&server)).await.unwrap();
    assert_eq!(bearers(&server)[8..], ["Bearer token-1", "Bearer token-2"]);

    let failure = client.send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.status, failure.attempts), (ErrorKind::Forbidden, Some(401), 2));
    assert_eq!(bearers(&server)[10..], ["Bearer token-2", "Bearer token-3"]);
}

#[tokio::test]
async fn failures_of_the_metadata_server_are_retried_or_reported() {
    let metadata = Server::start(|number| match number {
        0 => Step::status(503, "not yet"),
        1 => Step::Cut,
        2 => Step::Late(Duration::from_mins(1)),
        _ => Step::ok(r#"{"access_token":"t","expires_in":3600,"token_type":"Bearer"}"#),
    })
    .await;
    let server = Server::start(|_| Step::ok("{}")).await;
    let limits = Limits { attempt: Duration::from_secs(1), ..LIMITS };
    let client = client_of(&metadata, limits);
    client.send(&get(&server)).await.unwrap();
    assert!(metadata.arrivals().len() >= 4);
    assert_eq!(bearers(&server), ["Bearer t"]);

    // A metadata server without a service account answers 404, which is permanent.
    let metadata = Server::start(|_| Step::status(404, "no service account")).await;
    let client = client_of(&metadata, LIMITS);
    let failure = client.send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.attempts), (ErrorKind::Forbidden, 1));
}

const VARIABLE: &str = "TEST_WITHOUT_CREDENTIALS";

/// The test runs itself in child processes, because the source of credentials depends on the environment.
#[tokio::test]
async fn missing_credentials_name_the_command_to_run() {
    let server = Server::start(|_| Step::ok("{}")).await;
    if std::env::var_os(VARIABLE).is_some() {
        let client = Client::new(Session::new(Credentials::application_default(), LIMITS)).unwrap();
        let failure = client.send(&get(&server)).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Forbidden, "{failure:?}");
        println!("\nerror: {}", error_of(failure));
        assert!(server.seen().is_empty());
        return;
    }
    // A missing file, an invalid file, and neither a file nor a metadata server.
    let nowhere = std::env::temp_dir().join("job-market-missing-home");
    let nowhere = nowhere.to_str().unwrap();
    // Read at run time: `env!` would name the checkout that compiled the tests.
    let empty = format!("{}/Cargo.toml", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    for (name, value, cause) in [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/key.json", "/no/such/key.json"),
        ("GOOGLE_APPLICATION_CREDENTIALS", &*empty, "cannot parse"),
        ("GCE_METADATA_HOST", "127.0.0.1:1", "Connection refused"),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "missing_credentials_name_the_command_to_run", "--nocapture"])
            .env_clear()
            .envs([("HOME", nowhere), (VARIABLE, "yes"), (name, value)])
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        let errors: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
        assert_eq!(errors.len(), 1, "{out}");
        let begin = "reading table p.d.t failed";
        assert!(
            errors[0].starts_with(begin) && errors[0].contains("gcloud auth application-default login"),
            "{errors:?}"
        );
        assert!(errors[0].contains(cause), "{errors:?}");
        println!("{}", errors[0]);
    }
}
