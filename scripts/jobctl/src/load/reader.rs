//! Ads from files: one reader of rows a format, one builder of ads, all behind [`Reader`].
//!
//! The rules are the same for every format. Columns are found by the recipe's names, in any case and order. `source`,
//! `job_id` and `scrape_timestamp` must be there and filled in; any other column may be absent, which is NULL in every
//! row; unknown columns are ignored and named. Text is taken as it is, except that CSV cannot tell NULL from `''` and
//! gives `''`; an empty text in a number or timestamp column is NULL in every format. [`super::rules`] has the rest.

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

/// Most rows of a batch.
pub(super) const BATCH_ROWS: usize = 2_000;
/// A batch ends early at this much text, so that memory does not depend on how long descriptions are.
pub(super) const BATCH_BYTES: usize = 4 << 20;
/// How many unknown columns are remembered by name.
const UNKNOWN_NAMED: usize = 20;

/// The ad of a row, or `None` where the row is left out.
pub(super) type Built = Option<JobAd>;

/// The rows of one file.
pub(super) trait Rows: Send {
    /// Builds the next row's ad: `None` after the last row, `Some(None)` where the row is left out.
    fn next(&mut self, builder: &mut Builder) -> Result<Option<Built>>;

    /// What the file has and lacks in columns, as far as it has been read.
    fn notes(&self) -> Notes;
}

/// How a file's columns differ from the table's, and how it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Columns that the table does not have; the first [`UNKNOWN_NAMED`] of them.
    pub(crate) ignored: Vec<String>,
    /// Optional columns that the file does not have.
    pub(crate) absent: Vec<&'static str>,
    /// How the file was read, where that is not plain: gzip, encoding, delimiter.
    pub(crate) read_as: Vec<String>,
}

impl Notes {
    pub(super) fn ignore(&mut self, name: &str) {
        let ignored = &mut self.ignored;
        let name = columns::shortened(name);
        if ignored.len() < UNKNOWN_NAMED && !ignored.contains(&name) {
            ignored.push(name);
        }
    }
}

/// The ads of one file in batches of bounded size; after an error there is nothing more.
pub(crate) struct Reader {
    rows: Box<dyn Rows>,
    builder: Builder,
    is_over: bool,
}

/// Opens `path` in the format that its content shows.
///
/// # Errors
/// `NotFound` or `Forbidden` where it cannot be opened, `InvalidInput` where it is not what can be read or lacks a
/// required column.
pub(crate) fn open(path: &Path, recipe: &Arc<Recipe>) -> Result<Reader> {
    let rows: Box<dyn Rows> = match content::open(path, recipe.encoding)? {
        Content::Parquet(file) => Box::new(parquet::ParquetRows::open(path, file, recipe)?),
        Content::Csv(text) => Box::new(csv::CsvRows::open(path, text, recipe)?),
        Content::Json(text) => Box::new(json::JsonRows::open(path, text, recipe)),
    };
    Ok(Reader { rows, builder: Builder::new(Arc::clone(recipe)), is_over: false })
}

impl Reader {
    /// What the file has and lacks in columns, as far as it has been read.
    pub(crate) fn notes(&self) -> Notes {
        let mut notes = self.rows.notes();
        notes.read_as.extend(self.builder.notes());
        notes
    }

    /// What the rules did so far.
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
        while !self.is_over && !batch.is_full() {
            match self.next_ad() {
                Ok(Some(ad)) => batch.push(ad),
                Ok(None) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        batch.finish().map(Ok)
    }
}

/// Where in a file something is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: Arc<Path>,
    /// Data row, from 1.
    pub(super) row: u64,
    /// Line of a text file, from 1.
    pub(super) line: Option<u64>,
}

impl Place {
    /// `row 3 (line 4)`.
    pub(super) fn spot(&self) -> String {
        let line = self.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        format!("row {}{line}", self.row)
    }

    /// `InvalidInput` that says where and `what`.
    pub(super) fn error(&self, what: impl std::fmt::Display) -> Error {
        refuse(&self.file, format_args!("{}{what}", self.spot()))
    }
}

/// `InvalidInput` about a file as a whole.
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

    /// The ads, or `None` where there are none.
    fn finish(self) -> Option<Vec<JobAd>> {
        (!self.ads.is_empty()).then_some(self.ads)
    }
}
