//! Contract of [`crate::warehouse::Predictions`].

use std::collections::BTreeMap;

use arrow::array::AsArray;
use common_core::job::{ContentHash, JobKey, Shard};
use futures::TryStreamExt;

use super::{SPACE, ad, append, count, key, moment, row, rows};
use crate::warehouse::{
    AdSelection, Cell, EmbeddingTable, ModelVersions, PredictionRow, PredictionScan, Variant, Warehouse,
};

const ADS: [&str; 5] = ["cook", "nurse", "pilot", "clerk", "gone"];

pub(super) async fn suite(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    ads_are_selected_before_there_are_predictions(warehouse).await;
    predicted_ads_are_predicted_again_only_if_something_changed(warehouse).await;
    a_row_replaces_that_of_the_same_ad_text_and_models(warehouse).await;
    ads_that_were_taken_down_have_no_predictions(warehouse).await;
}

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/predictions", 3)
}

fn versions(role: &str, salary: &[(&str, &str)]) -> ModelVersions {
    let salary: BTreeMap<String, String> =
        salary.iter().map(|(currency, version)| ((*currency).into(), (*version).into())).collect();
    ModelVersions { salary, role: Some(role.into()), cluster: None }
}

fn scan(selection: AdSelection) -> PredictionScan {
    PredictionScan { embeddings: table(), space: SPACE.into(), shard: Shard::ALL, selection }
}

