//! Parses and formats timestamps in files.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use common::job::Timestamp;

/// Parses RFC 3339, `YYYY-MM-DD HH:MM[:SS[.f]]` with an optional ` UTC` or offset, or `YYYY-MM-DD`.
///
/// A text without a zone is UTC. Returns `None` for any other text, epoch numbers included.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !begins_with_date(text) {
        return None;
    }
    if text.len() == "YYYY-MM-DD".len() {
        return Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN).and_utc());
    }
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
        if let Ok(moment) = NaiveDateTime::parse_from_str(text, format) {
            return Some(moment.and_utc());
        }
    }
    for format in [
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%dT%H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f %#z",
        "%Y-%m-%d %H:%M%#z",
        "%Y-%m-%dT%H:%M%#z",
        "%Y-%m-%d %H:%M %#z",
    ] {
        if let Ok(moment) = DateTime::parse_from_str(text, format) {
            return Some(moment.with_timezone(&Utc));
        }
    }
    None
}

/// Returns whether `text` begins with `YYYY-MM-DD`. chrono alone accepts `1-2-3` and years of any length.
fn begins_with_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && bytes.get(10).is_none_or(|byte| matches!(byte, b' ' | b'T'))
}

/// `moment` truncated to the microsecond, or `None` outside the years 1 to 9999, the range of BigQuery's TIMESTAMP.
pub(crate) fn in_supported_range(moment: Timestamp) -> Option<Timestamp> {
    let moment = DateTime::from_timestamp_micros(moment.timestamp_micros())?;
    (1..=9999).contains(&moment.year()).then_some(moment)
}

/// RFC 3339 in UTC with as many decimals as needed; [`parse`] returns the same timestamp.
pub(crate) fn format(moment: &Timestamp) -> String {
    moment.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_formats_of_warehouses_and_spreadsheets_are_parsed() {
        for (text, expected) in [
            ("2025-01-31T09:30:00Z", "2025-01-31T09:30:00Z"),
            ("2025-01-31t09:30:00z", ""),
            ("2025-01-31T09:30:00.25+08:00", "2025-01-31T01:30:00.250Z"),
            ("2025-01-31T09:30:00", "2025-01-31T09:30:00Z"),
            ("2025-01-31 09:30:00", "2025-01-31T09:30:00Z"),
            ("2025-01-31 09:30:00.5", "2025-01-31T09:30:00.500Z"),
            ("2025-01-31 09:30:00 UTC", "2025-01-31T09:30:00Z"),
            ("2025-01-31 09:30:00.123456 UTC", "2025-01-31T09:30:00.123456Z"),
            ("2025-01-31 09:30:00+00:00", "2025-01-31T09:30:00Z"),
            ("2025-01-31 09:30:00 +00:00", "2025-01-31T09:30:00Z"),
            ("2025-01-31 09:30:00+00", "2025-01-31T09:30:00Z"),
            (" 2025-01-31 ", "2025-01-31T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("2025-02-29", ""),
            ("2025-1-31", ""),
            ("2025-01-31 09:30", "2025-01-31T09:30:00Z"),
            ("2025-01-31T09:30Z", "2025-01-31T09:30:00Z"),
            ("2025-01-31T09:30+08:00", "2025-01-31T01:30:00Z"),
            ("2025-01-31 09", ""),
            ("2025-01-31 24:00:00", ""),
            ("2025-01-31 09:30:00 Mars", ""),
            ("20250131", ""),
            ("1738315800", ""),
            ("1738315800000", ""),
            ("31/01/2025", ""),
            ("2025-01-31é", ""),
            ("", ""),
        ] {
            let parsed = parse(text).map(|moment| format(&moment)).unwrap_or_default();
            assert_eq!(parsed, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected_without_panicking(text in ".{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn format_and_parse_round_trip(micros in -62_135_596_800_000_000i64..253_402_300_800_000_000) {
            let moment = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(parse(&format(&moment)), Some(moment));
        }
    }
}
