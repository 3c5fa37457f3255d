//! What our CREATE TABLE statements declare, compared with the tables that are there. The same for every engine, whose
//! statements differ only in the names of types.

use common_core::{Error, Result};

/// A column as a statement of ours declares it.
#[derive(Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) of_type: String,
    pub(crate) is_required: bool,
}

/// Columns of `sql` that `table`, which has the columns and types `found`, lacks. The order does not matter, and case does not
/// tell names apart, as in both engines.
///
/// # Errors
/// `Conflict` where a column has another type.
pub(crate) fn missing(table: &str, sql: &str, found: &[(String, String)]) -> Result<Vec<Column>> {
    let mut missing = Vec::new();
    for column in columns(sql) {
        match found.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column.name)) {
            None => missing.push(column),
            Some((_, has)) if *has == column.of_type => {}
            Some((name, has)) => {
                let needs = column.of_type;
                return Err(refuse(&format!(
                    "column {name} of table {table} is {has}, and this program needs {needs}"
                )));
            }
        }
    }
    Ok(missing)
}

/// Those of `missing` that can be added to a table that has rows.
///
/// # Errors
/// `Conflict` where one cannot, because it is never NULL.
pub(crate) fn addable(table: &str, missing: Vec<Column>) -> Result<Vec<Column>> {
    match missing.iter().find(|column| column.is_required) {
        Some(column) => Err(lacks(table, column)),
        None => Ok(missing),
    }
}

/// Whether `sql` declares a column of this name; others are the table's owner's.
pub(crate) fn declares(sql: &str, name: &str) -> bool {
    columns(sql).iter().any(|column| column.name.eq_ignore_ascii_case(name))
}

/// The error of a column of the owner's that no row of ours can have a value for.
pub(crate) fn unfillable(table: &str, name: &str) -> Error {
    Error::conflict(format!(
        "column {name} of table {table} is NOT NULL and has no default, and this program does not write it: give it a default, or \
         let it be NULL"
    ))
}

pub(crate) fn lacks(table: &str, Column { name, of_type, .. }: &Column) -> Error {
    refuse(&format!("table {table} has no column {name} ({of_type})"))
}

/// The error of a table that is in the way.
pub(crate) fn refuse(sentence: &str) -> Error {
    Error::conflict(format!(
        "{sentence}: rename that table or choose another warehouse, and the right one is made"
    ))
}

/// The columns that a statement declares, one a line.
fn columns(sql: &str) -> Vec<Column> {
    let inside = sql.lines().skip_while(|line| !line.starts_with("CREATE TABLE")).skip(1);
    inside.take_while(|line| !line.starts_with(')')).filter_map(column).collect()
}

fn column(line: &str) -> Option<Column> {
    let line = line.trim().trim_end_matches(',');
    let (declared, is_required) = match line.strip_suffix(" NOT NULL") {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let (name, of_type) = declared.split_once(' ')?;
    Some(Column { name: name.to_owned(), of_type: of_type.to_owned(), is_required })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "-- Why.\nCREATE TABLE IF NOT EXISTS t (\n    a VARCHAR NOT NULL,\n    b FLOAT[3]\n);\n";

    fn found(columns: &[(&str, &str)]) -> Vec<(String, String)> {
        columns.iter().map(|(name, of_type)| ((*name).to_owned(), (*of_type).to_owned())).collect()
    }

    #[test]
    fn a_missing_column_is_named_and_added_only_where_it_may_be_null() {
        assert!(
            missing("t", TABLE, &found(&[("b", "FLOAT[3]"), ("a", "VARCHAR"), ("c", "X")]))
                .unwrap()
                .is_empty()
        );
        let lacks_b = missing("t", TABLE, &found(&[("a", "VARCHAR")])).unwrap();
        assert_eq!(addable("t", lacks_b).unwrap()[0].of_type, "FLOAT[3]");
        let lacks_a = missing("t", TABLE, &found(&[("b", "FLOAT[3]")])).unwrap();
        assert!(addable("t", lacks_a).unwrap_err().to_string().contains("has no column a (VARCHAR)"));
    }

    #[test]
    fn another_type_is_refused_with_both_names() {
        let error = missing("t", TABLE, &found(&[("a", "BIGINT")])).unwrap_err().to_string();
        assert!(error.contains("a of table t is BIGINT, and this program needs VARCHAR"), "{error}");
    }

    /// The engines' statements declare the same columns in the same order.
    #[test]
    fn both_engines_have_the_same_tables() {
        for (duckdb, bigquery) in [
            (
                include_str!("../../../infra/duckdb/create_cleaned_jobs.sql"),
                include_str!("../../../infra/bigquery/create_cleaned_jobs.sql"),
            ),
            (
                include_str!("../../../infra/duckdb/create_job_embeddings.sql"),
                include_str!("../../../infra/bigquery/create_job_embeddings.sql"),
            ),
            (
                include_str!("../../../infra/duckdb/create_forgotten_ads.sql"),
                include_str!("../../../infra/bigquery/create_forgotten_ads.sql"),
            ),
            (
                include_str!("../../../infra/duckdb/create_ml_runs.sql"),
                include_str!("../../../infra/bigquery/create_ml_runs.sql"),
            ),
        ] {
            let names = |sql: &str| columns(sql).into_iter().map(|column| column.name).collect::<Vec<_>>();
            assert!(names(duckdb).len() >= 3);
            assert_eq!(names(duckdb), names(bigquery));
        }
    }
}
