//! The recipe applied to one file: which of its columns goes where.

use std::path::Path;

use common::Result;

use super::reader::{Notes, refuse};
use super::recipe::{Recipe, Wanted};
use super::suggest;
use crate::columns::COLUMNS;

/// From where in a row each column comes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) fields: Vec<Field>,
    /// Whether pay a month is worked out from the raw columns.
    pub(super) is_paid_by_interval: bool,
}

/// One column and where its value may be, the preferred place first.
#[derive(Debug)]
pub(super) struct Field {
    /// Its place in [`COLUMNS`].
    pub(super) column: usize,
    /// Columns of the file, or members of an object.
    pub(super) sources: Vec<usize>,
}

impl Plan {
    fn new(fields: Vec<Field>, recipe: &Recipe) -> Self {
        let is_there = |name: &str, is_mapped: bool| {
            let of =
                |wanted: &&Wanted| COLUMNS[wanted.column].name == name && (wanted.is_mapped || !is_mapped);
            let column = recipe.wanted.iter().find(of).map(|wanted| wanted.column);
            fields.iter().any(|field| Some(field.column) == column && !field.sources.is_empty())
        };
        let is_raw_mapped =
            is_there("job_salary_min_sgd_raw", true) || is_there("job_salary_max_sgd_raw", true);
        Self { is_paid_by_interval: is_raw_mapped, fields }
    }

    /// The plan of a file whose columns have these names.
    ///
    /// # Errors
    /// `InvalidInput` where a required column or one that the user mapped is not there, or a needed one is there twice.
    pub(super) fn of_names(path: &Path, names: &[&str], recipe: &Recipe) -> Result<(Self, Notes)> {
        let mut notes = Notes::default();
        let mut is_used = vec![false; names.len()];
        let (mut fields, mut lacking) = (Vec::new(), Vec::new());
        for wanted in &recipe.wanted {
            let column = COLUMNS[wanted.column].name;
            let mut sources = Vec::new();
            for name in &wanted.names {
                let mut places = (0..names.len()).filter(|place| is_name(names[*place], name));
                if let Some(place) = places.next() {
                    if places.next().is_some() {
                        return Err(refuse(path, format_args!("column {name} is there twice")));
                    }
                    is_used[place] = true;
                    sources.push(place);
                } else if wanted.is_asked_for {
                    let has = suggest::list(names.iter().copied());
                    return Err(refuse(
                        path,
                        format_args!(
                            "invalid --map {name}={column}: there is no column {name}; the file has {has}"
                        ),
                    ));
                }
            }
            let has_other = recipe.otherwise.iter().any(|(of, _)| *of == wanted.column);
            match (sources.is_empty(), COLUMNS[wanted.column].is_required()) {
                (true, true) if !has_other => lacking.push(wanted.column),
                (true, false) if !has_other => notes.absent.push(column),
                _ => fields.push(Field { column: wanted.column, sources }),
            }
        }
        for (name, _) in names.iter().zip(&is_used).filter(|(_, is_used)| !**is_used) {
            notes.ignore(name);
        }
        if !lacking.is_empty() {
            return Err(refuse(path, suggest::missing(&lacking, names, &notes.ignored, recipe.has_preset)));
        }
        let plan = Self::new(fields, recipe);
        notes.absent.retain(|column| !plan.is_worked_out(column));
        Ok((plan, notes))
    }

    /// Says whether the column's values come from other columns, so that a file need not have it.
    pub(super) fn is_worked_out(&self, column: &str) -> bool {
        self.is_paid_by_interval && column.ends_with("_monthly")
    }

    /// The plan of a file whose rows may differ, and the name of each source.
    pub(super) fn of_members(recipe: &Recipe) -> (Self, Vec<String>) {
        let mut names = Vec::new();
        let fields = recipe.wanted.iter().map(|wanted| {
            let first = names.len();
            names.extend(wanted.names.iter().cloned());
            Field { column: wanted.column, sources: (first..names.len()).collect() }
        });
        let fields = fields.collect();
        (Self::new(fields, recipe), names)
    }
}

/// Names are the same in any case, and with white space around them.
pub(super) fn is_name(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b.trim())
}
