//! Reads Parquet files of any writer.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Field, Float16Type, Float32Type, Float64Type, Int64Type, Schema,
    TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt64Type,
};
use chrono::{DateTime, Days, NaiveDate};
use common::job::Timestamp;
use common::{Error, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;

use super::builder::{Builder, Row};
use super::plan::Plan;
use super::reader::{BATCH_BYTES, BATCH_ROWS, Built, Location, Notes, Rows, refuse};
use super::recipe::Recipe;
use super::value::Value;
use crate::columns::COLUMNS;

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    path: Arc<Path>,
    file: File,
    metadata: ArrowReaderMetadata,
    plan: Plan,
    /// For each leaf column that is read, its index in the file and the index in [`COLUMNS`] of its column.
    leaves: Vec<(usize, usize)>,
    /// For each column of the file, the index of its array in a batch, if it is read.
    arrays: Vec<Option<usize>>,
    batches: ParquetRecordBatchReader,
    batch: Vec<ArrayRef>,
    /// Number of rows of the batch, and how many of them were returned.
    rows: usize,
    taken: usize,
    notes: Notes,
    /// Rows before the batch.
    rows_before: u64,
}

impl ParquetRows {
    pub(super) fn open(path: &Path, file: File, recipe: &Recipe) -> Result<Self> {
        let broken = |error| {
            Error::invalid_input(format!("{}: not a readable Parquet file", path.display())).caused_by(error)
        };
        let metadata = metadata(&file).map_err(broken)?;
        let fields = metadata.schema().fields();
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let (plan, notes) = Plan::of_names(path, &names, recipe)?;
        let mut leaves = Vec::new();
        for field in &plan.fields {
            for &source in &field.sources {
                let (column, data_type) = (&COLUMNS[field.column], fields[source].data_type());
                if !is_compatible(data_type, field.column) {
                    let what = format_args!(
                        "column {} holds {data_type}; expected {}",
                        column.name,
                        column.type_name()
                    );
                    return Err(refuse(path, what));
                }
                // A column that is not nested has one leaf, with the name of the column as its path.
                let descriptor = metadata.parquet_schema();
                let leaf = (0..descriptor.num_columns())
                    .find(|&leaf| descriptor.column(leaf).path().parts() == [fields[source].name().as_str()]);
                if let Some(leaf) = leaf
                    && !leaves.iter().any(|(_, known, _)| *known == source)
                {
                    leaves.push((leaf, source, field.column));
                }
            }
        }
        leaves.sort_unstable();
        let mut arrays = vec![None; fields.len()];
        for (index, (_, source, _)) in leaves.iter().enumerate() {
            arrays[*source] = Some(index);
        }
        let leaves: Vec<(usize, usize)> =
            leaves.into_iter().map(|(leaf, _, column)| (leaf, column)).collect();
        let batches = batches(&file, &metadata, &leaves, batch_rows(&metadata)).map_err(broken)?;
        Ok(Self {
            path: path.into(),
            file,
            metadata,
            plan,
            leaves,
            arrays,
            batches,
            batch: Vec::new(),
            rows: 0,
            taken: 0,
            notes,
            rows_before: 0,
        })
    }

    /// Reads the next batch; returns `false` after the last one.
    fn next_batch(&mut self) -> Result<bool> {
        self.rows_before += self.rows as u64;
        (self.rows, self.taken) = (0, 0);
        let Some(batch) = self.batches.next() else { return Ok(false) };
        let batch = batch.map_err(|_| self.find_unreadable_cell())?;
        let arrays = batch.columns().iter().zip(&self.leaves).map(|(array, (_, column))| {
            normalized(array, *column).map_err(|error| {
                let what = format!(
                    "column {}: a value is out of range in rows {} to {}",
                    COLUMNS[*column].name,
                    self.rows_before + 1,
                    self.rows_before + batch.num_rows() as u64
                );
                refuse(&self.path, what).caused_by(error)
            })
        });
        self.batch = arrays.collect::<Result<_>>()?;
        self.rows = batch.num_rows();
        Ok(true)
    }

