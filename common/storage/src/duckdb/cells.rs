//! Converts the Arrow arrays of an ad-hoc query's result to cells without loss.

use std::borrow::Cow;
use std::fmt::Write;

use ::duckdb::types::Value;
use ::duckdb::{Connection, params_from_iter};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int64Type,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::DateTime;
use common_core::{Error, Result};

use crate::warehouse::cell::{self, Cell, ColumnType};

/// Types that Arrow cannot represent without loss; the engine converts their values to text.
const WRITTEN_OUT: [&str; 7] = ["UHUGEINT", "INTERVAL", "BIT", "BIGNUM", "VARINT", "GEOMETRY", "VARIANT"];
const TIME_WITH_ZONE: &str = "TIME WITH TIME ZONE";

/// The statement with its columns of [`WRITTEN_OUT`] types converted to text.
pub(super) fn presentable<'a>(connection: &Connection, sql: &'a str, parameters: &[Value]) -> Cow<'a, str> {
    let Some(columns) = described(connection, sql, parameters) else { return Cow::Borrowed(sql) };
    let is_written_out = |of_type: &str| {
        of_type.contains(TIME_WITH_ZONE)
            || of_type
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| WRITTEN_OUT.contains(&word))
    };
    if !columns.iter().any(|(_, of_type)| is_written_out(of_type)) {
        return Cow::Borrowed(sql);
    }
    let mut list = String::new();
    for (place, (name, of_type)) in columns.iter().enumerate() {
        let (comma, place) = (if place == 0 { "" } else { ", " }, place + 1);
        let name = name.replace('"', "\"\"");
        let value =
            if is_written_out(of_type) { format!("CAST(#{place} AS VARCHAR)") } else { format!("#{place}") };
        // Writing to memory does not fail.
        let _ = write!(list, "{comma}{value} AS \"{name}\"");
    }
    let sql = sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    Cow::Owned(format!("SELECT {list} FROM ({sql}\n)"))
}

/// Names and types of the columns of a SELECT; `None` if the statement is not a SELECT or is invalid: running it
/// reports the error.
fn described(connection: &Connection, sql: &str, parameters: &[Value]) -> Option<Vec<(String, String)>> {
    let mut statement = connection.prepare(&format!("DESCRIBE {sql}")).ok()?;
    let mut rows = statement.query(params_from_iter(parameters)).ok()?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next().ok()? {
        let names = row.as_ref().column_names();
        if names.get(..2)? != ["column_name", "column_type"] {
            return None;
        }
        columns.push((row.get(0).ok()?, row.get(1).ok()?));
    }
    Some(columns)
}

/// Cell type of a column.
pub(super) fn column_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Boolean => ColumnType::Bool,
        DataType::UInt64 => ColumnType::Decimal { precision: 20, scale: 0 },
        kind if kind.is_integer() => ColumnType::Int,
        DataType::Float16 | DataType::Float32 => ColumnType::Real,
        DataType::Float64 => ColumnType::Float,
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            ColumnType::Decimal { precision: *precision, scale: *scale }
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ColumnType::Bytes
        }
        DataType::Date32 => ColumnType::Date,
        // A calendar type would hold them, but a Parquet column of microseconds would not.
        DataType::Timestamp(TimeUnit::Nanosecond, _) => ColumnType::Text,
        DataType::Timestamp(..) => ColumnType::Timestamp,
        DataType::FixedSizeList(item, _) | DataType::List(item) => match item.data_type() {
            DataType::Float32 => ColumnType::Vector,
            DataType::Float64 => ColumnType::Doubles,
            _ => ColumnType::Json,
        },
        kind if kind.is_nested() && !matches!(kind, DataType::Dictionary(..)) => ColumnType::Json,
        _ => ColumnType::Text,
    }
}

/// The rows of a batch.
pub(super) fn cells(batch: &RecordBatch, types: &[ColumnType]) -> Result<Vec<Vec<Cell>>> {
    let mut rows = vec![Vec::with_capacity(types.len()); batch.num_rows()];
    for (array, &kind) in batch.columns().iter().zip(types) {
        let array = plain(array, kind)?;
        for (index, row) in rows.iter_mut().enumerate() {
            let is_null = array.is_null(index);
            row.push(if is_null { Cell::Null } else { value(&array, kind, index)? });
        }
    }
    Ok(rows)
}

