//! The value of a cell, and its conversion to the type of a column.

use std::borrow::Cow;

use common::fold::is_missing_word;
use common::job::Timestamp;

use super::dates::{self, DateFormat};
use super::rules::Rule;
use crate::columns::truncated;
use crate::timestamp;

/// 2^53: from here on, a 64-bit float does not represent every integer.
const INEXACT_INTEGERS: u64 = 1 << 53;

/// The value of a cell before conversion.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i128),
    /// A floating-point number.
    Number(f64),
    Moment(Timestamp),
    /// A value that no column accepts; the text describes it in errors, for example `an object`.
    Other(&'static str),
    /// Bytes of a text file that are not UTF-8.
    Undecoded,
}

/// The converted value and the rule that was used, if any. The error follows the name of the column: `is "3k"; expected
/// a number`.
pub(super) type Converted<T> = Result<(T, Option<Rule>), String>;

impl Value<'_> {
    /// Returns whether it is NULL or a text of only white space.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// Returns whether number and timestamp columns read it as NULL: blank, a word for a missing value, or NaN.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty() || is_missing_word(text),
            Self::Number(number) => number.is_nan(),
            _ => self.is_blank(),
        }
    }

    /// The value for a report, with long texts truncated.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Text(text) => truncated(text),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => format!("{number:?}"),
            Self::Moment(moment) => moment.to_string(),
            Self::Other(what) => (*what).to_owned(),
            Self::Undecoded => "not UTF-8".to_owned(),
        }
    }
}

/// Converts a part of the ad's key: a text that is neither blank nor a word for a missing value.
pub(super) fn key(value: Value<'_>) -> Converted<String> {
    if let Value::Text(text) = &value
        && is_missing_word(text)
    {
        return Err(format!("is {}, a word for a missing value; expected an identifier", quoted(text)));
    }
    let (key, rule) = text(value, true)?;
    match key.filter(|key| !key.trim().is_empty()) {
        Some(key) => Ok((key, rule)),
        None => Err("is empty; expected a value in every row".to_owned()),
    }
}

/// Converts to text. With `is_id`, a text such as `84112501.0` is read as `84112501`.
pub(super) fn text(value: Value<'_>, is_id: bool) -> Converted<Option<String>> {
    match value {
        Value::Null => Ok((None, None)),
        Value::Text(text) if is_id => match integral(text.trim())? {
            Some(digits) => Ok((Some(digits), Some(Rule::IntegralFloat))),
            None => Ok((Some(text.into_owned()), None)),
        },
        Value::Text(text) => Ok((Some(text.into_owned()), None)),
        // Ids are numbers in many files; an integer keeps all its digits.
        Value::Integer(digits) => Ok((Some(digits.to_string()), None)),
        Value::Number(number) if number.is_nan() => Ok((None, Some(Rule::MissingWord))),
        Value::Number(number) if number.fract() == 0.0 => {
            // The float 2^53 may be a rounded 2^53 + 1.
            if number.abs() >= INEXACT_INTEGERS as f64 {
                return Err(inexact(&format!("{number:?}")));
            }
            Ok((Some(format!("{}", number as i64)), Some(Rule::IntegralFloat)))
        }
        Value::Number(number) => Err(format!("is the number {number}; expected text")),
        Value::Moment(moment) => Err(format!("is the timestamp {moment}; expected text")),
        Value::Other(what) => Err(format!("is {what}; expected text")),
        Value::Undecoded => Err("is not UTF-8; expected text".to_owned()),
    }
}

/// The digits of a text that is an integer in floating-point notation: `84112501.0`, or `8.4112501e7` if no digit is
/// missing. `None` for any other text.
fn integral(text: &str) -> Result<Option<String>, String> {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let Some((whole, rest)) = unsigned.split_once('.') else { return Ok(None) };
    let (decimals, exponent) = match rest.split_once(['e', 'E']) {
        Some((decimals, exponent)) => (decimals, exponent.strip_prefix('+').unwrap_or(exponent)),
        None => (rest, "0"),
    };
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = whole.len() > 1 && whole.starts_with('0');
    if is_padded
        || !are_digits(whole)
        || !are_digits(exponent)
        || !(decimals.is_empty() || are_digits(decimals))
    {
        return Ok(None);
    }
    let exponent: usize = exponent.parse().unwrap_or(usize::MAX);
    let (integral, fraction) = decimals.split_at(exponent.min(decimals.len()));
    if fraction.bytes().any(|byte| byte != b'0') {
        return Ok(None);
    }
    let digits = format!("{whole}{integral}");
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    // The digits are compared as an integer, because 2^53 + 1 parsed as a float is 2^53.
    let is_exact = digits.parse::<u64>().is_ok_and(|number| number < INEXACT_INTEGERS);
    if !is_exact
        || (exponent > decimals.len()
            && unsigned.parse().is_ok_and(|size: f64| size >= INEXACT_INTEGERS as f64))
    {
        return Err(inexact(text));
    }
    // Spreadsheets export 84112501 as 8.41E+07, which has lost digits.
    if exponent > decimals.len() {
        return Err(format!("is {}, which has lost digits; expected all digits", quoted(text)));
    }
    Ok(Some(if digits == "0" { digits.to_owned() } else { format!("{sign}{digits}") }))
}

