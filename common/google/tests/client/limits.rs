//! Time limits of attempts, transfers and all attempts together.

use std::time::{Duration, Instant};

use common_core::ErrorKind;
use common_google::{Body, Call, Limits};
use serde_json::json;

use super::server::{Server, Step};
use super::{LIMITS, client, client_within, error_of, get};

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
async fn patience_is_not_for_failures_that_come_at_once() {
    // Later than the limit without patience.
    let server = Server::start(|number| match number {
        0 => Step::error(503, "backendError", "busy").with("retry-after", "1"),
        _ => Step::ok("{}"),
    })
    .await;
    let client = client_within(Limits { total: Duration::from_millis(500), ..LIMITS });
    let mut call = get(&server);
    call.patience = Duration::from_secs(20);
    let failure = client.send(&call).await.unwrap_err();
    assert_eq!((failure.status, server.arrivals().len()), (Some(503), 1));
}

#[tokio::test]
async fn a_single_attempt_is_not_repeated() {
    let server = Server::start(|_| Step::error(503, "backendError", "busy")).await;
    let failure = client().once(&get(&server)).await.unwrap_err();
    assert_eq!((failure.attempts, failure.kind(), server.arrivals().len()), (1, ErrorKind::Unavailable, 1));
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
    for (client, call) in [(&client_within(fast), upload(&stuck, &file)), (&client, get(&silent))] {
        let failure = client.send(&call).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Unavailable);
        assert!(failure.message.contains("the transfer stopped or was too slow"), "{}", failure.message);
    }
    // Progress that is too slow is not idle.
    let trickle = Server::start(|_| Step::Drip(10_000, Duration::from_millis(20))).await;
    let failure = client.send(&get(&trickle)).await.unwrap_err();
    assert!(failure.message.contains("the transfer stopped or was too slow"), "{}", failure.message);
}