/// Ids of the ads that a scan returns, in order; the count has the same number.
async fn selected(warehouse: &dyn Warehouse, scan: &PredictionScan) -> Vec<String> {
    let batches: Vec<_> = warehouse.scan_to_predict(scan).try_collect().await.unwrap();
    let mut ids: Vec<String> = batches
        .iter()
        .flat_map(|batch| {
            let ids = batch.column_by_name("job_id").unwrap().as_string::<i32>();
            ids.iter().map(|id| id.unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(warehouse.count_to_predict(scan).await.unwrap(), ids.len() as u64);
    ids
}

async fn unpredicted(warehouse: &dyn Warehouse, versions: ModelVersions) -> Vec<String> {
    selected(warehouse, &scan(AdSelection::Unpredicted(versions))).await
}

/// A prediction by role classifier v1 and, if the currency is SGD, salary model v1.
fn predicted(job_id: &str, currency: &str, seconds: i64) -> PredictionRow {
    let is_paid = currency == "SGD";
    let salary = |amount: f64| is_paid.then_some(amount);
    PredictionRow {
        key: key(job_id),
        content_hash: ContentHash::of(job_id).to_string(),
        variant: Variant::Champion,
        currency: currency.into(),
        predicted_salary: salary(5000.1),
        salary_low: salary(3000.0 + 0.1 + 0.2),
        salary_high: salary(9000.0),
        salary_confidence: salary(0.5),
        predicted_classification: Some("Cooks & 'Chefs'".into()),
        classification_probability: Some(1.0 / 3.0),
        predicted_cluster: None,
        cluster_name: None,
        salary_model_version: is_paid.then(|| "v1".into()),
        role_model_version: Some("v1".into()),
        cluster_model_version: None,
        predicted_at: moment(seconds),
    }
}

async fn ads_are_selected_before_there_are_predictions(warehouse: &dyn Warehouse) {
    let twin = common_core::job::JobAd { source: "UK".into(), ..ad("cook", 0, "cook") };
    append(warehouse, vec![Ok(ADS.map(|id| ad(id, 0, id)).to_vec()), Ok(vec![twin])]).await.unwrap();
    assert!(
        selected(warehouse, &scan(AdSelection::All)).await.is_empty(),
        "a scan without a table of embeddings returned ads"
    );
    warehouse.create_embeddings(&table()).await.unwrap();
    let embedded = ADS.iter().chain(&["vanished"]).map(|id| row(id, id, [1.0, 0.0, 0.0], 1));
    warehouse.merge_embeddings(&table(), embedded.collect()).await.unwrap();
    warehouse.forget(&[key("gone")]).await.unwrap();
    warehouse.merge_embeddings(&table(), vec![row("gone", "gone", [1.0, 0.0, 0.0], 1)]).await.unwrap();

    let everything = ["clerk", "cook", "nurse", "pilot"];
    let new = || versions("v1", &[("SGD", "v1")]);
    assert_eq!(
        unpredicted(warehouse, new()).await,
        everything,
        "a scan without ml_predictions did not return every ad"
    );
    for _ in 0..2 {
        warehouse.create_predictions().await.unwrap();
    }
    assert_eq!(unpredicted(warehouse, new()).await, everything);
    let elsewhere = PredictionScan { space: "another/space".into(), ..scan(AdSelection::All) };
    assert!(selected(warehouse, &elsewhere).await.is_empty());
    let mut shards = Vec::new();
    for index in 0..3 {
        let shard = Shard { index, count: 3 };
        let ids = selected(warehouse, &PredictionScan { shard, ..scan(AdSelection::All) }).await;
        assert!(ids.iter().all(|id| shard.contains(&key(id))), "{ids:?}");
        shards.extend(ids);
    }
    shards.sort_unstable();
    assert_eq!(shards, everything);
    let asked = vec![key("pilot"), key("gone"), JobKey { source: "UK".into(), job_id: "nurse".into() }];
    assert_eq!(selected(warehouse, &scan(AdSelection::Keys(asked))).await, ["pilot"]);

    let ids = ["cook", "gone", "none"].map(ToOwned::to_owned);
    let found = warehouse.ads_with_ids(&ids).await.unwrap();
    assert_eq!(found, [key("cook"), JobKey { source: "UK".into(), job_id: "cook".into() }]);
}

async fn predicted_ads_are_predicted_again_only_if_something_changed(warehouse: &dyn Warehouse) {
    let of_two_currencies = vec![predicted("cook", "SGD", 0), predicted("nurse", "GBP", 0)];
    assert_eq!(warehouse.write_predictions(of_two_currencies).await.unwrap(), 2);
    let old_text = PredictionRow {
        content_hash: ContentHash::of("old text").to_string(),
        ..predicted("pilot", "SGD", 0)
    };
    let challenger = PredictionRow { variant: Variant::Challenger, ..predicted("clerk", "SGD", 0) };
    warehouse.write_predictions(vec![old_text, challenger]).await.unwrap();

    assert_eq!(unpredicted(warehouse, versions("v1", &[("SGD", "v1")])).await, ["clerk", "pilot"]);
    let of_another_role = unpredicted(warehouse, versions("v11", &[("SGD", "v1")])).await;
    assert_eq!(of_another_role, ["clerk", "cook", "nurse", "pilot"]);
    let of_another_salary = unpredicted(warehouse, versions("v1", &[("SGD", "v11")])).await;
    assert_eq!(of_another_salary, ["clerk", "cook", "pilot"]);
    let of_pounds = unpredicted(warehouse, versions("v1", &[("GBP", "v1"), ("SGD", "v1")])).await;
    assert_eq!(of_pounds, ["clerk", "nurse", "pilot"]);
    assert_eq!(unpredicted(warehouse, versions("v1", &[])).await, ["clerk", "cook", "pilot"]);
    let with_clusters = ModelVersions { cluster: Some("v1".into()), ..versions("v1", &[("SGD", "v1")]) };
    assert_eq!(unpredicted(warehouse, with_clusters).await, ["clerk", "cook", "nurse", "pilot"]);
}

async fn a_row_replaces_that_of_the_same_ad_text_and_models(warehouse: &dyn Warehouse) {
    let before = count(warehouse, "ml_predictions").await;
    let clustered = |seconds: i64| PredictionRow {
        predicted_salary: Some(f64::MAX),
        predicted_cluster: Some(7),
        cluster_name: Some("Cooks".into()),
        role_model_version: Some("v2".into()),
        cluster_model_version: Some("v3".into()),
        ..predicted("cook", "SGD", seconds)
    };
    for seconds in [5, 5, 6] {
        assert_eq!(warehouse.write_predictions(vec![clustered(seconds)]).await.unwrap(), 1);
    }
    assert_eq!(count(warehouse, "ml_predictions").await, before + 1);
    let shown = "SELECT source, job_id, content_hash, variant, currency, predicted_salary, salary_low, salary_high, \
                 salary_confidence, predicted_classification, classification_probability, predicted_cluster, cluster_name, \
                 salary_model_version, role_model_version, cluster_model_version, predicted_at \
                 FROM vw_predictions_latest WHERE job_id = 'cook'";
    let (text, number) = (|text: &str| Cell::Text(text.to_owned()), Cell::Float);
    let expected = vec![
        text("MCF"),
        text("cook"),
        text(&ContentHash::of("cook").to_string()),
        text("champion"),
        text("SGD"),
        number(f64::MAX),
        number(3000.0 + 0.1 + 0.2),
        number(9000.0),
        number(0.5),
        text("Cooks & 'Chefs'"),
        number(1.0 / 3.0),
        Cell::Int(7),
        text("Cooks"),
        text("v1"),
        text("v2"),
        text("v3"),
        Cell::Timestamp(moment(6)),
    ];
    assert_eq!(rows(warehouse, shown).await, [expected]);

    // The earlier champions are back: their older rows are not current, and new ones replace them.
    let earlier = || versions("v1", &[("SGD", "v1")]);
    assert_eq!(unpredicted(warehouse, earlier()).await, ["clerk", "cook", "pilot"]);
    warehouse.write_predictions(vec![predicted("cook", "SGD", 9)]).await.unwrap();
    assert_eq!(unpredicted(warehouse, earlier()).await, ["clerk", "pilot"]);
    assert_eq!(count(warehouse, "ml_predictions").await, before + 1);
    assert_eq!(warehouse.write_predictions(Vec::new()).await.unwrap(), 0);
}

async fn ads_that_were_taken_down_have_no_predictions(warehouse: &dyn Warehouse) {
    let both = vec![predicted("gone", "SGD", 0), predicted("clerk", "SGD", 1)];
    assert_eq!(warehouse.write_predictions(both).await.unwrap(), 1);
    let forgotten = warehouse.forget(&[key("clerk")]).await.unwrap();
    let of_table = forgotten.iter().find(|gone| gone.table == "ml_predictions").map(|gone| gone.rows);
    assert_eq!(of_table, Some(2));
    let left =
        rows(warehouse, "SELECT count(*) FROM vw_predictions_latest WHERE job_id IN ('gone', 'clerk')");
    assert_eq!(left.await, [[Cell::Int(0)]]);
}
