//! The recipe of a load: from the flags and the preset, how columns are found and cells are read.

use clap::{Args, ValueEnum};
use common::job::{JobAd, Timestamp};
use common::{Error, Result};
use encoding_rs::Encoding;

use super::builder;
use super::dates::DateFormat;
use super::decode;
use super::preset::{Preset, all_columns};
use crate::columns::{self, COLUMNS};

/// What happens to a cell whose value is invalid for its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(clippy::doc_markdown)] // --help prints this text, without Markdown.
pub(crate) enum BadCells {
    /// The file is refused
    Refuse,
    /// The cell is NULL; in source, job_id and scrape_timestamp the file is refused
    Missing,
    /// The row is skipped
    SkipRow,
}

/// The flags that control how files are read.
#[derive(Debug, Clone, Args)]
#[allow(clippy::doc_markdown)] // --help prints this text, without Markdown.
pub(crate) struct ReadArgs {
    /// Preset of the source of the files: jobspy, mycareersfuture, or the path of a preset file
    #[arg(long, value_name = "NAME|FILE")]
    preset: Option<String>,
    /// Read column TO from the file's column FROM; dots separate nested JSON members (pay.from). Given several times
    /// for one TO, the first value that is not missing is used
    #[arg(long = "map", value_name = "FROM=TO", value_parser = map_pair)]
    maps: Vec<(String, String)>,
    /// Set COLUMN to VALUE in every row
    #[arg(long = "set", value_name = "COLUMN=VALUE", value_parser = set_pair)]
    sets: Vec<(String, String)>,
    /// Path of the list of ads in a JSON document (data.jobs)
    #[arg(long, value_name = "PATH")]
    rows: Option<String>,
    /// Encoding of text files that are not UTF-8, for example windows-1252; a byte order mark takes precedence
    #[arg(long, value_name = "NAME", value_parser = decode::encoding)]
    encoding: Option<&'static Encoding>,
    /// The character that escapes a quote inside a quoted cell of CSV files; Spark and MySQL use a backslash
    #[arg(long, value_name = "CHAR", value_parser = escape)]
    escape: Option<u8>,
    /// Format of dates that are ambiguous otherwise, for example %d/%m/%Y; or the unit of numeric timestamps: seconds,
    /// milliseconds, microseconds, nanoseconds. Can be given several times
    #[arg(long = "date-format", value_name = "FORMAT")]
    date_formats: Vec<DateFormat>,
    /// What to do with a cell whose value is invalid for its column
    #[arg(long, value_enum, default_value = "refuse")]
    bad_cells: BadCells,
}

/// Splits FROM=TO at the last `=`: FROM may contain others.
fn map_pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => {
            Ok((left.to_owned(), right.to_owned()))
        }
        _ => Err("expected FROM=TO, such as id=job_id".to_owned()),
    }
}

/// Splits COLUMN=VALUE at the first `=`: VALUE may contain others.
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

/// The names under which a column is looked up in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnNames {
    /// Its index in [`COLUMNS`].
    pub(super) column: usize,
    /// Names in the file, the preferred one first.
    pub(super) names: Vec<String>,
    /// Whether the names come from `--map`: a name that no file has is then an error.
    pub(super) is_from_flag: bool,
    /// Whether the names come from `--map` or a preset, and are not only the column's own name.
    pub(super) is_mapped: bool,
}

/// The settings for reading files, made before any file is opened.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// Columns whose values come from the file.
    pub(super) wanted: Vec<ColumnNames>,
    /// An ad with the values of `--set`; every ad starts as a copy of it.
    pub(super) template: JobAd,
    /// By index in [`COLUMNS`], whether [`Self::template`] has a value of the column.
    pub(super) is_set: Vec<bool>,
    /// Defaults of columns, by index in [`COLUMNS`], for files without a value.
    pub(super) defaults: Vec<(usize, DefaultValue)>,
    /// The path of the list of ads in a JSON document.
    pub(super) rows: Option<Vec<String>>,
    /// Whether `rows` comes from `--rows` and not from a preset.
    pub(super) is_rows_from_flag: bool,
    pub(super) has_preset: bool,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) escape: Option<u8>,
    pub(super) date_formats: Vec<DateFormat>,
    pub(super) bad_cells: BadCells,
    /// Notes for the report about the values of `--set`.
    pub(super) notes: Vec<String>,
}

