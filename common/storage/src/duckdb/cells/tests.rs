use futures::TryStreamExt;

use super::*;
use crate::Access;
use crate::duckdb::DuckDb;
use crate::warehouse::OperatorQueries;

async fn ask(warehouse: &DuckDb, sql: &str) -> (Vec<ColumnType>, Vec<Vec<Cell>>) {
    let answer = warehouse.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {}", error.chain()));
    let types = answer.columns.iter().map(|(_, of_type)| *of_type).collect();
    let pages: Vec<Vec<Vec<Cell>>> = answer.pages.try_collect().await.unwrap();
    (types, pages.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_keep_their_type_and_precision() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.unwrap();
    let text = |text: &str| Cell::Text(text.into());
    let digits = |digits: &str| Cell::Decimal(digits.into());
    let json = |json: &str| Cell::Json(json.into());
    let mut wrong = Vec::new();
    for (value, expected) in [
        ("18446744073709551615::UBIGINT", digits("18446744073709551615")),
        ("4294967295::UINTEGER", Cell::Int(4_294_967_295)),
        (
            "170141183460469231731687303715884105727::HUGEINT",
            digits("170141183460469231731687303715884105727"),
        ),
        (
            "(-170141183460469231731687303715884105728)::HUGEINT",
            digits("-170141183460469231731687303715884105728"),
        ),
        (
            "340282366920938463463374607431768211455::UHUGEINT",
            text("340282366920938463463374607431768211455"),
        ),
        ("(SELECT sum(9007199254740993) FROM range(3))", digits("27021597764222979")),
        ("(SELECT sum(0.1::DECIMAL(4,1)) FROM range(3))", digits("0.3")),
        ("0.1::DECIMAL(18,4)", digits("0.1000")),
        (
            "12345678901234567890123456789012345678::DECIMAL(38,0)",
            digits("12345678901234567890123456789012345678"),
        ),
        ("9223372036854775807", Cell::Int(i64::MAX)),
        ("0.1::FLOAT", Cell::Real(0.1)),
        ("'-inf'::DOUBLE", Cell::Float(f64::NEG_INFINITY)),
        ("TIMESTAMP 'infinity'", Cell::FarTimestamp(i64::MAX)),
        ("TIMESTAMP '-infinity'", Cell::FarTimestamp(-i64::MAX)),
        ("TIMESTAMPTZ 'infinity'", Cell::FarTimestamp(i64::MAX)),
        ("'infinity'::TIMESTAMP_S", Cell::FarTimestamp(i64::MAX)),
        ("'infinity'::TIMESTAMP_NS", text("infinity")),
        ("TIMESTAMP '290000-01-01'", Cell::FarTimestamp(9_089_348_860_800_000_000)),
        ("TIMESTAMP_NS '2025-01-01 00:00:00.123456789'", text("2025-01-01T00:00:00.123456789Z")),
        (
            "TIMESTAMP_S '1969-12-31 23:59:59'",
            Cell::Timestamp(DateTime::from_timestamp_micros(-1_000_000).unwrap()),
        ),
        ("DATE '2025-01-02'", Cell::Date(20_090)),
        ("DATE '-infinity'", Cell::Date(-i32::MAX)),
        ("DATE '5000000-01-01'", Cell::Date(1_825_492_972)),
        ("TIME '12:34:56.789'", text("12:34:56.789")),
        ("TIME '24:00:00'", text("24:00:00")),
        ("'12:00:00+08'::TIMETZ", text("12:00:00+08")),
        ("INTERVAL '1 year 2 days 3000000 hours'", text("1 year 2 days 3000000:00:00")),
        ("'101'::BIT", text("101")),
        ("'\\xAA\\x00b'::BLOB", Cell::Bytes(vec![0xaa, 0, b'b'])),
        ("'a'::ENUM('b', 'a')", text("a")),
        ("'550e8400-e29b-41d4-a716-446655440000'::UUID", text("550e8400-e29b-41d4-a716-446655440000")),
        ("[1, NULL, 3]", json("[1,null,3]")),
        ("[NULL, 'a\"b']", json("[null,\"a\\\"b\"]")),
        ("[NULL]", json("[null]")),
        ("[]", json("[]")),
        (
            "{'a': 1, 'b': NULL, 'c': [TIMESTAMP 'infinity', NULL]}",
            json(r#"{"a":1,"b":null,"c":["infinity",null]}"#),
        ),
        ("MAP {'a': 0.1::FLOAT, 'b': NULL}", json(r#"{"a":0.1,"b":null}"#)),
        ("MAP {1: 'nan'::DOUBLE}", json(r#"{"1":"NaN"}"#)),
        ("[18446744073709551615::UBIGINT]", json("[18446744073709551615]")),
        ("[DATE '2025-01-02']", json("[\"2025-01-02\"]")),
        ("[['a'::ENUM('b', 'a')]]", json("[[\"a\"]]")),
        ("[[1.5::DOUBLE, NULL]]", json("[[1.5,null]]")),
        ("[INTERVAL '1 day', NULL]", text("[1 day, NULL]")),
        ("[0.1::FLOAT, NULL]", Cell::VectorWithNulls(vec![Some(0.1), None])),
        ("[0.1, 0.2]::FLOAT[2]", Cell::Vector(vec![0.1, 0.2])),
        ("[0.1::DOUBLE, NULL]", Cell::Doubles(vec![Some(0.1), None])),
        ("union_value(k := 7)", json("7")),
        ("NULL::FLOAT[]", Cell::Null),
        ("NULL::STRUCT(a INTEGER)", Cell::Null),
        ("NULL::INTERVAL", Cell::Null),
    ] {
        let (_, rows) = ask(&warehouse, &format!("SELECT {value} AS x, 7 AS y")).await;
        if rows != [[expected.clone(), Cell::Int(7)]] {
            wrong.push(format!("{value}: {rows:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (_, rows) = ask(&warehouse, "SELECT 'nan'::DOUBLE").await;
    assert!(matches!(rows[0][0], Cell::Float(nan) if nan.is_nan()), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_converted_to_text_keep_names_and_order() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.unwrap();
    let sql = "SELECT range AS \"a \"\"b\", to_days(range::INTEGER) AS day FROM range(20000) ORDER BY hash(range) ; -- last";
    let sql = sql.trim_end_matches(" -- last");
    let (_, rows) = ask(&warehouse, sql).await;
    let plain = "SELECT range AS n FROM range(20000) ORDER BY hash(range)";
    let (_, expected) = ask(&warehouse, plain).await;
    let order: Vec<&Cell> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(order, expected.iter().map(|row| &row[0]).collect::<Vec<_>>());
    let answer = warehouse.query(sql, &[]).await.unwrap();
    let names: Vec<&str> = answer.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a \"b", "day"]);
    drop(answer);
    // Neither is a SELECT, and both return rows.
    assert!(!ask(&warehouse, "SHOW TABLES").await.0.is_empty());
    assert!(!ask(&warehouse, "EXPLAIN SELECT INTERVAL '1 day'").await.0.is_empty());
}
