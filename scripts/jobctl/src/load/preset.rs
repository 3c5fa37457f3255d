//! Presets: the column names of a known source, stored as TOML files.

use std::collections::BTreeMap;
use std::path::Path;

use common::{Error, Result};
use serde::Deserialize;

use crate::columns::{self, COLUMNS};

/// The presets that are part of the program: name and content.
const BUILT_IN: [(&str, &str); 2] = [
    ("jobspy", include_str!("../../presets/jobspy.toml")),
    ("mycareersfuture", include_str!("../../presets/mycareersfuture.toml")),
];

/// A deserialized preset file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preset {
    /// The kind of files that it is for, for example `JobSpy's CSV`.
    pub(super) about: String,
    /// The path of the list of ads in a JSON document.
    #[serde(default)]
    pub(super) rows: Option<String>,
    /// A file with all of these columns is recognised as a file for this preset.
    #[serde(default)]
    recognise: Vec<String>,
    /// For each column of `cleaned_jobs`, the columns of the file in order of preference.
    #[serde(default)]
    columns: BTreeMap<String, Names>,
    /// Defaults of columns for which the file has no value.
    #[serde(default)]
    otherwise: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Preset {
    /// The built-in preset `name`, or the preset in the file `name`.
    ///
    /// # Errors
    /// `InvalidInput` if there is no such preset or file, or the file is invalid; otherwise the error of reading the
    /// file.
    pub(super) fn named(name: &str) -> Result<Self> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let names = BUILT_IN.map(|(name, _)| name).join(", ");
        let path = Path::new(name);
        let is_path = name.contains('/') || path.extension().is_some();
        if is_path && !path.exists() {
            return Err(Error::invalid_input(format!("invalid --preset {name:?}: the file does not exist")));
        }
        if !path.is_file() {
            return Err(Error::invalid_input(format!(
                "invalid --preset {name:?}: expected {names}, or a preset file such as ./my.toml"
            )));
        }
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::from(error).context(path.display()))?;
        Self::parse(name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let preset: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Error::invalid_input(format!(
                "invalid --preset {name:?}: line {line}: {}; expected about, rows, recognise, [columns] and [otherwise]",
                error.message().lines().next().unwrap_or_default()
            ))
        })?;
        for column in preset.columns.keys().chain(preset.otherwise.keys()) {
            if columns::find(column).is_none() {
                return Err(Error::invalid_input(format!(
                    "invalid --preset {name:?}: invalid column {column:?}: expected one of {}",
                    all_columns()
                )));
            }
        }
        Ok(preset)
    }

    /// Pairs of an index in [`COLUMNS`] and the column's names in the file, in order of preference.
    pub(super) fn columns(&self) -> impl Iterator<Item = (usize, &[String])> {
        self.columns.iter().filter_map(|(column, names)| {
            let names = match names {
                Names::One(name) => std::slice::from_ref(name),
                Names::Several(names) => names,
            };
            Some((columns::find(column)?, names))
        })
    }

    /// Pairs of an index in [`COLUMNS`] and the column's default.
    pub(super) fn defaults(&self) -> impl Iterator<Item = (usize, &str)> {
        self.otherwise.iter().filter_map(|(column, value)| Some((columns::find(column)?, value.as_str())))
    }

    /// Name and description of the built-in preset for a file; `has` returns whether the file has a column.
    pub(super) fn recognise(has: impl Fn(&str) -> bool) -> Option<(&'static str, String)> {
        BUILT_IN.iter().find_map(|(name, text)| {
            let preset = Self::parse(name, text).ok()?;
            preset.recognise.iter().all(|column| has(column)).then_some((*name, preset.about))
        })
    }
}

/// The names of all columns, for errors.
pub(super) fn all_columns() -> String {
    COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_presets_are_valid() {
        for (name, _) in BUILT_IN {
            let preset = Preset::named(name).unwrap();
            assert!(preset.columns().count() > 10 && !preset.recognise.is_empty(), "{name}");
        }
        let (name, about) =
            Preset::recognise(|column| ["site", "job_url", "date_posted"].contains(&column)).unwrap();
        assert_eq!((name, about.as_str()), ("jobspy", "JobSpy's CSV"));
        assert!(Preset::recognise(|column| column == "site").is_none());
    }

    #[test]
    fn errors_of_presets_name_the_line_or_column() {
        for (text, expected) in [
            (
                "about = \"x\"\n[columns]\nwages = \"pay\"\n",
                "invalid column \"wages\": expected one of source,",
            ),
            ("about = \"x\"\nrules = 1\n", "line 2: unknown field `rules`"),
            ("about = \n", "line 1: "),
        ] {
            let error = Preset::parse("my.toml", text).unwrap_err().to_string();
            assert!(
                error.starts_with("invalid --preset \"my.toml\": ") && error.contains(expected),
                "{error}"
            );
        }
        let error = Preset::named("linkedin").unwrap_err().to_string();
        assert!(error.contains("expected jobspy, mycareersfuture, or a preset file"), "{error}");
    }
}
