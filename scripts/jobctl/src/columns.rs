//! The 23 columns of `cleaned_jobs`: their names, what may stand in them, and their place in a [`JobAd`].

use std::borrow::Cow;

use chrono::DateTime;
use common::job::{JobAd, Timestamp};
use common::storage::warehouse::{Cell, ColumnType};

use crate::timestamp;

/// What a file may say in one cell, before it is known whether the column takes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i128),
    Number(f64),
    Moment(Timestamp),
    /// Anything that fits no column; the text is what to call it, for example `an object`.
    Other(&'static str),
}

/// Where in a [`JobAd`] a column is, and of which type.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Text that may be missing.
    Text(fn(&mut JobAd) -> &mut Option<String>),
    /// Text that identifies the ad.
    Key(fn(&mut JobAd) -> &mut String),
    /// An amount of money.
    Salary(fn(&mut JobAd) -> &mut Option<f64>),
    /// A moment that may be missing.
    Moment(fn(&mut JobAd) -> &mut Option<Timestamp>),
    /// The moment of the sighting.
    Sighted(fn(&mut JobAd) -> &mut Timestamp),
}

/// A column of `cleaned_jobs`.
pub(crate) struct Column {
    /// Its name, in lower case.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) place: Place,
}

macro_rules! columns {
    ($($field:ident: $place:ident),+ $(,)?) => {
        /// Every column, in the table's order.
        pub(crate) const COLUMNS: &[Column] = &[
            $(Column { name: stringify!($field), place: Place::$place(|ad| &mut ad.$field) }),+
        ];
    };
}

columns! {
    source: Key,
    scrape_timestamp: Sighted,
    bq_timestamp: Moment,
    job_id: Key,
    job_url: Text,
    job_title: Text,
    job_description: Text,
    job_location: Text,
    job_classification: Text,
    job_work_type: Text,
    job_salary_min_sgd_raw: Salary,
    job_salary_max_sgd_raw: Salary,
    job_salary_type: Text,
    job_salary_min_sgd_monthly: Salary,
    job_salary_max_sgd_monthly: Salary,
    job_currency: Text,
    job_posted_timestamp: Moment,
    company_id: Text,
    company_url: Text,
    company_name: Text,
    company_description: Text,
    company_industry: Text,
    company_size: Text,
}

impl Column {
    /// Says whether every row must have it.
    pub(crate) fn is_required(&self) -> bool {
        matches!(self.place, Place::Key(_) | Place::Sighted(_))
    }

    /// What the column holds, in words.
    pub(crate) fn holds(&self) -> &'static str {
        match self.place {
            Place::Text(_) | Place::Key(_) => "text",
            Place::Salary(_) => "a number",
            Place::Moment(_) | Place::Sighted(_) => "a timestamp",
        }
    }

    /// Type of the column in the warehouse.
    pub(crate) fn column_type(&self) -> ColumnType {
        match self.place {
            Place::Text(_) | Place::Key(_) => ColumnType::Text,
            Place::Salary(_) => ColumnType::Float,
            Place::Moment(_) | Place::Sighted(_) => ColumnType::Timestamp,
        }
    }

    /// Puts `value` into `ad`.
    ///
    /// # Errors
    /// Half a sentence that follows the column's name and says what is wrong.
    pub(crate) fn put(&self, ad: &mut JobAd, value: Value<'_>) -> Result<(), String> {
        match self.place {
            Place::Text(field) => *field(ad) = text(value)?,
            Place::Key(field) => {
                let key = text(value)?.filter(|key| !key.trim().is_empty());
                *field(ad) = key.ok_or_else(|| "is empty; every ad needs one".to_owned())?;
            }
            Place::Salary(field) => *field(ad) = salary(value)?,
            Place::Moment(field) => *field(ad) = moment(value)?,
            Place::Sighted(field) => {
                *field(ad) = moment(value)?.ok_or_else(|| "is empty; every sighting needs one".to_owned())?;
            }
        }
        Ok(())
    }

    /// Takes the column's value out of `ad`.
    fn take(&self, ad: &mut JobAd) -> Cell {
        match self.place {
            Place::Text(field) => field(ad).take().map_or(Cell::Null, Cell::Text),
            Place::Key(field) => Cell::Text(std::mem::take(field(ad))),
            Place::Salary(field) => field(ad).map_or(Cell::Null, Cell::Float),
            Place::Moment(field) => field(ad).map_or(Cell::Null, Cell::Timestamp),
            Place::Sighted(field) => Cell::Timestamp(*field(ad)),
        }
    }
}

/// The ad as a row of cells in the order of [`COLUMNS`].
pub(crate) fn cells(mut ad: JobAd) -> Vec<Cell> {
    COLUMNS.iter().map(|column| column.take(&mut ad)).collect()
}

/// Names and types as a query of the whole table gives them.
pub(crate) fn query_columns() -> Vec<(String, ColumnType)> {
    COLUMNS.iter().map(|column| (column.name.to_owned(), column.column_type())).collect()
}

/// Place in [`COLUMNS`] of the column that a file calls `name`, whatever the case.
pub(crate) fn find(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| column.name.eq_ignore_ascii_case(name.trim()))
}

fn text(value: Value<'_>) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text.into_owned())),
        // Board ids are numbers in many files; their digits lose nothing.
        Value::Integer(digits) => Ok(Some(digits.to_string())),
        Value::Number(number) => Err(format!("is the number {number}; expected text")),
        Value::Moment(moment) => Err(format!("is the timestamp {moment}; expected text")),
        Value::Other(what) => Err(format!("is {what}; expected text")),
    }
}

