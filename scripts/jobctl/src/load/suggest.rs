//! Suggests flags for a file in which required columns are missing.

use std::fmt::Write as _;

use super::plan::is_same_name;
use super::preset::Preset;
use crate::columns::{COLUMNS, truncated};

/// Maximum number of names in an error.
const MAX_NAMES: usize = 20;

/// Common names of the columns in files.
const COMMON_NAMES: [(&str, &[&str]); 11] = [
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

/// Up to [`MAX_NAMES`] names, joined.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| truncated(name)).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The error about the required columns `missing` of a file with the columns `names`.
pub(super) fn missing(missing: &[usize], names: &[&str], ignored: &[String], has_preset: bool) -> String {
    let columns: Vec<&str> = missing.iter().map(|column| COLUMNS[*column].name).collect();
    let unknown = list(ignored.iter().map(String::as_str));
    let begin = match columns[..] {
        [only] => format!("missing column {only}"),
        _ => format!("missing columns {}", joined(&columns)),
    };
    format!("{begin}; unknown columns: {unknown}; {}", remedy(missing, names, has_preset))
}

/// `a, b and c`.
pub(super) fn joined(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A suggestion of the built-in preset for a file with the columns `names`.
pub(super) fn preset(names: &[&str]) -> Option<String> {
    let has = |name: &str| names.iter().any(|known| is_same_name(known, name));
    let (preset, about) = Preset::recognise(has)?;
    Some(format!("this looks like {about}: load it with --preset {preset}"))
}

/// The flags for the missing columns of a file with the columns `names`. With `has_preset`, optional columns are not
/// suggested, because the preset maps them.
pub(super) fn remedy(missing: &[usize], names: &[&str], has_preset: bool) -> String {
    let has = |name: &str| names.iter().any(|known| is_same_name(known, name));
    let mut text =
        preset(names).filter(|_| !has_preset).map(|preset| format!("{preset}; or ")).unwrap_or_default();
    text.push_str("load it with");
    for column in missing {
        text.push_str(&flag(COLUMNS[*column].name, has));
    }
    // Optional columns that the file has under a common name.
    for (column, others) in COMMON_NAMES.into_iter().filter(|_| !has_preset) {
        let is_missing = missing.iter().any(|missing| COLUMNS[*missing].name == column);
        let is_required = COLUMNS.iter().any(|known| known.name == column && known.is_required());
        if !is_missing
            && !is_required
            && !has(column)
            && let Some(other) = others.iter().find(|other| has(other))
        {
            let _ = write!(text, " --map {other}={column}");
        }
    }
    text
}

/// The flag for one missing column.
fn flag(column: &str, has: impl Fn(&str) -> bool) -> String {
    let others = COMMON_NAMES.iter().find(|(name, _)| *name == column).map_or(&[][..], |(_, others)| others);
    match (others.iter().find(|other| has(other)), column) {
        (Some(other), _) => format!(" --map {other}={column}"),
        (None, "scrape_timestamp") => {
            " --set scrape_timestamp=2025-01-31T09:30:00Z (when it was scraped)".to_owned()
        }
        (None, "source") => " --set source=NAME (the name of the job board)".to_owned(),
        (None, _) => format!(" --map FROM={column} (FROM is the name of the column in the file)"),
    }
}
