//! Rows of any format become ads here: one place for names, rules, bad cells and pay.

use std::sync::Arc;

use common::Result;
use common::job::{JobAd, Timestamp};

use super::dates::DateFormat;
use super::pay::{self, Pay};
use super::plan::Plan;
use super::reader::Place;
use super::recipe::{BadCells, Otherwise, Recipe};
use super::rules::{Rule, Tally};
use super::value::{self, Value};
use crate::columns::{COLUMNS, Column, Place as Kind};
use crate::timestamp;

/// One row of a file.
pub(super) trait Row {
    /// What stands at `source` of the plan; `None` where there is no such member.
    fn value(&self, source: usize) -> Option<Value<'_>>;

    /// What the row says of the columns it lacks, where not every row has the same columns.
    fn lacks(&self, columns: &[usize]) -> String;
}

/// Makes ads of rows, and counts what the rules did.
pub(super) struct Builder {
    recipe: Arc<Recipe>,
    tally: Tally,
    built: u64,
    /// The first error of a row that was left out.
    first_skipped: Option<common::Error>,
    loaded_now: Option<(&'static str, Timestamp)>,
}

impl Builder {
    pub(super) fn new(recipe: Arc<Recipe>) -> Self {
        Self { recipe, tally: Tally::default(), built: 0, first_skipped: None, loaded_now: None }
    }

    /// What the rules did so far.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Where values came from that are in no cell.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.recipe.notes.clone();
        notes.extend(self.loaded_now.map(|(column, now)| {
            format!(
                "{column} is {}, the moment of loading, where the file has none (--set {column}=... says another)",
                timestamp::format(&now)
            )
        }));
        notes
    }

    /// Refuses a file of which nothing was left.
    pub(super) fn finish(&mut self) -> Result<()> {
        match self.first_skipped.take() {
            Some(error) if self.built == 0 => Err(error.context("every row would be left out; the first")),
            _ => Ok(()),
        }
    }

    /// The ad of `row`, or `None` where it is left out.
    pub(super) fn build(&mut self, plan: &Plan, row: &impl Row, place: &Place) -> Result<Option<JobAd>> {
        let mut ad = self.recipe.template.clone();
        let mut lacking = Vec::new();
        for field in &plan.fields {
            let Some(value) = pick(row, &field.sources, &COLUMNS[field.column]) else {
                if !self.fill_in(&mut ad, field.column) && COLUMNS[field.column].is_required() {
                    lacking.push(field.column);
                }
                continue;
            };
            if !self.put(&mut ad, field.column, value, place)? {
                return Ok(None);
            }
        }
        if !lacking.is_empty() {
            let error = place.error(row.lacks(&lacking));
            // The first row of a file shows that the names are wrong, not the cells.
            if self.recipe.bad_cells != BadCells::SkipRow || self.built == 0 {
                return Err(error);
            }
            self.skip(place, COLUMNS[lacking[0]].name, "is missing", error);
            return Ok(None);
        }
        if plan.is_paid_by_interval {
            match pay::by_interval(&mut ad) {
                Pay::Plain => {}
                Pay::By(rule) => self.note_pay(rule, &ad, place),
                Pay::Unknown => self.note_pay(Rule::UnknownInterval, &ad, place),
            }
        }
        self.built += 1;
        Ok(Some(ad))
    }

    fn note_pay(&mut self, rule: Rule, ad: &JobAd, place: &Place) {
        self.tally.note(rule, place, "job_salary_type", ad.job_salary_type.as_deref().unwrap_or("NULL"));
    }

    /// Gives `column` the recipe's value for files that lack it; says whether there is one.
    fn fill_in(&mut self, ad: &mut JobAd, column: usize) -> bool {
        let recipe = Arc::clone(&self.recipe);
        let Some((_, otherwise)) = recipe.otherwise.iter().find(|(of, _)| *of == column) else {
            return false;
        };
        let value = match otherwise {
            Otherwise::Text(text) => Value::Text(text.as_str().into()),
            Otherwise::Now(now) => {
                self.loaded_now = Some((COLUMNS[column].name, *now));
                Value::Moment(*now)
            }
        };
        // [`Recipe::of`] has tried it.
        put(ad, &COLUMNS[column], value, &recipe.date_formats).is_ok()
    }

