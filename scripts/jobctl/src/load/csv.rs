//! Reads CSV with a header row. Quoting follows RFC 4180; the delimiter is detected from the file.

use std::io::{Chain, Read};
use std::path::Path;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::builder::{Builder, Row};
use super::content::Text;
use super::decode::read_failed;
use super::dialect::{self, Detected};
use super::plan::{Plan, is_same_name};
use super::quotes::{ESCAPE_FLAG, NormalizedQuotes};
use super::reader::{Built, Location, Notes, Rows, refuse};
use super::recipe::Recipe;
use super::value::Value;
use common::{Error, Result};

/// A row that is appended to the file. If it does not come back as a row, the file has a quote that is never closed.
const END: &[u8] = b"\n\x04end of file\x04\n";
/// The only cell of the row [`END`].
const END_CELL: &[u8] = b"\x04end of file\x04";
const BUFFER_BYTES: usize = 1 << 18;

/// The rows of a CSV file.
pub(super) struct CsvRows {
    path: Arc<Path>,
    rows: csv::Reader<Chain<NormalizedQuotes, &'static [u8]>>,
    record: ByteRecord,
    cells: usize,
    plan: Plan,
    notes: Notes,
    row: u64,
}

impl CsvRows {
    pub(super) fn open(path: &Path, text: Text, recipe: &Recipe) -> Result<Self> {
        let Text { peeked, notes: mut read_as, is_declared } = text;
        let is_known = |name: &str| {
            recipe.wanted.iter().any(|wanted| wanted.names.iter().any(|known| is_same_name(known, name)))
        };
        let Detected { dialect, has_sep_line } =
            dialect::detect(&peeked.head, peeked.is_whole, recipe.escape, is_known);
        if dialect.delimiter != b',' {
            read_as.push(format!("delimiter {:?}", char::from(dialect.delimiter)));
        }
        if let Some(escape) = dialect.escape {
            read_as.push(format!("quotes escaped by {}", char::from(escape)));
        }
        let quoted = NormalizedQuotes::new(peeked.into_source(0), dialect, 1 + u64::from(has_sep_line));
        let mut rows = ReaderBuilder::new()
            .flexible(true)
            .delimiter(dialect.delimiter)
            .buffer_capacity(BUFFER_BYTES)
            .has_headers(false)
            .from_reader(quoted.chain(END));
        let mut header = ByteRecord::new();
        for _ in 0..=usize::from(has_sep_line) {
            let has_record = rows.read_byte_record(&mut header).map_err(|error| broken(path, error))?;
            if !has_record || is_end(&header) {
                return Err(refuse(path, "the file is empty; its first row must name the columns"));
            }
        }
        let names = header.iter().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|_| {
            let hint = if is_declared { "" } else { ", for example --encoding windows-1252" };
            refuse(path, format_args!("the header is not UTF-8; load the file with its encoding{hint}"))
        })?;
        let (plan, mut notes) = Plan::of_names(path, &names, recipe)?;
        notes.read_as = read_as;
        Ok(Self {
            path: path.into(),
            cells: names.len(),
            rows,
            record: ByteRecord::new(),
            plan,
            notes,
            row: 0,
        })
    }
}

impl CsvRows {
    /// A hint about the escape character for errors that wrongly read quotes may cause.
    fn escape_hint(&self) -> String {
        let quoted = &self.rows.get_ref().get_ref().0;
        match (quoted.has_backslashed_quotes(), quoted.escape()) {
            (true, None) => format!("; where \\\" stands for a quote, load the file with {ESCAPE_FLAG}"),
            (_, Some(escape)) => format!("; quotes are read as escaped by {}", char::from(escape)),
            (false, None) => String::new(),
        }
    }
}

impl Row for ByteRecord {
    fn value(&self, source: usize) -> Option<Value<'_>> {
        self.get(source).map(|cell| match std::str::from_utf8(cell) {
            Ok(text) => Value::Text(text.into()),
            Err(_) => Value::Undecoded,
        })
    }

    fn missing_columns(&self, _columns: &[usize]) -> String {
        // Unreachable: `CsvRows::next` returns an error for a row with fewer cells than the header.
        " has too few cells".to_owned()
    }
}

impl Rows for CsvRows {
    fn next(&mut self, builder: &mut Builder) -> Result<Option<Built>> {
        let line = self.rows.position().line();
        let has_record =
            self.rows.read_byte_record(&mut self.record).map_err(|error| broken(&self.path, error))?;
        if has_record && is_end(&self.record) {
            return Ok(None);
        }
        // The position before reading may be on a blank line; that of the record is exact.
        let line = self.record.position().filter(|_| has_record).map_or(line, csv::Position::line);
        let location = Location { file: Arc::clone(&self.path), row: self.row + 1, line: Some(line) };
        let is_unclosed = self.record.iter().next_back().is_some_and(|cell| cell.ends_with(END));
        if !has_record || is_unclosed {
            return Err(
                location.error(format_args!(" opens a quote that is never closed{}", self.escape_hint()))
            );
        }
        let found = self.record.len();
        if found != self.cells {
            let hint = self.escape_hint();
            return Err(location
                .error(format_args!(" has {found} cells, expected {} as in the header{hint}", self.cells)));
        }
        self.row += 1;
        builder.build(&self.plan, &self.record, &location).map(Some)
    }

    fn notes(&self) -> Notes {
        self.notes.clone()
    }
}

fn is_end(record: &ByteRecord) -> bool {
    record.len() == 1 && record.get(0) == Some(END_CELL)
}

fn broken(path: &Path, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => read_failed(path, error),
        kind => refuse(path, format_args!("not readable as CSV ({kind:?})")),
    }
}
