//! Roles and clusters: trained with the salaries by one run, and used by the index.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::Market;

/// A quick training of every kind.
const QUICK: [&str; 3] = ["--currency", "SGD", "--quick"];

fn published(market: &Market, version: &str, file: &str) -> Vec<u8> {
    let path = market.artifact_dir().join(format!("models/{version}/{file}"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(market: &Market, version: &str) -> Value {
    serde_json::from_slice(&published(market, version, "manifest.json")).expect("JSON")
}

fn kinds(report: &Value) -> Vec<&str> {
    report["models"].as_array().unwrap().iter().map(|model| model["kind"].as_str().unwrap()).collect()
}

/// The folder has the folds of the roles, and each model's labels of their test ads.
fn assert_exported(folder: &Path) {
    let json = |file: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.join(file)).expect("a file")).expect("JSON")
    };
    let length = |value: &Value| value.as_array().expect("a list").len();
    let (folds, predictions) = (json("folds.json"), json("predictions.json"));
    assert!(folder.join("ads.parquet").metadata().unwrap().len() > 1000);
    assert_eq!(predictions["published"], "mix");
    let folds = folds["folds"].as_array().unwrap();
    for name in ["majority", "tfidf_logistic", "mix"] {
        let said = predictions["models"][name]["folds"].as_array().unwrap();
        assert!(!folds.is_empty() && said.len() == folds.len(), "{name}");
        for (fold, said) in folds.iter().zip(said) {
            let rows = length(&fold["test"]);
            assert_eq!((length(&said["labels"]), length(&said["top"])), (rows, rows), "{name}");
            assert_eq!(length(&said["top"][0]), 3, "{name}");
        }
    }
}

#[test]
fn one_run_trains_every_kind_and_the_index_has_the_clusters() {
    let market = Market::with_vectors(300);
    let dry = market.trained(&[&QUICK[..], &["--dry-run"]].concat());
    assert_eq!(kinds(&dry), ["salary_predictor", "role_classifier", "clustering"]);
    assert!(!market.artifact_dir().join("models").exists());

    let first = market.trained(&[&QUICK[..], &["--threads", "1"]].concat());
    let champions = json!({ "salary_predictor": "v1", "role_classifier": "v1", "clustering": "v1" });
    assert_eq!(first["champions"], champions, "{first}");
    for (kind, metric) in [("role_classifier", "test_macro_f1"), ("clustering", "silhouette")] {
        let manifest = manifest(&market, &format!("{kind}/v1"));
        assert!(manifest["metrics"][metric].is_f64(), "{manifest}");
        let page = String::from_utf8(published(&market, &format!("{kind}/v1"), "report.html")).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.contains(&format!("{kind} v1")), "{kind}");
        assert!(!page.contains("https://"), "{kind}");
    }
    let names = manifest(&market, "clustering/v1")["body"]["clusters"].clone();
    assert!(names.as_object().unwrap().len() >= 2, "{names}");
    let listed = market.trained(&["--list"]);
    assert_eq!(listed["versions"].as_array().unwrap().len(), 3);

    let index = market.run("build-vector-index", &["--once"]).answer()["report"].clone();
    assert_eq!(index["index"]["clustering"]["version"], "v1", "{index}");

    // The same ads and seed: the same role classifier whatever the threads, and the same named clusters.
    let folder = tempfile::tempdir().unwrap();
    let export = ["--export-folds", folder.path().to_str().unwrap()];
    let second = market
        .trained(&[&QUICK[..], &["--only", "role", "--only", "cluster", "--threads", "2"], &export].concat());
    assert_exported(&folder.path().join("roles"));
    assert_eq!(kinds(&second), ["role_classifier", "clustering"]);
    for file in
        ["transformers.bin", "model.text.bin", "model.bayes.bin", "label_encoder.json", "metrics.json"]
    {
        let files =
            ["v1", "v2"].map(|version| published(&market, &format!("role_classifier/{version}"), file));
        if file == "metrics.json" {
            let [one, other] = files.map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap());
            assert_eq!(one["walk_forward"], other["walk_forward"]);
        } else {
            assert!(files[0] == files[1], "{file}");
        }
    }
    assert_eq!(manifest(&market, "clustering/v2")["body"]["clusters"], names);
    let difference = market.trained(&["--diff", "clustering/v1", "clustering/v2"]);
    assert!(difference["difference"]["metrics"]["silhouette"].is_object(), "{difference}");
    let index = market.run("build-vector-index", &["--once"]).answer()["report"].clone();
    let served = &second["champions"]["clustering"];
    assert_eq!(&index["index"]["clustering"]["version"], served, "a new champion makes a new index");
}

#[test]
fn a_kind_that_the_ads_do_not_suffice_for_is_left_out_with_the_reason() {
    let market = Market::with_vectors(300);
    market.execute("UPDATE cleaned_jobs SET job_classification = NULL");
    market.embedded(&[]);
    market.refused(
        &["--only", "role", "--quick"],
        1,
        &["too few ads with a classification", "job_classification"],
    );
    let report = market.trained(&QUICK);
    let outcomes: Vec<&str> =
        report["models"].as_array().unwrap().iter().map(|model| model["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["published", "left_out", "published"], "{report}");
    assert!(report["models"][1]["reason"].as_str().unwrap().contains("classification"), "{report}");
}
