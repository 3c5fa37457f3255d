//! What to do about missing columns, spelled out as flags.

use std::fmt::Write as _;

use super::plan::is_name;
use super::preset::Preset;
use crate::columns::{COLUMNS, shortened};

/// Most names of a list in a sentence.
const NAMED: usize = 20;

/// What files in the wild call our columns.
const OTHER_NAMES: [(&str, &[&str]); 11] = [
    ("source", &["site", "board", "platform", "portal", "website", "job_board"]),
    ("job_id", &["id", "jobid", "uuid", "posting_id", "post_id", "jobpostid", "guid", "_id", "ad_id"]),
    (
        "scrape_timestamp",
        &[
            "scraped_at",
            "scrape_date",
            "scraped_date",
            "scrape_time",
            "crawled_at",
            "crawl_date",
            "fetched_at",
            "retrieved_at",
            "extracted_at",
        ],
    ),
    ("job_title", &["title", "jobtitle", "position", "role", "name"]),
    ("job_description", &["description", "desc", "jobdescription", "job_desc", "body", "details"]),
    ("company_name", &["company", "employer", "companyname", "organization", "organisation"]),
    ("job_location", &["location", "city"]),
    ("job_url", &["url", "link", "job_link"]),
    (
        "job_posted_timestamp",
        &["date_posted", "posted_at", "posted_date", "posted", "post_date", "published_at", "created_at"],
    ),
    ("job_currency", &["currency"]),
    ("job_work_type", &["job_type", "employment_type", "work_type"]),
];

/// Up to [`NAMED`] names, joined.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| shortened(name)).collect();
    match names.len().saturating_sub(NAMED) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The sentence about required columns that a file with columns of these `names` lacks.
pub(super) fn missing(lacking: &[usize], names: &[&str], ignored: &[String], has_preset: bool) -> String {
    let columns: Vec<&str> = lacking.iter().map(|column| COLUMNS[*column].name).collect();
    let unknown = list(ignored.iter().map(String::as_str));
    let begin = match columns[..] {
        [only] => format!("there is no column {only}"),
        _ => format!("there are no columns {}", joined(&columns)),
    };
    format!(
        "{begin}; columns that the table does not know: {unknown}; {}",
        remedy(lacking, names, has_preset)
    )
}

/// `a, b and c`.
pub(super) fn joined(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The preset that knows files of these columns.
pub(super) fn preset(names: &[&str]) -> Option<String> {
    let has = |name: &str| names.iter().any(|known| is_name(known, name));
    let (preset, about) = Preset::recognised(has)?;
    Some(format!("this looks like {about}: load it with --preset {preset}"))
}

/// The flags that give a file with columns of these `names` what it lacks. `has_preset`: one was given, which knows the other columns.
pub(super) fn remedy(lacking: &[usize], names: &[&str], has_preset: bool) -> String {
    let has = |name: &str| names.iter().any(|known| is_name(known, name));
    let mut text =
        preset(names).filter(|_| !has_preset).map(|preset| format!("{preset}; or ")).unwrap_or_default();
    text.push_str("load it with");
    for column in lacking {
        text.push_str(&flag(COLUMNS[*column].name, has));
    }
    // Optional columns that the file seems to have under another name.
    for (column, others) in OTHER_NAMES.into_iter().filter(|_| !has_preset) {
        let is_lacking = lacking.iter().any(|lacking| COLUMNS[*lacking].name == column);
        let is_required = COLUMNS.iter().any(|known| known.name == column && known.is_required());
        if !is_lacking
            && !is_required
            && !has(column)
            && let Some(other) = others.iter().find(|other| has(other))
        {
            let _ = write!(text, " --map {other}={column}");
        }
    }
    text
}

/// The flag that gives one column a value.
fn flag(column: &str, has: impl Fn(&str) -> bool) -> String {
    let others = OTHER_NAMES.iter().find(|(name, _)| *name == column).map_or(&[][..], |(_, others)| others);
    match (others.iter().find(|other| has(other)), column) {
        (Some(other), _) => format!(" --map {other}={column}"),
        (None, "scrape_timestamp") => {
            " --set scrape_timestamp=2025-01-31T09:30:00Z (when it was scraped)".to_owned()
        }
        (None, "source") => " --set source=NAME (of the board)".to_owned(),
        (None, _) => format!(" --map FROM={column} (FROM is the file's name for it)"),
    }
}
