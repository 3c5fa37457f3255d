//! JSON: one object a line, or a list of objects.

use std::io::{self, Write};

use common::storage::warehouse::Cell;
use serde::ser::{SerializeMap, Serializer};

use super::{Columns, RowWriter, flush};
use crate::timestamp;

/// How the objects stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One a line.
    Lines,
    /// One list of them.
    List,
}

/// Rows on their way into JSON.
pub(crate) struct JsonRows<W: Write> {
    out: W,
    names: Vec<String>,
    layout: Layout,
    rows: u64,
}

impl<W: Write> JsonRows<W> {
    /// Objects whose keys are the columns' names.
    pub(crate) fn new(out: W, columns: &Columns, layout: Layout) -> Self {
        Self { out, names: columns.iter().map(|(name, _)| name.clone()).collect(), layout, rows: 0 }
    }
}

impl<W: Write + Send> RowWriter for JsonRows<W> {
    fn write(&mut self, rows: &[Vec<Cell>]) -> io::Result<()> {
        for row in rows {
            if self.layout == Layout::List {
                self.out.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
            }
            let mut json = serde_json::Serializer::new(&mut self.out);
            object(&mut json, &self.names, row)?;
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

fn object<W: Write>(
    json: &mut serde_json::Serializer<W>,
    names: &[String],
    row: &[Cell],
) -> serde_json::Result<()> {
    let mut map = json.serialize_map(Some(row.len()))?;
    for (name, cell) in names.iter().zip(row) {
        match cell {
            Cell::Null => map.serialize_entry(name, &()),
            Cell::Bool(value) => map.serialize_entry(name, value),
            Cell::Int(value) => map.serialize_entry(name, value),
            // JSON has no NaN and no infinity: they become null.
            Cell::Float(value) => map.serialize_entry(name, value),
            Cell::Text(value) => map.serialize_entry(name, value),
            Cell::Timestamp(value) => map.serialize_entry(name, &timestamp::format(value)),
            Cell::Vector(value) => map.serialize_entry(name, value),
        }?;
    }
    map.end()
}
