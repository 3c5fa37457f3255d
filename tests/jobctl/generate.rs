//! `jobctl generate`.

use std::fs;

use super::{error_of, path, stdout_of, text};
use crate::support::Market;

#[test]
fn a_seed_determines_the_file_in_every_format() {
    let market = Market::empty();
    for format in ["parquet", "csv", "ndjson"] {
        let make = |name: &str, seed: &str| {
            let path = path(&market, &format!("{name}.{format}"));
            stdout_of(&market, &["generate", "--jobs", "300", "--seed", seed, "--output", text(&path)]);
            fs::read(path).unwrap()
        };
        let first = make("first", "3");
        assert!(first == make("second", "3"), "{format}: two runs differ");
        assert!(first != make("third", "4"), "{format}: two seeds give the same file");
    }
    assert!(!market.file().exists(), "--output must not create a warehouse");
}

#[test]
fn generating_a_file_and_loading_it_equals_generating_into_the_warehouse() {
    let (direct, by_file) = (Market::empty(), Market::empty());
    let flags = ["--jobs", "400", "--seed", "5", "--sightings-per-job", "1.5"];
    stdout_of(&direct, &[&["generate"][..], &flags].concat());
    let ads = path(&by_file, "ads.ndjson");
    stdout_of(&by_file, &[&["generate"][..], &flags, &["--output", text(&ads)]].concat());
    stdout_of(&by_file, &["load", text(&ads)]);
    let export = |market: &Market| {
        let path = path(market, "all.ndjson");
        stdout_of(market, &["export", "cleaned_jobs", text(&path)]);
        fs::read_to_string(path).unwrap()
    };
    assert!(export(&direct) == export(&by_file), "the warehouses differ");
}

#[test]
fn the_report_describes_the_generated_ads() {
    let market = Market::empty();
    let report = stdout_of(&market, &["generate", "--jobs", "500", "--titles-only", "--until", "2024-06-30"]);
    assert!(report.starts_with("generated, seed 1\n"), "{report}");
    assert!(report.contains("500 ads +"), "{report}");
    assert!(report.contains("with description      0 (0.0%)"), "{report}");
    assert!(report.contains("to 2024-06-"), "{report}");
    assert_eq!(market.count("SELECT count(DISTINCT (source, job_id)) FROM cleaned_jobs"), 500);
}

#[test]
fn flags_out_of_range_are_refused() {
    let market = Market::empty();
    let line = error_of(&market, 2, &["generate", "--sightings-per-job", "0.5"]);
    assert_eq!(line, "invalid --sightings-per-job \"0.5\": expected a number from 1 to 20");
    let line = error_of(&market, 2, &["generate", "--output", "ads.txt"]);
    assert_eq!(
        line,
        "invalid file name \"ads.txt\": expected the extension .parquet, .csv, .ndjson or .jsonl"
    );
    let line = error_of(&market, 1, &["generate", "--output", "none/ads.csv"]);
    assert_eq!(line, "none/ads.csv: folder none not found");
    assert!(!market.file().exists());
}
