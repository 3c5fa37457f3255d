//! `jobctl export`: a table into a file.

use std::path::PathBuf;

use clap::Args;
use common::Result;
use common::config::Config;
use common::storage::{Access, open_warehouse};

use crate::format::FileFormat;
use crate::table::count;
use crate::write::RowFile;
use crate::{output, warehouse};

/// Write a table to a Parquet, CSV or NDJSON file.
///
/// What is exported from `cleaned_jobs` can be loaded again and is the same, except that CSV has no NULL: a missing
/// text comes back as ''. Vectors are lists of floats in Parquet and NDJSON and `[…]` in CSV; timestamps are UTC to
/// the microsecond; numbers have all their digits, and in NDJSON NaN and infinity are the texts NaN, Infinity and
/// -Infinity. The file appears whole, in place of an earlier one, or not at all.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Table to export; `jobctl inspect` lists them
    #[arg(value_name = "TABLE")]
    table: String,
    /// File ending in .parquet, .csv, .ndjson or .jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(config: &Config, args: ExportArgs) -> Result<()> {
    FileFormat::of(&args.file)?;
    let warehouse = open_warehouse(config, Access::Read).await?;
    let table = warehouse::table(warehouse.as_ref(), &args.table).await?;
    let sql = warehouse::of_table(include_str!("../sql/whole_table.sql"), &table)?;
    let answer = warehouse.query(&sql, &[]).await?;
    let (rows, bytes) = RowFile::fill(args.file.clone(), answer.columns, answer.pages).await?;
    output::print(&format!(
        "{}: {} rows of {}, {:.1} MB\n",
        args.file.display(),
        count(rows),
        args.table,
        bytes as f64 / 1e6
    ))
}
