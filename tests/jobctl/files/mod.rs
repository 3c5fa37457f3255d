//! A table of files in many formats: each is loaded with the expected ads, or refused with an error that names the
//! remedy. The content is invented.

mod cells;
mod texts;

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::Write as _;

use super::{file, jobctl, text};
use crate::support::Market;

/// The expected result of loading a file.
enum Expected {
    /// The ads, as `job_id|job_title|monthly pay|posted`.
    Ads(&'static [&'static str]),
    /// A part of the error.
    Refused(&'static str),
}
use Expected::{Ads, Refused};

type Case = (&'static str, Vec<u8>, &'static [&'static str], Expected);

const HEADER: &str =
    "source,job_id,scrape_timestamp,job_title,job_salary_min_sgd_monthly,job_posted_timestamp";

/// CSV with the usual header and these rows.
fn csv(rows: &str) -> Vec<u8> {
    format!("{HEADER}\n{rows}").into_bytes()
}

/// One row with this key, pay and date.
fn cell(id: &str, pay: &str, posted: &str) -> Vec<u8> {
    csv(&format!("B,\"{id}\",2025-06-08,Cook,\"{pay}\",\"{posted}\"\n"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn utf16(text: &str, is_little: bool) -> Vec<u8> {
    text.encode_utf16()
        .flat_map(|unit| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() })
        .collect()
}

fn json_ad(id: &str, rest: &str) -> String {
    format!("{{\"source\":\"B\",\"job_id\":{id},\"scrape_timestamp\":\"2025-06-08\"{rest}}}")
}

/// The ads in the warehouse in the format of [`Expected::Ads`]. The ads are removed from the warehouse.
fn drain_ads(market: &Market) -> Vec<String> {
    let connection = duckdb::Connection::open(market.file()).unwrap();
    let sql = "SELECT job_id, job_title, job_salary_min_sgd_monthly, epoch_ms(job_posted_timestamp) \
               FROM cleaned_jobs ORDER BY job_id";
    let mut statement = connection.prepare(sql).unwrap();
    let shown = |row: &duckdb::Row<'_>| -> duckdb::Result<String> {
        let (title, pay): (Option<String>, Option<f64>) = (row.get(1)?, row.get(2)?);
        let posted: Option<i64> = row.get(3)?;
        let posted = posted
            .map(|ms| chrono::DateTime::from_timestamp_millis(ms).unwrap().format("%Y-%m-%dT%H:%M:%SZ"));
        let columns = [title, pay.map(|pay| pay.to_string()), posted.map(|posted| posted.to_string())];
        let columns = columns.map(|column| column.unwrap_or_else(|| "NULL".to_owned()));
        Ok(format!("{}|{}", row.get::<_, String>(0)?, columns.join("|")))
    };
    let ads = statement.query_map([], shown).unwrap().map(Result::unwrap).collect();
    drop(statement);
    connection.execute_batch("DELETE FROM cleaned_jobs").unwrap();
    ads
}

#[test]
fn files_of_many_formats_are_loaded_or_refused_with_the_remedy() {
    let market = Market::empty();
    let cases: Vec<Case> =
        texts::cases().into_iter().chain(cells::cases()).chain(cells::parquets()).collect();
    assert!(cases.len() >= 50);
    let mut wrong = String::new();
    for (name, bytes, flags, expected) in cases {
        let path = file(&market, name, bytes);
        let ended = jobctl(&market, &[&["load", text(&path)], flags].concat());
        let is_expected = match expected {
            Ads(ads) => ended.code == Some(0) && drain_ads(&market) == ads,
            Refused(part) => {
                let lines: Vec<&str> = ended.stderr.lines().collect();
                ended.code == Some(2) && lines.len() == 1 && ended.stderr.contains(part)
            }
        };
        if !is_expected {
            let _ = writeln!(wrong, "{name}: {ended:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
