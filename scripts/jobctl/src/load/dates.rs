//! Parses dates other than ISO 8601: epochs, month names, RFC 2822, and the formats of `--date-format`.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use common::job::Timestamp;

use super::rules::Rule;
use super::value::quoted;
use crate::timestamp;

/// The expectation in errors about timestamps.
pub(super) const EXPECTED: &str =
    "expected a timestamp such as 2025-01-31T09:30:00Z, 2025-01-31 09:30 or 2025-01-31";

/// Numbers whose absolute value is between this and [`MAX_SECONDS`] are seconds since 1970 (1973 to 2286).
const MIN_SECONDS: i128 = 100_000_000;
const MAX_SECONDS: i128 = 9_999_999_999;
/// Numbers whose absolute value is between this and [`MAX_MILLISECONDS`] are milliseconds since 1970 (1973 to 2286).
const MIN_MILLISECONDS: i128 = 100_000_000_000;
const MAX_MILLISECONDS: i128 = 9_999_999_999_999;
/// The year 9999, a placeholder for "no date", in seconds. Read as milliseconds the numbers would be in 1978.
const YEAR_9999_IN_SECONDS: std::ops::RangeInclusive<i128> = 253_370_764_800..=253_402_300_799;
/// The year 9999 in milliseconds.
const YEAR_9999_IN_MILLISECONDS: std::ops::RangeInclusive<i128> = 253_370_764_800_000..=253_402_300_799_999;
/// Years in which a number such as 20250131093000 could be a date without separators.
const YEARS_OF_COMPACT_DATES: std::ops::RangeInclusive<i32> = 1900..=2100;

/// A value of `--date-format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DateFormat {
    /// A strftime pattern.
    Pattern(String),
    /// A number since 1970; the value is the number of units per second.
    Epoch(i128),
}

impl FromStr for DateFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "seconds" => return Ok(Self::Epoch(1)),
            "milliseconds" => return Ok(Self::Epoch(1_000)),
            "microseconds" => return Ok(Self::Epoch(1_000_000)),
            "nanoseconds" => return Ok(Self::Epoch(1_000_000_000)),
            _ => {}
        }
        let format = Self::Pattern(text.to_owned());
        // A pattern that cannot parse a complete date (no year, `dd/mm/yyyy`) would reject every cell.
        let sample = Utc.with_ymd_and_hms(2001, 2, 13, 14, 5, 6).single().ok_or("no such date")?;
        let mut written = String::new();
        let is_pattern = StrftimeItems::new(text).all(|item| !matches!(item, Item::Error))
            && write!(written, "{}", sample.format(text)).is_ok();
        match is_pattern.then(|| format.read(&written)).flatten() {
            Some(moment) if moment.date_naive() == sample.date_naive() => Ok(format),
            _ => Err("expected a pattern with day, month and year such as %d/%m/%Y or '%d.%m.%Y %H:%M', or seconds, \
                      milliseconds, microseconds or nanoseconds"
                .to_owned()),
        }
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => write!(f, "{pattern:?}"),
            Self::Epoch(1) => f.write_str("seconds"),
            Self::Epoch(1_000) => f.write_str("milliseconds"),
            Self::Epoch(1_000_000) => f.write_str("microseconds"),
            Self::Epoch(_) => f.write_str("nanoseconds"),
        }
    }
}

impl DateFormat {
    /// Parses `text` in this format. The default zone is UTC and the default time is midnight.
    fn read(&self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Epoch(units) => since_1970(text, *units),
            Self::Pattern(pattern) => {
                let mut parsed = Parsed::new();
                parse(&mut parsed, text, StrftimeItems::new(pattern)).ok()?;
                let moment = if parsed.offset().is_some() || parsed.timestamp().is_some() {
                    parsed
                        .to_datetime_with_timezone(&Utc)
                        .or_else(|_| parsed.to_datetime().map(|at| at.to_utc()))
                        .ok()?
                } else if parsed.hour_mod_12().is_some() || parsed.minute().is_some() {
                    parsed.to_naive_datetime_with_offset(0).ok()?.and_utc()
                } else {
                    parsed.to_naive_date().ok()?.and_time(NaiveTime::MIN).and_utc()
                };
                // chrono's `%Y` parses 25 as the year 25; a year must have four digits.
                let is_whole_year = parsed.year().is_none_or(|year| text.contains(&format!("{year:04}")));
                is_whole_year.then_some(moment)
            }
        }
    }
}