/// The default of a column, for files without a value.
#[derive(Debug, Clone)]
pub(super) enum DefaultValue {
    Text(String),
    /// The time of loading.
    Now(Timestamp),
}

impl Recipe {
    /// The recipe of the flags; `now` is the time of loading.
    ///
    /// # Errors
    /// `InvalidInput` if flags contradict each other, name an unknown column or have an invalid value.
    pub(crate) fn new(args: &ReadArgs, now: Timestamp) -> Result<Self> {
        let preset = args.preset.as_deref().map(Preset::named).transpose()?;
        let mut recipe = Self {
            wanted: Vec::new(),
            template: JobAd::default(),
            is_set: vec![false; COLUMNS.len()],
            defaults: Vec::new(),
            rows: None,
            is_rows_from_flag: args.rows.is_some(),
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
                    "invalid --map TO {0:?}: expected only one of --map and --set for {0}",
                    COLUMNS[column].name
                )));
            }
            mapped[column].push(from.clone());
        }
        for column in (0..COLUMNS.len()).filter(|column| !recipe.is_set[*column]) {
            let mut names = std::mem::take(&mut mapped[column]);
            let is_from_flag = !names.is_empty();
            let of_preset = preset.iter().flat_map(Preset::columns).find(|(other, _)| *other == column);
            let is_mapped = is_from_flag || of_preset.is_some();
            if !is_from_flag {
                names.extend(of_preset.into_iter().flat_map(|(_, names)| names.iter().cloned()));
                names.push(COLUMNS[column].name.to_owned());
            }
            recipe.wanted.push(ColumnNames { column, names, is_from_flag, is_mapped });
        }
        for (column, value) in preset.iter().flat_map(Preset::defaults) {
            let default = if value == "now" && COLUMNS[column].type_name() == "a timestamp" {
                DefaultValue::Now(now)
            } else {
                builder::assign_text(&mut JobAd::default(), column, value, &recipe.date_formats).map_err(
                    |what| {
                        Error::invalid_input(format!(
                            "invalid --preset {:?}: [otherwise] {} {what}",
                            args.preset.as_deref().unwrap_or_default(),
                            COLUMNS[column].name
                        ))
                    },
                )?;
                DefaultValue::Text(value.to_owned())
            };
            if !recipe.is_set[column] {
                recipe.defaults.push((column, default));
            }
        }
        Ok(recipe)
    }

    fn set(&mut self, sets: &[(String, String)]) -> Result<()> {
        for (name, value) in sets {
            let column = known("--set", name)?;
            let name = COLUMNS[column].name;
            if std::mem::replace(&mut self.is_set[column], true) {
                return Err(Error::invalid_input(format!(
                    "invalid --set COLUMN {name:?}: expected one value per column"
                )));
            }
            builder::assign_text(&mut self.template, column, value, &self.date_formats)
                .map_err(|what| Error::invalid_input(format!("invalid --set {name}={value:?}: it {what}")))?;
            self.notes.push(format!("{name} is {value:?} (--set)"));
        }
        Ok(())
    }
}

fn known(flag: &str, name: &str) -> Result<usize> {
    columns::find(name).ok_or_else(|| {
        Error::invalid_input(format!("invalid {flag} column {name:?}: expected one of {}", all_columns()))
    })
}

/// The recipe without flags.
#[cfg(test)]
impl Default for Recipe {
    fn default() -> Self {
        Self::of_flags(&[]).unwrap()
    }
}

#[cfg(test)]
impl Recipe {
    /// The recipe of these flags, with a fixed time of loading.
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
        Self::new(&cli.args, now)
    }
}
