//! SIGTERM in every mode: what was done is kept, the end is clean and comes within ten seconds.

use std::time::Duration;

use serde_json::{Value, json};

use super::{MANY, function};
use crate::support::{Ended, Market, Running, Service};

/// How the warehouse says that the run ended.
fn assert_interrupted(market: &Market, run_id: &str) {
    let sql = |status| format!("SELECT count(*) FROM vw_runs WHERE run_id = '{run_id}' AND status {status}");
    assert_eq!(market.count(&sql("= 'interrupted' AND finished_at IS NOT NULL")), 1);
    assert_eq!(market.count(&sql("<> 'interrupted'")), 0);
}

fn terminated(market: &Market, mut run: Running) -> Ended {
    let run_id = run.wait_for_run();
    // Into the middle of the work, on a machine of any speed: a run of so many ads takes far longer.
    std::thread::sleep(Duration::from_secs(3));
    run.terminate();
    let ended = run.end();
    assert!(ended.seconds < 10.0, "{ended:?}");
    assert_interrupted(market, &run_id);
    ended
}

#[test]
fn a_local_run_ends_with_0_and_keeps_what_it_did() {
    let market = Market::generated(MANY);
    let ended = terminated(&market, Running::start(&mut function(&market)));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answer = ended.answer();
    assert_eq!(answer["status"], "interrupted", "{answer}");
    let count =
        |report: &Value, name: &str| report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"));
    let done = count(&answer["report"], "embedded") + count(&answer["report"], "shared");
    let rest = Running::start(function(&market).arg("--dry-run")).end();
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(count(&rest.answer()["report"], "unchanged"), done, "what was reported is what was kept");
}

#[test]
fn a_task_ends_with_1_so_that_it_is_tried_again() {
    let market = Market::generated(MANY);
    let mut task = function(&market);
    let ended = terminated(&market, Running::start(task.env("CLOUD_RUN_JOB", "embed")));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.answer()["status"], "interrupted");
}

#[test]
fn a_server_answers_whom_it_owes_and_ends_with_0() {
    let market = Market::generated(MANY);
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
    // Interrupted is not done: the same trigger runs again, and finds the lease free.
    let mut next = Service::start(&mut function(&market));
    let again = next.post(&json!({})).header("idempotency-key", "daily");
    let running = std::thread::spawn(|| again.send());
    next.process.wait_for_run();
    next.process.terminate();
    assert_eq!(running.join().unwrap().status, 503);
    assert_eq!(next.process.end().code, Some(0));
}

#[test]
fn an_idle_server_ends_at_once() {
    let service = Service::start(&mut function(&Market::empty()));
    service.process.terminate();
    let ended = service.process.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.seconds < 3.0, "{ended:?}");
}
