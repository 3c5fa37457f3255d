//! `jobctl forget`.

use serde_json::json;

use super::{error_of, file, jobctl, stdout_of, text};
use crate::support::{Market, ad, results};

fn market() -> Market {
    let market = Market::empty();
    let ads = ["1", "2", "3", "it's; DROP TABLE"].map(|id| ad(id, json!("Cook"), json!("Fry."), 0));
    market.load(&ads);
    market.load(&[ad("1", json!("Head cook"), json!("Fry more."), 5)]);
    market.execute(
        "CREATE TABLE job_embeddings AS SELECT DISTINCT source, job_id, [1.0]::FLOAT[1] AS embedding FROM cleaned_jobs; \
         CREATE TABLE ml_predictions AS SELECT DISTINCT source, job_id, 1.0 AS predicted_salary FROM cleaned_jobs; \
         CREATE TABLE notes AS SELECT 'about no ad' AS note",
    );
    market
}

fn source(market: &Market) -> String {
    let found = super::rows(market, "SELECT min(source) AS source FROM cleaned_jobs");
    found[0]["source"].as_str().unwrap().to_owned()
}

#[test]
fn an_ad_is_removed_from_every_table() {
    let market = market();
    let source = source(&market);
    let count = |table: &str| market.count(&format!("SELECT count(*) FROM {table}"));
    let counts = || [count("cleaned_jobs"), count("job_embeddings"), count("ml_predictions"), count("notes")];
    assert_eq!(counts(), [5, 4, 4, 1]);
    let would = stdout_of(&market, &["forget", "--dry-run", &source, "1", "9"]);
    assert_eq!(counts(), [5, 4, 4, 1], "a dry run removes nothing");
    let did = stdout_of(&market, &["forget", &source, "1", "9", "1"]);
    assert_eq!(counts(), [3, 3, 3, 1]);
    assert_eq!(would.replace("would forget", "forgot").replace("would keep", "keeps"), did);
    let expected = format!(
        "forgot: {source}/1\ntable           rows\n--------------  ----\ncleaned_jobs       2\n\
         job_embeddings     1\nml_predictions     1\nnot found in any table; a tombstone keeps it out: {source}/9\n\
         existing indexes contain these ads until build-vector-index builds a new one\n"
    );
    assert_eq!(did, expected);
    stdout_of(&market, &["forget", &source, "it's; DROP TABLE"]);
    assert_eq!(counts(), [2, 2, 2, 1]);
}

const REBUILD_HINT: &str = "existing indexes contain these ads until build-vector-index builds a new one\n";

