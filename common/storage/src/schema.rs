//! The tables and their columns, defined once. Tests compare the engines' CREATE statements with these definitions,
//! and programs compare existing tables with them at startup.

use common_core::{Error, Result};

/// Type of a column; each engine maps it to a type of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// UTC, to the microsecond.
    Moment,
    Number,
    /// A 64-bit integer.
    Integer,
    /// A float32 vector of the model's dimension.
    Vector,
    /// A list of float64.
    Numbers,
}

/// A column of a table defined here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether the column is NOT NULL.
    pub(crate) is_required: bool,
}

/// A table that this program creates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: false }
}

/// One row for each sighting of an ad.
pub(crate) const CLEANED_JOBS: Table = Table {
    name: "cleaned_jobs",
    fields: &[
        required("source", Kind::Text),
        required("scrape_timestamp", Kind::Moment),
        optional("bq_timestamp", Kind::Moment),
        required("job_id", Kind::Text),
        optional("job_url", Kind::Text),
        optional("job_title", Kind::Text),
        optional("job_description", Kind::Text),
        optional("job_location", Kind::Text),
        optional("job_classification", Kind::Text),
        optional("job_work_type", Kind::Text),
        optional("job_salary_min_sgd_raw", Kind::Number),
        optional("job_salary_max_sgd_raw", Kind::Number),
        optional("job_salary_type", Kind::Text),
        optional("job_salary_min_sgd_monthly", Kind::Number),
        optional("job_salary_max_sgd_monthly", Kind::Number),
        optional("job_currency", Kind::Text),
        optional("job_posted_timestamp", Kind::Moment),
        optional("company_id", Kind::Text),
        optional("company_url", Kind::Text),
        optional("company_name", Kind::Text),
        optional("company_description", Kind::Text),
        optional("company_industry", Kind::Text),
        optional("company_size", Kind::Text),
    ],
};

/// Tombstones of the ads that were taken down.
pub(crate) const FORGOTTEN_ADS: Table = Table {
    name: "forgotten_ads",
    fields: &[
        required("source", Kind::Text),
        required("job_id", Kind::Text),
        required("forgotten_at", Kind::Moment),
    ],
};

/// Vectors of the default model; other models use `job_embeddings_{slug}`.
pub(crate) const JOB_EMBEDDINGS: Table = Table {
    name: "job_embeddings",
    fields: &[
        required("source", Kind::Text),
        required("job_id", Kind::Text),
        required("embedding", Kind::Vector),
        required("model_name", Kind::Text),
        required("created_at", Kind::Moment),
        required("embedding_space", Kind::Text),
        required("model_version", Kind::Text),
        required("content_hash", Kind::Text),
        optional("job_location", Kind::Text),
        optional("job_classification", Kind::Text),
        optional("job_work_type", Kind::Text),
        optional("job_posted_timestamp", Kind::Moment),
        optional("salary_mid", Kind::Number),
    ],
};

/// Features as a model saw them.
pub(crate) const ML_FEATURES: Table = Table {
    name: crate::warehouse::ML_FEATURES,
    fields: &[
        required("source", Kind::Text),
        required("job_id", Kind::Text),
        required("as_of", Kind::Moment),
        required("feature_schema", Kind::Text),
        optional("features", Kind::Numbers),
    ],
};

/// Predictions of ads.
pub(crate) const ML_PREDICTIONS: Table = Table {
    name: crate::warehouse::ML_PREDICTIONS,
    fields: &[
        required("source", Kind::Text),
        required("job_id", Kind::Text),
        required("content_hash", Kind::Text),
        required("variant", Kind::Text),
        required("currency", Kind::Text),
        optional("predicted_salary", Kind::Number),
        optional("salary_low", Kind::Number),
        optional("salary_high", Kind::Number),
        optional("salary_confidence", Kind::Number),
        optional("predicted_classification", Kind::Text),
        optional("classification_probability", Kind::Number),
        optional("predicted_cluster", Kind::Integer),
        optional("cluster_name", Kind::Text),
        optional("salary_model_version", Kind::Text),
        optional("role_model_version", Kind::Text),
        optional("cluster_model_version", Kind::Text),
        required("predicted_at", Kind::Moment),
    ],
};

/// Runs of the functions.
pub(crate) const ML_RUNS: Table = Table {
    name: "ml_runs",
    fields: &[
        required("function", Kind::Text),
        required("run_id", Kind::Text),
        required("started_at", Kind::Moment),
        optional("finished_at", Kind::Moment),
        required("status", Kind::Text),
        required("report", Kind::Text),
        required("code_version", Kind::Text),
        optional("recorded_at", Kind::Moment),
    ],
};

/// A declared column missing from an existing table.
#[derive(Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) of_type: String,
    pub(crate) is_required: bool,
}