/// Parses a trimmed text, and returns the rule that was used if it is not ISO 8601.
pub(super) fn parse_date(text: &str, formats: &[DateFormat]) -> Result<(Timestamp, Option<Rule>), String> {
    if let Some(moment) = formats.iter().find_map(|format| format.read(text)) {
        return Ok((moment, Some(Rule::DateFormat)));
    }
    if let Some(moment) = timestamp::parse(text) {
        return Ok((moment, None));
    }
    if let Some(moment) = parse_month_name(text) {
        return Ok((moment, Some(Rule::WrittenDate)));
    }
    let mismatch = |formats: &[DateFormat]| {
        let formats = formats.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        format!("is {}, which does not match --date-format {formats}; {EXPECTED}", quoted(text))
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_number = unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && unsigned.matches('.').count() <= 1;
    if is_number && let Some(whole) = text.split('.').next().and_then(|whole| whole.parse::<i128>().ok()) {
        let moment =
            epoch(text, whole).map_err(|what| if formats.is_empty() { what } else { mismatch(formats) });
        return moment.map(|moment| (moment, Some(Rule::Epoch)));
    }
    if !formats.is_empty() {
        return Err(mismatch(formats));
    }
    if let Some(example) = ambiguous_order(text) {
        return Err(format!(
            "is {}, in which the order of day and month is ambiguous; give it, for example with --date-format {example}",
            quoted(text)
        ));
    }
    Err(format!("is {}; {EXPECTED}", quoted(text)))
}

/// A likely format of a date of three numbers separated by `/`, `.` or `-`, whose order is ambiguous. `None` for any
/// other text.
fn ambiguous_order(text: &str) -> Option<String> {
    let date = text.split([' ', 'T']).next().unwrap_or_default();
    let separator = date.chars().find(|c| matches!(c, '/' | '.' | '-'))?;
    let parts: Vec<&str> = date.split(separator).collect();
    let is_number =
        |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let order = match parts[..] {
        // ISO 8601 order is unambiguous: the day or the time is invalid.
        [year, ..] if year.len() == 4 && separator == '-' => return None,
        [year, ..] if year.len() == 4 => ["%Y", "%m", "%d"],
        [_, _, year] if year.len() == 2 => ["%d", "%m", "%y"],
        _ => ["%d", "%m", "%Y"],
    };
    (parts.len() == 3 && parts.iter().all(is_number)).then(|| order.join(&separator.to_string()))
}

fn epoch(text: &str, whole: i128) -> Result<Timestamp, String> {
    if let Some((format, unit)) = compact_date(text) {
        return Err(format!(
            "is the number {text}, which could be a date without separators; give its format with --date-format {format} or {unit}"
        ));
    }
    let size = whole.abs();
    let units = match size {
        MIN_SECONDS..=MAX_SECONDS => 1,
        MIN_MILLISECONDS..=MAX_MILLISECONDS if !YEAR_9999_IN_SECONDS.contains(&whole) => 1_000,
        _ if YEAR_9999_IN_MILLISECONDS.contains(&whole) => 1_000,
        0 if text.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-')) => 1_000,
        _ => {
            return Err(format!(
                "is the number {text}; expected a timestamp, or seconds or milliseconds since 1970 from 1973 on; give its \
                 format with --date-format seconds, milliseconds, microseconds, nanoseconds or %Y%m%d"
            ));
        }
    };
    since_1970(text, units).ok_or_else(|| format!("is the number {text}; {EXPECTED}"))
}

/// For a number that could be a date without separators as well as an epoch: the format as a date and the unit as an
/// epoch.
fn compact_date(text: &str) -> Option<(&'static str, &'static str)> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (format, unit, rest) = match text.len() {
        10 => ("%Y%m%d%H", "seconds", "0000"),
        12 => ("%Y%m%d%H%M", "milliseconds", "00"),
        14 => ("%Y%m%d%H%M%S", "milliseconds", ""),
        _ => return None,
    };
    let moment = NaiveDateTime::parse_from_str(&format!("{text}{rest}"), "%Y%m%d%H%M%S").ok()?;
    YEARS_OF_COMPACT_DATES.contains(&moment.year()).then_some((format, unit))
}

