//! Random tables with unusual values go through load, embed, index, serve, export and load. Every ad is kept, or
//! counted in the report of the step that leaves it out, and the counts of each report add up to the rows of the table.

mod values;

use std::collections::BTreeMap;
use std::path::Path;

use common::job::embedding_text;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::cloud::World;
use crate::support::{Market, Running, Service};
use values::{FOREIGN, FOREIGN_ADS, FOREIGN_NAMELESS, Table};

/// Number of tables on DuckDB and on the BigQuery emulator; `JOB_MARKET_ROUND_TRIPS` overrides both.
const ON_DUCKDB: u64 = 27;
const ON_BIGQUERY: u64 = 3;

#[test]
fn every_ad_is_kept_or_counted_on_duckdb() {
    for seed in 0..cases(ON_DUCKDB) {
        round_trip(&Market::empty(), seed, seed % 3 == 0);
    }
}

#[test]
fn every_ad_is_kept_or_counted_on_bigquery() {
    for seed in 1000..1000 + cases(ON_BIGQUERY) {
        let Some(world) = World::on_emulators() else { return };
        round_trip(&Market::on(&world), seed, false);
    }
}

fn cases(default: u64) -> u64 {
    let variable = std::env::var("JOB_MARKET_ROUND_TRIPS").ok();
    variable.map_or(default, |number| number.parse().expect("JOB_MARKET_ROUND_TRIPS is a number"))
}

/// The round trip of one table. With `has_foreign_rows`, rows that loading would refuse are inserted directly.
fn round_trip(market: &Market, seed: u64, has_foreign_rows: bool) {
    let table = values::table(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut rows = load(market, &table, seed);
    if has_foreign_rows {
        market.execute(FOREIGN);
        rows += FOREIGN_ADS + FOREIGN_NAMELESS;
    }
    let nameless = if has_foreign_rows { FOREIGN_NAMELESS } else { 0 };
    let ads = latest_texts(market);

    let embedded = market.embedded(&["--threads", "1"]);
    assert_eq!(count(&embedded, "ads"), ads.len() as u64, "seed {seed}: {embedded}");
    assert_eq!(count(&embedded, "nameless_sightings"), nameless, "seed {seed}: {embedded}");
    let parts = ["embedded", "shared", "refreshed", "unchanged", "skipped", "unreadable", "failed"];
    let sum: u64 = parts.iter().map(|part| count(&embedded, part)).sum();
    assert_eq!(sum, ads.len() as u64, "seed {seed}: {embedded}");
    assert_eq!(count(&embedded, "failed"), 0, "seed {seed}: {embedded}");
    let with_vector = count(&embedded, "embedded") + count(&embedded, "shared");
    let without_text = ads.values().filter(|text| text.is_none()).count() as u64;
    assert_eq!(count(&embedded, "skipped"), without_text, "seed {seed}: {embedded}");

    if with_vector > 0 {
        let report = market.indexed(&[]);
        assert_eq!(count(&report["index"], "ads"), with_vector, "seed {seed}: {report}");
        let service = market.serving(&[]);
        let found = ads.keys().filter(|key| is_indexed(&service, key)).count() as u64;
        assert_eq!(found, with_vector, "seed {seed}: of {} ads", ads.len());
    }
    for format in ["parquet", "ndjson"] {
        export_and_load(market, rows, nameless, has_foreign_rows, &format!("seed{seed}.{format}"));
    }
}

/// Loads the valid rows of the table, checks the counts of the report, and returns the number of loaded rows.
fn load(market: &Market, table: &Table, seed: u64) -> u64 {
    let lines: Vec<String> = table.lines.iter().map(Value::to_string).collect();
    let file = market.file().with_file_name(format!("seed{seed}.jsonl"));
    std::fs::write(&file, lines.join("\n")).expect("a file of sightings");
    let report = load_file(market, &file);
    let (rows, left_out) = (count(&report["total"], "rows"), skipped(&report));
    assert_eq!(left_out, table.invalid, "seed {seed}: {report}");
    assert_eq!(rows + left_out, lines.len() as u64, "seed {seed}: {report}");
    rows
}

/// Loads a file, skipping invalid rows, and returns the report.
fn load_file(market: &Market, file: &Path) -> Value {
    let mut jobctl = market.command("jobctl");
    jobctl.arg("load").arg(file).args(["--bad-cells", "skip-row", "--json"]);
    let ended = Running::start(&mut jobctl).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.answer()
}

/// The number of skipped rows in a report.
fn skipped(report: &Value) -> u64 {
    let files = report["files"].as_array().expect("files");
    files.iter().map(|file| count(file, "skipped_rows")).sum()
}

/// The text of the latest sighting of every ad, by source and id.
fn latest_texts(market: &Market) -> BTreeMap<(String, String), Option<String>> {
    let sql = "SELECT source, job_id, job_title, job_description FROM cleaned_jobs ORDER BY \
               scrape_timestamp, bq_timestamp NULLS FIRST";
    let mut jobctl = market.command("jobctl");
    let ended = Running::start(jobctl.args(["sql", "--format", "json", sql])).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rows: Vec<Value> = serde_json::from_str(&ended.stdout).expect("rows");
    let text = |row: &Value, column: &str| row[column].as_str().map(str::to_owned);
    rows.iter()
        .filter_map(|row| Some(((text(row, "source")?, text(row, "job_id")?), row)))
        .filter(|((source, id), _)| !source.is_empty() && !id.is_empty())
        .map(|(key, row)| {
            let (title, description) = (text(row, "job_title"), text(row, "job_description"));
            (key, embedding_text(title.as_deref(), description.as_deref()))
        })
        .collect()
}

/// Whether the ad is in the index: the service returns similar ads instead of 404.
fn is_indexed(service: &Service, (source, id): &(String, String)) -> bool {
    let query = serde_json::json!({ "job": { "source": source, "job_id": id } });
    let reply = service.similar(&query);
    assert!(matches!(reply.status, 200 | 404), "{source}/{id}: {} {}", reply.status, reply.json);
    reply.status == 200
}

/// Exports the table and loads it into another warehouse. The report counts the rows that loading refuses; if there are
/// no such rows, both warehouses have the same rows.
fn export_and_load(market: &Market, rows: u64, nameless: u64, has_foreign_rows: bool, name: &str) {
    let export = |market: &Market, name: &str| {
        let file = market.file().with_file_name(name);
        let ended = market.run("jobctl", &["export", "cleaned_jobs", file.to_str().expect("a path")]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        file
    };
    let (file, other) = (export(market, name), Market::empty());
    let report = load_file(&other, &file);
    let left_out = skipped(&report);
    assert_eq!(count(&report["total"], "rows") + left_out, rows, "{name}: {report}");
    if has_foreign_rows {
        assert!(left_out >= nameless && left_out <= nameless + FOREIGN_ADS, "{name}: {report}");
    } else {
        assert_eq!(left_out, 0, "{name}: {report}");
        let [first, second] = [market, &other].map(|market| export(market, &format!("{name}.lines.ndjson")));
        let [first, second] = [first, second].map(|file| std::fs::read(file).expect("an export"));
        assert_eq!(sorted_lines(&first), sorted_lines(&second), "{name}");
    }
}

/// The lines of a file in sorted order, because warehouses do not preserve the order of rows.
fn sorted_lines(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> =
        bytes.split(|&byte| byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.sort_unstable();
    lines
}

/// A count in a report; 0 if the member is missing.
fn count(report: &Value, member: &str) -> u64 {
    report[member].as_u64().unwrap_or(0)
}
