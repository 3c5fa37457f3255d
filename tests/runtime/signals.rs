//! SIGTERM in every mode: results are saved, and the process ends cleanly within ten seconds.

use std::time::Duration;

use serde_json::{Value, json};

use super::{MANY_ADS, function};
use crate::support::{Ended, Market, Running, Service};

/// Asserts that the warehouse shows the run as interrupted.
fn assert_interrupted(market: &Market, run_id: &str) {
    let sql = |status| format!("SELECT count(*) FROM vw_runs WHERE run_id = '{run_id}' AND status {status}");
    assert_eq!(market.count(&sql("= 'interrupted' AND finished_at IS NOT NULL")), 1);
    assert_eq!(market.count(&sql("<> 'interrupted'")), 0);
}

fn terminated(market: &Market, mut run: Running) -> Ended {
    let run_id = run.wait_for_run();
    // A run of `MANY_ADS` takes much longer than this on any machine.
    std::thread::sleep(Duration::from_secs(3));
    run.terminate();
    let ended = run.end();
    assert!(ended.seconds < 10.0, "{ended:?}");
    assert_interrupted(market, &run_id);
    ended
}

#[test]
fn a_local_run_exits_with_0_and_saves_its_results() {
    let market = Market::generated(MANY_ADS);
    let ended = terminated(&market, Running::start(&mut function(&market)));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answer = ended.answer();
    assert_eq!(answer["status"], "interrupted", "{answer}");
    let count =
        |report: &Value, name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"));
    let done = count(&answer["report"], "embedded") + count(&answer["report"], "shared");
    let rest = Running::start(function(&market).arg("--dry-run")).end();
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(count(&rest.answer()["report"], "unchanged"), done, "the report matches the saved rows");
}

#[test]
fn a_task_exits_with_1_so_that_it_is_retried() {
    let market = Market::generated(MANY_ADS);
    let mut task = function(&market);
    let ended = terminated(&market, Running::start(task.env("CLOUD_RUN_JOB", "embed")));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.answer()["status"], "interrupted");
}

#[test]
fn a_server_responds_to_the_request_in_progress_and_exits_with_0() {
    let market = Market::generated(MANY_ADS);
    let mut service = Service::start(&mut function(&market));
    let request = service.post(&json!({})).header("idempotency-key", "daily");
    let running = std::thread::spawn(|| request.send());
    let run_id = service.process.wait_for_run();
    service.process.terminate();
    let ended = service.process.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.seconds < 10.0, "{ended:?}");
    assert_interrupted(&market, &run_id);
    let reply = running.join().unwrap();
    assert_eq!(
        (reply.status, &reply.json["answer"]["status"]),
        (503, &"interrupted".into()),
        "{}",
        reply.json
    );
    assert!(reply.header("retry-after").is_some());
    // An interrupted trigger runs again, and the lease is released.
    let mut next = Service::start(&mut function(&market));
    let again = next.post(&json!({})).header("idempotency-key", "daily");
    let running = std::thread::spawn(|| again.send());
    next.process.wait_for_run();
    next.process.terminate();
    assert_eq!(running.join().unwrap().status, 503);
    assert_eq!(next.process.end().code, Some(0));
}

#[test]
fn an_idle_server_exits_at_once() {
    let service = Service::start(&mut function(&Market::empty()));
    service.process.terminate();
    let ended = service.process.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.seconds < 3.0, "{ended:?}");
}
