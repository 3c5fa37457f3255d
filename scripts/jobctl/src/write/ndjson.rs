//! Writes JSON: one object per line, or a list of objects.

use std::io::{self, Write};

use common::storage::warehouse::Cell;
use common::storage::warehouse::cell::text_json;

use super::{Columns, RowWriter, flush};
use crate::cell;

/// The separation of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One object per line.
    Lines,
    /// One list of objects.
    List,
}

/// A [`RowWriter`] of JSON.
pub(crate) struct JsonRows<W: Write> {
    out: W,
    /// Column names as JSON strings.
    names: Vec<String>,
    layout: Layout,
    rows: u64,
}

impl<W: Write> JsonRows<W> {
    /// A writer of objects whose members have the names of the columns.
    pub(crate) fn new(out: W, columns: &Columns, layout: Layout) -> Self {
        Self { out, names: columns.iter().map(|(name, _)| text_json(name)).collect(), layout, rows: 0 }
    }
}

impl<W: Write + Send> RowWriter for JsonRows<W> {
    fn write(&mut self, rows: &[Vec<Cell>]) -> io::Result<()> {
        for row in rows {
            if self.layout == Layout::List {
                self.out.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
            }
            object(&mut self.out, &self.names, row)?;
            if self.layout == Layout::Lines {
                self.out.write_all(b"\n")?;
            }
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.layout == Layout::List {
            self.out.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        flush(self.out)
    }
}

/// Writes an object. `serde_json` is not used because it has no type for decimals of more than 64 bits.
fn object(out: &mut impl Write, names: &[String], row: &[Cell]) -> io::Result<()> {
    out.write_all(b"{")?;
    for (index, (name, value)) in names.iter().zip(row).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}{name}:{}", cell::json(value))?;
    }
    out.write_all(b"}")
}