#[test]
fn an_ad_in_no_table_gets_a_tombstone_and_is_not_loaded() {
    let market = market();
    let source = source(&market);
    let would = stdout_of(&market, &["forget", "--dry-run", &source, "8", "9"]);
    let sentence = format!(
        "not found in any table; a tombstone would keep each out: {source}/8, {source}/9\n{REBUILD_HINT}"
    );
    assert_eq!(would, sentence);
    assert_eq!(market.count("SELECT count(*) FROM forgotten_ads"), 0);
    // White space around keys is ignored.
    let did = stdout_of(&market, &["forget", &format!(" {source}"), "8 ", "9"]);
    assert_eq!(did, sentence.replace("would keep", "keeps"));
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs"), 5);
    let line = error_of(&market, 2, &["forget", &source, "1", " \t"]);
    assert_eq!(line, "invalid JOB_ID \" \\t\": expected text");
    let line = error_of(&Market::empty(), 1, &["forget", "MCF", "1"]);
    assert!(line.starts_with("there is no warehouse at "), "{line}");

    let ads = ["8", "9", "10"].map(|id| ad(id, json!("Baker"), json!("Bake."), 0));
    let lines = ads.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let path = file(&market, "next.ndjson", lines);
    let dry = stdout_of(&market, &["load", "--dry-run", text(&path)]);
    assert!(dry.contains("  left out: 2 sightings of ads that were taken down"), "{dry}");
    let loaded = stdout_of(&market, &["load", text(&path)]);
    assert!(
        loaded.contains("  left out: 2 sightings of ads that were taken down (jobctl forget)\n"),
        "{loaded}"
    );
    let report = jobctl(&market, &["load", "--json", text(&path)]).answer();
    assert_eq!(report["files"][0]["forgotten_sightings"], 2, "{report}");
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs WHERE job_title = 'Baker'"), 2);

    // White space around stored keys is ignored too, by the takedown and by its undoing.
    let path = file(
        &market,
        "spaced.ndjson",
        [" 77 ", "77", "\u{a0}77\t"]
            .map(|id| ad(id, json!("Sweep"), json!("Sweep."), 0).to_string())
            .join("\n"),
    );
    stdout_of(&market, &["load", text(&path)]);
    let did = stdout_of(&market, &["forget", &source, "77"]);
    assert!(
        did.starts_with(&format!("forgot: {source}/77\n")) && did.contains("cleaned_jobs       3\n"),
        "{did}"
    );
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs WHERE job_title = 'Sweep'"), 0);
    let undone = stdout_of(&market, &["forget", "--undo", &source, "77"]);
    assert!(undone.starts_with(&format!("lifted the takedown of: {source}/77\n")), "{undone}");
    stdout_of(&market, &["load", text(&path)]);
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs WHERE job_title = 'Sweep'"), 3);
    market.execute("DELETE FROM cleaned_jobs WHERE job_title = 'Sweep'");

    market.execute("DROP TABLE job_embeddings");
    // Keys are normalized as loading does.
    let path = file(&market, "floats.csv", "source,job_id,scrape_timestamp\nMCF,84112501.0,2025-03-01\n");
    stdout_of(&market, &["load", text(&path)]);
    let did = stdout_of(&market, &["forget", "MCF", "84112501.0"]);
    assert!(did.starts_with("forgot: MCF/84112501\n"), "{did}");
    let loaded = stdout_of(&market, &["load", text(&path)]);
    let left_out = "  left out: 1 sighting of an ad that was taken down (jobctl forget)\n";
    assert!(loaded.contains(left_out), "{loaded}");

    let inspected = stdout_of(&market, &["inspect"]);
    assert!(inspected.contains("3 forgotten ads are kept out\n"), "{inspected}");
    let answer = jobctl(&market, &["inspect", "--json"]).answer();
    assert_eq!(answer["forgotten"], json!({"ads": 3, "seen_again": 0}));
    market.execute(
        "INSERT INTO cleaned_jobs (source, job_id, scrape_timestamp) VALUES ('MCF', '8', now()::TIMESTAMP)",
    );
    let inspected = stdout_of(&market, &["inspect"]);
    assert!(
        inspected.contains("; cleaned_jobs contains sightings of 1 of them, which are ignored"),
        "{inspected}"
    );
}

#[test]
fn a_takedown_is_lifted_per_ad() {
    let market = market();
    let source = source(&market);
    stdout_of(&market, &["forget", &source, "1", "9"]);
    let would = stdout_of(&market, &["forget", "--undo", "--dry-run", &source, "9", "2"]);
    let did = stdout_of(&market, &["forget", "--undo", &source, " 9", "2"]);
    let sentence = format!(
        "lifted the takedown of: {source}/9\nnot forgotten: {source}/2\ndeleted rows are not restored: load the ads again\n"
    );
    assert_eq!(did, sentence);
    assert_eq!(would, sentence.replace("lifted", "would lift"));
    let line = error_of(&market, 1, &["forget", "--undo", &source, "9", "2"]);
    assert_eq!(line, format!("not forgotten: {source}/9, {source}/2"));
    assert_eq!(market.count("SELECT count(*) FROM forgotten_ads"), 1);
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs WHERE job_id = '1'"), 0);
}

#[test]
fn an_older_warehouse_without_tombstones_is_readable() {
    let market = market();
    market.execute("DROP TABLE forgotten_ads; DROP TABLE job_embeddings");
    let source = source(&market);
    assert_eq!(market.embedded(&["--dry-run"])["ads"], 4);
    stdout_of(&market, &["forget", "--dry-run", &source, "1"]);
    stdout_of(&market, &["inspect"]);
    error_of(&market, 1, &["forget", "--undo", &source, "1"]);
    let made = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'forgotten_ads'";
    assert_eq!(market.count(made), 0, "a command that only reads created the table");
    let path = file(&market, "none.csv", "source,job_id,scrape_timestamp\n");
    stdout_of(&market, &["load", text(&path)]);
    assert_eq!(market.count(made), 1);
}

