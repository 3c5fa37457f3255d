//! Parquet, whatever wrote it.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use chrono::{DateTime, Days, NaiveDate};
use common::job::{JobAd, Timestamp};
use common::{Error, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::reader::{AdReader, BATCH_BYTES, BATCH_ROWS, Mapping, Notes, Place, put, refuse};
use crate::columns::{COLUMNS, Value};

/// The ads of a Parquet file.
pub(super) struct Reader {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    /// Of each leaf that is read, its place in the file and in [`COLUMNS`].
    leaves: Vec<(usize, usize)>,
    batches: ParquetRecordBatchReader,
    notes: Notes,
    rows_read: u64,
    is_over: bool,
}

impl Reader {
    pub(super) fn open(path: &Path, file: File) -> Result<Self> {
        let broken = |error| {
            Error::invalid_input(format!("{}: not a readable Parquet file", path.display())).caused_by(error)
        };
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(broken)?;
        let fields = metadata.schema().fields();
        let mapping = Mapping::of(path, fields.iter().map(|field| field.name().as_str()))?;
        let mut leaves = Vec::new();
        for (field, target) in fields.iter().zip(&mapping.targets) {
            let Some(column) = *target else { continue };
            if !fits(field.data_type(), column) {
                let what = format_args!(
                    "column {} holds {}; expected {}",
                    COLUMNS[column].name,
                    field.data_type(),
                    COLUMNS[column].holds()
                );
                return Err(refuse(path, what));
            }
            // A plain column is one leaf of its own name at the top of the file's schema.
            let descriptor = metadata.parquet_schema();
            let leaf = (0..descriptor.num_columns()).find(|&leaf| {
                let parts = descriptor.column(leaf);
                parts.path().parts() == [field.name().as_str()]
            });
            if let Some(leaf) = leaf {
                leaves.push((leaf, column));
            }
        }
        leaves.sort_unstable();
        let batches = batches(&file, &metadata, &leaves, batch_rows(&metadata)).map_err(broken)?;
        let path = path.to_owned();
        let notes = mapping.notes;
        Ok(Self { path, file, metadata, leaves, batches, notes, rows_read: 0, is_over: false })
    }

    fn ads(&mut self, batch: &RecordBatch) -> Result<Vec<JobAd>> {
        let mut ads = vec![JobAd::default(); batch.num_rows()];
        let mut place = Place { file: self.path.clone(), row: 0, line: None };
        for (array, (_, column)) in batch.columns().iter().zip(&self.leaves) {
            let array = plain(array).map_err(|error| {
                let what = format!(
                    "column {}: a value is out of range in rows {} to {}",
                    COLUMNS[*column].name,
                    self.rows_read + 1,
                    self.rows_read + batch.num_rows() as u64
                );
                refuse(&self.path, what).caused_by(error)
            })?;
            for (index, ad) in ads.iter_mut().enumerate() {
                place.row = self.rows_read + index as u64 + 1;
                put(ad, *column, value(&array, index), &place)?;
            }
        }
        self.rows_read += ads.len() as u64;
        Ok(ads)
    }

    /// Finds the cell that stopped the reader: it reads the columns one by one and row by row.
    fn broken_cell(&self) -> Error {
        for leaf in &self.leaves {
            let one = std::slice::from_ref(leaf);
            let Ok(rows) = batches(&self.file, &self.metadata, one, 1) else { continue };
            for (row, batch) in (1..).zip(rows) {
                if let Err(error) = batch {
                    let place = Place { file: self.path.clone(), row, line: None };
                    let what = format_args!(", column {}: cannot be read", COLUMNS[leaf.1].name);
                    return place.error(what).caused_by(error);
                }
            }
        }
        refuse(&self.path, format_args!("not readable after row {}", self.rows_read))
    }
}

impl Iterator for Reader {
    type Item = Result<Vec<JobAd>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let ads = match self.batches.next()? {
            Ok(batch) => self.ads(&batch),
            Err(_) => Err(self.broken_cell()),
        };
        self.is_over = ads.is_err();
        Some(ads)
    }
}

impl AdReader for Reader {
    fn notes(&self) -> Notes {
        self.notes.clone()
    }
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

/// Rows that come to about [`BATCH_BYTES`], by the size that the file states of its largest row group.
fn batch_rows(metadata: &ArrowReaderMetadata) -> usize {
    let groups = metadata.metadata().row_groups().iter();
    let row_bytes = groups.map(|group| group.total_byte_size() / group.num_rows().max(1)).max();
    let row_bytes = usize::try_from(row_bytes.unwrap_or(1)).unwrap_or(1).max(1);
    (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS)
}

/// Says whether values of `data_type` may stand in the column.
fn fits(data_type: &DataType, column: usize) -> bool {
    let data_type = without_dictionary(data_type);
    let is_text = data_type.is_string() || data_type.is_binary();
    match COLUMNS[column].holds() {
        _ if is_text || *data_type == DataType::Null => true,
        "text" => data_type.is_integer(),
        "a number" => data_type.is_numeric(),
        _ => matches!(data_type, DataType::Timestamp(..) | DataType::Date32),
    }
}

fn without_dictionary(data_type: &DataType) -> &DataType {
    if let DataType::Dictionary(_, values) = data_type { values } else { data_type }
}

/// One of the few types that [`value`] knows.
fn plain(array: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let data_type = without_dictionary(array.data_type());
    let target = match data_type {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Null | DataType::UInt64 => data_type.clone(),
        _ if data_type.is_integer() => DataType::Int64,
        _ if data_type.is_numeric() => DataType::Float64,
        _ if data_type.is_string() => DataType::LargeUtf8,
        _ => DataType::LargeBinary,
    };
    cast_with_options(array, &target, &CastOptions { safe: false, ..CastOptions::default() })
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
        DataType::Float64 => Value::Number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) | DataType::Date32 => {
            moment(array, row).map_or(Value::Other("outside the calendar"), Value::Moment)
        }
        _ => Value::Null,
    }
}

/// The instant, whatever the unit. With a zone or without, what is stored counts from 1970 in UTC.
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
        _ => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let count = Days::new(days.unsigned_abs().into());
            let epoch = NaiveDate::default();
            let date = if days < 0 { epoch.checked_sub_days(count) } else { epoch.checked_add_days(count) };
            Some(date?.and_time(chrono::NaiveTime::MIN).and_utc())
        }
    }
}
