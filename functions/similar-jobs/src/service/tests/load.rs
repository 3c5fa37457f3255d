//! More than the service takes, clients that dawdle or go away, a newer index meanwhile, and the end of the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::testing::{Running, Store, Words, market, read_to_end, write};

const NO_TIME: Duration = Duration::ZERO;
const BY_JOB: &str = "/v1/similar?source=MCF&job_id=0";
const TEXT: &str = r#"{"text": "cook"}"#;

/// A service whose texts wait until the sender is dropped.
fn held(variables: &[(&str, &str)]) -> (Running, Sender<()>) {
    let (open, go) = Words::held();
    let service = Running::start(Store::with(market("v1")), open, variables);
    service.wait_for_metric("similar_jobs_index_rows 12");
    (service, go)
}

#[test]
fn one_request_too_many_is_turned_away_at_once() {
    let (service, go) = held(&[("MAX_CONCURRENT", "2")]);
    std::thread::scope(|scope| {
        let busy: Vec<_> = (0..2).map(|_| scope.spawn(|| service.post(TEXT).status)).collect();
        // Itself counted.
        service.wait_for_metric("http_requests_in_flight 3");
        let refused = service.get(BY_JOB);
        assert!(busy.iter().all(|request| !request.is_finished()), "refused at once");
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text);
        assert_eq!(service.get("/ready").status, 200, "busy is not unready");
        drop(go);
        for request in busy {
            assert_eq!(request.join().unwrap(), 200);
        }
    });
    assert_eq!(service.get(BY_JOB).status, 200);
}

#[test]
fn a_request_is_given_up_at_its_deadline() {
    let (service, _go) = held(&[("REQUEST_DEADLINE_MS", "100")]);
    let late = service.post(TEXT);
    assert_eq!((late.status, late.header("retry-after")), (503, Some("1")));
    assert_eq!(late.detail(), "the answer was not ready within 100 ms");
}

#[test]
fn fifty_clients_at_once_are_all_answered() {
    let model = Words::open(Duration::from_millis(5));
    let service = Running::start(Store::with(market("v1")), model, &[]);
    std::thread::scope(|scope| {
        let ask = |number| {
            let service = &service;
            scope.spawn(move || service.post(format!("{{\"text\": \"line cook {number}\"}}")).status)
        };
        let texts: Vec<_> = (0..50).map(ask).collect();
        for text in texts {
            assert_eq!(text.join().unwrap(), 200);
        }
    });
}

#[test]
fn a_client_that_goes_away_takes_its_request_with_it() {
    let (service, _go) = held(&[]);
    let mut client = service.connect();
    write(&mut client, &format!("POST /v1/similar HTTP/1.1\r\nhost: x\r\ncontent-length: 16\r\n\r\n{TEXT}"));
    service.wait_for_metric("http_requests_in_flight 2");
    drop(client);
    service.wait_for_metric("http_requests_total{route=\"/v1/similar\",status=\"499\"} 1");
    assert_eq!(service.get("/v1/index").status, 200);
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let variables = [("MAX_CONCURRENT", "2")];
    let service = Running::start(Store::with(market("v1")), Words::open(NO_TIME), &variables);
    let head = "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ";
    let body = "POST /v1/similar HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    let mut dawdlers: Vec<_> = (0..200).map(|_| service.connect()).collect();
    for (number, client) in dawdlers.iter_mut().enumerate() {
        write(client, if number % 2 == 0 { head } else { body });
    }
    for _ in 0..20 {
        assert_eq!(service.get(BY_JOB).status, 200);
    }
    for client in &mut dawdlers {
        write(client, "a");
    }
    // Cut off after fifteen seconds, with a word where the head had come.
    assert!(read_to_end(&mut dawdlers[1]).starts_with("HTTP/1.1 408 "));
    let cut_off = read_to_end(&mut dawdlers[0]);
    assert!(cut_off.is_empty() || cut_off.starts_with("HTTP/1.1 408 "), "{cut_off}");
}

#[test]
fn open_connections_bar_nobody() {
    let service = Running::usual();
    // As many as one process can be sure to hold both ends of.
    let idle: Vec<_> = (0..400).map(|_| service.connect()).collect();
    assert_eq!(service.get(BY_JOB).status, 200);
    drop(idle);
}

#[test]
fn a_newer_index_and_the_end_fail_no_request() {
    let store = Store::with(market("v1"));
    let service = Running::start(store.clone(), Words::open(NO_TIME), &[("INDEX_POLL_S", "1")]);
    let is_over = AtomicBool::new(false);
    let ask = || {
        let mut versions = Vec::new();
        while !is_over.load(Ordering::SeqCst) {
            let reply = service.get(BY_JOB);
            assert_eq!(reply.status, 200, "{}", reply.text);
            versions.push(reply.json["index_version"].as_str().unwrap().to_owned());
        }
        versions.dedup();
        versions
    };
    let served = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        std::thread::sleep(Duration::from_millis(200));
        store.publish(market("v2"));
        service.wait_for_metric("similar_jobs_index_info{version=\"v2\",model_version=\"words/1/test\"} 1");
        std::thread::sleep(Duration::from_millis(50));
        // It goes on for whoever is still there.
        service.shutdown.cancel();
        std::thread::sleep(Duration::from_millis(500));
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    for versions in served {
        assert_eq!(versions, ["v1", "v2"]);
    }
}
