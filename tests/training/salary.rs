//! Training of salary models, by the program on generated ads.

use std::fs::File;

use serde_json::{Value, json};

use super::SALARY;
use crate::support::{Ended, Market, Running, SmallDisk, left_out};

/// A quick training.
const QUICK: [&str; 5] = ["--only", "salary", "--currency", "SGD", "--quick"];

fn with(arguments: &[&'static str]) -> Vec<&'static str> {
    [&QUICK, arguments].concat()
}

/// The bytes of a file of a published version.
fn published(market: &Market, version: &str, file: &str) -> Vec<u8> {
    let path = market.artifact_dir().join(format!("models/{SALARY}/{version}/{file}"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_of(market: &Market, version: &str, file: &str) -> Value {
    serde_json::from_slice(&published(market, version, file)).expect("JSON")
}

/// Asserts that two versions were trained alike.
fn assert_same_model(market: &Market, one: &str, other: &str) {
    for file in [
        "transformers.bin",
        "calibration.bin",
        "config.json",
        "model.trees_1.txt",
        "model.trees_3.txt",
        "model.scale_1.txt",
    ] {
        assert!(published(market, one, file) == published(market, other, file), "{file}");
    }
    let [one, other] = [one, other].map(|version| json_of(market, version, "metrics.json"));
    assert_eq!(one["walk_forward"], other["walk_forward"]);
    assert_eq!(one["chosen"], other["chosen"]);
}

/// A training that panics at a fail point.
fn killed(market: &Market, arguments: &[&str], point: &str) -> Ended {
    let mut command = market.command("train-models");
    command.arg("--once").args(arguments).env("JOB_MARKET_FAILPOINT", point);
    let ended = Running::start(&mut command).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{point}: {ended:?}");
    ended
}

#[test]
fn a_training_publishes_a_champion_with_metrics_report_and_features() {
    let market = Market::with_vectors(300);
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().to_str().unwrap().to_owned();
    let dry = market.trained(&with(&["--dry-run"]));
    assert_eq!(
        (&dry["models"][0]["outcome"], &dry["models"][0]["version"]),
        (&json!("would_train"), &json!(null))
    );
    assert!(!market.artifact_dir().join("models").exists());

    let mut arguments = with(&["--materialise", "--threads", "1", "--export-folds"]);
    arguments.push(&export);
    let report = market.trained(&arguments);
    let model = &report["models"][0];
    assert_eq!((&model["outcome"], &model["promoted"]), (&json!("published"), &json!(true)), "{model}");
    assert_eq!(report["champions"], json!({ SALARY: "v1" }));
    let used = model["rows"].as_i64().unwrap();
    assert!(used > 50);
    let metrics = &model["metrics"];
    for name in ["walk_forward_mae_per_month", "test_mae_per_month"] {
        assert!(metrics[name].is_f64(), "{metrics}");
    }
    let page = String::from_utf8(published(&market, "v1", "report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("salary_predictor v1"));
    assert!(!page.contains("https://"));
    let scores = json_of(&market, "v1", "metrics.json");
    let of_test: Vec<&str> =
        scores["test"].as_array().unwrap().iter().map(|scored| scored["model"].as_str().unwrap()).collect();
    assert_eq!(of_test, ["median", "class_median", "linear", "tfidf_ridge", "stack"]);
    let names = json_of(&market, "v1", "feature_names.json").as_array().unwrap().len();
    let width = market.count("SELECT min(len(features)) FROM ml_features");
    assert_eq!(usize::try_from(width).unwrap(), names + 5, "the model's columns and those of the salary");
    assert_eq!(
        market.count("SELECT count(*) FROM ml_features"),
        market.count("SELECT count(*) FROM job_embeddings")
    );
    for file in ["folds.json", "predictions.json", "ads.parquet"] {
        assert!(folder.path().join(file).metadata().unwrap().len() > 1000, "{file}");
    }

    // The same ads and seed: the same files, whatever the threads; the champion's recipe is as good and is replaced.
    let again = market.trained(&with(&["--threads", "2"]));
    assert_eq!(again["champions"], json!({ SALARY: "v2" }), "{again}");
    assert_same_model(&market, "v1", "v2");
    assert_eq!(
        market.count("SELECT count(*) FROM vw_runs WHERE function = 'train-models' AND status = 'succeeded'"),
        2
    );

    // A champion that was altered by hand prevents nothing, and is named.
    let manifest = market.artifact_dir().join(format!("models/{SALARY}/v2/manifest.json"));
    std::fs::write(&manifest, "{}").unwrap();
    let third = market.trained(&with(&["--no-promote"]));
    assert_eq!(
        (&third["models"][0]["version"], &third["models"][0]["promoted"]),
        (&json!("v3"), &json!(false))
    );
}

#[test]
fn what_cannot_be_trained_is_refused_with_the_remedy() {
    let market = Market::titles(30);
    market.refused(&QUICK, 1, &["no ad has a vector of this model", "run embed-new-jobs"]);
    market.embedded(&[]);
    market.refused(&QUICK, 1, &["too few salaries in SGD to train on", "expected at least 50 ads"]);
    market.refused(&["--only", "salary"], 1, &["expected 500 in one currency", "--currency"]);
    market.refused(&["--currency", "XYZ"], 2, &["invalid --currency \"XYZ\""]);
    market.refused(&["--export-folds", "folds"], 2, &["--export-folds", "add --currency"]);
    assert!(!market.artifact_dir().join("models").exists());
}

#[test]
fn a_killed_training_goes_on_and_publishes_nothing_before_its_end() {
    let market = Market::with_vectors(300);
    let arguments = with(&["--trials", "3", "--limit", "150"]);
    killed(&market, &arguments, "training::trial:2");
    let training = market.artifact_dir().with_file_name("training");
    let journals = || -> Vec<String> {
        let paths = std::fs::read_dir(&training).unwrap().map(|entry| entry.unwrap().path());
        let journals = paths.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
        journals.map(|path| std::fs::read_to_string(path).unwrap()).collect()
    };
    assert_eq!(journals().concat().lines().count(), 2, "the finished trials");

    killed(&market, &arguments, "training::publish:1");
    assert_eq!(journals().concat().lines().count(), 3);
    assert_eq!(market.trained(&["--list"])["versions"], json!([]));

    let resumed = market.trained(&arguments);
    let version = resumed["models"][0]["version"].as_str().unwrap();
    assert_eq!(resumed["champions"], json!({ SALARY: version }));
    assert!(journals().is_empty(), "a published training leaves no journal");
    assert_eq!(resumed["models"][0]["trials"].as_array().unwrap().len(), 3, "{resumed}");
    let whole = market.trained(&[&arguments[..], &["--no-promote"]].concat());
    assert_same_model(&market, version, whole["models"][0]["version"].as_str().unwrap());
}

#[test]
fn a_model_that_another_process_trains_is_refused() {
    let market = Market::with_vectors(300);
    let folder = market.artifact_dir().with_file_name("training");
    std::fs::create_dir(&folder).unwrap();
    let lock = File::create(folder.join(format!("{SALARY}.lock"))).unwrap();
    lock.lock().unwrap();
    market.refused(&QUICK, 1, &["salary_predictor is being trained by another process", "TRAINING_DIR"]);
}

#[test]
fn a_full_disk_is_named_and_publishes_nothing() {
    let Some(disk) = SmallDisk::mount("1m") else {
        return left_out("a_full_disk_is_named_and_publishes_nothing", "only root may mount a small disk");
    };
    disk.fill();
    let market = Market::with_vectors(300).with("TRAINING_DIR", disk.path().to_str().unwrap());
    market.refused(&with(&["--limit", "150"]), 1, &["cannot write", "No space left on device"]);
    assert_eq!(market.trained(&["--list"])["versions"], json!([]));
}
