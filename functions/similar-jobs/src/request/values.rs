//! What a value may be, wherever it stands.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use common::job::Timestamp;

use super::MOST_CHARS;

/// Why a value is refused.
pub(super) type Sentence = String;

/// The most of a refused value that is repeated to its sender.
const QUOTED_CHARS: usize = 80;

/// `text` within quotation marks, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A text to embed.
pub(super) fn text(text: String) -> Result<String, Sentence> {
    if text.trim().is_empty() {
        return Err("it is empty; say in a few words what the job is about".into());
    }
    match text.chars().count() {
        ..=MOST_CHARS => Ok(text),
        chars => Err(format!("it has {chars} characters; at most {MOST_CHARS} are taken")),
    }
}

/// A name or a value to compare with.
pub(super) fn word(word: String) -> Result<String, Sentence> {
    if word.trim().is_empty() { Err("it is empty".into()) } else { Ok(word) }
}

/// The alternatives of a filter.
pub(super) fn alternatives(values: Vec<String>) -> Result<Vec<String>, Sentence> {
    if values.is_empty() {
        return Err("the list is empty; leave it out, or name a value".into());
    }
    values.into_iter().map(word).collect()
}

pub(super) fn whole(value: Option<u64>, given: &str, least: u64, most: u64) -> Result<u64, Sentence> {
    value
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| format!("{given} is not a whole number from {least} to {most}"))
}

pub(super) fn salary(value: Option<f64>, given: &str) -> Result<f64, Sentence> {
    value
        .filter(|value| value.is_finite() && *value >= 0.0)
        .ok_or_else(|| format!("{given} is not an amount of 0 or more"))
}

pub(super) fn similarity(value: Option<f64>, given: &str) -> Result<f32, Sentence> {
    value
        .filter(|value| (-1.0..=1.0).contains(value))
        .map(|value| value as f32)
        .ok_or_else(|| format!("{given} is not a number from -1 to 1"))
}

/// A day means its first moment, in UTC.
pub(super) fn moment(text: &str) -> Result<Timestamp, Sentence> {
    let day = || {
        let is_padded = text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit());
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_padded)?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    };
    let moment = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.with_timezone(&Utc));
    moment
        .or_else(day)
        .ok_or_else(|| format!("{} is not a date; write 2025-01-31 or 2025-01-31T08:00:00Z", quoted(text)))
}

/// A vector of length 1 with the direction of `numbers`, which are finite.
pub(super) fn unit(numbers: &[f64]) -> Result<Vec<f32>, Sentence> {
    if numbers.is_empty() {
        return Err("the list is empty".into());
    }
    let largest = numbers.iter().fold(0.0, |largest: f64, number| largest.max(number.abs()));
    if largest == 0.0 {
        return Err("every number is 0, and such a vector points nowhere".into());
    }
    // Scaled first: squares of the largest and the smallest numbers are none any more.
    let scaled = numbers.iter().map(|number| number / largest);
    let length = scaled.clone().map(|number| number * number).sum::<f64>().sqrt();
    Ok(scaled.map(|number| (number / length) as f32).collect())
}
