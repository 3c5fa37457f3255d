//! Statements of `infra` and their placeholders, for example `{cleaned_jobs}`. Values are always parameters; only
//! names of tables and columns, constants, and parts of statements are inserted into the text.

use common_core::job::{DESCRIPTION_CHARS, TITLE_CHARS, URL_CHARS};
use common_core::{Error, Result};

use crate::warehouse::{EmbeddingTable, FEATURE_CHARS};

/// A statement of a `.sql` file, or a part of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    /// File name without its extension.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// Declares a constant for each `.sql` file of a folder below `infra`, and `ALL` for the tests.
macro_rules! statements {
    ($folder:literal: $($constant:ident = $name:literal,)*) => {
        $(
            pub(crate) const $constant: $crate::sql::Template = $crate::sql::Template {
                name: $name,
                text: include_str!(concat!("../../../../infra/", $folder, "/", $name, ".sql")),
            };
        )*
        #[cfg(test)]
        pub(crate) const ALL: &[$crate::sql::Template] = &[$($constant),*];
    };
}
pub(crate) use statements;

/// Values of placeholders. A later value for the same name is ignored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(Vec<(&'static str, String)>);

impl Values {
    /// Adds a value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds the values of `others`.
    #[cfg(feature = "gcp")]
    pub(crate) fn and(mut self, others: &Self) -> Self {
        self.0.extend_from_slice(&others.0);
        self
    }

    /// Adds the name and the dimension of a table of embeddings.
    pub(crate) fn on(self, table: &EmbeddingTable) -> Self {
        self.with("job_embeddings", &*table.name)
            .with("job_embeddings_masked", table.masked().name)
            .with("vw_ml_features", table.features_view())
            .with("dimension", table.dimension.to_string())
    }

    /// Adds the names and constants that are the same in every warehouse.
    pub(crate) fn with_constants(mut self) -> Self {
        for name in [
            "cleaned_jobs",
            "forgotten_ads",
            "ml_features",
            "ml_predictions",
            "ml_runs",
            "vw_latest_jobs",
            "vw_predictions_latest",
            "vw_runs",
        ] {
            self = self.with(name, name);
        }
        self.with("description_chars", DESCRIPTION_CHARS.to_string())
            .with("feature_chars", FEATURE_CHARS.to_string())
            .with("title_chars", TITLE_CHARS.to_string())
            .with("url_chars", URL_CHARS.to_string())
    }

    /// Whether `name` has a value.
    #[cfg(feature = "gcp")]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }
}

impl Template {
    /// The text with its placeholders replaced.
    ///
    /// # Errors
    /// `Internal` if a placeholder has no value.
    pub(crate) fn fill(&self, values: &Values) -> Result<String> {
        let mut filled = String::with_capacity(self.text.len());
        let mut rest = self.text.trim_end();
        while let Some((before, name, after)) = next_placeholder(rest) {
            filled.push_str(before);
            filled.push_str(values.get(name).ok_or_else(|| {
                Error::internal(format!("statement {} has no value for placeholder {name}", self.name))
            })?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Whether the text has one of these placeholders.
    pub(crate) fn mentions(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.text.contains(&format!("{{{name}}}")))
    }
}

/// The text before the first placeholder, its name, and the text after it. A placeholder's name has lower-case
/// letters and underscores only, so braces of JSON or of regular expressions are not placeholders.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find('{')?;
        let name = text[open + 1..].split(|c: char| !c.is_ascii_lowercase() && c != '_').next()?;
        let close = open + 1 + name.len();
        if !name.is_empty() && text[close..].starts_with('}') {
            return Some((&text[..open], name, &text[close + 1..]));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let text = "SELECT '{\"a\": 1}', '\\x{85}\\p{Z}' FROM {table} WHERE {column} = {} LIMIT {table}\n";
        let template = Template { name: "test", text };
        let values = Values::default().with("table", "t").with("column", "{table}").with("table", "other");
        let filled = template.fill(&values).unwrap();
        assert_eq!(filled, "SELECT '{\"a\": 1}', '\\x{85}\\p{Z}' FROM t WHERE {table} = {} LIMIT t");
        let error = template.fill(&Values::default().with("table", "t")).unwrap_err();
        assert_eq!(error.to_string(), "statement test has no value for placeholder column");
    }

    /// The statement without its comments.
    fn code(template: &Template) -> String {
        let lines = template.text.lines().filter(|line| !line.trim_start().starts_with("--"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn check(folder: &str, all: &[Template], known: &[&'static str]) {
        let root = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        let files = std::fs::read_dir(format!("{root}/../../infra/{folder}")).unwrap();
        let mut files: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        // Used by scripts/demo only.
        files.retain(|file| file != "sample_neighbours.sql");
        files.sort_unstable();
        let mut loaded: Vec<String> = all.iter().map(|template| format!("{}.sql", template.name)).collect();
        loaded.sort_unstable();
        assert_eq!(loaded, files, "{folder}");
        let values = known.iter().fold(Values::default(), |values, name| values.with(name, "x"));
        for template in all {
            template.fill(&values).unwrap();
            let code = code(template);
            let words = code.split(|c: char| !c.is_ascii_alphanumeric() && !"_{}".contains(c));
            for word in words {
                let is_bare = [
                    "cleaned_jobs",
                    "forgotten_ads",
                    "job_embeddings",
                    "job_embeddings_masked",
                    "ml_features",
                    "ml_predictions",
                    "ml_runs",
                    "vw_runs",
                    "vw_latest_jobs",
                    "vw_ml_features",
                    "vw_predictions_latest",
                ]
                .contains(&word);
                assert!(!is_bare, "{folder}/{}.sql names {word} without a placeholder", template.name);
            }
        }
        for name in known {
            let is_used = all.iter().any(|template| template.mentions(&[name]));
            assert!(is_used, "no statement of {folder} has {{{name}}}");
        }
    }

    const NAMES: [&str; 18] = [
        "cleaned_jobs",
        "forgotten_ads",
        "job_embeddings",
        "job_embeddings_masked",
        "ml_features",
        "ml_predictions",
        "ml_runs",
        "vw_runs",
        "vw_latest_jobs",
        "vw_ml_features",
        "vw_predictions_latest",
        "selected",
        "dimension",
        "feature_chars",
        "title_chars",
        "description_chars",
        "url_chars",
        "table",
    ];

    #[cfg(feature = "duckdb")]
    #[test]
    fn every_placeholder_of_duckdbs_statements_is_known() {
        let parts = ["other_columns_hash", "latest_sightings", "column", "type", "value_column"];
        check("duckdb", crate::duckdb::sql::ALL, &[&NAMES[..], &parts].concat());
    }

    #[cfg(feature = "gcp")]
    #[test]
    fn every_placeholder_of_bigquerys_statements_is_known() {
        let parts = [
            "latest_jobs",
            "latest_of_share",
            "staged_embeddings",
            "staged_predictions",
            "column",
            "type",
            "value_column",
        ];
        check("bigquery", crate::bigquery::sql::ALL, &[&NAMES[..], &parts].concat());
    }
}
