//! A run that is killed at any moment leaves whole rows, and the next one finishes the work.

use std::time::Duration;

use crate::support::{Market, Running};

#[test]
fn killed_runs_leave_whole_rows_and_the_next_run_finishes() {
    let market = Market::generated(400);
    let with_text = "SELECT count(DISTINCT (source, job_id)) FROM cleaned_jobs";
    let mut before = 0;
    // From before the model is loaded to the middle of the work.
    for milliseconds in [50, 700, 1500, 3000] {
        let run = Running::start(market.command("embed-new-jobs").env("DEVICE", "cpu").arg("--once"));
        std::thread::sleep(Duration::from_millis(milliseconds));
        drop(run); // kill -9
        let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'job_embeddings'";
        if market.count(tables) == 1 {
            let now = market.count("SELECT count(*) FROM job_embeddings");
            assert!(now >= before, "{before} rows, then {now}");
            market.assert_complete(now);
            before = now;
        }
    }
    let report = market.embedded(&[]);
    assert_eq!(report["failed"], 0);
    let skipped = report["skipped"].as_i64().unwrap();
    market.assert_complete(market.count(with_text) - skipped);
    assert_eq!(market.embedded(&[])["embedded"], 0);
}
