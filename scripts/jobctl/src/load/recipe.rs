//! What the user says about files: how cells are found and read.

use clap::{Args, ValueEnum};
use common::job::{JobAd, Timestamp};
use common::{Error, Result};
use encoding_rs::Encoding;

use super::builder;
use super::dates::DateFormat;
use super::decode;
use super::preset::{Preset, all_columns};
use crate::columns::{self, COLUMNS};

/// What is done with a cell that its column does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(clippy::doc_markdown)] // What --help prints has no backticks.
pub(crate) enum BadCells {
    /// The file is refused
    Refuse,
    /// The cell is NULL; in source, job_id and scrape_timestamp the file is refused
    Missing,
    /// The row is left out
    SkipRow,
}

/// The flags that say how files are read.
#[derive(Debug, Clone, Args)]
#[allow(clippy::doc_markdown)] // What --help prints has no backticks.
pub(crate) struct ReadArgs {
    /// What the files are: jobspy, mycareersfuture, or a preset file of your own
    #[arg(long, value_name = "NAME|FILE")]
    preset: Option<String>,
    /// Take the file's column FROM as our column TO; dots reach into JSON members (pay.from). Of several for one TO the
    /// first that is filled in counts
    #[arg(long = "map", value_name = "FROM=TO", value_parser = map_pair)]
    maps: Vec<(String, String)>,
    /// Give our column COLUMN this value in every row
    #[arg(long = "set", value_name = "COLUMN=VALUE", value_parser = set_pair)]
    sets: Vec<(String, String)>,
    /// The member of a JSON document that is the list of ads (data.jobs)
    #[arg(long, value_name = "PATH")]
    rows: Option<String>,
    /// Encoding of text files that are not UTF-8, for example windows-1252; a byte order mark is stronger
    #[arg(long, value_name = "NAME", value_parser = decode::encoding)]
    encoding: Option<&'static Encoding>,
    /// The character that CSV files put before a quote inside a quoted cell, as Spark and MySQL do with a backslash
    #[arg(long, value_name = "CHAR", value_parser = escape)]
    escape: Option<u8>,
    /// How dates are written that have no sure order, for example %d/%m/%Y; or the unit of numbers: seconds,
    /// milliseconds, microseconds, nanoseconds. May be given again
    #[arg(long = "date-format", value_name = "FORMAT")]
    date_formats: Vec<DateFormat>,
    /// What to do with a cell that does not fit its column
    #[arg(long, value_enum, default_value = "refuse")]
    bad_cells: BadCells,
}

/// FROM=TO; the file's name may hold others.
fn map_pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => {
            Ok((left.to_owned(), right.to_owned()))
        }
        _ => Err("expected FROM=TO, such as id=job_id".to_owned()),
    }
}

/// COLUMN=VALUE; the value may hold others.
fn set_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() => Ok((left.to_owned(), right.to_owned())),
        _ => Err("expected COLUMN=VALUE, such as source=MCF".to_owned()),
    }
}

fn escape(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_punctuation() => Ok(*byte),
        _ => Err("expected one punctuation character such as \\".to_owned()),
    }
}

/// Where the value of a column may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its place in [`COLUMNS`].
    pub(super) column: usize,
    /// Names in the file, the preferred one first.
    pub(super) names: Vec<String>,
    /// Whether the user mapped it: a name that is nowhere is then an error.
    pub(super) is_asked_for: bool,
    /// Whether somebody mapped it, and not only its own name.
    pub(super) is_mapped: bool,
}

/// What is known about files before one is opened.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// Columns whose values come from the file.
    pub(super) wanted: Vec<Wanted>,
    /// The values of columns with one for every row.
    pub(super) template: JobAd,
    /// Columns that [`Self::template`] has a value of.
    pub(super) is_set: Vec<bool>,
    /// Values where the file has none.
    pub(super) otherwise: Vec<(usize, Otherwise)>,
    pub(super) rows: Option<Vec<String>>,
    /// Whether the user said where the list is, and no preset.
    pub(super) is_rows_asked_for: bool,
    pub(super) has_preset: bool,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) escape: Option<u8>,
    pub(super) date_formats: Vec<DateFormat>,
    pub(super) bad_cells: BadCells,
    /// For the report, what was set.
    pub(super) notes: Vec<String>,
}

/// A value where the file has none.
#[derive(Debug, Clone)]
pub(super) enum Otherwise {
    Text(String),
    /// The moment of loading.
    Now(Timestamp),
}

