//! Rows into files: one writer a format, all behind [`RowWriter`], and a file that is there whole or not at all.
//!
//! Parquet and NDJSON keep NULL and `''` apart. CSV cannot: both are an empty cell. Timestamps are UTC to the
//! microsecond; numbers have all their digits. JSON has no number for `NaN`, `Infinity` and `-Infinity`: they are text there. Lists and
//! structures are JSON: of their own in JSON, a text in CSV and Parquet, where lists of floats are lists.

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

/// Takes rows, in pages, as long as the columns it was made with.
pub(crate) trait RowWriter: Send {
    /// Writes some rows.
    ///
    /// # Errors
    /// Those of the device, and what the format cannot hold.
    fn write(&mut self, rows: &[Vec<Cell>]) -> io::Result<()>;

    /// Writes what belongs at the end.
    ///
    /// # Errors
    /// Those of the device.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A file under a temporary name in its folder until [`RowFile::finish`] renames it into place.
pub(crate) struct RowFile {
    rows: Box<dyn RowWriter>,
    temporary: NamedTempFile,
    path: PathBuf,
}

impl RowFile {
    /// Begins the file; its name says its format.
    ///
    /// # Errors
    /// `InvalidInput` where the name says no format, `NotFound` where there is no such folder.
    pub(crate) fn create(path: &Path, columns: &Columns) -> Result<Self> {
        let format = FileFormat::of(path)?;
        if path.is_dir() {
            return Err(Error::invalid_input(format!("{}: this is a folder", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let (path, folder) = (path.display(), folder.display());
            return Err(Error::not_found(format!("{path}: there is no folder {folder}")));
        }
        let failed =
            |error: io::Error| Error::from(error).context(format!("cannot write in {}", folder.display()));
        let temporary = named_like_any_file().tempfile_in(folder).map_err(failed)?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, temporary.reopen().map_err(failed)?);
        let rows: Box<dyn RowWriter> = match format {
            FileFormat::Parquet => Box::new(parquet::ParquetRows::new(out, columns).map_err(failed)?),
            FileFormat::Csv => Box::new(CsvRows::new(out, columns).map_err(failed)?),
            FileFormat::Ndjson => Box::new(JsonRows::new(out, columns, Layout::Lines)),
        };
        Ok(Self { rows, temporary, path: path.to_owned() })
    }

    /// Writes a file on a thread of its own; returns how many rows and bytes it has.
    ///
    /// # Errors
    /// Those of [`RowFile::create`], of `pages` and of the device; then there is no file, or still the old one.
    pub(crate) async fn fill(
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

    /// Writes the end and puts the file in place of whatever has its name; returns its size.
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

/// A temporary file is readable by its owner alone; what becomes of it follows the user's umask.
fn named_like_any_file() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".jobctl-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// Ends `out` where it buffers.
fn flush(mut out: impl Write) -> io::Result<()> {
    out.flush()
}

#[cfg(test)]
mod tests;