/// The array converted to the one Arrow type that is used for its kind.
fn plain(array: &ArrayRef, kind: ColumnType) -> Result<ArrayRef> {
    let one_type = match (kind, array.data_type()) {
        (ColumnType::Int, _) => DataType::Int64,
        (ColumnType::Real, _) => DataType::Float32,
        (ColumnType::Bytes, _) => DataType::LargeBinary,
        (ColumnType::Text, DataType::Dictionary(..) | DataType::LargeUtf8 | DataType::Utf8View) => {
            DataType::Utf8
        }
        _ => return Ok(array.clone()),
    };
    cast(array, &one_type).map_err(defect)
}

fn defect(error: arrow::error::ArrowError) -> Error {
    Error::internal("a query's column cannot be read").caused_by(error)
}

fn value(array: &ArrayRef, kind: ColumnType, index: usize) -> Result<Cell> {
    Ok(match kind {
        ColumnType::Bool => Cell::Bool(array.as_boolean().value(index)),
        ColumnType::Int => Cell::Int(array.as_primitive::<Int64Type>().value(index)),
        ColumnType::Decimal { .. } => Cell::Decimal(text(array, index)?),
        ColumnType::Real => Cell::Real(array.as_primitive::<Float32Type>().value(index)),
        ColumnType::Float => Cell::Float(array.as_primitive::<Float64Type>().value(index)),
        ColumnType::Text => Cell::Text(text(array, index)?),
        ColumnType::Bytes => Cell::Bytes(array.as_binary::<i64>().value(index).to_vec()),
        ColumnType::Date => Cell::Date(array.as_primitive::<Date32Type>().value(index)),
        ColumnType::Timestamp => {
            let micros =
                micros(array, index).ok_or_else(|| Error::internal("a timestamp column has no unit"))?;
            let is_finite = micros != i64::MAX && micros != -i64::MAX;
            let moment = DateTime::from_timestamp_micros(micros).filter(|_| is_finite);
            moment.map_or(Cell::FarTimestamp(micros), Cell::Timestamp)
        }
        ColumnType::Vector => {
            let items = items(array, index);
            let items = items.as_primitive::<Float32Type>();
            if items.null_count() == 0 {
                Cell::Vector(items.values().to_vec())
            } else {
                Cell::VectorWithNulls(items.iter().collect())
            }
        }
        ColumnType::Doubles => {
            Cell::Doubles(items(array, index).as_primitive::<Float64Type>().iter().collect())
        }
        ColumnType::Json => {
            let mut text = String::new();
            json(array, index, &mut text)?;
            // A union itself is never NULL.
            if text == "null" { Cell::Null } else { Cell::Json(text) }
        }
    })
}

/// The elements of a list.
fn items(array: &ArrayRef, index: usize) -> ArrayRef {
    match array.data_type() {
        DataType::FixedSizeList(..) => array.as_fixed_size_list().value(index),
        DataType::LargeList(_) => array.as_list::<i64>().value(index),
        _ => array.as_list::<i32>().value(index),
    }
}

/// Microseconds since 1970 of a moment with a unit of microseconds or longer; infinity is kept.
fn micros(array: &ArrayRef, index: usize) -> Option<i64> {
    let (units, factor) = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            (array.as_primitive::<TimestampSecondType>().value(index), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            (array.as_primitive::<TimestampMillisecondType>().value(index), 1_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            (array.as_primitive::<TimestampMicrosecondType>().value(index), 1)
        }
        _ => return None,
    };
    // The engine's range is that of microseconds: values that overflow are infinite.
    Some(units.checked_mul(factor).unwrap_or(if units < 0 { -i64::MAX } else { i64::MAX }))
}

