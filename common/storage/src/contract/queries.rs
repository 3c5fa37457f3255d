//! Contract of [`crate::warehouse::OperatorQueries`].

use common_core::ErrorKind;
use futures::TryStreamExt;

use super::{moment, rows};
use crate::warehouse::{Cell, Parameter, Warehouse};

pub(super) async fn suite(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    queries_keep_types_and_refuse_writes(warehouse).await;
    parameters_are_never_parsed_as_sql(warehouse).await;
}

async fn queries_keep_types_and_refuse_writes(warehouse: &dyn Warehouse) {
    let typed = rows(warehouse, "SELECT 1 = 1, 2, CAST(0.5 AS NUMERIC), '', NULL").await;
    let Cell::Decimal(half) = &typed[0][2] else { panic!("{typed:?}") };
    assert!(["0.5", "0.500", "0.500000000"].contains(&half.as_str()), "{half}");
    let [one, two, _, empty, null] = &typed[0][..] else { panic!("{typed:?}") };
    assert_eq!(
        [one, two, empty, null],
        [&Cell::Bool(true), &Cell::Int(2), &Cell::Text(String::new()), &Cell::Null]
    );
    for sql in ["", "SELEC 1", "SELECT nothing FROM cleaned_jobs", "DELETE FROM cleaned_jobs"] {
        let error = warehouse.query(sql, &[]).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{sql}: {}", error.chain());
    }
}

async fn parameters_are_never_parsed_as_sql(warehouse: &dyn Warehouse) {
    let hostile = "x'; DROP TABLE cleaned_jobs; -- ? \u{1f9d1}";
    let given = [
        Parameter::Text(hostile.into()),
        Parameter::Int(-7),
        Parameter::Float(0.1),
        Parameter::Bool(true),
        Parameter::Timestamp(moment(-1)),
        Parameter::Int(3),
    ];
    let sql = "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e FROM (SELECT 3 AS n UNION ALL SELECT 4 AS n) AS t WHERE n = ?";
    let answer = warehouse.query(sql, &given).await.unwrap();
    let pages: Vec<Vec<Vec<Cell>>> = answer.pages.try_collect().await.unwrap();
    let expected = vec![
        Cell::Text(hostile.into()),
        Cell::Int(-7),
        Cell::Float(0.1),
        Cell::Bool(true),
        Cell::Timestamp(moment(-1)),
    ];
    assert_eq!(pages.concat(), [expected]);
    let error = warehouse.query(sql, &given[..5]).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", error.chain());
}
