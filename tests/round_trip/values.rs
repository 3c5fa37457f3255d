//! Random sightings with unusual values of real files and tables, such as extreme timestamps, control characters and
//! SQL.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

const SOURCES: [&str; 6] = ["MCF", "Lion Jobs", "a/b", "Börse", "求人", "x'; DROP TABLE cleaned_jobs; --"];
const IDS: [&str; 12] =
    ["1", "007", "1/2", "a,b", "a\"b", "it's", "ключ", "84112501", "1e5", "-0", "a\\b", "%2F"];
const TITLES: [&str; 10] = [
    "Data Engineer",
    "DATA ENGINEER",
    "Ｄａｔａ Engineer",
    "R&D Manager (C++ / .NET)",
    "销售经理",
    "Café supervisor",
    "nurse",
    "=SUM(A1:A9)",
    "NULL",
    "He said \"hi\" loudly",
];
const PIECES: [&str; 22] = [
    "",
    " ",
    "\u{a0}",
    "\u{200b}",
    "\n",
    "\r\n",
    "\t",
    "\u{1}",
    "\u{7f}",
    "\u{feff}",
    "\\",
    "\\\"",
    "\"",
    "'",
    ";",
    ",",
    "|",
    "e\u{301}",
    "🦀",
    "\u{202e}right to left",
    "nan",
    "ﬁ",
];
const TIMESTAMPS: [&str; 10] = [
    "0001-01-01T00:00:00Z",
    "0999-06-01T12:00:00.000001Z",
    "1582-10-10T00:00:00Z",
    "1969-12-31T23:59:59.999Z",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2025-02-28T23:59:59.5+08:00",
    "2262-04-11T23:47:16.854776Z",
    "9999-12-31T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
];
/// Texts that are not valid timestamps.
const INVALID_TIMESTAMPS: [&str; 5] =
    ["10000-01-01T00:00:00Z", "infinity", "0000-01-01T00:00:00Z", "soon", "2025-02-30"];
const PAY: [f64; 9] =
    [0.0, -0.0, 5e-324, 0.1, 4500.0, 9_007_199_254_740_993.0, 1e300, f64::MAX, 3_333.333_333_333_333_5];

/// The lines of a file of sightings, and how many of them are invalid.
pub(super) struct Table {
    pub(super) lines: Vec<Value>,
    pub(super) invalid: u64,
}

/// A table of 1 to 24 sightings, in which keys repeat.
pub(super) fn table(rng: &mut ChaCha8Rng) -> Table {
    let mut table = Table { lines: Vec::new(), invalid: 0 };
    for _ in 0..rng.random_range(1..25) {
        let (line, is_invalid) = sighting(rng);
        table.lines.push(line);
        table.invalid += u64::from(is_invalid);
    }
    table
}

fn sighting(rng: &mut ChaCha8Rng) -> (Value, bool) {
    let mut line = Map::new();
    line.insert("source".into(), json!(pick(rng, &SOURCES)));
    line.insert("job_id".into(), json!(pick(rng, &IDS)));
    line.insert("scrape_timestamp".into(), json!(pick(rng, &TIMESTAMPS)));
    for column in ["bq_timestamp", "job_posted_timestamp"] {
        if rng.random_bool(0.7) {
            line.insert(column.into(), json!(pick(rng, &TIMESTAMPS)));
        }
    }
    for column in [
        "job_salary_min_sgd_raw",
        "job_salary_max_sgd_raw",
        "job_salary_min_sgd_monthly",
        "job_salary_max_sgd_monthly",
    ] {
        if rng.random_bool(0.6) {
            line.insert(column.into(), json!(PAY.choose(rng)));
        }
    }
    let title = if rng.random_bool(0.6) { pick(rng, &TITLES).to_owned() } else { text(rng) };
    line.insert("job_title".into(), json!(title));
    for column in
        ["job_description", "job_location", "job_classification", "job_work_type", "job_url", "company_name"]
    {
        let value = if rng.random_bool(0.2) { Value::Null } else { json!(text(rng)) };
        line.insert(column.into(), value);
    }
    line.insert("job_currency".into(), json!(["SGD", " s$ ", "", "gbp", "?", "\u{1}"].choose(rng)));
    let is_invalid = rng.random_bool(0.1);
    if is_invalid {
        match rng.random_range(0..4) {
            0 => line.insert("job_posted_timestamp".into(), json!(pick(rng, &INVALID_TIMESTAMPS))),
            1 => line.insert("job_salary_min_sgd_monthly".into(), json!("about 5")),
            2 => line.insert("job_salary_max_sgd_raw".into(), json!(-1.0)),
            _ => line.insert("job_id".into(), json!(["nan", "None", "null", "NaT", ""].choose(rng))),
        };
    }
    (Value::Object(line), is_invalid)
}

fn pick<'a>(rng: &mut ChaCha8Rng, values: &[&'a str]) -> &'a str {
    values.choose(rng).expect("a value")
}

/// A random text of special strings, titles and arbitrary characters.
fn text(rng: &mut ChaCha8Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.random_range(0..6) {
        match rng.random_range(0..4) {
            0 => text.push(rng.random::<char>()),
            1 => text.push_str(pick(rng, &TITLES)),
            2 => text.push_str(&pick(rng, &PIECES).repeat(rng.random_range(1..400))),
            _ => text.push_str(pick(rng, &PIECES)),
        }
    }
    text
}

/// Inserts rows that loading would refuse: infinite timestamps and pay, and a sighting without a source.
pub(super) const FOREIGN: &str = "
    INSERT INTO cleaned_jobs BY NAME SELECT * FROM (VALUES
        ('Foreign', '1', TIMESTAMP '2025-01-01', TIMESTAMP 'infinity', 'Welder', 'NaN'::DOUBLE, 'Infinity'::DOUBLE),
        ('Foreign', '2', TIMESTAMP 'infinity', TIMESTAMP '-infinity', 'Pastry cook', '-Infinity'::DOUBLE, -5.0),
        ('Foreign', '3', TIMESTAMP '-infinity', TIMESTAMP '1969-12-31 23:59:59.999', 'Pilot', 1.0, 'NaN'::DOUBLE),
        ('Foreign', '4', TIMESTAMP '2025-01-01', TIMESTAMP '290000-01-01', 'Diver', NULL, 3000.0),
        ('', '5', TIMESTAMP '2025-01-01', NULL, 'Nameless', NULL, NULL)
    ) AS t(source, job_id, scrape_timestamp, job_posted_timestamp, job_title, job_salary_min_sgd_monthly, job_salary_max_sgd_monthly)";
/// Number of rows of [`FOREIGN`] with a key, and without one.
pub(super) const FOREIGN_ADS: u64 = 4;
pub(super) const FOREIGN_NAMELESS: u64 = 1;
