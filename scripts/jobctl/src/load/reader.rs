//! Reads ads from files. [`Reader`] combines the row reader of the file's format with the [`Builder`] of ads.
//!
//! The rules are the same for every format. Columns are matched by the names of the recipe, in any case and order.
//! `source`, `job_id` and `scrape_timestamp` must have a value in every row; any other column may be absent and is then
//! NULL in every row; unknown columns are ignored and reported. Text is loaded unchanged, except that CSV cannot
//! distinguish NULL from `''` and yields `''`; an empty text in a number or timestamp column is NULL in every format.
//! [`super::rules`] lists the other conversions.

use std::path::Path;
use std::sync::Arc;

use common::job::JobAd;
use common::{Error, Result};

use super::builder::Builder;
use super::content::{self, Content};
use super::recipe::Recipe;
use super::rules::Tally;
use crate::columns;
use crate::load::{csv, json, parquet};

/// Maximum number of rows of a batch.
pub(super) const BATCH_ROWS: usize = 2_000;
/// A batch ends at this much text, so that memory is bounded however long descriptions are.
pub(super) const BATCH_BYTES: usize = 4 << 20;
/// Maximum number of unknown columns in a report.
const MAX_IGNORED_NAMES: usize = 20;

/// The ad of a row, or `None` if the row is skipped.
pub(super) type Built = Option<JobAd>;

/// A row reader of one file.
pub(super) trait Rows: Send {
    /// Builds the ad of the next row: `None` after the last row, `Some(None)` if the row is skipped.
    fn next(&mut self, builder: &mut Builder) -> Result<Option<Built>>;

    /// Ignored and absent columns of the rows that were read so far.
    fn notes(&self) -> Notes;
}

/// Differences between the columns of a file and of the table, and how the file was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The first [`MAX_IGNORED_NAMES`] columns that the table does not have.
    pub(crate) ignored: Vec<String>,
    /// Optional columns that the file does not have.
    pub(crate) absent: Vec<&'static str>,
    /// Compression, encoding, dialect and defaults with which the file was read, where they are not the usual ones.
    pub(crate) read_as: Vec<String>,
}

impl Notes {
    pub(super) fn ignore(&mut self, name: &str) {
        let ignored = &mut self.ignored;
        let name = columns::truncated(name);
        if ignored.len() < MAX_IGNORED_NAMES && !ignored.contains(&name) {
            ignored.push(name);
        }
    }
}

/// An iterator over the ads of one file in batches of bounded size. It ends after the first error.
pub(crate) struct Reader {
    rows: Box<dyn Rows>,
    builder: Builder,
    is_finished: bool,
}

/// Opens `path` in the format detected from its content.
///
/// # Errors
/// `NotFound` or `Forbidden` if it cannot be opened, `InvalidInput` if its format is not supported or a required column
/// is missing.
pub(crate) fn open(path: &Path, recipe: &Arc<Recipe>) -> Result<Reader> {
    let rows: Box<dyn Rows> = match content::open(path, recipe.encoding)? {
        Content::Parquet(file) => Box::new(parquet::ParquetRows::open(path, file, recipe)?),
        Content::Csv(text) => Box::new(csv::CsvRows::open(path, text, recipe)?),
        Content::Json(text) => Box::new(json::JsonRows::open(path, text, recipe)),
    };
    Ok(Reader { rows, builder: Builder::new(Arc::clone(recipe)), is_finished: false })
}

impl Reader {
    /// Ignored and absent columns of the rows that were read so far, and how the file is read.
    pub(crate) fn notes(&self) -> Notes {
        let mut notes = self.rows.notes();
        notes.read_as.extend(self.builder.notes());
        notes
    }

    /// The uses of each rule so far.
    pub(super) fn tally(&self) -> &Tally {
        self.builder.tally()
    }

    fn next_ad(&mut self) -> Result<Option<JobAd>> {
        loop {
            match self.rows.next(&mut self.builder)? {
                Some(Some(ad)) => return Ok(Some(ad)),
                Some(None) => {}
                None => return self.builder.finish().map(|()| None),
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Vec<JobAd>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = Batch::default();
        while !self.is_finished && !batch.is_full() {
            match self.next_ad() {
                Ok(Some(ad)) => batch.push(ad),
                Ok(None) => self.is_finished = true,
                Err(error) => {
                    self.is_finished = true;
                    return Some(Err(error));
                }
            }
        }
        batch.finish().map(Ok)
    }
}

/// The location of a row, for errors and reports.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) file: Arc<Path>,
    /// Number of the row of data, from 1.
    pub(super) row: u64,
    /// Line number in a text file, from 1.
    pub(super) line: Option<u64>,
}

impl Location {
    /// `row 3 (line 4)`.
    pub(super) fn row_and_line(&self) -> String {
        let line = self.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        format!("row {}{line}", self.row)
    }

    /// `InvalidInput` with the file, the row and `what`, which begins with a space or a comma.
    pub(super) fn error(&self, what: impl std::fmt::Display) -> Error {
        refuse(&self.file, format_args!("{}{what}", self.row_and_line()))
    }
}

/// `InvalidInput` with the file and `what`.
pub(super) fn refuse(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::invalid_input(format!("{}: {what}", path.display()))
}

/// Collects ads until a batch is full.
#[derive(Default)]
struct Batch {
    ads: Vec<JobAd>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, ad: JobAd) {
        let texts = [&ad.job_title, &ad.job_description, &ad.company_description];
        self.bytes += texts.into_iter().flatten().map(String::len).sum::<usize>();
        self.ads.push(ad);
    }

    fn is_full(&self) -> bool {
        self.ads.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// The ads, or `None` if there are none.
    fn finish(self) -> Option<Vec<JobAd>> {
        (!self.ads.is_empty()).then_some(self.ads)
    }
}
