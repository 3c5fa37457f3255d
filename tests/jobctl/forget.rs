//! Takedowns.

use serde_json::json;

use super::{refused, said};
use crate::support::{Market, ad};

fn market() -> Market {
    let market = Market::empty();
    let ads = ["1", "2", "3", "it's; DROP TABLE"].map(|id| ad(id, json!("Cook"), json!("Fry."), 0));
    market.load(&ads);
    market.load(&[ad("1", json!("Head cook"), json!("Fry more."), 5)]);
    market.execute(
        "CREATE TABLE job_embeddings AS SELECT DISTINCT source, job_id, [1.0]::FLOAT[1] AS embedding FROM cleaned_jobs; \
         CREATE TABLE ml_predictions AS SELECT DISTINCT source, job_id, 1.0 AS predicted_salary FROM cleaned_jobs; \
         CREATE TABLE notes AS SELECT 'about no ad' AS note",
    );
    market
}

fn source(market: &Market) -> String {
    let found = super::rows(market, "SELECT min(source) AS source FROM cleaned_jobs");
    found[0]["source"].as_str().unwrap().to_owned()
}

#[test]
fn an_ad_leaves_every_table_that_names_it() {
    let market = market();
    let source = source(&market);
    let count = |table: &str| market.count(&format!("SELECT count(*) FROM {table}"));
    let counts = || [count("cleaned_jobs"), count("job_embeddings"), count("ml_predictions"), count("notes")];
    assert_eq!(counts(), [5, 4, 4, 1]);
    let would = said(&market, &["forget", "--dry-run", &source, "1", "9"]);
    assert_eq!(counts(), [5, 4, 4, 1], "a dry run removes nothing");
    let did = said(&market, &["forget", &source, "1", "9", "1"]);
    assert_eq!(counts(), [3, 3, 3, 1]);
    assert_eq!(would.replace("would forget", "forgot"), did);
    let expected = format!(
        "forgot: {source}/1\ntable           rows\n--------------  ----\ncleaned_jobs       2\n\
         job_embeddings     1\nml_predictions     1\nnot found: {source}/9\n\
         an index that has them is served until build-vector-index makes the next one\n"
    );
    assert_eq!(did, expected);
    said(&market, &["forget", &source, "it's; DROP TABLE"]);
    assert_eq!(counts(), [2, 2, 2, 1]);
}

#[test]
fn unknown_ads_are_not_found() {
    let market = market();
    let source = source(&market);
    let line = refused(&market, 1, &["forget", &source, "8", "9"]);
    assert_eq!(line, format!("not found: {source}/8, {source}/9"));
    let line = refused(&market, 1, &["forget", "--dry-run", "Nowhere", "1"]);
    assert_eq!(line, "not found: Nowhere/1");
    assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs"), 5);
    let line = refused(&Market::empty(), 1, &["forget", "MCF", "1"]);
    assert!(line.starts_with("there is no warehouse at "), "{line}");
}
