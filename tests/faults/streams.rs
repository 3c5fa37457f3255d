//! Unusual rows, and results that fail in the middle: a partial result is never taken for a complete one.

use std::fs;

use serde_json::{Value, json};

use super::assert_refused;
use crate::support::{Market, Running};

const HEADER: &str = "source,job_id,scrape_timestamp,job_title,job_description,job_posted_timestamp\n";

fn load(market: &Market, name: &str, lines: &str) {
    let file = market.file().with_file_name(name);
    fs::write(&file, format!("{HEADER}{lines}")).unwrap();
    let ended = market.run("jobctl", &["load", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The posting timestamp of an ad in the service.
fn posted(service: &crate::support::Service, id: &str) -> Value {
    let reply = service.get(&format!("v1/jobs/Board/{id}"));
    assert_eq!(reply.status, 200, "{}", reply.json);
    reply.json["job"]["posted"].clone()
}

#[test]
fn dates_before_1970_are_supported_everywhere() {
    let market = Market::empty();
    load(
        &market,
        "good.csv",
        "Board,1,2025-06-08,Cook,Fries potatoes,2025-06-01\nBoard,2,2025-06-08,Nurse,Night shifts on a ward,2025-06-02\n",
    );
    assert_eq!(market.embedded(&[])["embedded"], 2);
    assert_eq!(market.indexed(&[])["index"]["ads"], 2);
    load(
        &market,
        "before_1970.csv",
        "Board,4,2025-06-09,Baker,Bread and rolls,1969-12-31T23:59:59.999Z\nBoard,5,2025-06-09,Driver,Vans in town,2025-06-05\n\
         Board,6,1969-12-31T23:59:59.5Z,Tailor,Suits and gowns,1900-02-28T12:00:00.000001Z\n",
    );
    let report = market.embedded(&[]);
    assert_eq!(
        (&report["ads"], &report["embedded"], &report["unchanged"]),
        (&json!(5), &json!(3), &json!(2))
    );
    assert_eq!(report["timestamps_out_of_range"], 0);
    market.assert_current(5);
    // The stored timestamps equal those of the ads, so that nothing is refreshed.
    assert_eq!(market.embedded(&[])["unchanged"], 5);
    let index = market.indexed(&[]);
    assert_eq!((&index["index"]["ads"], &index["timestamps_out_of_range"]), (&json!(5), &json!(0)));

    let service = market.serving(&[]);
    assert_eq!(posted(&service, "4"), "1969-12-31T23:59:59Z");
    assert_eq!(posted(&service, "6"), "1900-02-28T12:00:00Z");
    let found = |after: &str| {
        let query = json!({ "text": "work", "top_k": 50, "filter": { "posted_after": after } });
        let reply = service.similar(&query);
        assert_eq!(reply.status, 200, "{}", reply.json);
        reply.json["results"].as_array().unwrap().len()
    };
    assert_eq!([found("1969-12-31T23:59:59.999Z"), found("1970-01-01")], [4, 3]);
    drop(service);
    let service = market.serve(&[("SEARCH", "warehouse")]);
    let query = |after: &str| json!({ "text": "work", "top_k": 50, "filter": { "posted_after": after } });
    for (after, ads) in [("1969-12-31T23:59:59.999Z", 4), ("1970-01-01", 3)] {
        let reply = service.similar(&query(after));
        assert_eq!(reply.json["results"].as_array().map(Vec::len), Some(ads), "{}", reply.json);
    }
    drop(service);

    let out = market.file().with_file_name("out.ndjson");
    let exported = market.run("jobctl", &["export", "cleaned_jobs", out.to_str().unwrap()]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert!(fs::read_to_string(&out).unwrap().contains("\"1969-12-31T23:59:59.999Z\""));
    let other = Market::empty();
    let loaded = other.run("jobctl", &["load", out.to_str().unwrap()]);
    assert_eq!(loaded.code, Some(0), "{loaded:?}");
    let micros = "SELECT epoch_us(job_posted_timestamp) FROM cleaned_jobs WHERE job_id = '4'";
    assert_eq!(other.count(micros), -1000);
}

#[test]
fn timestamps_out_of_range_are_null_and_counted() {
    let market = Market::generated(3);
    market.execute(
        "INSERT INTO cleaned_jobs (source, job_id, scrape_timestamp, job_title, job_posted_timestamp) VALUES
         ('Board', 'infinite', '2025-01-01', 'Cook of soups', 'infinity'),
         ('Board', 'late', '2025-01-01', 'Nurse at night', '290000-01-01'),
         ('Board', 'early', '2025-01-01', 'Driver of vans', '-infinity'),
         ('Board', 'seen', '2025-01-01', 'Harbour pilot', '2025-01-01'),
         ('Board', 'seen', 'infinity', 'Old title', '2024-01-01')",
    );
    let dry = market.embedded(&["--dry-run"]);
    assert_eq!((&dry["ads"], &dry["timestamps_out_of_range"]), (&json!(7), &json!(4)));
    let report = market.embedded(&[]);
    assert_eq!((&report["ads"], &report["timestamps_out_of_range"]), (&json!(7), &json!(4)), "{report}");
    assert_eq!(market.count("SELECT count(*) FROM job_embeddings"), 7);
    let missing =
        "SELECT count(*) FROM job_embeddings WHERE source = 'Board' AND job_posted_timestamp IS NULL";
    assert_eq!(market.count(missing), 3);
    assert_eq!(market.embedded(&[])["unchanged"], 7);
    let index = market.indexed(&[]);
    assert_eq!(
        (&index["index"]["ads"], &index["timestamps_out_of_range"]),
        (&json!(7), &json!(4)),
        "{index}"
    );
    let service = market.serving(&[]);
    assert_eq!(posted(&service, "infinite"), Value::Null);
    let seen = service.get("v1/jobs/Board/seen").json;
    assert_eq!(
        (&seen["job"]["job_title"], &seen["job"]["posted"]),
        (&json!("Harbour pilot"), &json!("2025-01-01T00:00:00Z"))
    );
}

#[test]
fn unreadable_ads_do_not_count_as_missing() {
    let market = Market::titles(4);
    let readable = market.embedded(&[])["ads"].as_u64().unwrap();
    market.execute(
        "INSERT INTO cleaned_jobs (source, job_id, scrape_timestamp, job_title) \
         VALUES ('Board', 'invisible', '2025-01-01', chr(8203))",
    );
    let report = market.embedded(&[]);
    assert_eq!(
        (&report["ads"], &report["unchanged"], &report["unreadable"]),
        (&json!(readable + 1), &json!(readable), &json!(1))
    );
    // Earlier versions embedded unreadable texts, all with the same vector.
    market.execute(
        "INSERT INTO job_embeddings SELECT * REPLACE ('Board' AS source, 'invisible' AS job_id) FROM job_embeddings LIMIT 1",
    );
    let index = market.indexed(&[]);
    assert_eq!(
        (&index["embeddings"]["rows"], &index["index"]["ads"], &index["index"]["unreadable"]),
        (&json!(readable + 1), &json!(readable), &json!(1)),
        "{index}"
    );
    let report = market.embedded(&[]);
    assert_eq!((&report["unreadable"], &report["removed"]), (&json!(1), &json!(1)));
}

#[test]
fn a_query_that_fails_in_the_middle_is_an_error() {
    let market = Market::generated(3);
    let sql = "SELECT CASE WHEN i = 250000 THEN error('a wrong row') ELSE i END AS n FROM range(300000) t(i)";
    for format in ["table", "csv", "json"] {
        let ended = market.run("jobctl", &["sql", "--format", format, sql]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.starts_with("error: ") && ended.stderr.contains("a wrong row"),
            "{}",
            ended.stderr
        );
    }
    // A panic in the middle of an export leaves no file.
    market.execute("CREATE TABLE many AS SELECT i AS n FROM range(300000) t(i)");
    let out = market.file().with_file_name("out.csv");
    let mut command = market.command("jobctl");
    command.env("JOB_MARKET_FAILPOINT", "duckdb::query:3");
    let ended = Running::start(command.args(["export", "many", out.to_str().unwrap()])).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("error: answering a query from "), "{}", ended.stderr);
    assert!(ended.stderr.contains("stopped before the end: fail point duckdb::query"), "{}", ended.stderr);
    assert!(!out.exists());
}

#[test]
fn an_empty_index_does_not_replace_a_non_empty_one() {
    let market = Market::generated(4);
    market.embedded(&[]);
    let ads = market.indexed(&[])["index"]["ads"].as_u64().unwrap();
    let refusal = format!("v1 has {ads} ads");
    // All ads are deleted, but their vectors are not.
    market.execute("CREATE TABLE away AS FROM cleaned_jobs; DELETE FROM cleaned_jobs;");
    for arguments in [&[][..], &["--force"], &["--full", "--force"], &["--dry-run"], &["--no-promote"]] {
        let parts = ["cleaned_jobs", &refusal, "embed-new-jobs", "--allow-empty"];
        assert_refused(&market.index(arguments), 1, &parts);
    }
    market.execute("DELETE FROM job_embeddings");
    for arguments in [&[][..], &["--force"]] {
        let parts = ["job_embeddings is empty", &refusal, "embed-new-jobs", "--allow-empty"];
        assert_refused(&market.index(arguments), 1, &parts);
    }
    // An unreadable champion must not be assumed to be empty.
    let manifest = market.artifact_dir().join("indexes/v1/manifest.json");
    let whole = fs::read(&manifest).unwrap();
    fs::write(&manifest, "{").unwrap();
    assert_refused(&market.index(&["--force"]), 1, &["v1 cannot be read", "--allow-empty"]);
    fs::write(&manifest, whole).unwrap();

    let emptied = market.indexed(&["--allow-empty"]);
    assert_eq!((&emptied["champion"], &emptied["index"]["ads"]), (&json!("v2"), &json!(0)), "{emptied}");
    // An empty champion can be replaced by another empty index; promoting an empty index over a non-empty one needs the
    // flag.
    assert_eq!(market.indexed(&["--force"])["champion"], "v3");
    market.execute("INSERT INTO cleaned_jobs FROM away");
    market.embedded(&[]);
    assert_eq!(market.indexed(&[])["champion"], "v4");
    assert_refused(&market.index(&["--promote", "v2"]), 1, &["v2 has no ads", "v4 has", "--allow-empty"]);
    assert_eq!(market.indexed(&["--promote", "v2", "--allow-empty"])["champion"], "v2");
}
