//! Converts the JSON values of an ad-hoc query's result to cells without loss.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDate};
use common_core::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

use super::rows::{parsed, required};
use super::wire::Raw;
use crate::warehouse::cell::{self, Cell, ColumnType};

fn text<'a>(field: &'a Value, name: &str) -> &'a str {
    field.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_repeated(field: &Value) -> bool {
    text(field, "mode") == "REPEATED"
}

/// Name and type of a column.
pub(super) fn column(field: &Value) -> (String, ColumnType) {
    let of_type = match text(field, "type") {
        "FLOAT" | "FLOAT64" if is_repeated(field) => ColumnType::Doubles,
        _ if is_repeated(field) => ColumnType::Json,
        "RECORD" | "STRUCT" => ColumnType::Json,
        "BOOLEAN" | "BOOL" => ColumnType::Bool,
        "INTEGER" | "INT64" => ColumnType::Int,
        "FLOAT" | "FLOAT64" => ColumnType::Float,
        "NUMERIC" => ColumnType::Decimal { precision: 38, scale: 9 },
        "BIGNUMERIC" => ColumnType::Decimal { precision: 76, scale: 38 },
        "TIMESTAMP" => ColumnType::Timestamp,
        "DATE" => ColumnType::Date,
        "BYTES" => ColumnType::Bytes,
        _ => ColumnType::Text,
    };
    (text(field, "name").to_owned(), of_type)
}

/// The cells of a row; `fields` are the columns as the API describes them.
pub(super) fn cells(row: Vec<Raw>, types: &[ColumnType], fields: &[Value]) -> Result<Vec<Cell>> {
    row.into_iter()
        .zip(types.iter().zip(fields))
        .map(|(value, (of_type, field))| cell(value, *of_type, field))
        .collect()
}

fn cell(value: Raw, of_type: ColumnType, field: &Value) -> Result<Cell> {
    match of_type {
        _ if value == Raw::Null => return Ok(Cell::Null),
        ColumnType::Doubles => return doubles(value),
        ColumnType::Json => {
            let mut json = String::new();
            write(value, field, is_repeated(field), &mut json)?;
            return Ok(Cell::Json(json));
        }
        _ => {}
    }
    let text = required(optional(value))?;
    Ok(match of_type {
        ColumnType::Bool => Cell::Bool(text == "true"),
        ColumnType::Int => Cell::Int(parsed(&text)?),
        ColumnType::Float => Cell::Float(parsed(&text)?),
        ColumnType::Decimal { .. } => Cell::Decimal(text),
        ColumnType::Timestamp => {
            let micros = parsed(&text)?;
            DateTime::from_timestamp_micros(micros).map_or(Cell::FarTimestamp(micros), Cell::Timestamp)
        }
        ColumnType::Date => {
            let day: NaiveDate = parsed(&text)?;
            // BigQuery dates are in the years 1 to 9999, which fit into an i32.
            Cell::Date(day.signed_duration_since(NaiveDate::default()).num_days() as i32)
        }
        ColumnType::Bytes => Cell::Bytes(bytes(&text)?),
        _ => Cell::Text(text),
    })
}

/// A scalar: text, or NULL.
fn optional(value: Raw) -> Option<String> {
    match value {
        Raw::Null => None,
        Raw::Text(text) => Some(text),
        Raw::List(values) => Some(values.into_iter().filter_map(optional).collect::<Vec<_>>().join(", ")),
        Raw::Other(value) => Some(value.to_string()),
    }
}

fn bytes(base64: &str) -> Result<Vec<u8>> {
    BASE64_STANDARD
        .decode(base64)
        .map_err(|error| Error::internal("BigQuery sent bytes that are not base64").caused_by(error))
}

/// An array of FLOAT64. An array whose elements are all exact float32 values, as in our vectors, becomes a vector.
fn doubles(value: Raw) -> Result<Cell> {
    let Raw::List(elements) = value else { return Ok(Cell::Doubles(Vec::new())) };
    let elements: Vec<Option<f64>> = elements
        .into_iter()
        .map(|element| optional(element).map(|text| parsed(&text)).transpose())
        .collect::<Result<_>>()?;
    let single = |element: &Option<f64>| {
        let element = (*element)?;
        (element.is_nan() || f64::from(element as f32).to_bits() == element.to_bits())
            .then_some(element as f32)
    };
    let vector: Option<Vec<f32>> = elements.iter().map(single).collect();
    Ok(vector.map_or(Cell::Doubles(elements), Cell::Vector))
}

