//! Formats values of query results as text and as JSON.

use std::borrow::Cow;

use common::storage::warehouse::{Cell, ColumnType, cell};

use crate::table::Align;
use crate::timestamp;

/// The complete value as text; NULL is the empty string.
pub(crate) fn plain(value: &Cell) -> Cow<'_, str> {
    match value {
        Cell::Null => Cow::Borrowed(""),
        Cell::Bool(value) => value.to_string().into(),
        Cell::Int(value) => value.to_string().into(),
        Cell::Real(value) => cell::real(*value).into(),
        Cell::Float(value) => cell::float(*value).into(),
        Cell::Decimal(text) | Cell::Text(text) | Cell::Json(text) => Cow::Borrowed(text),
        Cell::Bytes(bytes) => cell::bytes(bytes).into(),
        Cell::Date(days) => cell::date(*days).into(),
        Cell::Timestamp(moment) => timestamp::format(moment).into(),
        Cell::FarTimestamp(micros) => cell::moment(*micros).into(),
        Cell::Vector(elements) => list(elements.iter().map(|element| cell::real(*element))),
        Cell::VectorWithNulls(elements) => list(elements.iter().map(|element| or_null(*element, cell::real))),
        Cell::Doubles(elements) => list(elements.iter().map(|element| or_null(*element, cell::float))),
    }
}

fn or_null<T>(element: Option<T>, text: impl FnOnce(T) -> String) -> String {
    element.map_or_else(|| "null".to_owned(), text)
}

fn list(elements: impl Iterator<Item = String>) -> Cow<'static, str> {
    format!("[{}]", elements.collect::<Vec<_>>().join(",")).into()
}

/// The value as JSON. Numbers keep all their digits; values without a JSON type (`NaN`, `Infinity`, dates, bytes)
/// are strings.
pub(crate) fn json(value: &Cell) -> Cow<'_, str> {
    match value {
        Cell::Null => Cow::Borrowed("null"),
        Cell::Bool(_) | Cell::Int(_) => plain(value),
        Cell::Json(text) => Cow::Borrowed(text),
        Cell::Decimal(digits) => cell::digits_json(digits).into(),
        Cell::Real(value) => cell::real_json(*value).into(),
        Cell::Float(value) => cell::float_json(*value).into(),
        Cell::Vector(elements) => list(elements.iter().map(|element| cell::real_json(*element))),
        Cell::VectorWithNulls(elements) => {
            list(elements.iter().map(|element| or_null(*element, cell::real_json)))
        }
        Cell::Doubles(elements) => list(elements.iter().map(|element| or_null(*element, cell::float_json))),
        Cell::Text(_) | Cell::Bytes(_) | Cell::Date(_) | Cell::Timestamp(_) | Cell::FarTimestamp(_) => {
            cell::text_json(&plain(value)).into()
        }
    }
}

/// The value for display in a table; NULL is `NULL`.
pub(crate) fn readable(value: &Cell) -> Cow<'_, str> {
    match value {
        Cell::Null => Cow::Borrowed("NULL"),
        Cell::Timestamp(moment) => moment.format("%Y-%m-%d %H:%M:%S%.f").to_string().into(),
        other => plain(other),
    }
}

/// Alignment of a column: right for numbers, left for everything else.
pub(crate) fn align(kind: ColumnType) -> Align {
    match kind {
        ColumnType::Int | ColumnType::Decimal { .. } | ColumnType::Real | ColumnType::Float => Align::Right,
        _ => Align::Left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_format_in_full_and_for_display() {
        let moment = timestamp::parse("2025-01-31 09:30:00.5").unwrap();
        for (cell, in_full, in_table) in [
            (Cell::Null, "", "NULL"),
            (Cell::Text(String::new()), "", ""),
            (Cell::Bool(true), "true", "true"),
            (Cell::Int(-3), "-3", "-3"),
            (Cell::Float(5000.0), "5000", "5000"),
            (Cell::Timestamp(moment), "2025-01-31T09:30:00.500Z", "2025-01-31 09:30:00.500"),
            (Cell::Vector(vec![0.1, -2.0]), "[0.1,-2]", "[0.1,-2]"),
            (Cell::VectorWithNulls(vec![Some(0.1), None]), "[0.1,null]", "[0.1,null]"),
            (Cell::Doubles(vec![Some(f64::NAN), None]), "[NaN,null]", "[NaN,null]"),
            (Cell::Real(0.1), "0.1", "0.1"),
            (Cell::Float(f64::NEG_INFINITY), "-Infinity", "-Infinity"),
            (Cell::Date(i32::MAX), "infinity", "infinity"),
            (Cell::FarTimestamp(-i64::MAX), "-infinity", "-infinity"),
            (Cell::Bytes(vec![b'a', 0]), "a\\x00", "a\\x00"),
        ] {
            assert_eq!((plain(&cell).as_ref(), readable(&cell).as_ref()), (in_full, in_table));
        }
    }
}
