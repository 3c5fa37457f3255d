//! Warehouses that are missing, empty, locked, damaged, of another version, or on a full disk.

use serde_json::json;

use super::assert_refused;
use crate::support::{Market, Running, SmallDisk, left_out};

#[test]
fn errors_about_a_missing_warehouse_name_the_command() {
    let market = Market::empty();
    assert_refused(&market.embed(&[]), 1, &["no warehouse at", "jobs.duckdb", "jobctl load"]);
    assert!(!market.file().exists());
}

#[test]
fn without_ads_no_table_is_created_and_no_vector_removed() {
    let market = Market::empty();
    market.execute("CREATE TABLE other (x INTEGER)");
    for arguments in [&[][..], &["--dry-run"]] {
        assert_refused(&market.embed(arguments), 1, &["has no table cleaned_jobs", "jobctl load"]);
    }
    assert_eq!(market.count("SELECT count(*) FROM information_schema.tables"), 1);

    // A table that is missing or empty for a moment, for example while it is replaced, does not delete the vectors.
    let market = Market::generated(5);
    market.embedded(&[]);
    let rows = market.count("SELECT count(*) FROM job_embeddings");
    market.execute("ALTER TABLE cleaned_jobs RENAME TO away");
    assert_refused(&market.embed(&[]), 1, &["has no table cleaned_jobs"]);
    market.execute("CREATE TABLE cleaned_jobs AS FROM away LIMIT 0");
    assert_eq!(market.embedded(&[])["removed"], 0);
    assert_eq!(market.count("SELECT count(*) FROM job_embeddings"), rows);
}

#[test]
fn errors_about_other_schemas_name_table_and_column() {
    for (table, foreign, parts) in [
        ("cleaned_jobs", "SELECT * REPLACE (1 AS job_id) FROM cleaned_jobs", ["job_id", "INTEGER"]),
        ("cleaned_jobs", "SELECT * EXCLUDE (job_title) FROM cleaned_jobs", ["no column", "job_title"]),
        ("job_embeddings", "SELECT 'MCF' AS source", ["no column", "job_id"]),
    ] {
        let market = Market::generated(2);
        market.execute(&format!("CREATE TABLE foreign_one AS {foreign}; DROP TABLE IF EXISTS {table};"));
        market.execute(&format!("ALTER TABLE foreign_one RENAME TO {table}"));
        assert_refused(&market.embed(&[]), 1, &[table, parts[0], parts[1]]);
    }
}

#[test]
fn sightings_without_a_key_are_counted_and_left_out() {
    let market = Market::generated(3);
    // A table without NOT NULL constraints.
    market.execute("CREATE TABLE loose AS FROM cleaned_jobs; DROP TABLE cleaned_jobs;");
    market.execute("ALTER TABLE loose RENAME TO cleaned_jobs");
    market.execute(
        "INSERT INTO cleaned_jobs BY NAME SELECT * REPLACE (NULL AS source) FROM cleaned_jobs LIMIT 1",
    );
    market.execute(
        "INSERT INTO cleaned_jobs BY NAME SELECT * REPLACE ('' AS job_id) FROM cleaned_jobs LIMIT 1",
    );
    // A sighting without a timestamp counts as the oldest of its ad; another ad has only such a sighting.
    market.execute(
        "INSERT INTO cleaned_jobs BY NAME
        SELECT * REPLACE (NULL AS scrape_timestamp, 'older' AS job_title, 'older' AS company_name)
        FROM cleaned_jobs WHERE source <> '' AND job_id <> '' LIMIT 1",
    );
    market.execute(
        "INSERT INTO cleaned_jobs (source, job_id, job_title) VALUES ('MCF', 'moment-less', 'Harbour pilot')",
    );
    let report = market.embedded(&[]);
    assert_eq!((&report["ads"], &report["nameless_sightings"]), (&json!(4), &json!(2)), "{report}");
    market.assert_current(4);
    assert_eq!(market.embedded(&[])["unchanged"], 4);
    assert_eq!(market.indexed(&[])["index"]["ads"], 4);
    let service = market.serving(&[]);
    assert_eq!(service.get("v1/jobs?q=older").json["jobs"], json!([]));
    assert_eq!(service.get("v1/jobs?q=harbour+pilot").json["jobs"][0]["job_id"], "moment-less");
}

