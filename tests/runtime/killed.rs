//! The records of runs that were killed, failed early or panicked.

use std::time::Duration;

use serde_json::json;

use super::{MANY_ADS, function};
use crate::support::{Market, Running};

/// The number of runs with this status.
fn runs(market: &Market, status: &str) -> i64 {
    market.count(&format!("SELECT count(*) FROM vw_runs WHERE status = '{status}'"))
}

#[test]
fn the_next_run_records_a_killed_run_as_abandoned() {
    let market = Market::generated(MANY_ADS);
    let run_id = loop {
        let mut killed = Running::start(&mut function(&market));
        let run_id = killed.wait_for_run();
        let before = market.bytes();
        while market.bytes() == before {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(killed);
        // A run first creates the tables, then writes its row.
        if runs(&market, "running") == 1 {
            break run_id;
        }
    };
    // Any run that opens the file for writing does this, even one of another function that fails.
    let build = Running::start(market.command("build-vector-index").arg("--once")).end();
    assert!(build.stderr.contains(&run_id), "{build:?}");
    assert_eq!((runs(&market, "running"), runs(&market, "abandoned")), (0, 1));
    let recorded = format!("SELECT count(*) FROM vw_runs WHERE run_id = '{run_id}' AND status = 'abandoned'");
    assert_eq!(market.count(&recorded), 1);
    let inspected = Running::start(market.command("jobctl").args(["inspect", "--json"])).end().answer();
    let found =
        inspected["last_runs"].as_array().unwrap().iter().find(|run| run["run_id"] == run_id.as_str());
    assert_eq!(found.unwrap()["status"], "abandoned");
    assert_eq!(market.embedded(&["--limit", "1"])["limit_reached"], json!(true));
    assert_eq!(runs(&market, "abandoned"), 1, "it is recorded once");
}

#[test]
fn a_retried_task_takes_over_the_lease_of_its_killed_attempt() {
    let market = Market::generated(MANY_ADS);
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
    assert!(!again.stderr.contains("waiting for the lease"), "the retry waited: {again:?}");
    let released: serde_json::Value = serde_json::from_slice(&std::fs::read(&lease).unwrap()).unwrap();
    assert!(released["released_at"].is_string(), "{released}");
}

#[test]
fn a_run_that_fails_before_it_embeds_has_a_row() {
    let market = Market::titles(3);
    let empty = tempfile::tempdir().unwrap();
    let failed =
        Running::start(market.command("embed-new-jobs").env("MODEL_DIR", empty.path()).arg("--once")).end();
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(runs(&market, "failed"), 1);
    assert_eq!(market.count("SELECT count(*) FROM vw_runs WHERE report LIKE '%scripts/setup --model%'"), 1);
}

#[test]
fn a_panic_in_any_thread_fails_the_run_with_exit_code_1() {
    let embedding = ["duckdb::scan_jobs", "embed::plan", "embed::settle", "embed::worker", "embed::write"];
    let building = ["duckdb::scan_ads", "index::add", "index::finish", "index::publish"];
    assert_failed(&Market::titles(300), "embed-new-jobs", &embedding);
    let embedded = Market::titles(20);
    embedded.embedded(&[]);
    assert_failed(&embedded, "build-vector-index", &building);
    assert!(!embedded.artifact_dir().join("indexes/champion.json").exists());
}

/// Panics at each of `points`, and asserts that the error and the row of the run name it.
fn assert_failed(market: &Market, program: &str, points: &[&str]) {
    for (failed, point) in (1..).zip(points) {
        let mut run = market.command(program);
        run.envs([("DEVICE", "cpu"), ("THREADS", "1")]).env("JOB_MARKET_FAILPOINT", format!("{point}:1"));
        let ended = Running::start(run.arg("--once")).end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{point}: {ended:?}");
        let errors = ended.stderr.lines().filter(|line| line.starts_with("error: ") && line.contains(point));
        assert_eq!(errors.count(), 1, "{point}: {ended:?}");
        assert_eq!((runs(market, "failed"), runs(market, "running")), (failed, 0), "{point}");
        let named =
            format!("SELECT count(*) FROM vw_runs WHERE status = 'failed' AND report LIKE '%{point}%'");
        assert_eq!(market.count(&named), 1, "{point}");
    }
}

/// Another program may write rows with infinite timestamps.
#[test]
fn runs_with_infinite_timestamps_are_recorded_as_abandoned() {
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
