//! Writes Parquet, compressed with zstd.

use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Float32Builder, Float64Builder, Int64Builder,
    ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Schema, SchemaRef, TimeUnit};
use common::storage::warehouse::{Cell, ColumnType};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Columns, RowWriter};

/// Size at which a row group is written. It bounds the memory of the writer.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// A [`RowWriter`] of Parquet.
pub(super) struct ParquetRows {
    out: ArrowWriter<BufWriter<File>>,
    schema: SchemaRef,
    types: Vec<ColumnType>,
}

impl ParquetRows {
    pub(super) fn new(out: BufWriter<File>, columns: &Columns) -> io::Result<Self> {
        let fields = columns.iter().map(|(name, kind)| Field::new(name, data_type(*kind), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("jobctl".to_owned())
            .build();
        let out = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(failed)?;
        Ok(Self { out, schema, types: columns.iter().map(|(_, kind)| *kind).collect() })
    }
}

impl RowWriter for ParquetRows {
    fn write(&mut self, rows: &[Vec<Cell>]) -> io::Result<()> {
        let arrays = self.types.iter().enumerate().map(|(index, kind)| array(rows, index, *kind));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays.collect::<io::Result<_>>()?)
            .map_err(io::Error::other)?;
        self.out.write(&batch).map_err(failed)?;
        if self.out.in_progress_size() >= ROW_GROUP_BYTES {
            self.out.flush().map_err(failed)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        super::flush(self.out.into_inner().map_err(failed)?)
    }
}

/// The I/O error inside `error`, if it is one, so that the message names a full disk.
fn failed(error: parquet::errors::ParquetError) -> io::Error {
    match error {
        parquet::errors::ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(cause) => io::Error::other(cause),
        },
        other => io::Error::other(other),
    }
}

fn data_type(kind: ColumnType) -> DataType {
    let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
    match kind {
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int => DataType::Int64,
        ColumnType::Decimal { precision, scale } if precision <= DECIMAL128_MAX_PRECISION => {
            DataType::Decimal128(precision, scale)
        }
        ColumnType::Decimal { precision, scale } => DataType::Decimal256(precision, scale),
        ColumnType::Real => DataType::Float32,
        ColumnType::Float => DataType::Float64,
        ColumnType::Text | ColumnType::Json => DataType::Utf8,
        ColumnType::Bytes => DataType::Binary,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Vector => list(DataType::Float32),
        ColumnType::Doubles => list(DataType::Float64),
    }
}

/// One column of `rows` as an array. A cell whose type differs from the column's would become NULL; backends do not
/// return such cells.
fn array(rows: &[Vec<Cell>], index: usize, kind: ColumnType) -> io::Result<ArrayRef> {
    let cells = rows.iter().map(|row| row.get(index).unwrap_or(&Cell::Null));
    macro_rules! build {
        ($builder:expr, $($variant:ident($value:ident) => $read:expr),+) => {{
            let mut builder = $builder;
            for cell in cells {
                match cell {
                    $(Cell::$variant($value) => builder.append_value($read),)+
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }};
    }
    Ok(match kind {
        ColumnType::Bool => build!(BooleanBuilder::new(), Bool(value) => *value),
        ColumnType::Int => build!(Int64Builder::new(), Int(value) => *value),
        ColumnType::Decimal { .. } => return decimals(rows, index, &data_type(kind)),
        ColumnType::Real => build!(Float32Builder::new(), Real(value) => *value),
        ColumnType::Float => build!(Float64Builder::new(), Float(value) => *value),
        ColumnType::Text => build!(StringBuilder::new(), Text(value) => value),
        ColumnType::Json => build!(StringBuilder::new(), Json(value) => value),
        ColumnType::Bytes => build!(BinaryBuilder::new(), Bytes(value) => value),
        ColumnType::Date => build!(Date32Builder::new(), Date(value) => *value),
        ColumnType::Timestamp => {
            build!(
                TimestampMicrosecondBuilder::new().with_timezone("UTC"),
                Timestamp(value) => value.timestamp_micros(),
                FarTimestamp(value) => *value
            )
        }
        ColumnType::Vector => build!(
            ListBuilder::new(Float32Builder::new()),
            Vector(value) => value.iter().map(|element| Some(*element)),
            VectorWithNulls(value) => value.iter().copied()
        ),
        ColumnType::Doubles => build!(
            ListBuilder::new(Float64Builder::new()),
            Doubles(value) => value.iter().copied(),
            Vector(value) => value.iter().map(|element| Some(f64::from(*element)))
        ),
    })
}

/// An array of decimals from their digits.
fn decimals(rows: &[Vec<Cell>], index: usize, of_type: &DataType) -> io::Result<ArrayRef> {
    let digits = rows.iter().map(|row| match row.get(index) {
        Some(Cell::Decimal(digits)) => Some(digits.as_str()),
        _ => None,
    });
    let texts: ArrayRef = Arc::new(digits.collect::<StringArray>());
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&texts, of_type, &options).map_err(|error| {
        io::Error::other(format!(
            "a number has more digits than Parquet's {of_type} holds; CSV and NDJSON keep them: {error}"
        ))
    })
}
