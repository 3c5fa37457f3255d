//! `jobctl inspect`.

use serde_json::json;

use super::{error_of, jobctl, stdout_of};
use crate::support::{Market, ad};

#[test]
fn tables_coverage_and_runs_are_shown() {
    let market = Market::empty();
    market.load(&["1", "2", "3"].map(|id| ad(id, json!("Cook"), json!("Fry."), 0)));
    market.load(&[ad("1", json!("Cook"), json!("Fry."), 5)]);
    market.execute(&include_str!("../../infra/duckdb/create_ml_runs.sql").replace("{ml_runs}", "ml_runs"));
    let view = include_str!("../../infra/duckdb/create_vw_runs.sql");
    market.execute(&view.replace("{ml_runs}", "ml_runs").replace("{vw_runs}", "vw_runs"));
    market.execute(
        "CREATE TABLE job_embeddings AS \
         SELECT DISTINCT source, job_id, 's' AS embedding_space, 'v' || job_id AS model_version \
         FROM cleaned_jobs WHERE job_id < '3'; \
         INSERT INTO ml_runs SELECT 'embed-new-jobs', 'r' || n, TIMESTAMP '2025-01-01' + INTERVAL (n) DAY, NULL, \
         'running', '{}', '0.1.0', TIMESTAMP '2025-01-08' FROM range(7) AS t(n); \
         INSERT INTO ml_runs SELECT * REPLACE ('abandoned' AS status, TIMESTAMP '2025-01-09' AS recorded_at) \
         FROM ml_runs WHERE run_id = 'r5'",
    );
    let shown = stdout_of(&market, &["inspect"]);
    for expected in [
        "cleaned_jobs       4",
        "3 ads in 4 sightings\n",
        "job_embeddings     2       1               2  2 of 3 (66.7%)",
        "embed-new-jobs  running    2025-01-07T00:00:00Z  -         0.1.0  r6",
        "embed-new-jobs  abandoned  2025-01-06T00:00:00Z  -         0.1.0  r5",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(shown.contains("r2") && !shown.contains("r1\n"), "more than the last five runs: {shown}");
    let answer = jobctl(&market, &["inspect", "--json"]).answer();
    assert_eq!(answer["ads"], json!({"ads": 3, "sightings": 4, "repeats_of_a_sighting": 0}));
    assert_eq!(answer["embeddings"][0]["ads_embedded"], 2);
    assert_eq!(answer["last_runs"].as_array().unwrap().len(), 5);
    assert_eq!(answer["last_runs"][0]["run_id"], "r6");
    assert_eq!(answer["last_runs"][0]["finished_at"], json!(null));
}

#[test]
fn runs_of_an_older_warehouse_are_shown_and_kept() {
    let market = Market::titles(3);
    market.execute(
        "CREATE TABLE ml_runs (function VARCHAR NOT NULL, run_id VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL, \
         finished_at TIMESTAMP, status VARCHAR NOT NULL, report VARCHAR NOT NULL, code_version VARCHAR NOT NULL); \
         INSERT INTO ml_runs VALUES \
         ('embed-new-jobs', 'old', '2025-01-01', '2025-01-02', 'succeeded', '{}', '0.0.1'), \
         ('embed-new-jobs', 'killed', '2025-01-03', NULL, 'running', 'null', '0.0.1')",
    );
    let status = |run_id: &str| {
        let answer = jobctl(&market, &["inspect", "--json"]).answer();
        let runs = answer["last_runs"].as_array().unwrap().clone();
        let found: Vec<_> = runs.iter().filter(|run| run["run_id"] == run_id).collect();
        assert_eq!(found.len(), 1, "{answer}");
        found[0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!((&*status("old"), &*status("killed")), ("succeeded", "running"));
    let run_id = market.embed(&[]).answer()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&*status("old"), &*status("killed"), &*status(&run_id)),
        ("succeeded", "abandoned", "succeeded")
    );
    // A run appends rows and changes none.
    let rows =
        "SELECT count(*) FROM ml_runs WHERE run_id = 'killed' AND status = 'running' AND recorded_at IS NULL";
    assert_eq!(market.count(rows), 1);
    assert_eq!(market.count("SELECT count(*) FROM ml_runs"), 5);
}

#[test]
fn errors_about_a_missing_warehouse_name_the_remedy() {
    let line = error_of(&Market::empty(), 1, &["inspect"]);
    assert!(line.ends_with("load ads with `jobctl load FILE` or make some with `jobctl generate`"), "{line}");
    let market = Market::empty();
    std::fs::write(market.file(), "no database").unwrap();
    let line = error_of(&market, 1, &["inspect"]);
    assert!(line.ends_with("is not a DuckDB database"), "{line}");
    let line = error_of(&market, 2, &["--warehouse-url", "sqlite:x", "inspect"]);
    assert!(line.starts_with("invalid WAREHOUSE_URL \"sqlite:x\": expected duckdb:PATH or"), "{line}");
    let folder = format!("duckdb:{}", market.file().parent().unwrap().display());
    let line = error_of(&market, 2, &["--warehouse-url", &folder, "inspect"]);
    assert!(line.contains("is a folder, and a warehouse is a file"), "{line}");
}
