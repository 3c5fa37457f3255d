//! Presets: what a known source calls its columns, in a file that a person can read and copy.

use std::collections::BTreeMap;
use std::path::Path;

use common::{Error, Result};
use serde::Deserialize;

use crate::columns::{self, COLUMNS};

/// The presets that come with the tool.
const SHIPPED: [(&str, &str); 2] = [
    ("jobspy", include_str!("../../presets/jobspy.toml")),
    ("mycareersfuture", include_str!("../../presets/mycareersfuture.toml")),
];

/// A preset as its file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preset {
    /// What files it is for.
    pub(super) about: String,
    /// Where in a JSON document the list of ads is.
    #[serde(default)]
    pub(super) rows: Option<String>,
    /// Columns by which a file is recognised.
    #[serde(default)]
    recognise: Vec<String>,
    /// Of each of our columns, those of the file.
    #[serde(default)]
    columns: BTreeMap<String, Names>,
    /// Values of columns that the file lacks.
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
    /// The preset of this name, or in this file.
    ///
    /// # Errors
    /// `InvalidInput` where there is none or it is not readable.
    pub(super) fn named(name: &str) -> Result<Self> {
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(name, text);
        }
        let names = SHIPPED.map(|(name, _)| name).join(", ");
        let path = Path::new(name);
        let is_path = name.contains('/') || path.extension().is_some();
        if is_path && !path.exists() {
            return Err(Error::invalid_input(format!("invalid --preset {name:?}: there is no such file")));
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
                    "invalid --preset {name:?}: {column:?} is no column of cleaned_jobs; expected one of {}",
                    all_columns()
                )));
            }
        }
        Ok(preset)
    }

    /// Pairs of one of our columns and the names of its values in the file, the preferred one first.
    pub(super) fn columns(&self) -> impl Iterator<Item = (usize, &[String])> {
        self.columns.iter().filter_map(|(column, names)| {
            let names = match names {
                Names::One(name) => std::slice::from_ref(name),
                Names::Several(names) => names,
            };
            Some((columns::find(column)?, names))
        })
    }

    /// Pairs of one of our columns and its value where the file has none.
    pub(super) fn otherwise(&self) -> impl Iterator<Item = (usize, &str)> {
        self.otherwise.iter().filter_map(|(column, value)| Some((columns::find(column)?, value.as_str())))
    }

    /// Name and description of the shipped preset that knows files of these columns.
    pub(super) fn recognised(has: impl Fn(&str) -> bool) -> Option<(&'static str, String)> {
        SHIPPED.iter().find_map(|(name, text)| {
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
    fn shipped_presets_are_readable() {
        for (name, _) in SHIPPED {
            let preset = Preset::named(name).unwrap();
            assert!(preset.columns().count() > 10 && !preset.recognise.is_empty(), "{name}");
        }
        let (name, about) =
            Preset::recognised(|column| ["site", "job_url", "date_posted"].contains(&column)).unwrap();
        assert_eq!((name, about.as_str()), ("jobspy", "JobSpy's CSV"));
        assert!(Preset::recognised(|column| column == "site").is_none());
    }

    #[test]
    fn a_preset_that_is_wrong_is_refused_with_its_line() {
        for (text, expected) in [
            (
                "about = \"x\"\n[columns]\nwages = \"pay\"\n",
                "\"wages\" is no column of cleaned_jobs; expected one of source,",
            ),
            ("about = \"x\"\nrules = 1\n", "line 2: unknown field `rules`"),
            ("about = \n", "line 1: "),
        ] {
            let said = Preset::parse("my.toml", text).unwrap_err().to_string();
            assert!(said.starts_with("invalid --preset \"my.toml\": ") && said.contains(expected), "{said}");
        }
        let said = Preset::named("linkedin").unwrap_err().to_string();
        assert!(said.contains("expected jobspy, mycareersfuture, or a preset file"), "{said}");
    }
}