fn inexact(number: &str) -> String {
    format!("is {number}, a float of 2^53 or more, which may have lost digits; expected text")
}

/// Converts to a finite, non-negative amount of money.
pub(super) fn amount(value: &Value<'_>) -> Converted<Option<f64>> {
    let (amount, rule) = match value {
        Value::Null => return Ok((None, None)),
        Value::Number(amount) if amount.is_nan() => return Ok((None, Some(Rule::MissingWord))),
        Value::Integer(amount) => (*amount as f64, None),
        Value::Number(amount) => (*amount, None),
        Value::Text(text) if text.trim().is_empty() => return Ok((None, None)),
        Value::Text(text) if is_missing_word(text) => return Ok((None, Some(Rule::MissingWord))),
        Value::Text(text) => number(text.trim())?,
        Value::Moment(_) => return Err("is a timestamp; expected a number".to_owned()),
        Value::Other(what) => return Err(format!("is {what}; expected a number")),
        Value::Undecoded => return Err("is not UTF-8; expected a number".to_owned()),
    };
    match amount {
        _ if !amount.is_finite() => Err(format!("is {amount}; expected a finite number")),
        _ if amount < 0.0 => Err(format!("is {amount}; expected a number that is not negative")),
        // -0.0 becomes 0.0: in a column that has both, DuckDB may store one for the other.
        _ => Ok((Some(amount + 0.0), rule)),
    }
}

fn number(text: &str) -> Result<(f64, Option<Rule>), String> {
    if let Ok(number) = text.parse() {
        return Ok((number, None));
    }
    if !text.contains(',') {
        return Err(format!("is {}; expected a number", quoted(text)));
    }
    if has_groups_of_three(text)
        && let Ok(number) = text.replace(',', "").parse()
    {
        return Ok((number, Some(Rule::Thousands)));
    }
    Err(format!(
        "is {}; expected a number such as 1234.56 or 1,234.56, with commas between groups of three digits and a point \
         before the decimals",
        quoted(text)
    ))
}

/// Returns whether the commas of a number separate groups of three digits before the point: `1,234,567.5`.
fn has_groups_of_three(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut groups = whole.split(',');
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && are_digits(first) && first != "0")
        && groups.all(|group| group.len() == 3 && are_digits(group))
        && are_digits(decimals)
}

/// Converts to a timestamp in the years 1 to 9999, truncated to microseconds, the precision of both engines.
pub(super) fn moment(value: &Value<'_>, formats: &[DateFormat]) -> Converted<Option<Timestamp>> {
    let (moment, rule) = match value {
        Value::Null => return Ok((None, None)),
        Value::Number(number) if number.is_nan() => return Ok((None, Some(Rule::MissingWord))),
        Value::Moment(moment) => (*moment, None),
        Value::Text(text) if text.trim().is_empty() => return Ok((None, None)),
        Value::Text(text) if is_missing_word(text) => return Ok((None, Some(Rule::MissingWord))),
        Value::Text(text) => dates::parse_date(text.trim(), formats)?,
        Value::Integer(number) => dates::parse_date(&number.to_string(), formats)?,
        Value::Number(number) => dates::parse_date(&format!("{number}"), formats)?,
        Value::Other(what) => return Err(format!("is {what}; {}", dates::EXPECTED)),
        Value::Undecoded => return Err(format!("is not UTF-8; {}", dates::EXPECTED)),
    };
    match timestamp::in_supported_range(moment) {
        Some(moment) => Ok((Some(moment), rule)),
        None => Err(format!("is {}; expected a timestamp in the years 1 to 9999", value.shown())),
    }
}

