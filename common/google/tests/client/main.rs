//! The client against a server with the faults of networks and servers.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A panic fails the test.

mod limits;
mod server;
mod tokens;

use std::time::Duration;

use common_core::ErrorKind;
use common_google::repeat::LEAST_RATE;
use common_google::{Body, Call, Client, Credentials, Failure, Limits, Session};
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
    Client::new(Session::new("http://127.0.0.1", Credentials::anonymous(), limits)).unwrap()
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
