//! One value of an ad-hoc query, exactly as stored in the warehouse, and its text form.
//!
//! The text forms are the same for both engines: a number has all its digits; numbers that JSON does not have
//! (`NaN`, `Infinity`, `-Infinity`) are these names as text; a moment is RFC 3339 in UTC, a year outside 0 to 9999
//! has a sign, and the infinite moments are `infinity` and `-infinity`; bytes that are not printable are `\xHH`;
//! lists and structures are JSON.

use std::fmt::Write;

use common_core::job::Timestamp;

/// One value of an ad-hoc query.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A decimal number, or an integer wider than 64 bits, with all its digits.
    Decimal(String),
    /// A float32.
    Real(f32),
    /// A float64.
    Float(f64),
    /// Text, and values of types that only the engine can format.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01; `i32::MAX` is infinity, `-i32::MAX` minus infinity.
    Date(i32),
    /// A moment.
    Timestamp(Timestamp),
    /// Microseconds since 1970 of a moment outside the range of [`Timestamp`]; `i64::MAX` is infinity, `-i64::MAX`
    /// minus infinity.
    FarTimestamp(i64),
    /// A list of float32.
    Vector(Vec<f32>),
    /// A list of float32 that contains NULLs.
    VectorWithNulls(Vec<Option<f32>>),
    /// A list of float64.
    Doubles(Vec<Option<f64>>),
    /// Any other list, structure or map.
    Json(String),
}

/// Type of a column of an ad-hoc query; every [`Cell`] of the column has this type or is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The variants are those of `Cell`.
pub enum ColumnType {
    Bool,
    Int,
    Decimal {
        /// Number of digits.
        precision: u8,
        /// Number of digits after the decimal point.
        scale: i8,
    },
    Real,
    Float,
    Text,
    Bytes,
    Date,
    /// [`Cell::Timestamp`] and [`Cell::FarTimestamp`].
    Timestamp,
    /// [`Cell::Vector`] and [`Cell::VectorWithNulls`].
    Vector,
    /// [`Cell::Doubles`], or [`Cell::Vector`] if every element is a float32.
    Doubles,
    Json,
}

/// A float64 with the fewest digits that parse back to the same value.
pub fn float(value: f64) -> String {
    special(value).map_or_else(|| shorter(value.to_string(), || format!("{value:e}")), str::to_owned)
}

/// A float32 with the fewest digits that parse back to the same value.
pub fn real(value: f32) -> String {
    special(f64::from(value))
        .map_or_else(|| shorter(value.to_string(), || format!("{value:e}")), str::to_owned)
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// Very large and very small numbers are easier to read with an exponent.
fn shorter(plain: String, scientific: impl FnOnce() -> String) -> String {
    const MOST_CHARS: usize = 22;
    if plain.len() <= MOST_CHARS { plain } else { scientific() }
}

/// A float64 as JSON: a number, or the name of a non-finite value in quotes.
pub fn float_json(value: f64) -> String {
    special(value).map_or_else(|| format!("{value:?}"), |name| format!("\"{name}\""))
}

/// A float32 as JSON, like [`float_json`].
pub fn real_json(value: f32) -> String {
    special(f64::from(value)).map_or_else(|| format!("{value:?}"), |name| format!("\"{name}\""))
}

/// Digits as a JSON number, or as a JSON string if they are not one.
pub fn digits_json(digits: &str) -> String {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = are_digits(whole) && are_digits(fraction) && (whole == "0" || !whole.starts_with('0'));
    if is_number { digits.to_owned() } else { text_json(digits) }
}

/// Text as a JSON string.
pub fn text_json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Bytes as text: printable ASCII is unchanged; every other byte and the backslash become `\xHH`.
pub fn bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'\'' | b'"') {
            text.push(byte.into());
        } else {
            // Writing to memory does not fail.
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// Days since 1970-01-01 as a date.
pub fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        days if days == -i32::MAX => "-infinity".to_owned(),
        days => day(days.into()),
    }
}

/// Microseconds since 1970 as RFC 3339.
pub fn moment(micros: i64) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        micros if micros == -i64::MAX => "-infinity".to_owned(),
        micros => {
            const DAY: i64 = 86_400_000_000;
            format!("{}T{}Z", day(micros.div_euclid(DAY)), time(micros.rem_euclid(DAY) * 1000))
        }
    }
}

/// Nanoseconds since midnight as a time with 3, 6 or 9 digits after the point, as few as possible.
pub fn time(nanos: i64) -> String {
    let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let fraction = match nanos {
        0 => String::new(),
        nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        nanos if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000),
        nanos => format!(".{nanos:09}"),
    };
    format!("{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Days since 1970-01-01 as a date of the Gregorian calendar, for any year (Howard Hinnant's `civil_from_days`).
fn day(days: i64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is the first month.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        year => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_outside_the_calendar_types_have_a_text_form() {
        assert_eq!(date(i32::MAX), "infinity");
        assert_eq!(date(-i32::MAX), "-infinity");
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-735_160), "-0043-03-15");
        assert_eq!(date(2_932_897), "+10000-01-01");
        assert_eq!(moment(i64::MAX), "infinity");
        assert_eq!(moment(-i64::MAX), "-infinity");
        assert_eq!(moment(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(moment(9_089_348_860_800_000_000), "+290000-01-01T00:00:00Z");
        assert_eq!(time(86_400_000_000_000), "24:00:00");
        assert_eq!(bytes(b"a\x00\\'\xff z"), "a\\x00\\x5C\\x27\\xFF z");
        assert_eq!([float(f64::NAN), float(5000.0), float(1e300)], ["NaN", "5000", "1e300"]);
        assert_eq!([real(0.1), real(f32::NEG_INFINITY)], ["0.1", "-Infinity"]);
        assert_eq!([float_json(f64::INFINITY), float_json(1e300)], ["\"Infinity\"", "1e300"]);
        assert_eq!([real_json(0.1), real_json(-1.0)], ["0.1", "-1.0"]);
        let digits = ["170141183460469231731687303715884105727", "-0.10"];
        assert_eq!(digits.map(digits_json), digits);
        assert_eq!(
            ["NaN", ".5", "007", "", "1."].map(digits_json),
            ["\"NaN\"", "\".5\"", "\"007\"", "\"\"", "\"1.\""]
        );
    }

    proptest! {
        #[test]
        fn moments_read_as_the_calendar_type_writes_them(micros in -8_000_000_000_000_000_000i64..8_000_000_000_000_000_000) {
            let by_chrono = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(moment(micros), by_chrono.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string());
        }
    }
}
