//! `jobctl sql`.

use std::process::{Command, Stdio};

use super::{error_of, jobctl, path, read_parquet, stdout_of, text};
use crate::support::Market;

#[test]
fn rows_are_printed_as_table_csv_or_json() {
    let market = Market::generated(5);
    let sql =
        "SELECT 1 AS n, [1.5, 2.5]::FLOAT[2] AS v, NULL AS nothing, 'a' || chr(10) || '厨师' AS t, true AS b";
    let table = stdout_of(&market, &["sql", sql]);
    assert_eq!(
        table,
        "n  v          nothing  t        b\n-  ---------  -------  -------  ----\n\
                       1  [1.5,2.5]     NULL  a\\n厨师  true\n(1 row)\n"
            .replace("                       ", "")
    );
    let csv = stdout_of(&market, &["sql", "--format", "csv", sql]);
    assert_eq!(csv, "n,v,nothing,t,b\n1,\"[1.5,2.5]\",,\"a\n厨师\",true\n");
    let json = stdout_of(&market, &["sql", "--format", "json", sql]);
    assert_eq!(json, "[\n{\"n\":1,\"v\":[1.5,2.5],\"nothing\":null,\"t\":\"a\\n厨师\",\"b\":true}\n]\n");
    let many = stdout_of(&market, &["sql", "SELECT range AS n FROM range(5000)"]);
    assert_eq!(many.lines().count(), 5_003);
    assert!(many.ends_with("(5,000 rows)\n"));
}

#[test]
fn values_keep_all_digits_in_every_format() {
    let market = Market::generated(5);
    let sql = "SELECT 18446744073709551615::UBIGINT AS u, sum(9007199254740993) AS s, 0.10::DECIMAL(9,2) AS d, 0.1::FLOAT AS f, \
               'nan'::DOUBLE AS n, DATE '2025-01-02' AS day, TIMESTAMP 'infinity' AS ever, [1, NULL] AS l, \
               {'a': NULL} AS st, '\\xAA'::BLOB AS b, INTERVAL '1 day' AS i FROM range(1)";
    let json = stdout_of(&market, &["sql", "--format", "json", sql]);
    let expected = r#"{"u":18446744073709551615,"s":9007199254740993,"d":0.10,"f":0.1,"n":"NaN","day":"2025-01-02","ever":"infinity","l":[1,null],"st":{"a":null},"b":"\\xAA","i":"1 day"}"#;
    assert_eq!(json, format!("[\n{expected}\n]\n"));
    let csv = stdout_of(&market, &["sql", "--format", "csv", sql]);
    let line = csv.lines().nth(1).unwrap();
    let expected = r#"18446744073709551615,9007199254740993,0.10,0.1,NaN,2025-01-02,infinity,"[1,null]","{""a"":null}",\xAA,1 day"#;
    assert_eq!(line, expected);
    let table = stdout_of(&market, &["sql", sql]);
    for shown in ["18446744073709551615", " 0.10 ", " 2025-01-02 ", " infinity ", "[1,null]"] {
        assert!(table.contains(shown), "{table}");
    }

    // The exported Parquet file has the same values when DuckDB reads it.
    market.execute(&format!("CREATE TABLE odd AS {sql}"));
    let file = path(&market, "odd.parquet");
    stdout_of(&market, &["export", "odd", text(&file)]);
    let same = format!(
        "SELECT count(*) FROM odd AS a JOIN '{}' AS b ON a.u = b.u AND a.s = b.s AND a.d = b.d AND a.f = b.f AND isnan(b.n) \
         AND a.day = b.day AND a.b = b.b WHERE isinf(b.ever)",
        file.display()
    );
    let batch = read_parquet(&file);
    let types: Vec<String> =
        batch.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types[0], "Decimal128(20, 0)", "{types:?}");
    assert_eq!(market.count(&same), 1);
}

#[test]
fn statements_that_write_are_refused() {
    let market = Market::generated(5);
    let before = market.count("SELECT count(*) FROM cleaned_jobs");
    for statement in [
        "DELETE FROM cleaned_jobs",
        "DROP TABLE cleaned_jobs",
        "INSERT INTO cleaned_jobs SELECT * FROM cleaned_jobs",
        "UPDATE cleaned_jobs SET job_title = ''",
        "CREATE TABLE t AS SELECT 1",
    ] {
        let line = error_of(&market, 2, &["sql", statement]);
        assert!(line.ends_with("this statement would write"), "{statement}: {line}");
    }
    for statement in ["COPY cleaned_jobs TO 'out.csv'", "ATTACH 'other.duckdb'", "SELECT * FROM 'a.csv'"] {
        assert_ne!(jobctl(&market, &["sql", statement]).code, Some(0), "{statement}");
    }
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs"), before);
}

#[test]
fn errors_of_statements_are_one_line() {
    let market = Market::generated(5);
    assert_eq!(
        error_of(&market, 2, &["sql", " "]),
        "invalid STATEMENT: expected one SQL statement, found an empty text"
    );
    assert!(error_of(&market, 2, &["sql", "SELEC 1"]).contains("syntax error"));
    assert!(error_of(&market, 2, &["sql", "SELECT * FROM jobs"]).contains("jobs"));
    assert!(error_of(&Market::empty(), 1, &["sql", "SELECT 1"]).starts_with("there is no warehouse at "));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let market = Market::generated(200);
    let mut child = market
        .command("jobctl")
        .args(["sql", "--format", "csv", "SELECT a.* FROM cleaned_jobs AS a, range(100)"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let head = Command::new("head").arg("-1").stdin(child.stdout.take().unwrap()).output().unwrap();
    assert!(head.stdout.starts_with(b"source,"));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn several_statements_and_duplicate_columns_in_json_are_refused() {
    let market = Market::generated(1);
    for several in ["SELECT 1 AS a; SELECT 2 AS b", "SELECT ';' ; SELECT 2;"] {
        let line = error_of(&market, 2, &["sql", several]);
        assert!(line.starts_with("invalid statement: expected one, not 2"), "{line}");
    }
    assert_eq!(stdout_of(&market, &["sql", "--format", "csv", "SELECT ';' AS a; -- ; SELECT 2"]), "a\n;\n");
    let line = error_of(&market, 2, &["sql", "--format", "json", "SELECT 1 AS a, 2 AS a"]);
    assert!(line.starts_with("invalid column 2 \"a\": expected a name that no other column has"), "{line}");
    assert_eq!(stdout_of(&market, &["sql", "--format", "csv", "SELECT 1 AS a, 2 AS a"]), "a,a\n1,2\n");
}
