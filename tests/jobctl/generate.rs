//! The generated market.

use std::fs;

use super::{path, refused, said, text};
use crate::support::Market;

#[test]
fn the_same_seed_makes_the_same_file_in_every_format() {
    let market = Market::empty();
    for format in ["parquet", "csv", "ndjson"] {
        let make = |name: &str, seed: &str| {
            let path = path(&market, &format!("{name}.{format}"));
            said(&market, &["generate", "--jobs", "300", "--seed", seed, "--output", text(&path)]);
            fs::read(path).unwrap()
        };
        let first = make("first", "3");
        assert!(first == make("second", "3"), "{format}: two runs differ");
        assert!(first != make("third", "4"), "{format}: the seed does nothing");
    }
    assert!(!market.file().exists(), "a file was asked for, not a warehouse");
}

#[test]
fn a_file_loads_to_what_the_warehouse_would_hold() {
    let (direct, by_file) = (Market::empty(), Market::empty());
    let flags = ["--jobs", "400", "--seed", "5", "--sightings-per-job", "1.5"];
    said(&direct, &[&["generate"][..], &flags].concat());
    let ads = path(&by_file, "ads.ndjson");
    said(&by_file, &[&["generate"][..], &flags, &["--output", text(&ads)]].concat());
    said(&by_file, &["load", text(&ads)]);
    let export = |market: &Market| {
        let path = path(market, "all.ndjson");
        said(market, &["export", "cleaned_jobs", text(&path)]);
        fs::read_to_string(path).unwrap()
    };
    assert!(export(&direct) == export(&by_file), "the two ways differ");
}

#[test]
fn the_report_says_what_was_made() {
    let market = Market::empty();
    let report = said(&market, &["generate", "--jobs", "500", "--titles-only", "--until", "2024-06-30"]);
    assert!(report.starts_with("generated, seed 1\n"), "{report}");
    assert!(report.contains("500 ads +"), "{report}");
    assert!(report.contains("with description      0 (0.0%)"), "{report}");
    assert!(report.contains("to 2024-06-"), "{report}");
    assert_eq!(market.count("SELECT count(DISTINCT (source, job_id)) FROM cleaned_jobs"), 500);
}

#[test]
fn flags_out_of_range_are_refused() {
    let market = Market::empty();
    let line = refused(&market, 2, &["generate", "--sightings-per-job", "0.5"]);
    assert_eq!(line, "--sightings-per-job is 0.5; allowed is a number from 1 to 20");
    let line = refused(&market, 2, &["generate", "--output", "ads.txt"]);
    assert_eq!(line, "ads.txt: the name must end in .parquet, .csv, .ndjson or .jsonl");
    let line = refused(&market, 1, &["generate", "--output", "none/ads.csv"]);
    assert_eq!(line, "none/ads.csv: there is no folder none");
    assert!(!market.file().exists());
}
