//! A run that is killed at any time leaves complete, current rows, and the next run completes the work.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::support::{Market, Running, ads_with_text};

#[test]
fn killed_runs_leave_complete_rows_and_the_next_run_finishes() {
    let market = Market::titles(6000);
    let (mut before, mut partial) = (0, 0);
    for round in 0..10 {
        let size = market.bytes();
        let run = Running::start(market.command("embed-new-jobs").env("DEVICE", "cpu").arg("--once"));
        // Kill before the model is loaded, while it runs and, in every third round, after the first write.
        let deadline = Instant::now() + Duration::from_mins(1);
        while round % 3 == 2 && market.bytes() < size + 500_000 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(rand::rng().random_range(0..1500)));
        drop(run); // kill -9
        let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'job_embeddings'";
        if market.count(tables) == 1 {
            let now = usize::try_from(market.count("SELECT count(*) FROM job_embeddings")).unwrap();
            assert!(now >= before, "round {round}: {before} rows, then {now}");
            market.assert_current(now);
            partial += usize::from(now > before);
            before = now;
        }
    }
    let report = market.embedded(&[]);
    assert_eq!(report["failed"], 0);
    market.assert_current(ads_with_text(&report));
    assert_eq!(market.embedded(&[])["embedded"], 0);
    assert!(partial > 0, "every kill came before the first write");
}
