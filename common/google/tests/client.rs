//! The client before a server that does what networks and servers do.

#![allow(clippy::unwrap_used, clippy::expect_used)] // What a test cannot unwrap is a failure of the test.

mod server;

use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common_core::ErrorKind;
use common_google::client::Payload;
use common_google::retry::LEAST_RATE;
use common_google::{Body, Call, Client, Credentials, Failure, Limits};
use serde_json::{Value, json};

use server::{Seen, Server, Step};

/// Waits that a test can afford, and time enough for a busy machine.
const LIMITS: Limits = Limits {
    attempt: Duration::from_secs(20),
    total: Duration::from_secs(40),
    least_rate: LEAST_RATE,
    first_wait: Duration::from_millis(5),
};

fn client() -> Client {
    Client::new(Credentials::anonymous(), LIMITS).unwrap()
}

fn get(server: &Server) -> Call {
    Call::get("reading table p.d.t", format!("{}/tables/t", server.url))
}

fn sentence(failure: Failure) -> String {
    failure.into_error("reading table p.d.t").chain()
}

#[tokio::test]
async fn a_request_carries_its_parameters_its_range_and_its_json() {
    let server = Server::start(|_| Step::ok(r#"{"a":1}"#)).await;
    let call = get(&server).with("q", "a b&c").range(10, 20);
    assert_eq!(client().json(&call).await.unwrap(), json!({"a": 1}));
    let call = Call::post("asking", format!("{}/q", server.url), Body::Json(json!({"query": "é"})));
    client().json(&call).await.unwrap();
    client().send(&Call::delete("deleting", format!("{}/q", server.url))).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].address, "/tables/t?q=a+b%26c");
    assert_eq!((seen[0].header("range"), seen[0].header("authorization")), (Some("bytes=10-19"), None));
    assert_eq!(serde_json::from_slice::<Value>(&seen[1].body).unwrap(), json!({"query": "é"}));
    assert_eq!(seen[1].address, "/q");
    assert_eq!((&*seen[1].method, seen[1].header("content-type")), ("POST", Some("application/json")));
    assert_eq!((&*seen[2].method, seen[2].header("content-length")), ("DELETE", Some("0")));
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_obeyed() {
    let server = Server::start(|number| match number {
        0 => Step::error(429, "rateLimitExceeded", "slowly").with("retry-after", "1"),
        _ => Step::ok("{}"),
    })
    .await;
    assert_eq!(client().send(&get(&server)).await.unwrap().attempts, 2);
    let arrivals = server.arrivals();
    assert!(arrivals[1] - arrivals[0] >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_beyond_all_patience_is_not_begun() {
    let longest = u64::MAX.to_string();
    let server = Server::start(move |_| Step::status(503, "").with("retry-after", &longest)).await;
    let failure = client().send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.attempts, failure.kind()), (1, ErrorKind::Unavailable));
}

#[tokio::test]
async fn what_passes_is_tried_again() {
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
    let answer = client().send(&get(&server)).await.unwrap();
    assert_eq!((answer.attempts, &*answer.body), (7, br#"{"done":true}"#.as_slice()));
}

#[tokio::test]
async fn what_stays_is_not() {
    let server = Server::start(|_| Step::error(403, "accessDenied", "Access Denied: Table p:d.t.")).await;
    let failure = client().send(&get(&server)).await.unwrap_err();
    assert_eq!((server.arrivals().len(), failure.kind()), (1, ErrorKind::Forbidden));
    let expected = "reading table p.d.t failed: HTTP 403, Access Denied: Table p:d.t (accessDenied): give this account \
                    the role that it needs there, or use another account's credentials";
    assert_eq!(sentence(failure), expected);
}

#[tokio::test]
async fn a_server_that_is_too_slow_is_given_up_when_the_time_is_over() {
    let server = Server::start(|_| Step::Late(Duration::from_mins(1))).await;
    let (attempt, total) = (Duration::from_millis(200), Duration::from_millis(900));
    let client = Client::new(Credentials::anonymous(), Limits { attempt, total, ..LIMITS }).unwrap();
    let started = Instant::now();
    let failure = client.send(&get(&server)).await.unwrap_err();
    let seconds = started.elapsed().as_secs_f64();
    assert!((0.6..10.0).contains(&seconds), "{seconds}");
    assert!((2..=5).contains(&failure.attempts), "{failure:?}");
    assert_eq!(failure.kind(), ErrorKind::Unavailable);
    let said = sentence(failure);
    assert!(said.contains("tries: 127.0.0.1: no answer in time: try again"), "{said}");
}

#[tokio::test]
async fn a_call_that_takes_long_is_waited_for() {
    let server = Server::start(|_| Step::Late(Duration::from_millis(300))).await;
    let (attempt, total) = (Duration::from_millis(50), Duration::from_millis(100));
    let client = Client::new(Credentials::anonymous(), Limits { attempt, total, ..LIMITS }).unwrap();
    let mut call = get(&server);
    call.patience = Duration::from_secs(20);
    assert_eq!(client.send(&call).await.unwrap().attempts, 1);
}

/// A file that no socket's buffers hold.
fn big_file() -> (tempfile::NamedTempFile, usize) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes = 24 << 20;
    std::fs::write(file.path(), vec![7; bytes]).unwrap();
    (file, bytes)
}

fn upload(server: &Server, file: &tempfile::NamedTempFile) -> Call {
    let payload = Payload::File(file.path().to_owned());
    Call::post("writing gs://b/x", format!("{}/upload", server.url), Body::Upload(json!({}), payload))
}

/// What a large index takes on a slow line, scaled down: as long as something moves, it is waited for.
#[tokio::test]
async fn a_transfer_may_take_longer_than_a_silence_may() {
    let attempt = Duration::from_secs(2);
    let client = Client::new(Credentials::anonymous(), Limits { attempt, ..LIMITS }).unwrap();
    // The drip moves 100 bytes a second: the least rate is scaled down with it.
    let patient =
        Client::new(Credentials::anonymous(), Limits { attempt, least_rate: 50, ..LIMITS }).unwrap();
    let (file, bytes) = big_file();
    // 2.9 s each.
    let slow = Server::start(|_| Step::Slow(512 << 10, Duration::from_millis(60))).await;
    let drip = Server::start(|_| Step::Drip(30, Duration::from_millis(100))).await;
    let started = Instant::now();
    let (upload, download) = (upload(&slow, &file), get(&drip));
    let (sent, received) = tokio::join!(client.send(&upload), patient.send(&download));
    assert!(started.elapsed() > attempt, "too fast to prove anything");
    assert_eq!((sent.unwrap().attempts, slow.seen()[0].body.len() > bytes), (1, true));
    let received = received.unwrap();
    assert_eq!((received.attempts, received.body.len()), (1, 300));
}

#[tokio::test]
async fn a_transfer_that_stalls_or_trickles_ends() {
    let (file, _) = big_file();
    let (attempt, total) = (Duration::from_millis(200), Duration::from_millis(300));
    // Nothing more is ever read, or written.
    let hour = Duration::from_hours(1);
    let stuck = Server::start(move |_| Step::Slow(1 << 20, hour)).await;
    let silent = Server::start(move |_| Step::Drip(3, hour)).await;
    let client = Client::new(Credentials::anonymous(), Limits { attempt, total, ..LIMITS }).unwrap();
    let fast = Limits { attempt, total, least_rate: u64::MAX, ..LIMITS };
    for (client, call) in [
        (&Client::new(Credentials::anonymous(), fast).unwrap(), upload(&stuck, &file)),
        (&client, get(&silent)),
    ] {
        let failure = client.send(&call).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Unavailable);
        assert!(failure.message.contains("the transfer stopped or was too slow"), "{}", failure.message);
    }
    // A byte now and then is no silence.
    let trickle = Server::start(|_| Step::Drip(10_000, Duration::from_millis(20))).await;
    let failure = client.send(&get(&trickle)).await.unwrap_err();
    assert!(failure.message.contains("the transfer stopped or was too slow"), "{}", failure.message);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let limits = Limits { total: Duration::from_millis(200), ..LIMITS };
    let client = Client::new(Credentials::anonymous(), limits).unwrap();
    let call = Call::get("reading", format!("http://127.0.0.1:{port}/"));
    let said = sentence(client.send(&call).await.unwrap_err());
    assert!(said.contains("127.0.0.1: Connection refused") && said.ends_with(": try again"), "{said}");
}

/// The two parts of `multipart/related`, each with its type.
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
async fn an_upload_arrives_whole_also_when_its_first_try_was_cut() {
    // Not of one kind only, longer than any buffer, and with what could be taken for a boundary.
    let mut content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    content.extend(b"\r\n--part-\r\n\r\n--");
    let file = std::env::temp_dir().join(format!("upload-{}", std::process::id()));
    std::fs::write(&file, &content).unwrap();
    let facts = json!({"name": "an object", "metadata": {"é": "\r\n--"}});
    for payload in [Payload::Bytes(Bytes::from(content.clone())), Payload::File(file.clone())] {
        let server = Server::start(|number| match number {
            0 => Step::Cut,
            1 => Step::error(503, "backendError", "busy"),
            _ => Step::ok("{}"),
        })
        .await;
        let call =
            Call::post("uploading", format!("{}/upload", server.url), Body::Upload(facts.clone(), payload));
        let answer = client().send(&call.with("uploadType", "multipart")).await.unwrap();
        assert_eq!(answer.attempts, 3);
        let seen = server.seen();
        assert_eq!(seen.len(), 2);
        for request in &seen {
            assert_eq!(request.header("content-length"), Some(&*request.body.len().to_string()));
            let [(kind, bytes), (payload_kind, payload)] = parts(request);
            assert_eq!(kind, "Content-Type: application/json; charset=UTF-8");
            assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), facts);
            assert_eq!(payload_kind, "Content-Type: application/octet-stream");
            assert!(payload == content, "{} bytes of {}", payload.len(), content.len());
        }
    }
    std::fs::remove_file(&file).unwrap();
    let call =
        Call::post("uploading", "http://127.0.0.1:1/".into(), Body::Upload(facts, Payload::File(file)));
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
async fn a_token_serves_many_requests_and_is_fetched_again_once_when_it_is_refused() {
    let metadata = metadata_server().await;
    let server = Server::start(|number| match number {
        0..=7 | 9 => Step::ok("{}"),
        _ => Step::error(401, "authError", "Invalid Credentials"),
    })
    .await;
    let client = Client::new(Credentials::metadata_server(&metadata.url), LIMITS).unwrap();
    let together: Vec<_> = (0..8)
        .map(|_| {
            let (client, call) = (client.clone(), get(&server));
            tokio::spawn(async move { client.send(&call).await.unwrap().attempts })
        })
        .collect();
    for attempts in together {
        assert_eq!(attempts.await.unwrap(), 1);
    }
    assert_eq!(bearers(&server), vec!["Bearer token-1"; 8]);
    let asked = metadata.seen();
    assert_eq!((asked.len(), asked[0].header("metadata-flavor")), (1, Some("Google")));
    let path = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=";
    assert!(asked[0].address.starts_with(path), "{}", asked[0].address);

    assert_eq!(client.send(&get(&server)).await.unwrap().attempts, 2);
    assert_eq!(bearers(&server)[8..], ["Bearer token-1", "Bearer token-2"]);

    let failure = client.send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.status, failure.attempts), (ErrorKind::Forbidden, Some(401), 2));
    assert_eq!(bearers(&server)[10..], ["Bearer token-2", "Bearer token-3"]);
}