impl Recipe {
    /// What the flags say, `now` being the moment of loading.
    ///
    /// # Errors
    /// `InvalidInput` where they contradict each other or name a column that is not ours.
    pub(crate) fn of(args: &ReadArgs, now: Timestamp) -> Result<Self> {
        let preset = args.preset.as_deref().map(Preset::named).transpose()?;
        let mut recipe = Self {
            wanted: Vec::new(),
            template: JobAd::default(),
            is_set: vec![false; COLUMNS.len()],
            otherwise: Vec::new(),
            rows: None,
            is_rows_asked_for: args.rows.is_some(),
            has_preset: preset.is_some(),
            encoding: args.encoding,
            escape: args.escape,
            date_formats: args.date_formats.clone(),
            bad_cells: args.bad_cells,
            notes: Vec::new(),
        };
        let rows = args.rows.as_ref().or(preset.as_ref().and_then(|preset| preset.rows.as_ref()));
        recipe.rows = rows.map(|path| path.split('.').map(str::to_owned).collect());
        recipe.set(&args.sets)?;
        let mut mapped: Vec<Vec<String>> = vec![Vec::new(); COLUMNS.len()];
        for (from, to) in &args.maps {
            let column = known("--map", to)?;
            if recipe.is_set[column] {
                return Err(Error::invalid_input(format!(
                    "--set and --map both give {}; expected one",
                    COLUMNS[column].name
                )));
            }
            mapped[column].push(from.clone());
        }
        for column in (0..COLUMNS.len()).filter(|column| !recipe.is_set[*column]) {
            let mut names = std::mem::take(&mut mapped[column]);
            let is_asked_for = !names.is_empty();
            let of_preset = preset.iter().flat_map(Preset::columns).find(|(of, _)| *of == column);
            let is_mapped = is_asked_for || of_preset.is_some();
            if !is_asked_for {
                names.extend(of_preset.into_iter().flat_map(|(_, names)| names.iter().cloned()));
                names.push(COLUMNS[column].name.to_owned());
            }
            recipe.wanted.push(Wanted { column, names, is_asked_for, is_mapped });
        }
        for (column, value) in preset.iter().flat_map(Preset::otherwise) {
            let otherwise = if value == "now" && COLUMNS[column].holds() == "a timestamp" {
                Otherwise::Now(now)
            } else {
                builder::put_text(&mut JobAd::default(), column, value, &recipe.date_formats).map_err(
                    |what| {
                        Error::invalid_input(format!(
                            "invalid --preset {:?}: [otherwise] {} {what}",
                            args.preset.as_deref().unwrap_or_default(),
                            COLUMNS[column].name
                        ))
                    },
                )?;
                Otherwise::Text(value.to_owned())
            };
            if !recipe.is_set[column] {
                recipe.otherwise.push((column, otherwise));
            }
        }
        Ok(recipe)
    }

    fn set(&mut self, sets: &[(String, String)]) -> Result<()> {
        for (name, value) in sets {
            let column = known("--set", name)?;
            let name = COLUMNS[column].name;
            if std::mem::replace(&mut self.is_set[column], true) {
                return Err(Error::invalid_input(format!("--set gives {name} twice; expected one value")));
            }
            builder::put_text(&mut self.template, column, value, &self.date_formats)
                .map_err(|what| Error::invalid_input(format!("invalid --set {name}={value:?}: it {what}")))?;
            self.notes.push(format!("{name} is {value:?} by --set"));
        }
        Ok(())
    }
}

fn known(flag: &str, name: &str) -> Result<usize> {
    columns::find(name).ok_or_else(|| {
        Error::invalid_input(format!("invalid {flag} column {name:?}: expected one of {}", all_columns()))
    })
}

/// What is read where nothing is said.
#[cfg(test)]
impl Default for Recipe {
    fn default() -> Self {
        Self::of_flags(&[]).unwrap()
    }
}

#[cfg(test)]
impl Recipe {
    /// What these flags say, at a fixed moment of loading.
    pub(crate) fn of_flags(flags: &[&str]) -> Result<Self> {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            args: ReadArgs,
        }
        let line = std::iter::once("load").chain(flags.iter().copied());
        let cli = <Cli as clap::Parser>::try_parse_from(line)
            .map_err(|error| Error::invalid_input(error.to_string()))?;
        let now = crate::timestamp::parse("2026-11-25 12:00:00").unwrap_or_default();
        Self::of(&cli.args, now)
    }
}