impl Table {
    /// Declared columns that are not in `found`, the columns of `table` with their types; `of_type` maps a kind to the
    /// engine's type. Order is ignored, and names are compared without case, as in both engines.
    ///
    /// # Errors
    /// `Conflict` if a column has another type.
    pub(crate) fn missing(
        &self,
        table: &str,
        of_type: impl Fn(Kind) -> String,
        found: &[(String, String)],
    ) -> Result<Vec<Column>> {
        let mut missing = Vec::new();
        for Field { name, kind, is_required } in self.fields {
            let needs = of_type(*kind);
            match found.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)) {
                None => missing.push(Column { name, of_type: needs, is_required: *is_required }),
                Some((_, has)) if *has == needs => {}
                Some((name, has)) => {
                    return Err(refuse(&format!(
                        "column {name} of table {table} is {has}, and this program needs {needs}"
                    )));
                }
            }
        }
        Ok(missing)
    }

    /// Whether this program defines a column of this name; all others belong to the table's owner.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// The columns of `missing`, if they can be added to a table that has rows.
///
/// # Errors
/// `Conflict` if a column cannot be added because it is NOT NULL.
pub(crate) fn addable(table: &str, missing: Vec<Column>) -> Result<Vec<Column>> {
    match missing.iter().find(|column| column.is_required) {
        Some(column) => Err(lacks(table, column)),
        None => Ok(missing),
    }
}

/// The error for a NOT NULL column that this program does not write.
pub(crate) fn unfillable(table: &str, name: &str) -> Error {
    Error::conflict(format!(
        "column {name} of table {table} is NOT NULL and has no default, and this program does not write it: give it a default, or \
         make it nullable"
    ))
}

pub(crate) fn lacks(table: &str, Column { name, of_type, .. }: &Column) -> Error {
    Error::conflict(format!(
        "table {table} has no column {name} ({of_type}): add it (jobctl load adds those of cleaned_jobs), or choose another \
         warehouse"
    ))
}

