//! Builds ads from the rows of any format: column names, rules, bad cells and monthly pay.

use std::sync::Arc;

use common::Result;
use common::job::{JobAd, Timestamp};

use super::dates::DateFormat;
use super::pay::{self, Pay};
use super::plan::Plan;
use super::reader::Location;
use super::recipe::{BadCells, DefaultValue, Recipe};
use super::rules::{Rule, Tally};
use super::value::{self, Value};
use crate::columns::{COLUMNS, Column, ColumnKind};
use crate::timestamp;

/// One row of a file.
pub(super) trait Row {
    /// The value of the plan's source `source`; `None` if the row does not have it.
    fn value(&self, source: usize) -> Option<Value<'_>>;

    /// The end of an error about required columns that the row does not have. It follows the location of the row.
    fn missing_columns(&self, columns: &[usize]) -> String;
}

/// Builds ads from rows, and counts the uses of each rule.
pub(super) struct Builder {
    recipe: Arc<Recipe>,
    tally: Tally,
    built: u64,
    /// The error of the first row that was skipped.
    first_skipped: Option<common::Error>,
    /// The column that was filled with the time of loading, and that time.
    time_of_loading: Option<(&'static str, Timestamp)>,
}

impl Builder {
    pub(super) fn new(recipe: Arc<Recipe>) -> Self {
        Self { recipe, tally: Tally::default(), built: 0, first_skipped: None, time_of_loading: None }
    }

    /// The uses of each rule so far.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Notes for the report about values that come from flags or presets and not from cells.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.recipe.notes.clone();
        notes.extend(self.time_of_loading.map(|(column, now)| {
            format!(
                "{column} is {}, the time of loading, where the file has none (override it with --set {column}=...)",
                timestamp::format(&now)
            )
        }));
        notes
    }

    /// Returns an error if every row of the file was skipped.
    pub(super) fn finish(&mut self) -> Result<()> {
        match self.first_skipped.take() {
            Some(error) if self.built == 0 => Err(error.context("every row would be skipped; the first")),
            _ => Ok(()),
        }
    }

    /// Builds the ad of `row`, or returns `None` if the row is skipped.
    pub(super) fn build(
        &mut self,
        plan: &Plan,
        row: &impl Row,
        location: &Location,
    ) -> Result<Option<JobAd>> {
        let mut ad = self.recipe.template.clone();
        let mut missing = Vec::new();
        for field in &plan.fields {
            let Some(value) = pick(row, &field.sources, &COLUMNS[field.column]) else {
                if !self.set_default(&mut ad, field.column) && COLUMNS[field.column].is_required() {
                    missing.push(field.column);
                }
                continue;
            };
            if !self.assign(&mut ad, field.column, value, location)? {
                return Ok(None);
            }
        }
        if !missing.is_empty() {
            let error = location.error(row.missing_columns(&missing));
            // Before any ad is built, a missing column means a wrong column name rather than a bad row.
            if self.recipe.bad_cells != BadCells::SkipRow || self.built == 0 {
                return Err(error);
            }
            self.skip(location, COLUMNS[missing[0]].name, "is missing", error);
            return Ok(None);
        }
        if plan.has_computed_pay {
            match pay::set_monthly_pay(&mut ad) {
                Pay::Unchanged => {}
                Pay::Converted(rule) => self.note_pay(rule, &ad, location),
                Pay::UnknownInterval => self.note_pay(Rule::UnknownInterval, &ad, location),
            }
        }
        self.built += 1;
        Ok(Some(ad))
    }

    fn note_pay(&mut self, rule: Rule, ad: &JobAd, location: &Location) {
        self.tally.note(rule, location, "job_salary_type", ad.job_salary_type.as_deref().unwrap_or("NULL"));
    }

    /// Sets `column` to the recipe's default for files without it; returns whether there is one.
    fn set_default(&mut self, ad: &mut JobAd, column: usize) -> bool {
        let recipe = Arc::clone(&self.recipe);
        let Some((_, default)) = recipe.defaults.iter().find(|(other, _)| *other == column) else {
            return false;
        };
        let value = match default {
            DefaultValue::Text(text) => Value::Text(text.as_str().into()),
            DefaultValue::Now(now) => {
                self.time_of_loading = Some((COLUMNS[column].name, *now));
                Value::Moment(*now)
            }
        };
        // `Recipe::new` has validated the value.
        assign(ad, &COLUMNS[column], value, &recipe.date_formats).is_ok()
    }

