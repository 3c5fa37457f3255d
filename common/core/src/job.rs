//! The ad itself: its row, its key, the text that stands for it, and the hash of that text.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::fold::fold_name;

/// How many Unicode scalar values of a description enter the embedding text (as Python slices).
pub const DESCRIPTION_CHARS: usize = 1000;

/// How many of a title do, and the most that anything shows of it or of another cell that people name things in.
pub const TITLE_CHARS: usize = 1000;

/// The most characters of an address that is kept: one that is longer is left out, because a part of it leads nowhere.
pub const URL_CHARS: usize = 2048;

/// Version of the recipe in [`embedding_text`]; part of every [`ContentHash`] and of the embedding space.
pub const PREPROCESSING_VERSION: &str = "t1";

/// A moment in UTC.
pub type Timestamp = DateTime<Utc>;

/// One sighting of one ad: a row of `cleaned_jobs`. NULL and `''` are different values and both are kept.
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
    /// The ad's identity across sightings.
    pub fn key(&self) -> JobKey {
        JobKey { source: self.source.clone(), job_id: self.job_id.clone() }
    }
}

/// What identifies an ad: the board it was seen on and the board's own id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobKey {
    /// The board, for example `MCF`.
    pub source: String,
    /// The board's id of the ad.
    pub job_id: String,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.job_id)
    }
}

/// Which ads a search may find: those that have, in every column that is asked for, one of the values. Text is compared by
/// [`fold_name`], so without accents, width, case and white space around it; nothing in it is a wildcard.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobFilter {
    /// Any where empty; so are the others.
    pub source: Vec<String>,
    /// Of `job_location`.
    pub location: Vec<String>,
    /// Of `job_classification`.
    pub classification: Vec<String>,
    /// Of `job_work_type`.
    pub work_type: Vec<String>,
    /// Of the latest sighting's `company_name`.
    pub company: Vec<String>,
    /// The least middle of the salary, or the one end that is known; ads without a salary, or with one in another currency than SGD,
    /// are left out.
    pub salary_min_sgd_per_month: Option<f64>,
    /// The earliest `job_posted_timestamp`; ads without one are left out.
    pub posted_after: Option<Timestamp>,
}

impl JobFilter {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An ad with its vector: what an index holds of it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The fields are columns of cleaned_jobs, but for the first four.
pub struct IndexedAd {
    pub key: JobKey,
    /// Hash of the text whose vector this is.
    pub content_hash: ContentHash,
    /// What made the vector.
    pub model_version: String,
    /// `[dimension] f32`, L2-normalised.
    pub embedding: Vec<f32>,
    pub job_title: Option<String>,
    /// Cut to the characters that enter the embedding text.
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

/// The text whose vector stands for the ad, or `None` where title and description are both empty.
///
/// `"{title[:1000]}. {description[:1000]}"`; one part alone where the other is empty. White space is trimmed to test for
/// emptiness only: what is embedded is the text as given.
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
    // Characters of ASCII are bytes, which need no counting.
    match text.as_bytes().get(..count) {
        None => return text,
        Some(bytes) if bytes.is_ascii() => return &text[..count],
        Some(_) => {}
    }
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

/// What tells an ad from others of the same text, or `None` where the text alone does.
///
/// A description makes a text an ad's own. Without a letter or digit of one, the text is a title, which many employers give to jobs of
/// theirs: such ads are the same only within one company. Ads that name no company count as of one company.
pub fn employer(description: Option<&str>, company: Option<&str>) -> Option<String> {
    let described = description.map(|text| first_chars(text, DESCRIPTION_CHARS));
    if described.is_some_and(|text| text.chars().any(char::is_alphanumeric)) {
        return None;
    }
    Some(fold_name(company.unwrap_or_default()))
}

/// SHA-256 of an embedding text and the version of its recipe: equal hash, equal vector (within a space).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hash of `text`, which [`embedding_text`] made.
    pub fn of(text: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(PREPROCESSING_VERSION);
        hasher.update([0]);
        hasher.update(text);
        Self(hasher.finalize().into())
    }

    /// Reads the 64 hexadecimal digits that [`fmt::Display`] writes.
    ///
    /// # Errors
    /// `Corrupt` where the digits are not those of a SHA-256.
    pub fn parse(digits: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| {
            Error::corrupt(format!("content_hash {digits:?} is not a SHA-256 in hexadecimal"))
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

/// The share of the ads that one task of `count` works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which task this is, from 0.
    pub index: u32,
    /// How many tasks share the work; at least 1.
    pub count: u32,
}

impl Shard {
    /// The one shard that holds every ad.
    pub const ALL: Self = Self { index: 0, count: 1 };

    /// Says whether `key` is this task's.
    ///
    /// The same arithmetic stands in the warehouses' SQL: the first 32 bits of SHA-256(`source/job_id`), modulo
    /// the number of tasks.
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
    fn text_is_title_and_the_first_thousand_chars_of_the_description() {
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
    fn ads_without_a_description_are_told_apart_by_their_company() {
        let of = |company| employer(Some(" \u{200b}- "), company);
        assert_eq!(of(Some(" ALPHA  Pte")), employer(None, Some("Alpha Pte")));
        assert_ne!(of(Some("Alpha")), of(Some("Beta")));
        assert_ne!(of(Some("Alpha")), of(None));
        assert_eq!(of(None), employer(Some(""), Some(" ")));
        assert_eq!(employer(Some("Fry."), Some("Alpha")), None);
    }

    #[test]
    fn a_hash_is_of_the_text_and_the_recipe() {
        assert_ne!(ContentHash::of("a"), ContentHash::of("b"));
        let hash = ContentHash::of("a");
        assert_eq!(ContentHash::parse(&hash.to_string()).unwrap(), hash);
        assert_eq!(ContentHash::parse("xyz").unwrap_err().kind(), crate::error::ErrorKind::Corrupt);
    }

    proptest! {
        #[test]
        fn text_never_panics_and_never_cuts_a_char(title in any::<Option<String>>(), body in ".{0,1200}") {
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
