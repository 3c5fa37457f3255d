//! `jobctl load`.

use std::time::Duration;

use serde_json::json;

use super::{error_of, file, jobctl, path, read_parquet, rows, stdout_of, text};
use crate::support::{Market, Running, ad, left_out, real_ads};

const HEADER: &str = "source,job_id,scrape_timestamp,job_title,job_salary_min_sgd_monthly";

fn count(market: &Market) -> i64 {
    market.count("SELECT count(*) FROM cleaned_jobs")
}

#[test]
fn real_ads_are_loaded_and_reported() {
    let Some(folder) = real_ads() else {
        return left_out(
            "real_ads_are_loaded_and_reported",
            "no real ads are available; other tests load generated ads",
        );
    };
    let market = Market::empty();
    let (sg, uk) = (folder.join("sg_jobs_append.parquet"), folder.join("uk_jobs.parquet"));
    let report = stdout_of(&market, &["load", text(&sg), text(&uk)]);
    for expected in [
        "3,966 = 3,615 ads + 351 repeated sightings",
        "14,532 = 14,532 ads + 0 repeated sightings",
        "18,498 = 18,147 ads + 351 repeated sightings",
        "Glassdoor 1,759, MCF 2,207",
        "22 annual figure in the monthly column",
        "now holds 18,498 sightings of 18,147 ads",
    ] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    assert_eq!(count(&market), 18_498);
    // Export, load and export again: the files must be equal.
    let (first, second) = (path(&market, "first.parquet"), path(&market, "second.parquet"));
    stdout_of(&market, &["export", "cleaned_jobs", text(&first)]);
    let other = Market::empty();
    stdout_of(&other, &["load", text(&first)]);
    stdout_of(&other, &["export", "cleaned_jobs", text(&second)]);
    assert!(read_parquet(&first) == read_parquet(&second), "the copies differ");
}

#[test]
fn a_file_with_one_invalid_cell_loads_no_row() {
    let market = Market::empty();
    let good = file(&market, "good.csv", format!("{HEADER}\nMCF,1,2025-01-01,Cook,2500\n"));
    stdout_of(&market, &["load", text(&good)]);
    let many: Vec<String> = (0..9_000).map(|n| format!("MCF,n{n},2025-01-01,Cook,\n")).collect();
    let many = many.concat();
    for (name, content, expected) in [
        (
            "late.csv",
            format!("{HEADER}\n{many}MCF,2,2025-01-01,Cook,-1\n"),
            "late.csv: row 9001 (line 9002), column job_salary_min_sgd_monthly: is -1; expected a number that is not negative",
        ),
        (
            "time.csv",
            format!("{HEADER}\nMCF,2,31.12.2025,Cook,\n"),
            "time.csv: row 1 (line 2), column scrape_timestamp: is \"31.12.2025\", in which the order of day and month is ambiguous",
        ),
        (
            "column.csv",
            "source,job_title,scrape_timestamp\nMCF,Cook,2025-01-01\n".to_owned(),
            "column.csv: missing column job_id; unknown columns: none",
        ),
        ("empty.csv", String::new(), "empty.csv: the file is empty"),
        ("text.parquet", "PAR1?".to_owned(), "text.parquet: not a readable Parquet file"),
        (
            "list.ndjson",
            "[\n{}]\n".to_owned(),
            "list.ndjson: row 1 (line 2), columns source, scrape_timestamp and job_id: are missing; the object has none",
        ),
    ] {
        let line = error_of(&market, 2, &["load", text(&file(&market, name, content))]);
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains("loaded before it"), "{line}");
        assert_eq!(count(&market), 1, "{name}");
    }
}

#[test]
fn each_file_is_atomic_and_errors_list_the_loaded_files() {
    let market = Market::empty();
    let good = file(&market, "good.csv", format!("{HEADER}\nMCF,1,2025-01-01,Cook,2500\n"));
    let bad = file(&market, "bad.csv", format!("{HEADER}\nMCF,2,never,Cook,2500\n"));
    let line = error_of(&market, 2, &["load", text(&good), text(&bad), text(&good)]);
    let expected = format!("; nothing of this file was loaded; loaded before it: {}", good.display());
    assert!(line.ends_with(&expected), "{line}");
    assert_eq!(count(&market), 1);
    // All files are opened before the first one is loaded.
    let line = error_of(&market, 1, &["load", text(&good), "none.csv"]);
    assert!(line.starts_with("none.csv: No such file"), "{line}");
    let page = file(&market, "page.csv", "<!doctype html><title>Sign in</title>");
    let line = error_of(&market, 2, &["load", text(&good), text(&page)]);
    assert!(line.contains("page.csv: this is an HTML page"), "{line}");
    assert_eq!(count(&market), 1);
}

#[test]
fn loading_a_file_twice_is_reported() {
    let market = Market::empty();
    let ads = file(&market, "ads.csv", format!("{HEADER}\nMCF,1,2025-01-01,Cook,\nMCF,2,2025-01-01,Cook,\n"));
    let report = stdout_of(&market, &["load", text(&ads)]);
    assert!(report.ends_with("now holds 2 sightings of 2 ads\n"), "{report}");
    let report = stdout_of(&market, &["load", text(&ads)]);
    let expected = "now holds 4 sightings of 2 ads; 2 rows are duplicates (was a file loaded twice?), which changes no result\n";
    assert!(report.ends_with(expected), "{report}");
}

