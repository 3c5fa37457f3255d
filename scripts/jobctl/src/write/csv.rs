//! Writes CSV with a header row. NULL and `''` are both an empty cell.

use std::io::{self, Write};

use common::storage::warehouse::Cell;

use super::{Columns, RowWriter};
use crate::cell;

/// A [`RowWriter`] of CSV.
pub(crate) struct CsvRows<W: Write> {
    out: csv::Writer<W>,
}

impl<W: Write> CsvRows<W> {
    /// Writes the header.
    pub(crate) fn new(out: W, columns: &Columns) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(columns.iter().map(|(name, _)| name)).map_err(failed)?;
        Ok(Self { out })
    }
}

impl<W: Write + Send> RowWriter for CsvRows<W> {
    fn write(&mut self, rows: &[Vec<Cell>]) -> io::Result<()> {
        for row in rows {
            for value in row {
                match value {
                    Cell::Null => self.out.write_field(""),
                    Cell::Text(text) => self.out.write_field(text),
                    other => self.out.write_field(cell::plain(other).as_ref()),
                }
                .map_err(failed)?;
            }
            self.out.write_record(None::<&[u8]>).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

/// The I/O error inside `error`, if it is one, whose kind csv's own conversion would lose.
fn failed(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
