//! `jobctl sql`: runs one read-only query.

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::{Args, ValueEnum};
use common::storage::settings::StorageSettings;
use common::storage::warehouse::QueryResult;
use common::storage::{Access, open_warehouse};
use common::{Error, Result};

use crate::table::{self, Align, Layout};
use crate::write::{CsvRows, JsonRows, RowWriter};
use crate::{cell, output, pipe, write};

/// Number of rows from which the widths of a table's columns are computed.
const SAMPLE_ROWS: usize = 1_000;
/// Maximum width of a cell on a terminal.
const TERMINAL_CELL: usize = 48;

/// Run a query; statements that write are refused.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// One statement in the warehouse's SQL dialect
    #[arg(value_name = "STATEMENT")]
    statement: String,
    /// How to print the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns; on a terminal long cells are cut off
    Table,
    /// A header and one line per row; NULL is an empty cell
    Csv,
    /// A list of objects; numbers keep all their digits, NaN and infinity are strings
    Json,
}

pub(crate) async fn run(settings: &StorageSettings, args: SqlArgs) -> Result<()> {
    if args.statement.trim().is_empty() {
        return Err(Error::invalid_input(
            "invalid STATEMENT: expected one SQL statement, found an empty text",
        ));
    }
    let warehouse = open_warehouse(settings, Access::Read).await?;
    let QueryResult { columns, pages } = warehouse.query(&args.statement, &[]).await?;
    if args.format == Format::Json
        && let Some((index, (name, _))) = columns
            .iter()
            .enumerate()
            .find(|(index, (name, _))| columns[..*index].iter().any(|(other, _)| other == name))
    {
        return Err(Error::invalid_input(format!(
            "invalid column {} {name:?}: expected a name that no other column has, because JSON parsers keep only one of \
             them; rename it with AS",
            index + 1
        )));
    }
    let out = BufWriter::new(io::stdout());
    let mut rows: Box<dyn RowWriter> = match args.format {
        Format::Table => {
            let limit = io::stdout().is_terminal().then_some(TERMINAL_CELL);
            Box::new(TableRows::new(out, &columns, limit))
        }
        Format::Csv => Box::new(CsvRows::new(out, &columns).map_err(output::failed)?),
        Format::Json => Box::new(JsonRows::new(out, &columns, write::Layout::List)),
    };
    pipe::into_thread("printing the rows", pages, move |mut pages| {
        while let Some(page) = pages.next()? {
            rows.write(&page).map_err(output::failed)?;
        }
        rows.finish().map_err(output::failed)
    })
    .await
}

/// Writes rows as an aligned table. The first [`SAMPLE_ROWS`] rows are buffered to compute the widths; later rows are
/// printed immediately.
struct TableRows<W: Write> {
    out: W,
    columns: Vec<(String, Align)>,
    limit: Option<usize>,
    buffered: Vec<Vec<String>>,
    layout: Option<Layout>,
    rows: u64,
}

impl<W: Write> TableRows<W> {
    fn new(out: W, columns: &write::Columns, limit: Option<usize>) -> Self {
        let columns =
            columns.iter().map(|(name, kind)| (table::one_line(name, limit), cell::align(*kind))).collect();
        Self { out, columns, limit, buffered: Vec::new(), layout: None, rows: 0 }
    }

    /// Computes the widths and prints the header and the buffered rows, if that has not happened yet.
    fn print_buffered(&mut self) -> io::Result<()> {
        if self.layout.is_none() {
            let buffered = std::mem::take(&mut self.buffered);
            let layout = Layout::new(&self.columns, &buffered);
            layout.header(&mut self.out)?;
            buffered.iter().try_for_each(|row| layout.row(&mut self.out, row))?;
            self.layout = Some(layout);
        }
        Ok(())
    }
}

impl<W: Write + Send> RowWriter for TableRows<W> {
    fn write(&mut self, rows: &[Vec<common::storage::warehouse::Cell>]) -> io::Result<()> {
        for row in rows {
            let cells: Vec<String> =
                row.iter().map(|value| table::one_line(&cell::readable(value), self.limit)).collect();
            self.rows += 1;
            match &self.layout {
                Some(layout) => layout.row(&mut self.out, &cells)?,
                None => self.buffered.push(cells),
            }
            if self.buffered.len() >= SAMPLE_ROWS {
                self.print_buffered()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.print_buffered()?;
        let rows = if self.rows == 1 { "row" } else { "rows" };
        writeln!(self.out, "({} {rows})", table::count(self.rows))?;
        self.out.flush()
    }
}