#[test]
fn a_dry_run_creates_no_warehouse() {
    let market = Market::empty();
    let ads = file(&market, "ads.csv", format!("{HEADER}\nMCF,1,2025-01-01,Cook,\n"));
    let report = stdout_of(&market, &["load", "--dry-run", text(&ads)]);
    assert!(report.contains("1 = 1 ads") && report.ends_with("dry run: nothing was written\n"), "{report}");
    assert!(!market.file().exists());
    let bad = file(&market, "bad.csv", format!("{HEADER}\nMCF,1,never,Cook,\n"));
    let line = error_of(&market, 2, &["load", "--dry-run", text(&bad)]);
    assert!(!line.contains("nothing of this file"), "{line}");
}

#[test]
fn unusual_texts_are_loaded_unchanged() {
    let market = Market::empty();
    let texts = [
        json!(""),
        json!(null),
        json!("a\u{0}b"),
        json!("👩‍🍳 厨师 சமையல்காரர் \u{202b}طباخ\u{202c} e\u{301} \u{feff}"),
        json!("\"quoted\", and\r\nmore\ttabs"),
        json!("x".repeat(1 << 20)),
    ];
    let ads: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| ad(&n.to_string(), text.clone(), json!("Fry."), 0))
        .collect();
    market.load(&ads);
    let found = rows(&market, "SELECT job_title FROM cleaned_jobs ORDER BY job_id");
    let found: Vec<_> = found.into_iter().map(|row| row["job_title"].clone()).collect();
    assert_eq!(found, texts);
}

#[test]
fn the_report_lists_ignored_absent_and_implausible_values() {
    let market = Market::empty();
    let content = "source,job_id,scrape_timestamp,wages,job_salary_min_sgd_raw,job_salary_min_sgd_monthly,\
                   job_salary_max_sgd_monthly,job_salary_type\n\
                   A,1,2025-01-01,x,90000,90000,120000,monthly\n\
                   A,2,2025-01-01,x,5000,5000,4000,monthly\n\
                   A,3,2025-01-01,x,20,20,30,monthly\n\
                   A,4,2025-01-01,x,4000,48000,60000,monthly\n\
                   A,5,2025-01-01,x,60000,60000,60000,yearly\n";
    let path = file(&market, "ads.csv", content);
    let report = stdout_of(&market, &["load", text(&path)]);
    for expected in [
        "ignored columns: wages",
        "absent columns: bq_timestamp, job_url,",
        "1 min above max",
        "1 below 500 a month",
        "1 above 100,000 a month",
        "2 annual figure in the monthly column",
        "1 monthly is 12 times raw",
    ] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    let ended = jobctl(&market, &["load", "--json", text(&path)]);
    let answer = ended.answer();
    assert_eq!(answer["files"][0]["ignored_columns"], json!(["wages"]));
    assert_eq!(answer["total"]["rows"], 5);
    assert_eq!(answer["cleaned_jobs"]["repeats_of_a_sighting"], 5);
}

#[test]
fn an_interrupted_load_is_atomic() {
    let market = Market::empty();
    let ads = path(&market, "many.ndjson");
    stdout_of(&market, &["generate", "--jobs", "20000", "--output", text(&ads)]);
    for wait in [50, 400] {
        let running = Running::start(market.command("jobctl").args(["load", text(&ads)]));
        std::thread::sleep(Duration::from_millis(wait));
        running.terminate();
        let ended = running.end();
        if ended.code != Some(0) {
            assert_eq!(ended.stderr, "error: stopped by SIGTERM; no partial result was written");
        }
        let exists = market.file().exists();
        let tables = if exists { market.count("SELECT count(*) FROM duckdb_tables()") } else { 0 };
        let rows = if tables > 0 { count(&market) } else { 0 };
        let whole = std::fs::read_to_string(&ads).unwrap().lines().count();
        assert!(usize::try_from(rows).unwrap().is_multiple_of(whole), "{rows} of {whole}");
    }
}

#[test]
fn the_report_counts_the_uses_of_rules_and_shows_the_first() {
    let market = Market::empty();
    let content = format!(
        "{HEADER}\nA,7.0,2025-06-08,Cook,\"5,000\"\nA,nan,2025-06-08,Cook,3\nA,3,2025-06-08,Cook,3k\n"
    );
    let path = file(&market, "ads.csv", content);
    let line = error_of(&market, 2, &["load", text(&path)]);
    assert!(line.contains("row 2 (line 3), column job_id: is \"nan\", a word for a missing value"), "{line}");
    assert_eq!(count(&market), 0);
    let report = stdout_of(&market, &["load", "--bad-cells", "skip-row", text(&path)]);
    for expected in [
        "  rules used\n    row skipped     2\n    integral float  1\n    thousands       1\n",
        "ads.csv  row 2 (line 3)  job_id                      \"nan\"    row skipped",
        "ads.csv  row 3 (line 4)  job_salary_min_sgd_monthly  \"3k\"     row skipped",
        "  left out: 2 of 3 rows\n",
    ] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    let ended = jobctl(&market, &["load", "--json", "--bad-cells", "skip-row", text(&path)]);
    let file = &ended.answer()["files"][0];
    assert_eq!((&file["skipped_rows"], &file["rules"]["uses"]["thousands"]), (&json!(2), &json!(1)));
    assert_eq!(file["rules"]["first_places"][0]["value"], "nan");
    assert_eq!(
        rows(&market, "SELECT DISTINCT job_id, job_salary_min_sgd_monthly AS pay FROM cleaned_jobs"),
        [json!({"job_id": "7", "pay": 5000.0})]
    );
}

#[test]
fn help_lists_the_rules_and_the_presets() {
    let market = Market::empty();
    let help = stdout_of(&market, &["load", "--help"]);
    for expected in [
        "jobctl load --preset jobspy jobs.csv",
        "jobctl load --preset mycareersfuture page0.json",
        "--bad-cells",
        "missing word",
        "5,000 and 1,234,567.50 are numbers",
        "times 2,080, divided by 12",
    ] {
        assert!(help.contains(expected), "{expected}: {help}");
    }
}