    /// Assigns `value` to its column; returns `false` if the row is to be skipped.
    fn assign(
        &mut self,
        ad: &mut JobAd,
        column: usize,
        value: Value<'_>,
        location: &Location,
    ) -> Result<bool> {
        let column = &COLUMNS[column];
        let is_decoded = value != Value::Undecoded;
        // Text columns other than ids need no rule, so that no excerpt of the text is copied for the report.
        let is_plain = matches!((&value, column.type_name()), (Value::Text(_), "text")) && !column.is_id();
        let shown = if is_plain { String::new() } else { value.shown() };
        let what = match assign(ad, column, value, &self.recipe.date_formats) {
            Ok(None) => return Ok(true),
            Ok(Some(rule)) => {
                self.tally.note(rule, location, column.name, &shown);
                return Ok(true);
            }
            Err(what) => what,
        };
        let error = |remedy: &str| location.error(format_args!(", column {}: {what}{remedy}", column.name));
        if !is_decoded {
            return Err(error("; load the file with its encoding, for example --encoding windows-1252"));
        }
        match (self.recipe.bad_cells, column.is_required()) {
            (BadCells::Refuse, false) => Err(error("; or load it with --bad-cells missing or skip-row")),
            (BadCells::Refuse | BadCells::Missing, true) => {
                Err(error("; or load it with --bad-cells skip-row"))
            }
            (BadCells::Missing, false) => {
                self.tally.note(Rule::BadCell, location, column.name, &shown);
                Ok(true)
            }
            (BadCells::SkipRow, _) => {
                self.skip(location, column.name, &shown, error(""));
                Ok(false)
            }
        }
    }

    fn skip(&mut self, location: &Location, column: &'static str, shown: &str, error: common::Error) {
        self.tally.note(Rule::SkippedRow, location, column, shown);
        self.first_skipped.get_or_insert(error);
    }
}

/// The first source with a value that is not missing for `column`, or else the first source that the row has.
fn pick<'a>(row: &'a impl Row, sources: &[usize], column: &Column) -> Option<Value<'a>> {
    if let [only] = sources {
        return row.value(*only);
    }
    let is_text = matches!(column.kind, ColumnKind::Text(_));
    let mut first = None;
    for value in sources.iter().filter_map(|source| row.value(*source)) {
        // In a text column a word such as `None` is ordinary text.
        let is_missing =
            if is_text && matches!(value, Value::Text(_)) { value.is_blank() } else { value.is_missing() };
        if !is_missing {
            return Some(value);
        }
        first.get_or_insert(value);
    }
    first
}

/// Assigns `value` to `column` of `ad`, and returns the rule that converted it, if any.
fn assign(
    ad: &mut JobAd,
    column: &Column,
    value: Value<'_>,
    formats: &[DateFormat],
) -> Result<Option<Rule>, String> {
    Ok(match column.kind {
        ColumnKind::Text(field) => {
            let (text, rule) = value::text(value, column.is_id())?;
            *field(ad) = text;
            rule
        }
        ColumnKind::Key(field) => {
            let (key, rule) = value::key(value)?;
            *field(ad) = key;
            rule
        }
        ColumnKind::Salary(field) => {
            let (amount, rule) = value::amount(&value)?;
            *field(ad) = amount;
            rule
        }
        ColumnKind::Moment(field) => {
            let (moment, rule) = value::moment(&value, formats)?;
            *field(ad) = moment;
            rule
        }
        ColumnKind::ScrapeTimestamp(field) => match value::moment(&value, formats)? {
            (Some(moment), rule) => {
                *field(ad) = moment;
                rule
            }
            (None, Some(_)) => {
                return Err(format!(
                    "is {}, a word for a missing value; expected a timestamp in every row",
                    value::quoted(&value.shown())
                ));
            }
            (None, None) => return Err("is empty; expected a timestamp in every row".to_owned()),
        },
    })
}

/// Assigns a text from a flag or a preset to a column of `ad`.
pub(super) fn assign_text(
    ad: &mut JobAd,
    column: usize,
    text: &str,
    formats: &[DateFormat],
) -> Result<(), String> {
    assign(ad, &COLUMNS[column], Value::Text(text.into()), formats).map(drop)
}