/// Formats a value that is not a list or a structure.
fn text(array: &ArrayRef, index: usize) -> Result<String> {
    Ok(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(index).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(index).to_owned(),
        DataType::Utf8View => array.as_string_view().value(index).to_owned(),
        // A HUGEINT can have one digit more than its Arrow type allows, and the Arrow formatter would cut it off.
        DataType::Decimal128(_, 0) => array.as_primitive::<Decimal128Type>().value(index).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(index),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(index),
        DataType::Binary => cell::bytes(array.as_binary::<i32>().value(index)),
        DataType::LargeBinary => cell::bytes(array.as_binary::<i64>().value(index)),
        DataType::BinaryView => cell::bytes(array.as_binary_view().value(index)),
        DataType::FixedSizeBinary(_) => cell::bytes(array.as_fixed_size_binary().value(index)),
        DataType::Date32 => cell::date(array.as_primitive::<Date32Type>().value(index)),
        DataType::Time64(TimeUnit::Microsecond) => {
            cell::time(array.as_primitive::<Time64MicrosecondType>().value(index) * 1000)
        }
        DataType::Time64(_) => cell::time(array.as_primitive::<Time64NanosecondType>().value(index)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().value(index);
            fine_moment(nanos)
        }
        DataType::Timestamp(..) => micros(array, index).map(cell::moment).unwrap_or_default(),
        // All other types: integers, booleans, and types that the engine does not send today.
        _ => {
            let format = FormatOptions::default().with_display_error(false);
            let formatter = ArrayFormatter::try_new(array, &format).map_err(defect)?;
            formatter.value(index).try_to_string().map_err(defect)?
        }
    })
}

fn fine_moment(nanos: i64) -> String {
    const DAY: i64 = 86_400_000_000_000;
    if nanos == i64::MAX || nanos == -i64::MAX {
        return cell::moment(nanos);
    }
    // The days of a 64-bit number of nanoseconds fit into an i32.
    let day = cell::date(i32::try_from(nanos.div_euclid(DAY)).unwrap_or_default());
    format!("{day}T{}Z", cell::time(nanos.rem_euclid(DAY)))
}

/// Writes any value as JSON.
fn json(array: &ArrayRef, index: usize, out: &mut String) -> Result<()> {
    if array.is_null(index) {
        out.push_str("null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Null => out.push_str("null"),
        DataType::Boolean => out.push_str(if array.as_boolean().value(index) { "true" } else { "false" }),
        DataType::Float32 => {
            out.push_str(&cell::real_json(array.as_primitive::<Float32Type>().value(index)));
        }
        DataType::Float64 => {
            out.push_str(&cell::float_json(array.as_primitive::<Float64Type>().value(index)));
        }
        kind if kind.is_integer() || kind.is_decimal() => {
            out.push_str(&cell::digits_json(&text(array, index)?));
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            let items = items(array, index);
            list(out, ['[', ']'], 0..items.len(), |item, out| json(&items, item, out))?;
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            list(out, ['{', '}'], 0..columns.len(), |column, out| {
                let _ = write!(out, "{}:", cell::text_json(fields[column].name()));
                json(&columns[column], index, out)
            })?;
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(index);
            let (keys, values) = (entries.column(0), entries.column(1));
            list(out, ['{', '}'], 0..entries.len(), |entry, out| {
                let mut key = String::new();
                json(keys, entry, &mut key)?;
                // Keys are strings in JSON, whatever their type in the warehouse.
                let key = if key.starts_with('"') { key } else { cell::text_json(&key) };
                let _ = write!(out, "{key}:");
                json(values, entry, out)
            })?;
        }
        DataType::Union(..) => {
            let union = array.as_union();
            json(union.child(union.type_id(index)), union.value_offset(index), out)?;
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.normalized_keys()[index];
            json(dictionary.values(), key, out)?;
        }
        _ => out.push_str(&cell::text_json(&text(array, index)?)),
    }
    Ok(())
}

fn list(
    out: &mut String,
    [open, close]: [char; 2],
    items: std::ops::Range<usize>,
    write: impl Fn(usize, &mut String) -> Result<()>,
) -> Result<()> {
    out.push(open);
    for item in items {
        if item > 0 {
            out.push(',');
        }
        write(item, out)?;
    }
    out.push(close);
    Ok(())
}

#[cfg(test)]
mod tests;
