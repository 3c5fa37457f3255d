//! Commands that read published models, and options that exclude each other.

use serde_json::{Value, json};

use super::{Model, POUNDS, SALARY};
use crate::support::{Market, Running, Service};

#[test]
fn a_registry_without_models_is_listed_and_names_none() {
    let market = Market::empty();
    let report = market.trained(&["--list"]);
    assert_eq!((&report["versions"], &report["champions"]), (&json!([]), &json!({})));
    assert_eq!(report["outcome"], "read");
    for arguments in [
        &["--show", "salary_predictor/v1"][..],
        &["--diff", "salary_predictor/v1", "salary_predictor/v2"],
        &["--promote", "salary_predictor/v1"],
    ] {
        market.refused(arguments, 1, &["there is no salary_predictor/v1; published: none"]);
    }
}

#[tokio::test]
async fn versions_are_listed_with_their_champions_and_headline_metrics() {
    let market = Market::empty();
    for model in [Model::of(SALARY), Model { r2: 0.625, ..Model::of(SALARY) }, Model::of(POUNDS)] {
        market.publish(&model).await;
    }
    market.trained(&["--promote", "salary_predictor/v2"]);
    // A killed training: a claim and a file without a manifest, which are no version.
    let registry = market.models(SALARY);
    assert_eq!(registry.claim().await.unwrap(), "v3");
    let file = tempfile::NamedTempFile::new().unwrap();
    market.artifacts().put_new("models/salary_predictor/v3/model.bin", file.path()).await.unwrap();
    // A manifest that was altered by hand.
    let altered = market.artifact_dir().join("models/salary_predictor/v1/manifest.json");
    let whole = std::fs::read(&altered).unwrap();
    std::fs::write(&altered, &whole[..whole.len() / 2]).unwrap();

    let report = market.trained(&["--list"]);
    let versions = report["versions"].as_array().unwrap();
    let of = |member: &str| versions.iter().map(|version| version[member].clone()).collect::<Vec<Value>>();
    assert_eq!(of("name"), ["salary_predictor/v1", "salary_predictor/v2", "salary_predictor_gbp/v1"]);
    assert_eq!(of("champion"), [false, true, false]);
    assert_eq!(of("rows"), [json!(null), json!(900), json!(900)]);
    let headlines = json!({ "test_r2": 0.625, "test_mae_per_month": 1000.0 });
    assert_eq!(versions[1]["metrics"], headlines, "without the metrics that are no headlines");
    let error = versions[0]["error"].as_str().unwrap();
    assert!(error.contains("models/salary_predictor/v1/manifest.json"), "{error}");
    assert_eq!(report["champions"], json!({ "salary_predictor": "v2" }));
    market.refused(&["--show", "salary_predictor/v1"], 1, &["models/salary_predictor/v1/manifest.json"]);
    market.refused(&["--show", "salary_predictor/v3"], 1, &["published: v1, v2"]);
    assert_eq!(registry.latest().await.unwrap().as_deref(), Some("v2"));
    assert_eq!(registry.claim().await.unwrap(), "v4", "no number is used twice");
}

#[tokio::test]
async fn a_version_is_shown_as_it_was_published() {
    let market = Market::empty();
    market.publish(&Model::of(POUNDS)).await;
    let manifest = market.trained(&["--show", "salary_predictor_gbp/v1"])["manifest"].clone();
    let published = market.models(POUNDS).show("v1").await.unwrap();
    assert_eq!(manifest, published);
    assert_eq!((&manifest["body"]["currency"], &manifest["body"]["seed"]), (&json!("GBP"), &json!(42)));
}

#[tokio::test]
async fn two_versions_are_compared_by_metrics_recipe_and_features() {
    let market = Market::empty();
    market.publish(&Model::of(SALARY)).await;
    let features = vec!["is_weekend_post", "neighbours_5"];
    market.publish(&Model { r2: 0.75, alpha: 2.0, features, ..Model::of(SALARY) }).await;
    let difference = &market.trained(&["--diff", "salary_predictor/v1", "salary_predictor/v2"])["difference"];
    assert_eq!(difference["versions"], json!(["salary_predictor/v1", "salary_predictor/v2"]));
    let r2 = json!({ "first": 0.5, "second": 0.75, "difference": 0.25 });
    assert_eq!(difference["metrics"]["test_r2"], r2);
    assert_eq!(difference["metrics"]["test_mae_per_month"]["difference"], 0.0);
    assert_eq!(difference["recipe"], json!({ "ridge.alpha": [3.0, 2.0] }));
    let features = json!({
        "only_first": ["title_length"], "only_second": ["neighbours_5"], "is_reordered": false,
    });
    assert_eq!(difference["features"], features);
    let schemas = json!(["title_length is_weekend_post", "is_weekend_post neighbours_5"]);
    assert_eq!(difference["others"], json!({ "body.feature_schema": schemas }));
    let same = &market.trained(&["--diff", "salary_predictor/v2", "salary_predictor/v2"])["difference"];
    assert_eq!((&same["recipe"], &same["others"]), (&json!({}), &json!({})));
}

#[test]
fn options_that_exclude_each_other_are_usage_errors_in_every_mode() {
    let market = Market::empty();
    for (arguments, sentence) in [
        (&["--list", "--quick"][..], "error: --list trains nothing: leave out --quick"),
        (
            &["--promote", "salary_predictor/v1", "--trials", "30", "--no-promote"],
            "error: --promote trains nothing: leave out --trials and --no-promote",
        ),
        (
            &["--rollback", "salary_predictor", "--list"],
            "error: --list and --rollback exclude each other: leave out all but one, for example --list",
        ),
        (&["--trials", "10001"], "error: invalid --trials 10001: expected 0 to 10000"),
        (&["--only", "wages"], "error: invalid value 'wages' for '--only <KIND>'"),
    ] {
        let ended = market.train(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains(sentence), "{sentence} is not in {}", ended.stderr);
    }
    let service = Service::start(&mut market.command("train-models"));
    let refused = service.post(&json!({ "list": true, "seed": 7 })).send();
    assert_eq!(refused.status, 400, "{}", refused.json);
    assert_eq!(refused.json["detail"], "--list trains nothing: leave out --seed");
    let listed = service.post(&json!({ "list": true })).send();
    assert_eq!((listed.status, &listed.json["report"]["versions"]), (200, &json!([])), "{}", listed.json);
    let refused = service.post(&json!({ "export_folds": "/tmp/folds" })).send();
    assert_eq!(refused.status, 400, "a request does not choose where a server writes: {}", refused.json);
}

#[test]
fn threads_that_wait_sleep() {
    let market = Market::empty();
    let mut command = market.command("train-models");
    let ended = Running::start(command.args(["--once", "--list"]).env("OMP_DISPLAY_ENV", "verbose")).end();
    // OpenMP prints what it has read when the process starts: how often a waiting thread looks before it sleeps.
    let last = ended.stderr.rsplit_once("OPENMP DISPLAY ENVIRONMENT BEGIN").map_or("", |(_, last)| last);
    assert!(last.contains("GOMP_SPINCOUNT = '0'"), "{ended:?}");
}