    /// Returns an error that names the unreadable cell. It reads the columns one by one and row by row to find it.
    fn find_unreadable_cell(&self) -> Error {
        for leaf in &self.leaves {
            let one = std::slice::from_ref(leaf);
            let Ok(rows) = batches(&self.file, &self.metadata, one, 1) else { continue };
            for (row, batch) in (1..).zip(rows) {
                if let Err(error) = batch {
                    let location = Location { file: Arc::clone(&self.path), row, line: None };
                    let what = format_args!(", column {}: cannot be read", COLUMNS[leaf.1].name);
                    return location.error(what).caused_by(error);
                }
            }
        }
        refuse(&self.path, format_args!("not readable after row {}", self.rows_before))
    }
}

/// One row of a batch.
struct BatchRow<'a> {
    rows: &'a ParquetRows,
    index: usize,
}

impl Row for BatchRow<'_> {
    fn value(&self, source: usize) -> Option<Value<'_>> {
        let array = &self.rows.batch[self.rows.arrays[source]?];
        Some(value(array, self.index))
    }

    fn missing_columns(&self, _columns: &[usize]) -> String {
        // Unreachable: `Plan::of_names` returns an error for a file without a required column.
        " has no value of a required column".to_owned()
    }
}

impl Rows for ParquetRows {
    fn next(&mut self, builder: &mut Builder) -> Result<Option<Built>> {
        while self.taken == self.rows {
            if !self.next_batch()? {
                return Ok(None);
            }
        }
        let row = self.rows_before + self.taken as u64 + 1;
        let location = Location { file: Arc::clone(&self.path), row, line: None };
        let ad = builder.build(&self.plan, &BatchRow { rows: self, index: self.taken }, &location);
        self.taken += 1;
        ad.map(Some)
    }

    fn notes(&self) -> Notes {
        self.notes.clone()
    }
}

/// The file's metadata, with a schema that reads 96-bit timestamps in microseconds. The reader's default, nanoseconds,
/// covers only the years 1677 to 2262 and wraps around outside of them.
fn metadata(file: &File) -> parquet::errors::Result<ArrowReaderMetadata> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let descriptor = metadata.parquet_schema();
    let is_int96 = |name: &str| {
        (0..descriptor.num_columns())
            .map(|leaf| descriptor.column(leaf))
            .any(|column| column.physical_type() == PhysicalType::INT96 && column.path().parts() == [name])
    };
    let fields = metadata.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if is_int96(field.name()) => {
            let data_type = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
        }
        _ => Arc::clone(field),
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    if schema.fields() == metadata.schema().fields() {
        return Ok(metadata);
    }
    ArrowReaderMetadata::load(file, ArrowReaderOptions::new().with_schema(Arc::new(schema)))
}

fn batches(
    file: &File,
    metadata: &ArrowReaderMetadata,
    leaves: &[(usize, usize)],
    rows: usize,
) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let mask = ProjectionMask::leaves(metadata.parquet_schema(), leaves.iter().map(|(leaf, _)| *leaf));
    ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata.clone())
        .with_projection(mask)
        .with_batch_size(rows)
        .build()
}

/// Number of rows per batch so that a batch has about [`BATCH_BYTES`], estimated from the largest row group.
fn batch_rows(metadata: &ArrowReaderMetadata) -> usize {
    let groups = metadata.metadata().row_groups().iter();
    let row_bytes = groups.map(|group| group.total_byte_size() / group.num_rows().max(1)).max();
    let row_bytes = usize::try_from(row_bytes.unwrap_or(1)).unwrap_or(1).max(1);
    (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS)
}

/// Returns whether values of `data_type` can be converted to the type of the column.
fn is_compatible(data_type: &DataType, column: usize) -> bool {
    let data_type = without_dictionary(data_type);
    let is_text = data_type.is_string() || data_type.is_binary();
    match COLUMNS[column].type_name() {
        _ if is_text || *data_type == DataType::Null => true,
        "text" | "a number" => data_type.is_numeric(),
        _ => {
            data_type.is_numeric()
                || matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
        }
    }
}