/// Parses a decimal number of units since 1970.
fn since_1970(text: &str, units_per_second: i128) -> Option<Timestamp> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let are_digits = whole.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits {
        return None;
    }
    // Integer arithmetic on nine decimals avoids intermediate rounding.
    let decimals: i128 = format!("{decimals:0<9.9}").parse().ok()?;
    let nanos = whole.parse::<i128>().ok()?.checked_mul(1_000_000_000)?.checked_add(decimals)? * sign
        / units_per_second;
    DateTime::from_timestamp_micros(i64::try_from(nanos.div_euclid(1_000)).ok()?)
}

/// Parses RFC 2822, or day, year and the name of the month in any order, with an optional weekday and time.
fn parse_month_name(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = DateTime::parse_from_rfc2822(text) {
        return Some(moment.to_utc());
    }
    let (mut day, mut month, mut year, mut time, mut is_afternoon) = (None, None, None, None, None);
    let (mut weekday, mut is_first, mut is_utc) = (None, true, false);
    for word in
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '-')).filter(|word| !word.is_empty())
    {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let lower = word.to_ascii_lowercase();
        match () {
            () if is_number && word.len() == 4 && year.is_none() => year = word.parse().ok(),
            () if is_number && word.len() <= 2 && day.is_none() => day = word.parse::<u32>().ok(),
            () if word.contains(':') && time.is_none() => {
                let format = if word.matches(':').count() == 1 { "%H:%M" } else { "%H:%M:%S%.f" };
                time = Some(NaiveTime::parse_from_str(word, format).ok()?);
            }
            () if time.is_some() && is_afternoon.is_none() && matches!(lower.as_str(), "am" | "pm") => {
                is_afternoon = Some(lower == "pm");
            }
            () if time.is_some() && !is_utc && matches!(lower.as_str(), "utc" | "gmt" | "z") => is_utc = true,
            () if is_first && weekday.is_none() && index_of_name(&lower, &WEEKDAYS).is_some() => {
                weekday = index_of_name(&lower, &WEEKDAYS);
            }
            () if month.is_none() => month = Some(index_of_name(lower.trim_end_matches('.'), &MONTHS)? + 1),
            () => return None,
        }
        is_first = false;
    }
    let date = NaiveDate::from_ymd_opt(year?, month?, day?)?;
    if weekday.is_some_and(|weekday| weekday != date.weekday().num_days_from_monday()) {
        return None;
    }
    let time = match (time, is_afternoon) {
        (time, None) => time.unwrap_or(NaiveTime::MIN),
        (time, Some(is_afternoon)) => from_12_hour_clock(time?, is_afternoon)?,
    };
    Some(date.and_time(time).and_utc())
}

fn from_12_hour_clock(time: NaiveTime, is_afternoon: bool) -> Option<NaiveTime> {
    use chrono::Timelike;
    let hour = match (time.hour(), is_afternoon) {
        (12, false) => 0,
        (12, true) => 12,
        (hour @ 1..=11, true) => hour + 12,
        (hour @ 1..=11, false) => hour,
        _ => return None,
    };
    time.with_hour(hour)
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Index of the name that `word` is: in full, its first three letters, or `sept`.
fn index_of_name(word: &str, names: &[&str]) -> Option<u32> {
    let index = names
        .iter()
        .position(|name| *name == word || name[..3] == *word || (word == "sept" && *name == "september"));
    index.and_then(|index| u32::try_from(index).ok())
}

#[cfg(test)]
mod tests;