#[tokio::test]
async fn a_metadata_server_that_is_down_for_a_moment_or_for_ever_is_no_reason_to_hang() {
    let metadata = Server::start(|number| match number {
        0 => Step::status(503, "not yet"),
        1 => Step::Cut,
        2 => Step::Late(Duration::from_mins(1)),
        _ => Step::ok(r#"{"access_token":"t","expires_in":3600,"token_type":"Bearer"}"#),
    })
    .await;
    let server = Server::start(|_| Step::ok("{}")).await;
    let limits = Limits { attempt: Duration::from_secs(1), ..LIMITS };
    let client = Client::new(Credentials::metadata_server(&metadata.url), limits).unwrap();
    assert!(client.send(&get(&server)).await.unwrap().attempts >= 4);
    assert_eq!(bearers(&server), ["Bearer t"]);

    // A server without an account for us says so; that is final.
    let metadata = Server::start(|_| Step::status(404, "no service account")).await;
    let client = Client::new(Credentials::metadata_server(&metadata.url), LIMITS).unwrap();
    let failure = client.send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.attempts), (ErrorKind::Forbidden, 1));
}

const VARIABLE: &str = "TEST_WITHOUT_CREDENTIALS";

/// Run again as a process of its own: where credentials come from is a matter of the environment.
#[tokio::test]
async fn without_credentials_one_sentence_says_what_to_run() {
    let server = Server::start(|_| Step::ok("{}")).await;
    if std::env::var_os(VARIABLE).is_some() {
        let client = Client::new(Credentials::application_default(), LIMITS).unwrap();
        let failure = client.send(&get(&server)).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Forbidden, "{failure:?}");
        println!("\nsaid: {}", sentence(failure));
        assert!(server.seen().is_empty());
        return;
    }
    // A file that is not there, one that is none, and neither a file nor a metadata server.
    let nowhere = std::env::temp_dir().join("job-market-nobody's-home");
    let nowhere = nowhere.to_str().unwrap();
    // Of the clone that runs the tests: a macro would name the one that compiled them.
    let empty = format!("{}/Cargo.toml", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    for (name, value, cause) in [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/key.json", "/no/such/key.json"),
        ("GOOGLE_APPLICATION_CREDENTIALS", &*empty, "cannot parse"),
        ("GCE_METADATA_HOST", "127.0.0.1:1", "Connection refused"),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "without_credentials_one_sentence_says_what_to_run", "--nocapture"])
            .env_clear()
            .envs([("HOME", nowhere), (VARIABLE, "yes"), (name, value)])
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        let said: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("said: ")).collect();
        assert_eq!(said.len(), 1, "{out}");
        let begin = "reading table p.d.t failed";
        assert!(
            said[0].starts_with(begin) && said[0].contains("gcloud auth application-default login"),
            "{said:?}"
        );
        assert!(said[0].contains(cause), "{said:?}");
        println!("{}", said[0]);
    }
}
