//! What is left of runs that were killed, and of runs that failed before they did anything.

use std::time::Duration;

use serde_json::json;

use super::{MANY, function};
use crate::support::{Market, Running};

/// How many runs the warehouse shows in this state.
fn runs(market: &Market, status: &str) -> i64 {
    market.count(&format!("SELECT count(*) FROM vw_runs WHERE status = '{status}'"))
}

#[test]
fn the_next_run_writes_that_a_killed_one_was_abandoned() {
    let market = Market::generated(MANY);
    let run_id = loop {
        let mut killed = Running::start(&mut function(&market));
        let run_id = killed.wait_for_run();
        let before = market.bytes();
        while market.bytes() == before {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(killed);
        // The first thing that it writes are the tables, and the second is its row.
        if runs(&market, "running") == 1 {
            break run_id;
        }
    };
    // Nobody else can have the file: it need not be a run of the same function, nor one that succeeds.
    let build = Running::start(market.command("build-vector-index").arg("--once")).end();
    assert!(build.stderr.contains(&run_id), "{build:?}");
    assert_eq!((runs(&market, "running"), runs(&market, "abandoned")), (0, 1));
    let mine = format!("SELECT count(*) FROM vw_runs WHERE run_id = '{run_id}' AND status = 'abandoned'");
    assert_eq!(market.count(&mine), 1);
    let inspected = Running::start(market.command("jobctl").args(["inspect", "--json"])).end().answer();
    let found =
        inspected["last_runs"].as_array().unwrap().iter().find(|run| run["run_id"] == run_id.as_str());
    assert_eq!(found.unwrap()["status"], "abandoned");
    assert_eq!(market.embedded(&["--limit", "1"])["limit_reached"], json!(true));
    assert_eq!(runs(&market, "abandoned"), 1, "it is written once");
}

#[test]
fn a_task_that_is_tried_again_takes_over_from_its_killed_try() {
    let market = Market::generated(MANY);
    let task = |attempt: &str| {
        let mut task = function(&market);
        task.envs([
            ("CLOUD_RUN_JOB", "embed"),
            ("CLOUD_RUN_EXECUTION", "monday"),
            ("CLOUD_RUN_TASK_ATTEMPT", attempt),
        ]);
        task.args(["--limit", "1"]);
        task
    };
    let mut first = Running::start(
        function(&market).envs([("CLOUD_RUN_JOB", "embed"), ("CLOUD_RUN_EXECUTION", "monday")]),
    );
    first.wait_for_run();
    drop(first);
    let lease = market.artifact_dir().join("runs/embed-new-jobs/task-0.json");
    assert!(lease.exists());
    let again = Running::start(&mut task("1")).end();
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(!again.stderr.contains("if it was killed"), "it did not wait: {again:?}");
    let released: serde_json::Value = serde_json::from_slice(&std::fs::read(&lease).unwrap()).unwrap();
    assert!(released["released_at"].is_string(), "{released}");
}

#[test]
fn a_run_that_fails_before_its_work_has_a_row() {
    let market = Market::titles(3);
    let empty = tempfile::tempdir().unwrap();
    let failed =
        Running::start(market.command("embed-new-jobs").env("MODEL_DIR", empty.path()).arg("--once")).end();
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(runs(&market, "failed"), 1);
    assert_eq!(market.count("SELECT count(*) FROM vw_runs WHERE report LIKE '%scripts/setup --model%'"), 1);
}

#[test]
fn a_panic_in_any_thread_of_a_run_is_a_failed_run_and_exit_code_1() {
    let embedding = ["duckdb::scan_jobs", "embed::plan", "embed::settle", "embed::worker", "embed::write"];
    let building = ["duckdb::scan_ads", "index::add", "index::finish", "index::publish"];
    assert_failed(&Market::titles(300), "embed-new-jobs", &embedding);
    let embedded = Market::titles(20);
    embedded.embedded(&[]);
    assert_failed(&embedded, "build-vector-index", &building);
    assert!(!embedded.artifact_dir().join("indexes/champion.json").exists());
}

/// Panics at each of `points` in turn, and looks for its words in the error and in the run's row.
fn assert_failed(market: &Market, program: &str, points: &[&str]) {
    for (failed, point) in (1..).zip(points) {
        let mut run = market.command(program);
        run.envs([("DEVICE", "cpu"), ("THREADS", "1")]).env("JOB_MARKET_FAILPOINT", format!("{point}:1"));
        let ended = Running::start(run.arg("--once")).end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{point}: {ended:?}");
        let says = ended.stderr.lines().filter(|line| line.starts_with("error: ") && line.contains(point));
        assert_eq!(says.count(), 1, "{point}: {ended:?}");
        assert_eq!((runs(market, "failed"), runs(market, "running")), (failed, 0), "{point}");
        let named =
            format!("SELECT count(*) FROM vw_runs WHERE status = 'failed' AND report LIKE '%{point}%'");
        assert_eq!(market.count(&named), 1, "{point}");
    }
}

/// A row that others wrote, with moments that no calendar has.
#[test]
fn a_moment_outside_the_calendar_does_not_keep_runs_from_being_abandoned() {
    let market = Market::generated(3);
    market.embedded(&[]);
    market.execute(
        "INSERT INTO ml_runs BY NAME SELECT 'f' AS function, 'odd' AS run_id, TIMESTAMP 'infinity' AS started_at, \
         'running' AS status, '{}' AS report, '1' AS code_version, TIMESTAMP '-infinity' AS recorded_at",
    );
    assert_eq!(runs(&market, "running"), 1);
    market.embedded(&[]);
    assert_eq!((runs(&market, "running"), runs(&market, "abandoned")), (0, 1));
}