fn without_dictionary(data_type: &DataType) -> &DataType {
    if let DataType::Dictionary(_, values) = data_type { values } else { data_type }
}

/// Casts an array to one of the types that [`value`] supports.
fn normalized(array: &ArrayRef, column: usize) -> Result<ArrayRef, arrow::error::ArrowError> {
    let data_type = without_dictionary(array.data_type());
    let target = match data_type {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null | DataType::UInt64 => {
            data_type.clone()
        }
        // Warehouses write integers as decimals of 38 digits, which floats cannot represent exactly.
        _ if data_type.is_decimal() && COLUMNS[column].type_name() != "a number" => DataType::LargeUtf8,
        // Short floats keep their type, so that `value` can reject integers that they do not represent exactly.
        DataType::Float32 | DataType::Float16 if COLUMNS[column].type_name() != "a number" => {
            data_type.clone()
        }
        _ if data_type.is_integer() => DataType::Int64,
        _ if data_type.is_numeric() => DataType::Float64,
        _ if data_type.is_string() => DataType::LargeUtf8,
        _ => DataType::LargeBinary,
    };
    let array = cast_with_options(array, &target, &CastOptions { safe: false, ..CastOptions::default() })?;
    if data_type.is_decimal() && target == DataType::LargeUtf8 {
        let whole = array.as_string::<i64>().iter().map(|text| text.map(without_zeros));
        return Ok(Arc::new(whole.collect::<arrow::array::LargeStringArray>()));
    }
    Ok(array)
}

/// Strips the fraction from a decimal that is a whole number; returns any other decimal unchanged.
fn without_zeros(text: &str) -> &str {
    text.split_once('.')
        .filter(|(_, decimals)| decimals.bytes().all(|byte| byte == b'0'))
        .map_or(text, |(whole, _)| whole)
}

fn value(array: &ArrayRef, row: usize) -> Value<'_> {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).into()),
        DataType::LargeBinary => match std::str::from_utf8(array.as_binary::<i64>().value(row)) {
            Ok(text) => Value::Text(text.into()),
            Err(_) => Value::Other("not UTF-8"),
        },
        DataType::Int64 => Value::Integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt64 => Value::Integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float32 => short_float(array.as_primitive::<Float32Type>().value(row).into(), 24),
        DataType::Float16 => short_float(array.as_primitive::<Float16Type>().value(row).into(), 11),
        DataType::Float64 => Value::Number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            moment(array, row).map_or(Value::Other("outside the years 1 to 9999"), Value::Moment)
        }
        _ => Value::Null,
    }
}

/// A float with `bits` binary digits of precision: from 2^`bits` on, it does not represent every integer.
fn short_float(number: f64, bits: i32) -> Value<'static> {
    match bits {
        _ if number.is_finite() && number.abs() >= 2_f64.powi(bits) => Value::Other(if bits == 24 {
            "a 32-bit float of 2^24 or more, which may have lost digits"
        } else {
            "a 16-bit float of 2^11 or more, which may have lost digits"
        }),
        _ => Value::Number(number),
    }
}

/// The timestamp in any unit. It is stored relative to 1970 in UTC, with or without a zone.
fn moment(array: &ArrayRef, row: usize) -> Option<Timestamp> {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(DateTime::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(row)))
        }
        DataType::Date64 => DateTime::from_timestamp_millis(array.as_primitive::<Date64Type>().value(row)),
        _ => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let count = Days::new(days.unsigned_abs().into());
            let epoch = NaiveDate::default();
            let date = if days < 0 { epoch.checked_sub_days(count) } else { epoch.checked_add_days(count) };
            Some(date?.and_time(chrono::NaiveTime::MIN).and_utc())
        }
    }
}
