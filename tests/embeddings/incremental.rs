//! Incremental runs.

use serde_json::{Value, json};

use crate::support::{Market, Running, ad, left_out, real_ads};

fn counts(report: &Value) -> [u64; 6] {
    ["embedded", "shared", "refreshed", "unchanged", "skipped", "removed"]
        .map(|name| report[name].as_u64().unwrap())
}

#[test]
fn each_run_processes_the_changes_since_the_last() {
    let market = Market::empty();
    let text = |id, description: &str, seen| ad(id, json!("Pastry cook"), json!(description), seen);
    market.load(&[text("1", "Bakes.", 0), text("2", "Bakes.", 0), text("3", "Rolls.", 0), text("4", "", 0)]);
    assert_eq!(counts(&market.embedded(&[])), [3, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&market.embedded(&[])), [0, 0, 0, 4, 0, 0]);

    // One description changes; one ad gets the text of another ad.
    market.load(&[text("3", "Rolls and folds.", 1), text("4", "Bakes.", 1)]);
    assert_eq!(counts(&market.embedded(&[])), [1, 1, 0, 2, 0, 0]);

    // An older sighting that is loaded later changes nothing.
    market.load(&[text("3", "Rolls.", 0)]);
    assert_eq!(counts(&market.embedded(&[])), [0, 0, 0, 4, 0, 0]);

    // The pay changes and the text does not: the row is refreshed without computing a vector.
    let mut paid = text("1", "Bakes.", 2);
    paid["job_salary_min_sgd_monthly"] = json!(3000);
    paid["job_location"] = json!("Bedok");
    market.load(&[paid]);
    assert_eq!(counts(&market.embedded(&[])), [0, 0, 1, 3, 0, 0]);
    assert_eq!(
        market.count("SELECT salary_mid::BIGINT FROM job_embeddings WHERE job_location = 'Bedok'"),
        3000
    );

    // One ad loses its text and another is deleted: their vectors are removed.
    market.load(&[ad("2", json!(" "), json!(null), 3)]);
    market.execute("DELETE FROM cleaned_jobs WHERE job_id = '3'");
    assert_eq!(counts(&market.embedded(&[])), [0, 0, 0, 2, 1, 2]);
    market.assert_current(2);

    assert_eq!(counts(&market.embedded(&["--force"])), [1, 1, 0, 0, 1, 0]);
    market.assert_current(2);
    let runs = "SELECT count(*) FROM vw_runs WHERE status = 'succeeded' AND finished_at > started_at";
    assert_eq!(market.count(runs), 7);
}

#[test]
fn texts_can_move_between_ads_in_one_run() {
    let market = Market::empty();
    let text = |id, description, seen| ad(id, json!("Welder"), json!(description), seen);
    market.load(&[text("1", "Welds.", 0), text("2", "Cuts.", 0)]);
    market.embedded(&[]);
    // Both texts move to new ads in the same run: one of the old ads gets another text, the other none.
    market.load(&[text("1", "Solders.", 1), ad("2", json!(""), json!(""), 1)]);
    market.load(&[text("3", "Welds.", 1), text("4", "Cuts.", 1)]);
    let report = market.embedded(&[]);
    assert_eq!(report["failed"], 0, "{report}");
    market.assert_current(3);
    let nothing = market.embedded(&[]);
    assert_eq!((&nothing["unchanged"], &nothing["skipped"]), (&json!(3), &json!(1)));
}

#[test]
fn force_recomputes_ads_that_share_a_text() {
    let market = Market::empty();
    let same: Vec<Value> =
        (0..1500).map(|n| ad(&n.to_string(), json!("Driver"), json!("Drives."), 0)).collect();
    market.load(&same);
    assert_eq!(market.embedded(&[])["shared"], 1499);
    assert_eq!(market.embedded(&["--force", "--precision", "int8"])["shared"], 1499);
    let redone = "SELECT count(*) FROM job_embeddings WHERE model_version LIKE '%/int8-cpu-%'";
    assert_eq!(market.count(redone), 1500);
}

#[test]
fn limit_and_source_restrict_a_run() {
    let market = Market::generated(60);
    let nothing = market.embedded(&["--limit", "0"]);
    assert_eq!((&nothing["embedded"], &nothing["limit_reached"]), (&json!(0), &json!(true)));
    let five = market.embedded(&["--limit", "5"]);
    assert_eq!(five["embedded"].as_u64().unwrap() + five["shared"].as_u64().unwrap(), 5);
    let elsewhere = market.embedded(&["--source", "O'Neil; DROP TABLE cleaned_jobs"]);
    assert_eq!(elsewhere["ads"], 0);
    let rest = market.embedded(&["--limit", "18446744073709551615"]);
    assert_eq!(rest["unchanged"], 5);
    assert_eq!(rest["limit_reached"], false);
    for bad in [["--limit", "-1"], ["--limit", "many"], ["--batch-size", "0"], ["--threads", "0"]] {
        let ended = market.embed(&bad);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(bad[1]) && !ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn a_dry_run_reports_its_plan_and_writes_nothing() {
    let market = Market::generated(50);
    let report = market.embedded(&["--dry-run"]);
    let plan = &report["dry_run"];
    assert!(plan["ads_to_embed"].as_u64().unwrap() > 30, "{plan}");
    assert!(plan["estimated_seconds"].as_f64().unwrap() > 0.0, "{plan}");
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'job_embeddings'";
    assert_eq!(market.count(tables), 0);
    market.embedded(&[]);
    assert_eq!(market.embedded(&["--dry-run"])["dry_run"]["ads_to_embed"], 0);
}

#[test]
fn shards_partition_the_ads() {
    let market = Market::generated(90);
    let mut ads = 0;
    for index in ["0", "1", "2"] {
        let mut task = market.command("embed-new-jobs");
        task.envs([
            ("CLOUD_RUN_JOB", "embed"),
            ("CLOUD_RUN_TASK_INDEX", index),
            ("CLOUD_RUN_TASK_COUNT", "3"),
        ]);
        let ended = Running::start(&mut task).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ads += ended.answer()["report"]["ads"].as_u64().unwrap();
    }
    assert_eq!(ads, 90);
    let whole = market.embedded(&[]);
    assert_eq!((&whole["embedded"], &whole["shared"], &whole["removed"]), (&json!(0), &json!(0), &json!(0)));
}

#[test]
fn real_ads_are_embedded() {
    let Some(folder) = real_ads() else {
        return left_out("real_ads_are_embedded", "JOB_MARKET_TEST_DATA has no sg_jobs_append.parquet");
    };
    let market = Market::empty();
    let file = folder.join("sg_jobs_append.parquet");
    let loaded = Running::start(market.command("jobctl").arg("load").arg(file)).end();
    assert_eq!(loaded.code, Some(0), "{loaded:?}");
    let report = market.embedded(&["--limit", "250"]);
    assert_eq!(report["ads"], 3615);
    assert_eq!(report["failed"], 0);
    let done = report["embedded"].as_i64().unwrap() + report["shared"].as_i64().unwrap();
    assert_eq!(done, 250);
    market.assert_current(250);
}
