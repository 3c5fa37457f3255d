//! CSV with a header row, as RFC 4180 has it: commas, double quotes, line ends within quotes.

use std::fs::File;
use std::io::{Chain, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

use super::reader::{AdReader, Mapping, Notes, Place, batch, put, refuse};
use crate::columns::Value;
use common::job::JobAd;
use common::{Error, Result};

/// Follows the file's last byte. Where it does not come back as a row of its own, a quote was never closed.
const END: &[u8] = b"\n\x04end of file\x04\n";
/// What [`END`] reads as.
const END_CELL: &[u8] = b"\x04end of file\x04";
const BUFFER_BYTES: usize = 1 << 18;

type Source = Chain<File, &'static [u8]>;

/// The ads of a CSV file.
pub(super) struct Reader {
    path: PathBuf,
    rows: csv::Reader<Source>,
    record: ByteRecord,
    mapping: Mapping,
    row: u64,
    is_over: bool,
}

impl Reader {
    pub(super) fn open(path: &Path, file: File) -> Result<Self> {
        let mut rows = ReaderBuilder::new()
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .has_headers(false)
            .from_reader(file.chain(END));
        let mut header = ByteRecord::new();
        let is_there = rows.read_byte_record(&mut header).map_err(|error| broken(path, error))?;
        if !is_there || is_end(&header) {
            return Err(refuse(path, "the file is empty; its first row must name the columns"));
        }
        let names = header.iter().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|_| refuse(path, "the header is not UTF-8; save the file as UTF-8"))?;
        if let [only] = names[..]
            && only.contains([';', '\t'])
        {
            return Err(refuse(path, "the header has no commas; separate the cells by commas"));
        }
        let mapping = Mapping::of(path, names.into_iter())?;
        Ok(Self { path: path.to_owned(), rows, record: ByteRecord::new(), mapping, row: 0, is_over: false })
    }

    fn read(&mut self) -> Result<Option<JobAd>> {
        let line = self.rows.position().line();
        let is_there =
            self.rows.read_byte_record(&mut self.record).map_err(|error| broken(&self.path, error))?;
        if is_there && is_end(&self.record) {
            return Ok(None);
        }
        // The reader skips blank lines before a row; the row knows where it begins.
        let line = self.record.position().filter(|_| is_there).map_or(line, csv::Position::line);
        let place = Place { file: self.path.clone(), row: self.row + 1, line: Some(line) };
        let is_unclosed = self.record.iter().next_back().is_some_and(|cell| cell.ends_with(END));
        if !is_there || is_unclosed {
            return Err(place.error(" opens a quote that is never closed"));
        }
        let (found, expected) = (self.record.len(), self.mapping.targets.len());
        if found != expected {
            return Err(place.error(format_args!(" has {found} cells and the header {expected}")));
        }
        self.row += 1;
        let mut ad = JobAd::default();
        for (cell, target) in self.record.iter().zip(&self.mapping.targets) {
            let Some(column) = *target else { continue };
            let value = match std::str::from_utf8(cell) {
                Ok(text) => Value::Text(text.into()),
                Err(_) => Value::Other("not UTF-8"),
            };
            put(&mut ad, column, value, &place)?;
        }
        Ok(Some(ad))
    }
}

impl Iterator for Reader {
    type Item = Result<Vec<JobAd>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut is_over = self.is_over;
        let batch = batch(&mut is_over, || self.read());
        self.is_over = is_over;
        batch
    }
}

impl AdReader for Reader {
    fn notes(&self) -> Notes {
        self.mapping.notes.clone()
    }
}

fn is_end(record: &ByteRecord) -> bool {
    record.len() == 1 && record.get(0) == Some(END_CELL)
}

fn broken(path: &Path, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::from(error).context(path.display()),
        kind => refuse(path, format_args!("not readable as CSV ({kind:?})")),
    }
}