    /// Puts `value` into its column; `false` where the row is to be left out.
    fn put(&mut self, ad: &mut JobAd, column: usize, value: Value<'_>, place: &Place) -> Result<bool> {
        let column = &COLUMNS[column];
        let is_decoded = value != Value::Undecoded;
        // A long text is taken without a rule, so that nothing of it is copied for a report.
        let is_plain = matches!((&value, column.holds()), (Value::Text(_), "text")) && !column.is_id();
        let shown = if is_plain { String::new() } else { value.shown() };
        let what = match put(ad, column, value, &self.recipe.date_formats) {
            Ok(None) => return Ok(true),
            Ok(Some(rule)) => {
                self.tally.note(rule, place, column.name, &shown);
                return Ok(true);
            }
            Err(what) => what,
        };
        let error = |remedy: &str| place.error(format_args!(", column {}: {what}{remedy}", column.name));
        if !is_decoded {
            return Err(error(": load the file with its encoding, for example --encoding windows-1252"));
        }
        match (self.recipe.bad_cells, column.is_required()) {
            (BadCells::Refuse, false) => Err(error("; or load it with --bad-cells missing or skip-row")),
            (BadCells::Refuse | BadCells::Missing, true) => {
                Err(error("; or load it with --bad-cells skip-row"))
            }
            (BadCells::Missing, false) => {
                self.tally.note(Rule::BadCell, place, column.name, &shown);
                Ok(true)
            }
            (BadCells::SkipRow, _) => {
                self.skip(place, column.name, &shown, error(""));
                Ok(false)
            }
        }
    }

    fn skip(&mut self, place: &Place, column: &'static str, shown: &str, error: common::Error) {
        self.tally.note(Rule::SkippedRow, place, column, shown);
        self.first_skipped.get_or_insert(error);
    }
}

/// The first value that `column` takes for one, else the first that is there.
fn pick<'a>(row: &'a impl Row, sources: &[usize], column: &Column) -> Option<Value<'a>> {
    if let [only] = sources {
        return row.value(*only);
    }
    let is_text = matches!(column.place, Kind::Text(_));
    let mut first = None;
    for value in sources.iter().filter_map(|source| row.value(*source)) {
        // In a text column a word such as `None` is text.
        let is_missing =
            if is_text && matches!(value, Value::Text(_)) { value.is_blank() } else { value.is_missing() };
        if !is_missing {
            return Some(value);
        }
        first.get_or_insert(value);
    }
    first
}

/// Puts `value` into `column` of `ad`, and says by which rule where it was not plain.
fn put(
    ad: &mut JobAd,
    column: &Column,
    value: Value<'_>,
    formats: &[DateFormat],
) -> Result<Option<Rule>, String> {
    Ok(match column.place {
        Kind::Text(field) => {
            let (text, rule) = value::text(value, column.is_id())?;
            *field(ad) = text;
            rule
        }
        Kind::Key(field) => {
            let (key, rule) = value::key(value)?;
            *field(ad) = key;
            rule
        }
        Kind::Salary(field) => {
            let (amount, rule) = value::amount(&value)?;
            *field(ad) = amount;
            rule
        }
        Kind::Moment(field) => {
            let (moment, rule) = value::moment(&value, formats)?;
            *field(ad) = moment;
            rule
        }
        Kind::Sighted(field) => match value::moment(&value, formats)? {
            (Some(moment), rule) => {
                *field(ad) = moment;
                rule
            }
            (None, Some(_)) => {
                return Err(format!(
                    "is {}, a word for a missing value; every sighting needs one",
                    value::quoted(&value.shown())
                ));
            }
            (None, None) => return Err("is empty; every sighting needs one".to_owned()),
        },
    })
}

/// Puts a text of the user's into a column of `ad`.
pub(super) fn put_text(
    ad: &mut JobAd,
    column: usize,
    text: &str,
    formats: &[DateFormat],
) -> Result<(), String> {
    put(ad, &COLUMNS[column], Value::Text(text.into()), formats).map(drop)
}
