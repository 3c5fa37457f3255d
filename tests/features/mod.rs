//! The table of features in `docs/features.md` is the one that the code has.

use common::learning::features::numeric::NUMERIC;
use common::learning::features::pay_columns::PAY;
use common::learning::features::schema::{Reads, markdown};
use common::learning::models::transformers::STACKED;

use crate::support::tests_dir;

#[test]
fn the_documented_features_are_those_of_the_code() {
    let path = tests_dir().parent().expect("the repository").join("docs/features.md");
    let documented = std::fs::read_to_string(&path).expect("docs/features.md");
    let table = markdown(NUMERIC.iter().chain(STACKED).chain(PAY));
    assert!(documented.contains(&table), "docs/features.md needs this table:\n{table}");
}

#[test]
fn no_salary_model_reads_the_salary() {
    assert!(PAY.iter().all(|feature| feature.reads == Reads::NotSalary));
    assert!(NUMERIC.iter().chain(STACKED).all(|feature| feature.reads != Reads::NotSalary));
}
