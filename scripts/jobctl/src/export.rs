//! `jobctl export`: writes a table to a file.

use std::path::PathBuf;

use clap::Args;
use common::Result;
use common::storage::settings::StorageSettings;
use common::storage::{Access, open_warehouse};

use crate::format::FileFormat;
use crate::table::count;
use crate::write::RowFile;
use crate::{output, warehouse};

/// Write a table to a Parquet, CSV or NDJSON file.
///
/// An export of `cleaned_jobs` loads back unchanged, except that CSV has no NULL: a NULL text comes back as ''.
/// Vectors are lists of floats in Parquet and NDJSON and `[…]` in CSV; timestamps are UTC to the microsecond; numbers
/// keep all their digits, and in NDJSON NaN and infinity are the strings NaN, Infinity and -Infinity. The file is
/// written completely and replaces an existing one, or nothing is written.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Table to export; `jobctl inspect` lists them
    #[arg(value_name = "TABLE")]
    table: String,
    /// File ending in .parquet, .csv, .ndjson or .jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(settings: &StorageSettings, args: ExportArgs) -> Result<()> {
    FileFormat::of(&args.file)?;
    let warehouse = open_warehouse(settings, Access::Read).await?;
    let table = warehouse::table(warehouse.as_ref(), &args.table).await?;
    let sql = warehouse::with_table(include_str!("../sql/whole_table.sql"), &table)?;
    let answer = warehouse.query(&sql, &[]).await?;
    let (rows, bytes) = RowFile::write_all(args.file.clone(), answer.columns, answer.pages).await?;
    output::print(&format!(
        "{}: {} rows of {}, {:.1} MB\n",
        args.file.display(),
        count(rows),
        args.table,
        bytes as f64 / 1e6
    ))
}
