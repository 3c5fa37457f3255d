//! Ads from files: one reader a format, all behind [`AdReader`].
//!
//! The rules are the same for every format. Columns are found by name in any case and order. `source`, `job_id` and
//! `scrape_timestamp` must be there and filled in; any other column may be absent, which is NULL in every row;
//! unknown columns are ignored and named. Text is taken as it is, except that CSV cannot tell NULL from `''` and
//! gives `''`; an empty text in a number or timestamp column is NULL in every format. Timestamps without a zone are
//! UTC, and digits finer than a microsecond are cut. The first cell that does not fit ends the file.

use std::fs::File;
use std::path::{Path, PathBuf};

use common::job::JobAd;
use common::{Error, Result};

use crate::columns::{self, COLUMNS, Value};
use crate::format::FileFormat;
use crate::load::{csv, ndjson, parquet};

/// Most rows of a batch.
pub(super) const BATCH_ROWS: usize = 2_000;
/// A batch ends early at this much text, so that memory does not depend on how long descriptions are.
pub(super) const BATCH_BYTES: usize = 4 << 20;
/// How many unknown columns are remembered by name.
const UNKNOWN_NAMED: usize = 20;

/// The ads of one file in batches of bounded size; after an error there is nothing more.
pub(crate) trait AdReader: Iterator<Item = Result<Vec<JobAd>>> + Send {
    /// What the file has and lacks in columns, as far as it has been read.
    fn notes(&self) -> Notes;
}

/// How a file's columns differ from the table's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Columns that the table does not have; the first [`UNKNOWN_NAMED`] of them.
    pub(crate) ignored: Vec<String>,
    /// Optional columns that the file does not have.
    pub(crate) absent: Vec<&'static str>,
}

/// Opens `path` in the format that its name says.
///
/// # Errors
/// `NotFound` or `Forbidden` where it cannot be opened, `InvalidInput` where it is not what its name says or lacks a
/// required column.
pub(crate) fn open(path: &Path) -> Result<Box<dyn AdReader>> {
    let format = FileFormat::of(path)?;
    let file = File::open(path).map_err(|error| Error::from(error).context(path.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Error::invalid_input(format!(
            "{}: this is a folder; name the files in it",
            path.display()
        )));
    }
    Ok(match format {
        FileFormat::Parquet => Box::new(parquet::Reader::open(path, file)?),
        FileFormat::Csv => Box::new(csv::Reader::open(path, file)?),
        FileFormat::Ndjson => Box::new(ndjson::Reader::open(path, file)),
    })
}

/// Where in a file something is wrong.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    /// Data row, from 1.
    pub(super) row: u64,
    /// Line of a text file, from 1.
    pub(super) line: Option<u64>,
}

impl Place {
    /// `InvalidInput` that says where and `what`.
    pub(super) fn error(&self, what: impl std::fmt::Display) -> Error {
        let line = self.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        Error::invalid_input(format!("{}: row {}{line}{what}", self.file.display(), self.row))
    }
}

/// `InvalidInput` about a file as a whole.
pub(super) fn refuse(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::invalid_input(format!("{}: {what}", path.display()))
}

/// Puts one value into its column, or says where it does not fit.
pub(super) fn put(ad: &mut JobAd, column: usize, value: Value<'_>, place: &Place) -> Result<()> {
    COLUMNS[column]
        .put(ad, value)
        .map_err(|what| place.error(format_args!(", column {}: {what}", COLUMNS[column].name)))
}

/// Which of a file's columns goes where.
pub(super) struct Mapping {
    /// For each column of the file, its place in [`COLUMNS`].
    pub(super) targets: Vec<Option<usize>>,
    pub(super) notes: Notes,
}

impl Mapping {
    /// Matches the file's column names to the table's.
    pub(super) fn of<'a>(path: &Path, names: impl Iterator<Item = &'a str>) -> Result<Self> {
        let (mut targets, mut notes) = (Vec::new(), Notes::default());
        for name in names {
            let target = columns::find(name);
            match target {
                Some(column) if targets.contains(&target) => {
                    return Err(refuse(path, format_args!("column {} is there twice", COLUMNS[column].name)));
                }
                Some(_) => {}
                None => note_ignored(&mut notes.ignored, name),
            }
            targets.push(target);
        }
        let absent = COLUMNS.iter().enumerate().filter(|(place, _)| !targets.contains(&Some(*place)));
        for (_, column) in absent {
            if column.is_required() {
                let found = if notes.ignored.is_empty() { "none" } else { &notes.ignored.join(", ") };
                return Err(refuse(
                    path,
                    format_args!(
                        "there is no column {}; columns that the table does not know: {found}",
                        column.name
                    ),
                ));
            }
            notes.absent.push(column.name);
        }
        Ok(Self { targets, notes })
    }
}

pub(super) fn note_ignored(ignored: &mut Vec<String>, name: &str) {
    if ignored.len() < UNKNOWN_NAMED && !ignored.iter().any(|known| known == name) {
        ignored.push(columns::shortened(name));
    }
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

/// Fills a batch from `next`, which gives ads until the file ends; after an error nothing more is read.
pub(super) fn batch(
    is_over: &mut bool,
    mut next: impl FnMut() -> Result<Option<JobAd>>,
) -> Option<Result<Vec<JobAd>>> {
    let mut batch = Batch::default();
    while !*is_over && !batch.is_full() {
        match next() {
            Ok(Some(ad)) => batch.push(ad),
            Ok(None) => *is_over = true,
            Err(error) => {
                *is_over = true;
                return Some(Err(error));
            }
        }
    }
    batch.finish().map(Ok)
}
