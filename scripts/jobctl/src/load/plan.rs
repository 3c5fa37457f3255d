//! The plan of a file: from which of its columns or members each column of `cleaned_jobs` is read.

use std::path::Path;

use common::Result;

use super::reader::{Notes, refuse};
use super::recipe::{ColumnNames, Recipe};
use super::suggest;
use crate::columns::COLUMNS;

/// The sources of each column of `cleaned_jobs` in a file.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) fields: Vec<Field>,
    /// Whether monthly pay is computed from the raw columns and the pay interval.
    pub(super) has_computed_pay: bool,
}

/// A column of `cleaned_jobs` and its sources in order of preference.
#[derive(Debug)]
pub(super) struct Field {
    /// Its index in [`COLUMNS`].
    pub(super) column: usize,
    /// Indexes of columns of the file, or of the member names of [`Plan::of_members`].
    pub(super) sources: Vec<usize>,
}

impl Plan {
    fn new(fields: Vec<Field>, recipe: &Recipe) -> Self {
        let has_source = |name: &str, is_mapped: bool| {
            let is_wanted = |wanted: &&ColumnNames| {
                COLUMNS[wanted.column].name == name && (wanted.is_mapped || !is_mapped)
            };
            let column = recipe.wanted.iter().find(is_wanted).map(|wanted| wanted.column);
            fields.iter().any(|field| Some(field.column) == column && !field.sources.is_empty())
        };
        let is_raw_mapped =
            has_source("job_salary_min_sgd_raw", true) || has_source("job_salary_max_sgd_raw", true);
        Self { has_computed_pay: is_raw_mapped, fields }
    }

    /// The plan of a file with these column names.
    ///
    /// # Errors
    /// `InvalidInput` if a required column or a column of `--map` is missing, or a column that is read is a duplicate.
    pub(super) fn of_names(path: &Path, names: &[&str], recipe: &Recipe) -> Result<(Self, Notes)> {
        let mut notes = Notes::default();
        let mut is_used = vec![false; names.len()];
        let (mut fields, mut missing) = (Vec::new(), Vec::new());
        for wanted in &recipe.wanted {
            let column = COLUMNS[wanted.column].name;
            let mut sources = Vec::new();
            for name in &wanted.names {
                let mut indexes = (0..names.len()).filter(|index| is_same_name(names[*index], name));
                if let Some(index) = indexes.next() {
                    if indexes.next().is_some() {
                        return Err(refuse(path, format_args!("duplicate column {name}: expected it once")));
                    }
                    is_used[index] = true;
                    sources.push(index);
                } else if wanted.is_from_flag {
                    let has = suggest::list(names.iter().copied());
                    return Err(refuse(
                        path,
                        format_args!("invalid --map {name}={column}: expected a column of the file: {has}"),
                    ));
                }
            }
            let has_default = recipe.defaults.iter().any(|(column, _)| *column == wanted.column);
            match (sources.is_empty(), COLUMNS[wanted.column].is_required()) {
                (true, true) if !has_default => missing.push(wanted.column),
                (true, false) if !has_default => notes.absent.push(column),
                _ => fields.push(Field { column: wanted.column, sources }),
            }
        }
        for (name, _) in names.iter().zip(&is_used).filter(|(_, is_used)| !**is_used) {
            notes.ignore(name);
        }
        if !missing.is_empty() {
            return Err(refuse(path, suggest::missing(&missing, names, &notes.ignored, recipe.has_preset)));
        }
        let plan = Self::new(fields, recipe);
        notes.absent.retain(|column| !plan.is_computed(column));
        Ok((plan, notes))
    }

    /// Returns whether the column is computed from other columns, so that its absence need not be reported.
    pub(super) fn is_computed(&self, column: &str) -> bool {
        self.has_computed_pay && column.ends_with("_monthly")
    }

    /// The plan of a file of JSON objects, and the member name of each source.
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

/// Compares column names without regard to case and surrounding white space.
pub(super) fn is_same_name(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b.trim())
}