#[test]
fn errors_about_a_locked_warehouse_name_the_process() {
    let market = Market::generated(3);
    let connection = duckdb::Connection::open(market.file()).unwrap();
    let ended = market.embed(&[]);
    drop(connection);
    let holder = format!("PID {}", std::process::id());
    assert_refused(&ended, 1, &["jobs.duckdb is held by another process", &holder]);
    assert_eq!(market.embedded(&[])["failed"], 0);
}

#[test]
fn a_run_waits_for_a_lock_to_be_released() {
    let market = Market::generated(3);
    let connection = duckdb::Connection::open(market.file()).unwrap();
    let run = Running::start(market.command("embed-new-jobs").arg("--once"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    drop(connection);
    assert_eq!(run.end().code, Some(0));
}

#[test]
fn a_damaged_warehouse_is_reported_and_not_modified() {
    let market = Market::generated(300);
    market.execute("CHECKPOINT");
    let whole = std::fs::read(market.file()).unwrap();
    let mut newer = whole.clone();
    assert_eq!(
        header_checksum(&newer),
        newer[..8],
        "the layout of the header differs from what this test assumes"
    );
    newer[12..20].copy_from_slice(&9999_u64.to_le_bytes());
    let checksum = header_checksum(&newer);
    newer[..8].copy_from_slice(&checksum);
    let text = b"not a database, whatever its name says, and long enough for a header".repeat(400);
    let cases = [
        ("text", text, "is not a DuckDB database"),
        ("truncated", whole[..whole.len() / 2].to_vec(), "damaged"),
        ("header alone", whole[..4096].to_vec(), "damaged"),
        ("newer", newer, "another version of DuckDB"),
    ];
    for (what, bytes, sentence) in cases {
        std::fs::write(market.file(), &bytes).unwrap();
        let ended = market.embed(&[]);
        assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
        assert_refused(&ended, 1, &["jobs.duckdb", sentence]);
        // DuckDB detects a truncated file only when it reads the missing pages.
        let untouched = std::fs::read(market.file()).unwrap() == bytes;
        assert!(untouched || what == "truncated", "{what}: the file was written to");
    }
    std::fs::write(market.file(), whole).unwrap();
    assert_eq!(market.embedded(&["--limit", "1"])["failed"], 0);
}

#[test]
fn a_full_disk_loses_no_committed_rows() {
    let market = Market::generated(500);
    market.embedded(&["--limit", "60"]);
    let before = market.vectors();
    let Some(disk) = SmallDisk::mount("8m") else {
        return left_out("a_full_disk_loses_no_committed_rows", "only root may mount a small disk");
    };
    let file = disk.path().join("jobs.duckdb");
    std::fs::copy(market.file(), &file).unwrap();
    let url = format!("duckdb:{}", file.display());
    disk.fill();
    let ended = market.embed(&["--warehouse-url", &url]);
    assert_refused(&ended, 1, &["jobs.duckdb", "disk"]);
    let after = Market::vectors_of(&file);
    assert!(before.iter().all(|(id, vector)| after[id] == *vector), "vectors changed");
    disk.make_room();
    let report = market.embedded(&["--warehouse-url", &url, "--limit", "3"]);
    assert_eq!(report["failed"], 0);
}

#[test]
fn another_dimension_is_refused_and_another_space_is_replaced() {
    let market = Market::generated(4);
    market.execute("CREATE TABLE job_embeddings (source VARCHAR, job_id VARCHAR, embedding FLOAT[5])");
    assert_refused(&market.embed(&[]), 1, &["job_embeddings", "FLOAT[5]", "FLOAT[384]"]);
    market.execute("DROP TABLE job_embeddings");
    market.embedded(&[]);
    let rows = market.count("SELECT count(*) FROM job_embeddings");
    market.execute(
        "UPDATE job_embeddings SET embedding_space = 'another model/0/t0', model_name = 'another model'",
    );
    let report = market.embedded(&[]);
    assert_eq!(report["embedded"].as_i64().unwrap() + report["shared"].as_i64().unwrap(), rows);
    market.assert_current(rows.try_into().unwrap());
}

/// DuckDB's checksum of its main header: 8 bytes of checksum, 4 of magic, 8 of version, and the rest of the block.
fn header_checksum(file: &[u8]) -> [u8; 8] {
    let words = file[8..4096].chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    words.fold(5381, |sum, word| sum ^ word.wrapping_mul(0xbf58_476d_1ce4_e5b9)).to_le_bytes()
}
