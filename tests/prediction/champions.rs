//! Champions that are missing, damaged, replaced or of another embedding space.

use serde_json::{Value, json};

use super::{ADS, WITH_TEXT};
use crate::support::Market;

const POINTER: &str = "models/champions.json";

/// Replaces an object of the artifact store by what `change` makes of it.
async fn change(market: &Market, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let store = market.artifacts();
    let (bytes, generation) = store.get(name).await.unwrap().expect(name);
    let altered = change(bytes.to_vec());
    store.compare_and_set(name, altered.into(), Some(&generation)).await.unwrap();
    bytes.to_vec()
}

/// The same for an object of JSON.
async fn change_json(market: &Market, name: &str, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let edited = |bytes: Vec<u8>| {
        let mut value: Value = serde_json::from_slice(&bytes).unwrap();
        edit(&mut value);
        value.to_string().into_bytes()
    };
    change(market, name, edited).await
}

#[test]
fn without_champions_the_command_that_makes_them_is_named() {
    let market = Market::with_vectors(ADS);
    market.unpredicted(&[], 1, &["no model is the champion: run train-models first"]);
}

#[tokio::test]
async fn what_a_missing_champion_predicts_is_missing_until_there_is_one() {
    let market = Market::with_models(ADS);
    change_json(&market, POINTER, |set| {
        set["models"].as_object_mut().unwrap().remove("clustering");
    })
    .await;
    let without = market.predict(&[]);
    assert!(without.stderr.contains("clustering has no champion"), "{without:?}");
    let without = without.answer()["report"].clone();
    assert_eq!(
        (&without["predicted"], &without["missing_champions"]),
        (&json!(WITH_TEXT), &json!(["clustering"]))
    );
    let bare = "SELECT count(*) FROM ml_predictions WHERE predicted_cluster IS NULL AND cluster_model_version IS NULL \
                AND predicted_salary > 0";
    assert_eq!(market.count(bare), i64::from(WITH_TEXT));
    assert_eq!(market.predicted(&[])["outcome"], "unchanged");

    let promoted = market.run("train-models", &["--once", "--promote", "clustering/v1"]);
    assert_eq!(promoted.code, Some(0), "{promoted:?}");
    assert_eq!(market.predicted(&[])["predicted"], WITH_TEXT);
    assert_eq!(market.count(super::NOT_ONCE), 0);
    assert_eq!(
        market.count("SELECT count(*) FROM ml_predictions"),
        2 * i64::from(WITH_TEXT),
        "the older rows stay"
    );
}

#[tokio::test]
async fn a_damaged_or_removed_champion_is_named_and_nothing_is_written() {
    let market = Market::with_models(ADS);
    let file = "models/role_classifier/v1/model.bayes.bin";
    let flipped = |mut bytes: Vec<u8>| {
        bytes[20] ^= 1;
        bytes
    };
    change(&market, file, flipped).await;
    market.unpredicted(&[], 1, &["role_classifier/v1", "model.bayes.bin"]);
    change(&market, file, flipped).await;

    let manifest = "models/salary_predictor/v1/manifest.json";
    let kept = change(&market, manifest, |bytes| bytes).await;
    market.artifacts().delete(manifest).await.unwrap();
    market.unpredicted(&[], 1, &[&format!("{manifest} is not in the store"), "train-models"]);
    market.artifacts().compare_and_set(manifest, kept.into(), None).await.unwrap();
    assert_eq!(market.count("SELECT count(*) FROM ml_predictions"), 0);
    assert_eq!(market.predicted(&[])["predicted"], WITH_TEXT);
}

#[tokio::test]
async fn two_embedding_spaces_are_refused_with_both_names() {
    let market = Market::with_models(ADS);
    change_json(&market, "models/clustering/v1/manifest.json", |manifest| {
        manifest["provenance"]["embedding_space"] = json!("another/space");
    })
    .await;
    market.unpredicted(&[], 2, &["clustering/v1 is of another/space", "all-MiniLM-L6-v2"]);

    let market = Market::with_models(ADS);
    change_json(&market, POINTER, |set| set["embedding_space"] = json!("another/space")).await;
    market.unpredicted(&[], 2, &["another/space", "all-MiniLM-L6-v2"]);
}

#[test]
fn a_run_that_fails_between_two_writes_is_completed_by_the_next_one() {
    let market = Market::with_models(ADS);
    for point in ["predict::page:1", "predict::write:1"] {
        let mut command = market.command("batch-predict");
        command.arg("--once").env("JOB_MARKET_FAILPOINT", point);
        let ended = crate::support::Running::start(&mut command).end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{point}: {ended:?}");
        assert_eq!(market.count("SELECT count(*) FROM ml_predictions"), 0, "{point}");
    }
    assert_eq!(market.predicted(&[])["predicted"], WITH_TEXT);
    assert_eq!(market.count(super::NOT_ONCE), 0);
}

#[test]
fn a_table_of_others_with_another_type_is_refused() {
    let market = Market::with_models(ADS);
    market.execute("CREATE TABLE ml_predictions (source VARCHAR NOT NULL, job_id BIGINT)");
    market.unpredicted(&[], 1, &["column job_id of table ml_predictions is BIGINT", "needs VARCHAR"]);
}