/// The error for an existing table or view with an incompatible schema.
pub(crate) fn refuse(sentence: &str) -> Error {
    Error::conflict(format!(
        "{sentence}: rename it or choose another warehouse, so that this program can create its own"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches;

    const TABLE: Table =
        Table { name: "t", fields: &[required("a", Kind::Text), optional("b", Kind::Vector)] };

    fn of_type(kind: Kind) -> String {
        if kind == Kind::Text { "VARCHAR".to_owned() } else { "FLOAT[3]".to_owned() }
    }

    fn missing(columns: &[(&str, &str)]) -> Result<Vec<Column>> {
        let found: Vec<_> =
            columns.iter().map(|(name, of_type)| ((*name).to_owned(), (*of_type).to_owned())).collect();
        TABLE.missing("t", of_type, &found)
    }

    #[test]
    fn a_missing_column_is_named_and_added_only_if_it_is_nullable() {
        assert!(missing(&[("B", "FLOAT[3]"), ("a", "VARCHAR"), ("c", "X")]).unwrap().is_empty());
        let lacks_b = missing(&[("a", "VARCHAR")]).unwrap();
        assert_eq!(addable("t", lacks_b).unwrap()[0].of_type, "FLOAT[3]");
        let lacks_a = missing(&[("b", "FLOAT[3]")]).unwrap();
        assert!(addable("t", lacks_a).unwrap_err().to_string().contains("has no column a (VARCHAR)"));
    }

    #[test]
    fn another_type_is_refused_with_both_names() {
        let error = missing(&[("a", "BIGINT")]).unwrap_err().to_string();
        assert!(error.contains("a of table t is BIGINT, and this program needs VARCHAR"), "{error}");
    }

    #[test]
    fn batches_have_the_columns_of_their_tables() {
        let named = |table: &Table| table.fields.iter().map(|field| field.name).collect::<Vec<_>>();
        let jobs = batches::jobs(&[]).unwrap();
        let embeddings = batches::embeddings(&[], 3).unwrap();
        let set = crate::warehouse::FeatureSet {
            as_of: chrono::DateTime::UNIX_EPOCH,
            feature_schema: String::new(),
        };
        let features = batches::features(&set, &[]).unwrap();
        let predictions = batches::predictions(&[]).unwrap();
        for (table, batch) in [
            (CLEANED_JOBS, jobs),
            (JOB_EMBEDDINGS, embeddings),
            (ML_FEATURES, features),
            (ML_PREDICTIONS, predictions),
        ] {
            let columns: Vec<String> =
                batch.schema().fields().iter().map(|field| field.name().clone()).collect();
            assert_eq!(columns, named(&table));
        }
    }

    /// Tokens of a statement without its comments: words and single punctuation characters.
    fn tokens(sql: &str) -> Vec<String> {
        let mut tokens: Vec<String> = Vec::new();
        for line in sql.lines() {
            let mut is_word = false;
            for c in line.split("--").next().unwrap_or_default().chars() {
                let continues = c.is_alphanumeric() || c == '_';
                match tokens.last_mut().filter(|_| is_word && continues) {
                    Some(word) => word.push(c),
                    None if c.is_whitespace() => {}
                    None => tokens.push(c.to_string()),
                }
                is_word = continues;
            }
        }
        tokens
    }

    /// Columns of a CREATE TABLE statement: name, type, and whether it is NOT NULL.
    fn declared(sql: &str) -> Vec<(String, String, bool)> {
        let tokens = tokens(sql);
        let open = tokens.iter().position(|token| token == "(").unwrap();
        let (mut depth, mut columns, mut column) = (0, Vec::new(), Vec::<String>::new());
        for token in &tokens[open + 1..] {
            match token.as_str() {
                "," | ")" if depth == 0 => {
                    let required = column.ends_with(&["NOT".to_owned(), "NULL".to_owned()]);
                    let type_end = column.len() - if required { 2 } else { 0 };
                    columns.push((column[0].clone(), column[1..type_end].concat(), required));
                    column.clear();
                    if token == ")" {
                        return columns;
                    }
                }
                other => {
                    depth += i32::from("(<[{".contains(other)) - i32::from(")>]}".contains(other));
                    column.push(other.to_owned());
                }
            }
        }
        panic!("no end of the columns: {sql}")
    }

    #[test]
    fn a_comment_is_not_a_column() {
        let sql = "-- Why (a, b).\nCREATE TABLE t (\n  -- first, of all\n  a FLOAT[3] NOT NULL, \
                   b ARRAY<INT64> -- last\n);";
        let column = |name: &str, of_type: &str, required| (name.to_owned(), of_type.to_owned(), required);
        assert_eq!(declared(sql), [column("a", "FLOAT[3]", true), column("b", "ARRAY<INT64>", false)]);
    }

    fn check(sql: &str, table: &Table, of_type: impl Fn(&Field) -> (String, bool)) {
        let expected: Vec<_> = table
            .fields
            .iter()
            .map(|field| {
                let (of_type, is_required) = of_type(field);
                (field.name.to_owned(), of_type, is_required)
            })
            .collect();
        assert_eq!(declared(sql), expected, "{}", table.name);
    }

    /// Panics unless a statement selects the columns of `cleaned_jobs` in order.
    fn check_selected(sql: &str) {
        let tokens = tokens(sql).into_iter().skip_while(|token| token != "SELECT").skip(1);
        let selected: Vec<String> =
            tokens.take_while(|token| token != "FROM").filter(|token| token != ",").collect();
        let named: Vec<&str> = CLEANED_JOBS.fields.iter().map(|field| field.name).collect();
        assert_eq!(selected, named);
    }

    #[cfg(feature = "duckdb")]
    #[test]
    fn duckdbs_statements_declare_these_tables() {
        use crate::duckdb::sql;
        check_selected(sql::CREATE_VW_LATEST_JOBS.text);
        check_selected(sql::COPY_VIEWED_JOBS.text);
        for (template, table) in [
            (sql::CREATE_CLEANED_JOBS, CLEANED_JOBS),
            (sql::CREATE_FORGOTTEN_ADS, FORGOTTEN_ADS),
            (sql::CREATE_JOB_EMBEDDINGS, JOB_EMBEDDINGS),
            (sql::CREATE_ML_FEATURES, ML_FEATURES),
            (sql::CREATE_ML_PREDICTIONS, ML_PREDICTIONS),
            (sql::CREATE_ML_RUNS, ML_RUNS),
        ] {
            let text = template.text.replace("{dimension}", "3");
            check(&text, &table, |field| (crate::duckdb::type_of(field.kind, 3), field.is_required));
        }
    }

    #[cfg(feature = "gcp")]
    #[test]
    fn bigquerys_statements_declare_these_tables() {
        use crate::bigquery::sql;
        check_selected(sql::LATEST_JOBS.text);
        for (template, table) in [
            (sql::CREATE_CLEANED_JOBS, CLEANED_JOBS),
            (sql::CREATE_FORGOTTEN_ADS, FORGOTTEN_ADS),
            (sql::CREATE_JOB_EMBEDDINGS, JOB_EMBEDDINGS),
            (sql::CREATE_ML_FEATURES, ML_FEATURES),
            (sql::CREATE_ML_PREDICTIONS, ML_PREDICTIONS),
            (sql::CREATE_ML_RUNS, ML_RUNS),
        ] {
            // BigQuery arrays are never NULL and cannot be declared NOT NULL.
            let is_required = |field: &Field| field.is_required && field.kind != Kind::Vector;
            check(template.text, &table, |field| (crate::bigquery::type_of(field.kind), is_required(field)));
        }
    }
}
