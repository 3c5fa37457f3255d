//! A value of a query as text.

use std::borrow::Cow;

use common::storage::warehouse::{Cell, ColumnType};

use crate::table::Align;
use crate::timestamp;

/// The value in full; NULL is empty.
pub(crate) fn plain(cell: &Cell) -> Cow<'_, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Bool(value) => value.to_string().into(),
        Cell::Int(value) => value.to_string().into(),
        Cell::Float(value) => value.to_string().into(),
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Timestamp(moment) => timestamp::format(moment).into(),
        Cell::Vector(elements) => {
            let elements: Vec<String> = elements.iter().map(ToString::to_string).collect();
            format!("[{}]", elements.join(",")).into()
        }
    }
}

/// The value as a person reads it in a table; NULL is `NULL`.
pub(crate) fn readable(cell: &Cell) -> Cow<'_, str> {
    match cell {
        Cell::Null => Cow::Borrowed("NULL"),
        Cell::Timestamp(moment) => moment.format("%Y-%m-%d %H:%M:%S%.f").to_string().into(),
        other => plain(other),
    }
}

/// Numbers stand to the right.
pub(crate) fn align(kind: ColumnType) -> Align {
    match kind {
        ColumnType::Int | ColumnType::Float => Align::Right,
        ColumnType::Bool | ColumnType::Text | ColumnType::Timestamp | ColumnType::Vector => Align::Left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_a_person_writes_them() {
        let moment = timestamp::parse("2025-01-31 09:30:00.5").unwrap();
        for (cell, in_full, in_table) in [
            (Cell::Null, "", "NULL"),
            (Cell::Text(String::new()), "", ""),
            (Cell::Bool(true), "true", "true"),
            (Cell::Int(-3), "-3", "-3"),
            (Cell::Float(5000.0), "5000", "5000"),
            (Cell::Timestamp(moment), "2025-01-31T09:30:00.500Z", "2025-01-31 09:30:00.500"),
            (Cell::Vector(vec![0.1, -2.0]), "[0.1,-2]", "[0.1,-2]"),
        ] {
            assert_eq!((plain(&cell).as_ref(), readable(&cell).as_ref()), (in_full, in_table));
        }
    }
}