/// A taken-down ad stays out of every table and index, even when other programs insert it again, until the takedown is
/// lifted.
#[test]
fn a_takedown_is_permanent() {
    let market = Market::empty();
    let ads: Vec<_> = (0..60)
        .map(|n| {
            ad(&n.to_string(), json!(format!("Keeper of lighthouse {n}")), json!("Keep it lit."), n % 60)
        })
        .collect();
    market.load(&ads);
    market.embedded(&[]);
    let graph = ["--graph-texts", "20"];
    assert_eq!(market.indexed(&graph)["index"]["ads"], 60);
    let named = |table: &str| market.count(&format!("SELECT count(*) FROM {table} WHERE job_id = '7'"));

    stdout_of(&market, &["forget", "MCF", "7"]);
    // The next scrape still contains the ad, and another program inserts it directly.
    market.load(&ads);
    assert_eq!((named("cleaned_jobs"), named("job_embeddings")), (0, 0));
    market.execute("INSERT INTO cleaned_jobs BY NAME SELECT * REPLACE ('7' AS job_id) FROM cleaned_jobs WHERE job_id = '8'");
    let report = market.embedded(&[]);
    assert_eq!(
        (&report["ads"], &report["forgotten"], &report["failed"]),
        (&json!(59), &json!(1), &json!(0)),
        "{report}"
    );
    assert_eq!(named("job_embeddings"), 0);
    let without = market.indexed(&graph);
    assert_eq!(
        (&without["index"]["ads"], &without["index"]["grown_from"]),
        (&json!(59), &json!("v1")),
        "{without}"
    );
    assert_eq!(market.indexed(&graph)["outcome"], "unchanged");
    let mut service = market.serving(&[]);
    assert_eq!(service.version(), "v2");
    assert_eq!(service.get("v1/jobs/MCF/7").status, 404);
    let found = results(&service.similar(&json!({"text": "Keeper of lighthouse 7", "top_k": 100})));
    assert!(found.iter().all(|found| found["job_id"] != "7"), "{found:?}");
    // A row in the table of embeddings, for example of a run that read the ad earlier, is removed as well.
    market.execute("INSERT INTO job_embeddings BY NAME SELECT * REPLACE ('7' AS job_id) FROM job_embeddings WHERE job_id = '8'");
    assert_eq!(market.indexed(&graph)["outcome"], "unchanged");
    assert_eq!(market.embedded(&[])["removed"], 1);

    // The next run replaces an older index that was promoted again.
    assert_eq!(market.indexed(&["--promote", "v1"])["champion"], "v1");
    service.wait_for_version("v1");
    let again = market.indexed(&graph);
    assert_eq!((&again["champion"], &again["index"]["ads"]), (&json!("v3"), &json!(59)), "{again}");
    service.wait_for_version("v3");
    assert_eq!(service.get("v1/jobs/MCF/7").status, 404);

    stdout_of(&market, &["forget", "--undo", "MCF", "7"]);
    market.load(&ads);
    let report = market.embedded(&[]);
    assert_eq!((&report["ads"], &report["forgotten"]), (&json!(60), &json!(0)), "{report}");
    market.indexed(&graph);
    service.wait_for_version("v4");
    assert_eq!(service.get("v1/jobs/MCF/7").status, 200);
}

#[test]
fn a_takedown_that_fails_for_one_table_changes_no_table() {
    let market = market();
    market.execute(
        "CREATE TABLE z_owned (source VARCHAR, job_id VARCHAR, PRIMARY KEY (source, job_id)); \
         CREATE TABLE z_owner (board VARCHAR, id VARCHAR, FOREIGN KEY (board, id) REFERENCES z_owned (source, job_id)); \
         INSERT INTO z_owned VALUES ('MCF', '1'); INSERT INTO z_owner VALUES ('MCF', '1')",
    );
    let ended = jobctl(&market, &["forget", "MCF", "1"]);
    assert_eq!(ended.code.map(|code| code > 0), Some(true), "{ended:?}");
    assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains("foreign key"), "{ended:?}");
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs WHERE job_id = '1'"), 2);
    assert_eq!(market.count("SELECT count(*) FROM forgotten_ads"), 0);
}