fn salary(value: Value<'_>) -> Result<Option<f64>, String> {
    let amount = match value {
        Value::Null => return Ok(None),
        Value::Integer(amount) => amount as f64,
        Value::Number(amount) => amount,
        Value::Text(text) if text.trim().is_empty() => return Ok(None),
        Value::Text(text) => {
            text.trim().parse().map_err(|_| format!("is {}; expected a number", quoted(&text)))?
        }
        Value::Moment(_) => return Err("is a timestamp; expected a number".to_owned()),
        Value::Other(what) => return Err(format!("is {what}; expected a number")),
    };
    match amount {
        _ if !amount.is_finite() => Err(format!("is {amount}; a salary is a finite number")),
        _ if amount < 0.0 => Err(format!("is {amount}; a salary is never negative")),
        _ => Ok(Some(amount)),
    }
}

fn moment(value: Value<'_>) -> Result<Option<Timestamp>, String> {
    const EXPECTED: &str =
        "expected a timestamp such as 2025-01-31T09:30:00Z, 2025-01-31 09:30:00 or 2025-01-31";
    match value {
        Value::Null => Ok(None),
        Value::Moment(moment) => to_microseconds(moment).map(Some),
        Value::Text(text) if text.trim().is_empty() => Ok(None),
        Value::Text(text) => match timestamp::parse(&text) {
            Some(moment) => to_microseconds(moment).map(Some),
            None => Err(format!("is {}; {EXPECTED}", quoted(&text))),
        },
        Value::Integer(number) => Err(format!("is the number {number}; {EXPECTED}")),
        Value::Number(number) => Err(format!("is the number {number}; {EXPECTED}")),
        Value::Other(what) => Err(format!("is {what}; {EXPECTED}")),
    }
}

/// The warehouse's resolution; finer digits are cut, as both engines do.
fn to_microseconds(moment: Timestamp) -> Result<Timestamp, String> {
    DateTime::from_timestamp_micros(moment.timestamp_micros())
        .ok_or_else(|| format!("is {moment}; that is outside the calendar"))
}

/// The beginning of a text from a file, in quotes and fit for one line of an error.
fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// The beginning of a text from a file.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// What an ad is after a format that has no NULL.
#[cfg(test)]
pub(crate) fn null_texts_to_empty(mut ad: JobAd) -> JobAd {
    for column in COLUMNS {
        if let Place::Text(field) = column.place {
            field(&mut ad).get_or_insert_default();
        }
    }
    ad
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(name: &str, value: Value<'_>) -> Result<JobAd, String> {
        let mut ad = JobAd::default();
        COLUMNS[find(name).unwrap()].put(&mut ad, value)?;
        Ok(ad)
    }

    fn told(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(find(" Job_ID "), find("job_id"));
        assert_eq!(find("salary"), None);
        assert_eq!(COLUMNS.len(), 23);
    }

    #[test]
    fn empty_and_missing_text_differ() {
        assert_eq!(put("job_title", told("")).unwrap().job_title.as_deref(), Some(""));
        assert_eq!(put("job_title", Value::Null).unwrap().job_title, None);
        assert_eq!(put("job_id", Value::Integer(42)).unwrap().job_id, "42");
    }

    #[test]
    fn what_a_column_refuses_is_said_with_the_value() {
        for (column, value, expected) in [
            ("source", told(" "), "is empty"),
            ("job_id", Value::Null, "is empty"),
            ("scrape_timestamp", told(""), "is empty"),
            ("scrape_timestamp", told("31/01/2025"), "is \"31/01/2025\"; expected a timestamp"),
            (
                "scrape_timestamp",
                Value::Integer(1_700_000_000),
                "is the number 1700000000; expected a timestamp",
            ),
            ("job_title", Value::Number(1.5), "is the number 1.5; expected text"),
            ("job_title", Value::Other("a list"), "is a list; expected text"),
            ("job_salary_min_sgd_monthly", told("-1"), "is -1; a salary is never negative"),
            ("job_salary_min_sgd_monthly", Value::Number(f64::NAN), "is NaN; a salary is a finite number"),
            ("job_salary_max_sgd_raw", told("inf"), "is inf; a salary is a finite number"),
            ("job_salary_max_sgd_raw", told("1e999"), "is inf; a salary is a finite number"),
            ("job_salary_max_sgd_raw", told("5,000"), "is \"5,000\"; expected a number"),
            ("job_salary_max_sgd_raw", Value::Other("true"), "is true; expected a number"),
        ] {
            let said = put(column, value).unwrap_err();
            assert!(said.starts_with(expected), "{column}: {said}");
        }
    }

    #[test]
    fn numbers_and_moments_may_be_written_as_text() {
        let ad = put("job_salary_min_sgd_raw", told(" 3500.5 ")).unwrap();
        assert_eq!(ad.job_salary_min_sgd_raw, Some(3500.5));
        assert_eq!(put("job_salary_min_sgd_raw", told("")).unwrap().job_salary_min_sgd_raw, None);
        let fine = timestamp::parse("2025-01-31T09:30:00.123456789Z").unwrap();
        let ad = put("job_posted_timestamp", Value::Moment(fine)).unwrap();
        assert_eq!(ad.job_posted_timestamp.unwrap().timestamp_subsec_nanos(), 123_456_000);
    }

    #[test]
    fn cells_follow_the_order_of_the_columns() {
        let ad = JobAd { source: "MCF".into(), job_id: "1".into(), ..JobAd::default() };
        let row = cells(ad);
        assert_eq!(row.len(), COLUMNS.len());
        assert_eq!(row[0], Cell::Text("MCF".into()));
        assert_eq!(row[5], Cell::Null);
    }
}
