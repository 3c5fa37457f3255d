//! `jobctl` as a process.

mod artifacts;
mod export;
mod files;
mod forget;
mod generate;
mod inspect;
mod load;
mod sql;

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::support::{Ended, Market, Running};

/// Runs `jobctl` to its end.
fn jobctl(market: &Market, arguments: &[&str]) -> Ended {
    Running::start(market.command("jobctl").args(arguments)).end()
}

/// The standard output of `jobctl`, which must succeed without output on stderr.
fn stdout_of(market: &Market, arguments: &[&str]) -> String {
    let ended = jobctl(market, arguments);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}: {ended:?}");
    ended.stdout
}

/// The error of `jobctl`, which must be one line on stderr, without its prefix `error: `.
fn error_of(market: &Market, code: i32, arguments: &[&str]) -> String {
    let ended = jobctl(market, arguments);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [line] = lines[..] else { panic!("not one line: {ended:?}") };
    line.strip_prefix("error: ").unwrap_or_else(|| panic!("{line}")).to_owned()
}

/// The rows of a query as JSON objects.
fn rows(market: &Market, statement: &str) -> Vec<Value> {
    serde_json::from_str(&stdout_of(market, &["sql", "--format", "json", statement])).expect("a list")
}

/// All rows of a Parquet file in order.
fn read_parquet(file: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(file).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

/// Creates a file with this content in the market's folder.
fn file(market: &Market, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = path(market, name);
    std::fs::write(&path, content).expect("a file");
    path
}

/// The path of a file in the market's folder.
fn path(market: &Market, name: &str) -> PathBuf {
    market.file().parent().expect("the market's folder").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
