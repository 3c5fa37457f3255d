//! What is published in the artifact store.

use serde_json::{Value, json};

use super::{error_of, stdout_of};
use crate::support::Market;

#[test]
fn versions_are_listed_with_decision_and_metrics_and_one_is_shown() {
    let market = Market::with_vectors(300);
    assert!(stdout_of(&market, &["artifacts", "list"]).ends_with("no versions are published\n"));
    assert_eq!(stdout_of(&market, &["artifacts", "list", "--json"]), "");
    let built = market.indexed(&[])["index"].clone();
    market.indexed(&["--force", "--no-promote"]);

    let lines = stdout_of(&market, &["artifacts", "list", "--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [one, two] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&one["version"], &two["version"]), (&json!("indexes/v1"), &json!("indexes/v2")));
    assert_eq!((&one["is_champion"], &two["is_champion"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&one["kind"], &one["format"], &one["rows"]),
        (&json!("vector_index"), &json!(3), &built["ads"])
    );
    assert_eq!(one["metrics"]["recall_at_10"], built["recall_at_10"], "{one}");
    assert_eq!(one["bytes"], built["bytes"], "{one}");
    let reason = format!("recall@10 is {:.4}, at least 0.95", built["recall_at_10"].as_f64().unwrap());
    assert_eq!(one["decision"], json!({ "promoted": true, "reason": reason }));
    assert_eq!(two["decision"], json!({ "promoted": false, "reason": "--no-promote" }));
    assert!(one["embedding_space"].as_str().unwrap().starts_with("all-MiniLM-L6-v2/"), "{one}");

    let table = stdout_of(&market, &["artifacts", "list"]);
    let row = |version: &str| table.lines().find(|line| line.starts_with(version)).unwrap().to_owned();
    for expected in ["yes", "vector_index", " promoted: recall@10 is ", "recall_at_10 "] {
        assert!(row("indexes/v1").contains(expected), "{expected}\n{table}");
    }
    assert!(row("indexes/v2").contains("not promoted: --no-promote"), "{table}");
    assert!(stdout_of(&market, &["artifacts", "list", "models"]).ends_with("no versions are published\n"));

    let shown: Value =
        serde_json::from_str(&stdout_of(&market, &["artifacts", "show", "indexes/v2"])).unwrap();
    assert_eq!((&shown["version"], &shown["body"]["texts"]), (&json!("v2"), &built["texts"]), "{shown}");
    assert_eq!(error_of(&market, 1, &["artifacts", "show", "indexes/v9"]), "indexes/v9 is not published");
    let invalid = error_of(&market, 2, &["artifacts", "show", "indexes"]);
    assert!(invalid.starts_with("invalid version \"indexes\": expected a prefix and a version"), "{invalid}");

    // A manifest of version 0.1.0, before artifacts had a header.
    let manifest = market.artifact_dir().join("indexes/v2/manifest.json");
    std::fs::write(manifest, r#"{"format": 2, "version": "v2", "files": []}"#).unwrap();
    let table = stdout_of(&market, &["artifacts", "list"]);
    assert!(table.contains("invalid manifest \"indexes/v2/manifest.json\""), "{table}");
    let shown: Value =
        serde_json::from_str(&stdout_of(&market, &["artifacts", "show", "indexes/v2"])).unwrap();
    assert_eq!(shown["format"], 2);
}

#[test]
fn a_champion_of_an_older_format_is_replaced_by_the_next_build() {
    let market = Market::with_vectors(300);
    market.indexed(&[]);
    let manifest = market.artifact_dir().join("indexes/v1/manifest.json");
    std::fs::write(manifest, r#"{"format": 2, "version": "v1", "files": []}"#).unwrap();
    let sentence = "indexes/v1/manifest.json has format 2, and this program reads 3 and later: \
                    run build-vector-index for a new version";
    let mut service = market.serve(&[]);
    service.wait_for_message(sentence);
    let build = market.index(&[]);
    assert_eq!(build.code, Some(0), "{build:?}");
    assert!(build.stderr.contains(sentence), "{}", build.stderr);
    assert_eq!(build.answer()["report"]["champion"], "v2");
    service.wait_for_version("v2");
}
