//! Promotions and rollbacks by the operator.

use serde_json::json;

use super::{ANOTHER, Model, POUNDS, SALARY};
use crate::support::{Ended, Market, Running};

/// A market with versions of the salary model, without a warehouse.
async fn market_with(versions: usize) -> Market {
    let market = Market::empty();
    for _ in 0..versions {
        market.publish(&Model::of(SALARY)).await;
    }
    market
}

#[tokio::test]
async fn a_rollback_returns_to_the_champion_before_and_then_further_back() {
    let market = market_with(4).await;
    market.refused(
        &["--rollback", SALARY],
        1,
        &["salary_predictor has no earlier champion to return to", "published: v1, v2, v3, v4"],
    );
    let promoted = market.trained(&["--promote", "salary_predictor/v2"]);
    assert_eq!((&promoted["outcome"], &promoted["replaced"]), (&json!("promoted"), &json!({ SALARY: null })));
    for version in ["salary_predictor/v1", "salary_predictor/v4"] {
        market.trained(&["--promote", version]);
    }
    let again = market.trained(&["--promote", "salary_predictor/v4"]);
    assert_eq!((&again["outcome"], &again["replaced"]), (&json!("unchanged"), &json!(null)));
    // Not v3, the version before it, which never was the champion.
    let back = market.trained(&["--rollback", SALARY]);
    assert_eq!((&back["champions"], &back["replaced"]), (&json!({ SALARY: "v1" }), &json!({ SALARY: "v4" })));
    assert_eq!(market.trained(&["--rollback", SALARY])["champions"], json!({ SALARY: "v2" }));
    market.refused(&["--rollback", SALARY], 1, &["no earlier champion"]);
    market.refused(&["--rollback", POUNDS], 1, &["salary_predictor_gbp has no", "published: none"]);
}

#[tokio::test]
async fn a_rollback_passes_over_versions_that_were_removed() {
    let market = market_with(3).await;
    for version in ["salary_predictor/v1", "salary_predictor/v2", "salary_predictor/v3"] {
        market.trained(&["--promote", version]);
    }
    market.artifacts().delete("models/salary_predictor/v2/manifest.json").await.unwrap();
    assert_eq!(market.trained(&["--rollback", SALARY])["champions"], json!({ SALARY: "v1" }));
}

#[tokio::test]
async fn a_dry_run_promotes_nothing() {
    let market = market_with(2).await;
    market.trained(&["--promote", "salary_predictor/v1"]);
    let report = market.trained(&["--promote", "salary_predictor/v2", "--dry-run"]);
    assert_eq!(
        (&report["outcome"], &report["champions"]),
        (&json!("would_promote"), &json!({ SALARY: "v1" }))
    );
    assert_eq!(report["replaced"], json!({ SALARY: "v1" }));
    assert_eq!(market.trained(&["--list"])["champions"], json!({ SALARY: "v1" }));
}

#[tokio::test]
async fn a_missing_or_damaged_version_is_not_promoted() {
    let market = market_with(3).await;
    market.trained(&["--promote", "salary_predictor/v1"]);
    market.refused(&["--promote", "salary_predictor/v7"], 1, &["there is no", "published: v1, v2, v3"]);
    let file =
        |version: &str| market.artifact_dir().join(format!("models/salary_predictor/{version}/model.bin"));
    // Of the same length, and shorter.
    std::fs::write(file("v2"), "salary_predictor v9").unwrap();
    std::fs::write(file("v3"), "salary").unwrap();
    for version in ["v2", "v3"] {
        let name = format!("models/salary_predictor/{version}/model.bin");
        market.refused(&["--promote", &format!("salary_predictor/{version}")], 1, &[&name, "is damaged"]);
    }
    assert_eq!(market.trained(&["--list"])["champions"], json!({ SALARY: "v1" }));
}

#[tokio::test]
async fn models_of_two_embedding_spaces_are_not_served_together() {
    let market = Market::empty();
    for name in [SALARY, POUNDS] {
        market.publish(&Model::of(name)).await;
        market.publish(&Model::of(name).in_space(ANOTHER)).await;
    }
    market.trained(&["--promote", "salary_predictor/v1", "--promote", "salary_predictor_gbp/v1"]);
    let both = ["models/salary_predictor/v1", "models/salary_predictor_gbp/v2", ANOTHER];
    market.refused(&["--promote", "salary_predictor_gbp/v2"], 2, &both);
    let moved = market.trained(&["--promote", "salary_predictor/v2", "--promote", "salary_predictor_gbp/v2"]);
    assert_eq!(moved["champions"], json!({ SALARY: "v2", POUNDS: "v2" }));
    market.refused(&["--rollback", SALARY], 2, &["models/salary_predictor/v1", ANOTHER]);
}

#[tokio::test]
async fn of_two_promotions_at_once_no_change_is_lost() {
    let market = market_with(2).await;
    for _ in 0..2 {
        market.publish(&Model::of(POUNDS)).await;
    }
    for round in 0..3 {
        let of_pounds = format!("v{}", 1 + round % 2);
        let versions = ["salary_predictor/v1", "salary_predictor/v2", &format!("{POUNDS}/{of_pounds}")];
        let start = |version: &str| {
            Running::start(market.command("train-models").args(["--once", "--promote", version]))
        };
        let started = versions.map(start);
        let [first, second, pounds] = started.map(Running::end);
        assert_eq!(pounds.code, Some(0), "another model's promotion is no conflict: {pounds:?}");
        for ended in [&first, &second].into_iter().filter(|ended| ended.code != Some(0)) {
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.stderr.contains("the champion of salary_predictor is"), "{ended:?}");
        }
        let champions = market.trained(&["--list"])["champions"].clone();
        let won = |ended: &Ended, version: &str| ended.code == Some(0) && champions[SALARY] == version;
        assert!(won(&first, "v1") || won(&second, "v2"), "{champions}: {first:?} {second:?}");
        assert_eq!(champions[POUNDS], of_pounds);
    }
}

#[tokio::test]
async fn a_promotion_is_recorded_if_there_is_a_warehouse() {
    let market = market_with(1).await;
    let without = market.train(&["--promote", "salary_predictor/v1"]);
    assert_eq!(without.code, Some(0), "{without:?}");
    assert!(without.stderr.contains("cannot record this run"), "{without:?}");
    market.generate(5, &[]);
    market.publish(&Model::of(SALARY)).await;
    market.trained(&["--promote", "salary_predictor/v2"]);
    market.trained(&["--list"]);
    market.trained(&["--rollback", SALARY, "--dry-run"]);
    market.refused(&["--promote", "salary_predictor/v7"], 1, &["there is no"]);
    let runs = |status: &str| {
        market.count(&format!(
            "SELECT count(*) FROM vw_runs WHERE \"function\" = 'train-models' AND status = '{status}'"
        ))
    };
    assert_eq!((runs("succeeded"), runs("failed")), (1, 1), "reading and dry runs are not recorded");
}