/// A truncated text in quotes, with control characters escaped, for an error of one line.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", truncated(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_value(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn integral_floats_are_integers_in_ids() {
        for (written, expected) in [
            (text_value("84112501.0"), "84112501"),
            (text_value(" 84112501.00 "), "84112501"),
            (text_value("5."), "5"),
            (text_value("-7.0"), "-7"),
            (text_value("-0.0"), "0"),
            (text_value("007.0"), "007.0"),
            (text_value("8.4112501e+07"), "84112501"),
            (text_value("1.50"), "1.50"),
            (text_value("2.1.0"), "2.1.0"),
            (text_value("1e5"), "1e5"),
            (text_value("0012"), "0012"),
            (text_value("99999999999999999999"), "99999999999999999999"),
            (text_value("v1.0"), "v1.0"),
            (Value::Number(84_112_501.0), "84112501"),
            (text_value("9007199254740991.0"), "9007199254740991"),
            (text_value("9.007199254740991e15"), "9007199254740991"),
            (text_value("0.5e1"), "5"),
            (Value::Number(9_007_199_254_740_991.0), "9007199254740991"),
            (Value::Integer(i128::from(u64::MAX)), "18446744073709551615"),
        ] {
            assert_eq!(key(written.clone()).unwrap().0, expected, "{written:?}");
        }
        assert_eq!(text(text_value("84112501.0"), false).unwrap().0.as_deref(), Some("84112501.0"));
        assert_eq!(text(text_value("nan"), false).unwrap().0.as_deref(), Some("nan"));
        assert_eq!(text(Value::Number(f64::NAN), false).unwrap(), (None, Some(Rule::MissingWord)));
    }

    #[test]
    fn invalid_keys_are_errors() {
        for (written, expected) in [
            (text_value("nan"), "is \"nan\", a word for a missing value"),
            (text_value(" NONE "), "is \" NONE \", a word"),
            (text_value("Null"), "is \"Null\", a word"),
            (text_value("NaT"), "is \"NaT\", a word"),
            (text_value(" "), "is empty"),
            (Value::Null, "is empty"),
            (Value::Number(f64::NAN), "is empty"),
            (Value::Number(1.5), "is the number 1.5; expected text"),
            (Value::Number(f64::INFINITY), "is the number inf; expected text"),
            (Value::Number(9_007_199_254_740_992.0), "is 9007199254740992.0, a float of 2^53 or more"),
            (text_value("9007199254740992.0"), "is 9007199254740992.0, a float of 2^53 or more"),
            (text_value("9007199254740993.0"), "is 9007199254740993.0, a float of 2^53 or more"),
            (text_value("9.007199254740993e15"), "is 9.007199254740993e15, a float of 2^53 or more"),
            (text_value("1.5e300"), "is 1.5e300, a float of 2^53 or more"),
            (text_value("9007199254740994.0"), "is 9007199254740994.0, a float of 2^53 or more"),
            (text_value("8.41E+07"), "is \"8.41E+07\", which has lost digits"),
            (Value::Other("a list"), "is a list; expected text"),
        ] {
            let error = key(written).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn amounts_are_parsed_or_rejected() {
        for (written, expected) in [
            ("3500.5", Some(3500.5)),
            (" 1e4 ", Some(1e4)),
            ("5,000", Some(5000.0)),
            ("1,234,567.50", Some(1_234_567.5)),
            ("", None),
            ("NaN", None),
            ("none", None),
            ("N/A", None),
            ("-", None),
            ("\\N", None),
            ("<NA>", None),
        ] {
            assert_eq!(amount(&text_value(written)).unwrap().0, expected, "{written}");
        }
        assert_eq!(amount(&Value::Number(f64::NAN)).unwrap(), (None, Some(Rule::MissingWord)));
        for zero in [Value::Number(-0.0), text_value("-0"), text_value("-0.0")] {
            assert!(amount(&zero).unwrap().0.is_some_and(f64::is_sign_positive), "{zero:?}");
        }
        for written in
            ["5,5", "1.234,56", "1,00,000", "5,0000", "0,500", ",500", "5,000,", "5,000,00", "5 000", "3k"]
        {
            let error = amount(&text_value(written)).unwrap_err();
            assert!(error.starts_with(&format!("is {written:?}; expected a number")), "{error}");
        }
        for (written, expected) in [
            (text_value("-1"), "is -1; expected a number that is not negative"),
            (text_value("inf"), "is inf; expected a finite number"),
            (text_value("1e999"), "is inf; expected a finite number"),
            (Value::Other("true"), "is true; expected a number"),
        ] {
            assert_eq!(amount(&written).unwrap_err(), expected);
        }
    }
}
