//! Loads rows into a table from a Parquet file by one load job, which is free of charge and atomic.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use common_core::error::OnPath;
use common_core::{Error, Result, feed};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// Rows that are buffered before they are written to the file.
const ROW_GROUP_ROWS: usize = 16_384;

/// A Parquet file that is being written.
pub(super) struct ParquetFile {
    file: tempfile::NamedTempFile,
    writer: Option<ArrowWriter<File>>,
    required: &'static [&'static str],
    pub(super) rows: u64,
}

impl ParquetFile {
    /// An empty file; its `required` columns are NOT NULL, as in the table.
    pub(super) fn new(required: &'static [&'static str]) -> Result<Self> {
        let file = tempfile::NamedTempFile::new().on_path("cannot write in", &std::env::temp_dir())?;
        Ok(Self { file, writer: None, required, rows: 0 })
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = for_parquet(batch, self.required)?;
        if self.writer.is_none() {
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                .set_coerce_types(true)
                .build();
            let file = self.file.reopen().on_path("cannot open", self.file.path())?;
            self.writer = Some(ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(defect)?);
        }
        if let Some(writer) = &mut self.writer {
            writer.write(&batch).map_err(defect)?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<tempfile::TempPath> {
        if let Some(writer) = self.writer.take() {
            writer.close().map_err(defect)?;
        }
        Ok(self.file.into_temp_path())
    }
}

/// The batch with types that a load job converts to those of the tables: a moment is in UTC, a vector is a list.
fn for_parquet(batch: &RecordBatch, required: &[&str]) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let data_type = match column.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
            }
            // With `set_coerce_types`, the writer names the list's items as BigQuery expects.
            DataType::FixedSizeList(item, _) => DataType::List(Arc::clone(item)),
            other => other.clone(),
        };
        let column = if data_type == *column.data_type() {
            Arc::clone(column)
        } else {
            cast(column, &data_type).map_err(defect)?
        };
        fields.push(Field::new(field.name(), data_type, !required.contains(&field.name().as_str())));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(defect)
}

fn defect(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("rows cannot be written as Parquet").caused_by(error)
}

/// A file with one batch.
pub(super) fn parquet(batch: &RecordBatch, required: &'static [&'static str]) -> Result<tempfile::TempPath> {
    let mut file = ParquetFile::new(required)?;
    file.push(batch)?;
    file.finish()
}

/// Runs `work` on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    feed::blocking("writing Parquet", work).await
}
