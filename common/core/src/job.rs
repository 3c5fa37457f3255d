//! The ad: its row, its key, its embedding text, and the hash of that text.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::fold::fold_name;

/// Number of Unicode scalar values of a description in the embedding text (the unit of Python slices).
pub const DESCRIPTION_CHARS: usize = 1000;

/// Number of Unicode scalar values of a title in the embedding text, and maximum length of names in answers.
pub const TITLE_CHARS: usize = 1000;

/// Maximum length of a URL in characters; longer ones are dropped, because a truncated URL is useless.
pub const URL_CHARS: usize = 2048;

/// Version of the recipe in [`embedding_text`]; part of every [`ContentHash`] and of the embedding space.
pub const PREPROCESSING_VERSION: &str = "t1";

/// A timestamp in UTC.
pub type Timestamp = DateTime<Utc>;

/// One sighting of one ad: a row of `cleaned_jobs`. NULL and `''` are different values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // The fields are the columns of infra/duckdb/create_cleaned_jobs.sql.
pub struct JobAd {
    pub source: String,
    pub scrape_timestamp: Timestamp,
    pub bq_timestamp: Option<Timestamp>,
    pub job_id: String,
    pub job_url: Option<String>,
    pub job_title: Option<String>,
    pub job_description: Option<String>,
    pub job_location: Option<String>,
    pub job_classification: Option<String>,
    pub job_work_type: Option<String>,
    pub job_salary_min_sgd_raw: Option<f64>,
    pub job_salary_max_sgd_raw: Option<f64>,
    pub job_salary_type: Option<String>,
    pub job_salary_min_sgd_monthly: Option<f64>,
    pub job_salary_max_sgd_monthly: Option<f64>,
    pub job_currency: Option<String>,
    pub job_posted_timestamp: Option<Timestamp>,
    pub company_id: Option<String>,
    pub company_url: Option<String>,
    pub company_name: Option<String>,
    pub company_description: Option<String>,
    pub company_industry: Option<String>,
    pub company_size: Option<String>,
}

impl JobAd {
    /// The key of the ad, which all its sightings share.
    pub fn key(&self) -> JobKey {
        JobKey { source: self.source.clone(), job_id: self.job_id.clone() }
    }
}

/// The key of an ad: the job board and the id on that board.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobKey {
    /// The job board, for example `MCF`.
    pub source: String,
    /// The id of the ad on the board.
    pub job_id: String,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.job_id)
    }
}

/// A filter of searches. An ad passes if it matches every condition; an empty condition matches every ad. Texts are
/// compared by [`fold_name`]; there are no wildcards.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobFilter {
    /// Allowed values of `source`.
    pub source: Vec<String>,
    /// Allowed values of `job_location`.
    pub location: Vec<String>,
    /// Allowed values of `job_classification`.
    pub classification: Vec<String>,
    /// Allowed values of `job_work_type`.
    pub work_type: Vec<String>,
    /// Allowed values of `company_name` in the latest sighting.
    pub company: Vec<String>,
    /// Minimum of the midpoint of the monthly salary, or of the only bound that is known. Ads without a salary in SGD
    /// do not pass.
    pub salary_min_sgd_per_month: Option<f64>,
    /// Minimum of `job_posted_timestamp`. Ads without one do not pass.
    pub posted_after: Option<Timestamp>,
    /// Allowed clusters, by id or name. Only an index has clusters; a warehouse refuses this condition.
    pub cluster: Vec<String>,
}

