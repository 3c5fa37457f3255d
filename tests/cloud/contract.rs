//! The suites that DuckDB and the directory pass, on BigQuery and Cloud Storage.

use common::storage::{artifacts, contract};

use super::World;

#[tokio::test]
async fn bigquery_keeps_the_contract_of_a_warehouse() {
    let Some(world) = World::on_emulators() else { return };
    contract::warehouse(world.warehouse().await.as_ref()).await;
}

#[tokio::test]
async fn cloud_storage_keeps_the_contract_of_a_store() {
    let Some(world) = World::on_emulators() else { return };
    artifacts::contract::artifacts(world.artifacts()).await;
}
