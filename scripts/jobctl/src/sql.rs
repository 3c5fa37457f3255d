//! `jobctl sql`: one question to the warehouse.

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::{Args, ValueEnum};
use common::config::Config;
use common::storage::warehouse::QueryResult;
use common::storage::{Access, open_warehouse};
use common::{Error, Result};

use crate::table::{self, Align, Layout};
use crate::write::{CsvRows, JsonRows, RowWriter};
use crate::{cell, output, pipe, write};

/// Rows that decide how wide the columns of a table are.
const SAMPLE_ROWS: usize = 1_000;
/// Widest cell on a terminal.
const TERMINAL_CELL: usize = 48;

/// Ask the warehouse something; nothing can be written this way.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// One statement in the warehouse's own dialect
    #[arg(value_name = "STATEMENT")]
    statement: String,
    /// How to print the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns; on a terminal long cells are cut
    Table,
    /// A header and a line a row; NULL is an empty cell
    Csv,
    /// A list of objects; numbers have all their digits, NaN and infinity are text
    Json,
}

pub(crate) async fn run(config: &Config, args: SqlArgs) -> Result<()> {
    if args.statement.trim().is_empty() {
        return Err(Error::invalid_input("the statement is empty"));
    }
    let warehouse = open_warehouse(config, Access::Read).await?;
    let QueryResult { columns, pages } = warehouse.query(&args.statement, &[]).await?;
    if args.format == Format::Json
        && let Some((place, (name, _))) = columns
            .iter()
            .enumerate()
            .find(|(place, (name, _))| columns[..*place].iter().any(|(other, _)| other == name))
    {
        return Err(Error::invalid_input(format!(
            "invalid column {}: there is another {name:?}, and readers of JSON keep one of them: name it apart with AS",
            place + 1
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
    pipe::into_thread("printing the answer", pages, move |mut pages| {
        while let Some(page) = pages.next()? {
            rows.write(&page).map_err(output::failed)?;
        }
        rows.finish().map_err(output::failed)
    })
    .await
}

/// Rows on their way into an aligned table: the first ones set the widths, the rest is printed as it comes.
struct TableRows<W: Write> {
    out: W,
    columns: Vec<(String, Align)>,
    limit: Option<usize>,
    waiting: Vec<Vec<String>>,
    layout: Option<Layout>,
    rows: u64,
}

impl<W: Write> TableRows<W> {
    fn new(out: W, columns: &write::Columns, limit: Option<usize>) -> Self {
        let columns =
            columns.iter().map(|(name, kind)| (table::one_line(name, limit), cell::align(*kind))).collect();
        Self { out, columns, limit, waiting: Vec::new(), layout: None, rows: 0 }
    }

    /// Fixes the widths and prints the rows that waited for them.
    fn settle(&mut self) -> io::Result<()> {
        if self.layout.is_none() {
            let waiting = std::mem::take(&mut self.waiting);
            let layout = Layout::of(&self.columns, &waiting);
            layout.header(&mut self.out)?;
            waiting.iter().try_for_each(|row| layout.row(&mut self.out, row))?;
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
                None => self.waiting.push(cells),
            }
            if self.waiting.len() >= SAMPLE_ROWS {
                self.settle()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.settle()?;
        let rows = if self.rows == 1 { "row" } else { "rows" };
        writeln!(self.out, "({} {rows})", table::count(self.rows))?;
        self.out.flush()
    }
}
