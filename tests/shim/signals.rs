//! SIGTERM in every mode: what was done is kept, the end is clean and comes within ten seconds.

use serde_json::json;

use super::{MANY, function};
use crate::support::{Ended, Market, Running, Service};

fn terminated(mut run: Running) -> Ended {
    run.wait_for_run();
    run.wait_for_line("the first ads", |line| line["message"] == "run started");
    std::thread::sleep(std::time::Duration::from_secs(2));
    run.terminate();
    let ended = run.end();
    assert!(ended.seconds < 10.0, "{ended:?}");
    ended
}

#[test]
fn a_local_run_ends_with_0_and_the_next_goes_on() {
    let market = Market::generated(MANY);
    let ended = terminated(Running::start(&mut function(&market)));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let answer = ended.answer();
    assert_eq!(answer["status"], "interrupted", "{answer}");
    let done = answer["report"]["embedded"].as_u64().unwrap();
    let next = Running::start(function(&market).args(["--limit", "1"])).end();
    assert_eq!(next.code, Some(0), "{next:?}");
    let kept = next.answer()["report"]["unchanged"].as_u64().unwrap();
    assert!(kept >= done.min(1), "{done} were embedded, {kept} kept");
}

#[test]
fn a_task_ends_with_1_so_that_it_is_tried_again() {
    let market = Market::generated(MANY);
    let mut task = function(&market);
    let ended = terminated(Running::start(task.env("CLOUD_RUN_JOB", "embed")));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.answer()["status"], "interrupted");
}

#[test]
fn a_server_answers_whom_it_owes_and_ends_with_0() {
    let market = Market::generated(MANY);
    let mut service = Service::start(&mut function(&market));
    let request = service.post(&json!({})).header("idempotency-key", "daily");
    let running = std::thread::spawn(|| request.send());
    service.process.wait_for_run();
    service.process.terminate();
    let ended = service.process.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.seconds < 10.0, "{ended:?}");
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
