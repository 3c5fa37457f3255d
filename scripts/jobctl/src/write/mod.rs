//! Writes rows to files. [`RowWriter`] is implemented by each format; [`RowFile`] replaces a file atomically.
//!
//! Parquet and NDJSON distinguish NULL from `''`; in CSV both are an empty cell. Timestamps are UTC to the microsecond;
//! numbers keep all their digits. In JSON, `NaN`, `Infinity` and `-Infinity` are strings. Lists and structs are JSON
//! values in JSON and JSON texts in CSV and Parquet, except that lists of floats are lists in Parquet.

mod csv;
mod ndjson;
mod parquet;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use common::storage::warehouse::{Cell, ColumnType};
use common::{Error, Result, feed};
use futures::stream::BoxStream;
use tempfile::NamedTempFile;

pub(crate) use csv::CsvRows;
pub(crate) use ndjson::{JsonRows, Layout};

use crate::format::FileFormat;
use crate::pipe;

const BUFFER_BYTES: usize = 1 << 18;

/// Name and type of every column.
pub(crate) type Columns = [(String, ColumnType)];

/// Writes pages of rows in one format. Every row must have as many cells as the writer has columns.
pub(crate) trait RowWriter: Send {
    /// Writes some rows.
    ///
    /// # Errors
    /// I/O errors, and values that the format cannot represent.
    fn write(&mut self, rows: &[Vec<Cell>]) -> io::Result<()>;

    /// Writes the end of the file and flushes it.
    ///
    /// # Errors
    /// I/O errors.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A file that is written under a temporary name in the same folder and renamed by [`RowFile::finish`]. Dropping it
/// before that removes the temporary file.
pub(crate) struct RowFile {
    rows: Box<dyn RowWriter>,
    temporary: NamedTempFile,
    path: PathBuf,
}

impl RowFile {
    /// Creates the temporary file. The format is that of the extension of `path`.
    ///
    /// # Errors
    /// `InvalidInput` if the extension belongs to no format or `path` is a folder, `NotFound` if its folder does not
    /// exist, otherwise I/O errors.
    pub(crate) fn create(path: &Path, columns: &Columns) -> Result<Self> {
        let format = FileFormat::of(path)?;
        if path.is_dir() {
            return Err(Error::invalid_input(format!("{}: expected a file, found a folder", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let (path, folder) = (path.display(), folder.display());
            return Err(Error::not_found(format!("{path}: folder {folder} not found")));
        }
        let failed =
            |error: io::Error| Error::from(error).context(format!("cannot write in {}", folder.display()));
        let temporary = temporary_file().tempfile_in(folder).map_err(failed)?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, temporary.reopen().map_err(failed)?);
        let rows: Box<dyn RowWriter> = match format {
            FileFormat::Parquet => Box::new(parquet::ParquetRows::new(out, columns).map_err(failed)?),
            FileFormat::Csv => Box::new(CsvRows::new(out, columns).map_err(failed)?),
            FileFormat::Ndjson => Box::new(JsonRows::new(out, columns, Layout::Lines)),
        };
        Ok(Self { rows, temporary, path: path.to_owned() })
    }

    /// Writes `pages` to a file on a new thread; returns the number of rows and the size of the file.
    ///
    /// # Errors
    /// Those of [`RowFile::create`] and of `pages`, and I/O errors; an existing file is then unchanged.
    pub(crate) async fn write_all(
        path: PathBuf,
        columns: Vec<(String, ColumnType)>,
        pages: BoxStream<'static, Result<Vec<Vec<Cell>>>>,
    ) -> Result<(u64, u64)> {
        let writing = format!("writing {}", path.display());
        let mut file = feed::blocking(writing.clone(), move || Self::create(&path, &columns)).await?;
        pipe::into_thread(writing, pages, move |mut pages| {
            let mut rows = 0;
            while let Some(page) = pages.next()? {
                rows += page.len() as u64;
                file.write(&page)?;
            }
            Ok((rows, file.finish()?))
        })
        .await
    }

    /// Writes some rows.
    pub(crate) fn write(&mut self, rows: &[Vec<Cell>]) -> Result<()> {
        self.rows.write(rows).map_err(|error| Error::from(error).context(self.path.display()))
    }

    /// Completes the file, syncs it, and renames it to its path, replacing an existing file; returns its size.
    pub(crate) fn finish(self) -> Result<u64> {
        let finish = || {
            self.rows.finish()?;
            let file: &File = self.temporary.as_file();
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            self.temporary.persist(&self.path).map_err(|error| error.error)?;
            Ok(bytes)
        };
        finish().map_err(|error: io::Error| Error::from(error).context(self.path.display()))
    }
}

/// A builder of temporary files with permissions by the umask. The default, access for the owner only, would stay after
/// the rename.
fn temporary_file() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".jobctl-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// Flushes the buffer of `out`.
fn flush(mut out: impl Write) -> io::Result<()> {
    out.flush()
}

#[cfg(test)]
mod tests;