impl JobFilter {
    /// Returns whether the filter has no condition.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An ad with its vector, the input of an index.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // From `job_title` on: columns of cleaned_jobs, the salaries under shorter names.
pub struct IndexedAd {
    pub key: JobKey,
    /// Hash of the embedding text of the vector.
    pub content_hash: ContentHash,
    /// Version of the model that made the vector.
    pub model_version: String,
    /// `[dimension] f32`, L2-normalised.
    pub embedding: Vec<f32>,
    pub job_title: Option<String>,
    /// Truncated to [`DESCRIPTION_CHARS`].
    pub job_description: Option<String>,
    pub company_name: Option<String>,
    pub job_location: Option<String>,
    pub job_classification: Option<String>,
    pub job_work_type: Option<String>,
    pub job_currency: Option<String>,
    pub job_url: Option<String>,
    pub salary_min_monthly: Option<f64>,
    pub salary_max_monthly: Option<f64>,
    pub job_posted_timestamp: Option<Timestamp>,
}

/// The text that is embedded for an ad, or `None` if title and description are both blank.
///
/// It is `"{title[:1000]}. {description[:1000]}"`, or only one of the parts if the other is blank. White space is
/// trimmed only for the test; the parts themselves are unchanged.
pub fn embedding_text(title: Option<&str>, description: Option<&str>) -> Option<String> {
    let title = title.map(|text| first_chars(text, TITLE_CHARS)).filter(|text| !text.trim().is_empty());
    let description =
        description.map(|text| first_chars(text, DESCRIPTION_CHARS)).filter(|text| !text.trim().is_empty());
    match (title, description) {
        (Some(title), Some(description)) => Some(format!("{title}. {description}")),
        (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
        (None, None) => None,
    }
}

/// The first `count` characters of `text`.
pub fn first_chars(text: &str, count: usize) -> &str {
    // Fast path: ASCII characters are bytes.
    match text.as_bytes().get(..count) {
        None => return text,
        Some(bytes) if bytes.is_ascii() => return &text[..count],
        Some(_) => {}
    }
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

/// The folded company name that distinguishes ads with the same embedding text, or `None` if the text is sufficient.
///
/// Ads with the same title and description are reposts of each other, whatever the company. If the description has no
/// letter or digit, only the title is left, which many employers use: such ads are reposts only within one company. Ads
/// without a company name count as ads of one company.
pub fn employer(description: Option<&str>, company: Option<&str>) -> Option<String> {
    let described = description.map(|text| first_chars(text, DESCRIPTION_CHARS));
    if described.is_some_and(|text| text.chars().any(char::is_alphanumeric)) {
        return None;
    }
    Some(fold_name(company.unwrap_or_default()))
}

/// SHA-256 of [`PREPROCESSING_VERSION`] and an embedding text: equal hashes have equal vectors within one embedding
/// space.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of `text`, which must be a result of [`embedding_text`].
    pub fn of(text: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(PREPROCESSING_VERSION);
        hasher.update([0]);
        hasher.update(text);
        Self(hasher.finalize().into())
    }

    /// Parses the 64 hexadecimal digits of [`fmt::Display`].
    ///
    /// # Errors
    /// `Corrupt` if `digits` is anything else.
    pub fn parse(digits: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| {
            Error::corrupt(format!("invalid content_hash {digits:?}: expected 64 hexadecimal digits"))
        })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The part of the ads that one of several tasks processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Index of the task, from 0.
    pub index: u32,
    /// Number of tasks, at least 1.
    pub count: u32,
}

impl Shard {
    /// The shard that contains every ad.
    pub const ALL: Self = Self { index: 0, count: 1 };

    /// Returns whether the shard contains `key`.
    ///
    /// A key belongs to the shard with the index `SHA-256(source/job_id)`, first 32 bits, modulo the number of tasks.
    /// The SQL of both warehouses computes the same.
    pub fn contains(self, key: &JobKey) -> bool {
        let digest = Sha256::digest(format!("{}/{}", key.source, key.job_id));
        let head = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        head % self.count.max(1) == self.index
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_embedding_text_joins_the_truncated_title_and_description() {
        assert_eq!(embedding_text(Some("Cook"), Some("Fry.")).unwrap(), "Cook. Fry.");
        assert_eq!(embedding_text(Some("Cook"), Some(" \t\n")).unwrap(), "Cook");
        assert_eq!(embedding_text(Some("Cook"), None).unwrap(), "Cook");
        assert_eq!(embedding_text(Some("\u{a0}"), Some(" Fry")).unwrap(), " Fry");
        assert_eq!(embedding_text(Some(""), Some("")), None);
        assert_eq!(embedding_text(None, None), None);
        let long = "é".repeat(1001);
        assert_eq!(embedding_text(None, Some(&long)).unwrap().chars().count(), 1000);
        let text = embedding_text(Some(&long), Some("Fry.")).unwrap();
        assert_eq!(text, format!("{}. Fry.", "é".repeat(1000)));
    }

    #[test]
    fn ads_without_a_description_are_distinguished_by_company() {
        let of = |company| employer(Some(" \u{200b}- "), company);
        assert_eq!(of(Some(" ALPHA  Pte")), employer(None, Some("Alpha Pte")));
        assert_ne!(of(Some("Alpha")), of(Some("Beta")));
        assert_ne!(of(Some("Alpha")), of(None));
        assert_eq!(of(None), employer(Some(""), Some(" ")));
        assert_eq!(employer(Some("Fry."), Some("Alpha")), None);
    }

    #[test]
    fn hashes_differ_by_text_and_round_trip() {
        assert_ne!(ContentHash::of("a"), ContentHash::of("b"));
        let hash = ContentHash::of("a");
        assert_eq!(ContentHash::parse(&hash.to_string()).unwrap(), hash);
        assert_eq!(ContentHash::parse("xyz").unwrap_err().kind(), crate::error::ErrorKind::Corrupt);
    }

    proptest! {
        #[test]
        fn the_embedding_text_never_panics_and_is_never_blank(title in any::<Option<String>>(), body in ".{0,1200}") {
            if let Some(text) = embedding_text(title.as_deref(), Some(&body)) {
                prop_assert!(!text.trim().is_empty());
            }
        }

        #[test]
        fn every_key_is_in_exactly_one_shard(source in ".*", job_id in ".*", count in 1u32..50) {
            let key = JobKey { source, job_id };
            let owners = (0..count).filter(|&index| Shard { index, count }.contains(&key)).count();
            prop_assert_eq!(owners, 1);
        }
    }
}