/// Writes any value as JSON.
fn write(value: Raw, field: &Value, is_list: bool, out: &mut String) -> Result<()> {
    match value {
        Raw::Null => out.push_str("null"),
        Raw::List(values) if is_list => {
            out.push('[');
            for (place, value) in values.into_iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write(value, field, false, out)?;
            }
            out.push(']');
        }
        Raw::Other(record) => {
            let no_cells = Vec::new();
            let cells = record.get("f").and_then(Value::as_array).unwrap_or(&no_cells);
            let fields = field.get("fields").and_then(Value::as_array).unwrap_or(&no_cells);
            out.push('{');
            for (place, (value, field)) in cells.iter().zip(fields).enumerate() {
                let comma = if place == 0 { "" } else { "," };
                // Writing to memory does not fail.
                let _ = write!(out, "{comma}{}:", cell::text_json(text(field, "name")));
                let value = value.get("v").unwrap_or(&Value::Null);
                let value = Raw::deserialize(value).map_err(|error| {
                    Error::internal("BigQuery sent a value that does not match its column's type")
                        .caused_by(error)
                })?;
                write(value, field, is_repeated(field), out)?;
            }
            out.push('}');
        }
        scalar => {
            let text_of = required(optional(scalar))?;
            out.push_str(&match text(field, "type") {
                "BOOLEAN" | "BOOL" => text_of,
                "INTEGER" | "INT64" | "NUMERIC" | "BIGNUMERIC" => cell::digits_json(&text_of),
                "FLOAT" | "FLOAT64" => cell::float_json(parsed(&text_of)?),
                "TIMESTAMP" => cell::text_json(&cell::moment(parsed(&text_of)?)),
                "BYTES" => cell::text_json(&cell::bytes(&bytes(&text_of)?)),
                _ => cell::text_json(&text_of),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(field: Value, value: Value) -> Cell {
        let (_, of_type) = column(&field);
        let value = Raw::deserialize(value).unwrap();
        cells(vec![value], &[of_type], &[field]).unwrap().remove(0)
    }

    #[test]
    fn values_keep_their_type_and_precision() {
        let scalar = |of_type: &str, value: &str| read(json!({"name": "x", "type": of_type}), json!(value));
        assert_eq!(scalar("NUMERIC", "0.100000001"), Cell::Decimal("0.100000001".into()));
        let digits = "578960446186580977117854925043439539266.34992332820282019728792003956564819967";
        assert_eq!(scalar("BIGNUMERIC", digits), Cell::Decimal(digits.into()));
        assert_eq!(scalar("INTEGER", "-9223372036854775808"), Cell::Int(i64::MIN));
        assert_eq!(scalar("FLOAT", "Infinity"), Cell::Float(f64::INFINITY));
        assert_eq!(scalar("FLOAT", "-Infinity"), Cell::Float(f64::NEG_INFINITY));
        assert!(matches!(scalar("FLOAT", "NaN"), Cell::Float(nan) if nan.is_nan()));
        assert_eq!(scalar("DATE", "0001-01-01"), Cell::Date(-719_162));
        assert_eq!(scalar("DATE", "2025-01-02"), Cell::Date(20_090));
        assert_eq!(scalar("BYTES", "AP8="), Cell::Bytes(vec![0, 255]));
        assert_eq!(scalar("TIME", "12:34:56.789000"), Cell::Text("12:34:56.789000".into()));
        assert_eq!(read(json!({"name": "x", "type": "DATE"}), Value::Null), Cell::Null);
    }

    #[test]
    fn lists_and_structures_are_json() {
        let list = |of_type: &str, values: &[Option<&str>]| {
            let values: Vec<Value> = values.iter().map(|value| json!({"v": value})).collect();
            read(json!({"name": "x", "type": of_type, "mode": "REPEATED"}), json!(values))
        };
        assert_eq!(
            list("INTEGER", &[Some("9007199254740993"), None]),
            Cell::Json("[9007199254740993,null]".into())
        );
        assert_eq!(list("INTEGER", &[]), Cell::Json("[]".into()));
        assert_eq!(list("STRING", &[Some("a\"b")]), Cell::Json("[\"a\\\"b\"]".into()));
        assert_eq!(list("FLOAT", &[Some("0.1")]), Cell::Doubles(vec![Some(0.1)]));
        assert_eq!(
            list("FLOAT", &[Some("0.10000000149011612"), Some("-0.0")]),
            Cell::Vector(vec![0.1, -0.0])
        );
        let inner = json!([
            {"name": "n", "type": "FLOAT"}, {"name": "t", "type": "TIMESTAMP"},
            {"name": "l", "type": "INTEGER", "mode": "REPEATED"}, {"name": "b", "type": "BOOLEAN"}
        ]);
        let record = json!({"name": "x", "type": "RECORD", "fields": inner});
        let value = json!({"f": [{"v": "NaN"}, {"v": "-1"}, {"v": [{"v": "1"}]}, {"v": null}]});
        let expected = r#"{"n":"NaN","t":"1969-12-31T23:59:59.999999Z","l":[1],"b":null}"#;
        assert_eq!(read(record, value), Cell::Json(expected.into()));
    }
}
