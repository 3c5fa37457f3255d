//! The suites that DuckDB and the directory pass, on BigQuery and Cloud Storage: on emulators, or with `scripts/test --live`
//! on Google's own, in a dataset and below a prefix that are made for it and removed afterwards.

use std::panic::AssertUnwindSafe;

use common::config::{ArtifactsUrl, WarehouseUrl};
use common::storage::bigquery::BigQuery;
use common::storage::{Access, artifacts, contract};
use futures::FutureExt;

use super::World;

/// Fails the test with what `suite` failed with, after the cleaning up.
fn resume(outcome: std::thread::Result<()>) {
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[tokio::test]
async fn bigquery_keeps_the_contract_of_a_warehouse() {
    let Some(world) = World::live().or_else(World::on_emulators) else { return };
    let config = world.config();
    let WarehouseUrl::BigQuery { project, dataset } = &config.warehouse else {
        panic!("{} is not in BigQuery", world.warehouse_url)
    };
    let warehouse = BigQuery::open(&config, project, dataset, Access::Create).await.unwrap();
    let outcome = AssertUnwindSafe(contract::warehouse(&warehouse)).catch_unwind().await;
    eprintln!("{}: {} bytes billed", world.warehouse_url, warehouse.bytes_billed());
    warehouse.remove().await.unwrap();
    resume(outcome);
}

#[tokio::test]
async fn cloud_storage_keeps_the_contract_of_a_store() {
    let Some(world) = World::live().or_else(World::on_emulators) else { return };
    assert!(matches!(world.config().artifacts, ArtifactsUrl::Gcs { .. }), "{}", world.artifacts_url);
    let store = world.artifacts();
    let outcome = AssertUnwindSafe(artifacts::contract::artifacts(world.artifacts())).catch_unwind().await;
    for object in store.list("").await.unwrap() {
        store.delete(&object.name).await.unwrap();
    }
    resume(outcome);
}
