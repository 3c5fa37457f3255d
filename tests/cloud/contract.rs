//! The contract suites of the warehouse and the artifact store on BigQuery and Cloud Storage: on emulators, or on
//! Google's services with `scripts/test --live`, in a dataset and below a prefix that are created for it and deleted
//! afterwards.

use std::panic::AssertUnwindSafe;

use common::ErrorKind;
use common::storage::bigquery::{self, BigQuery};
use common::storage::settings::{ArtifactsUrl, WarehouseUrl};
use common::storage::warehouse::{Cell, EmbeddingTable, VectorIndexKind, VectorIndexState};
use common::storage::{Access, artifacts, contract};
use futures::FutureExt;

use super::World;
use super::errors::execute;

/// Fails the test with the panic of a suite, after the cleanup.
fn resume(outcome: std::thread::Result<()>) {
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a suite on a dataset that is made for it and removed afterwards.
async fn check(world: &World, name: &str, suite: contract::Suite) {
    let settings = world.settings();
    let WarehouseUrl::BigQuery { project, dataset } = &settings.warehouse_url else {
        panic!("{} is not in BigQuery", world.warehouse_url)
    };
    let google = bigquery::connect(&settings).await.unwrap();
    let warehouse = BigQuery::open(google, &settings, (project, dataset), Access::Create).await.unwrap();
    let outcome = AssertUnwindSafe(suite(&warehouse)).catch_unwind().await;
    eprintln!("{name}, {}: {} bytes billed", world.warehouse_url, warehouse.bytes_billed());
    warehouse.remove().await.unwrap();
    resume(outcome);
}

#[tokio::test]
async fn bigquery_passes_the_contract_of_every_role() {
    for (role, suite) in contract::SUITES {
        let Some(world) = World::live().or_else(World::on_emulators) else { return };
        check(&world, role, suite).await;
    }
    // The emulator does not run VECTOR_SEARCH.
    if let Some(world) = World::live() {
        check(&world, "vector search", |warehouse| Box::pin(contract::vector_search(warehouse))).await;
    }
}

#[tokio::test]
async fn bigquery_passes_the_takedown_contract() {
    let Some(world) = World::on_emulators() else { return };
    let warehouse = world.warehouse().await;
    let foreign = async |sql: String| execute(&world, &sql);
    contract::takedowns(warehouse.as_ref(), &|sql| Box::pin(foreign(sql))).await;
}

#[tokio::test]
async fn tables_with_other_columns_and_order_are_read_and_written_by_column_name() {
    let Some(world) = World::on_emulators() else { return };
    // Creates the dataset.
    let warehouse = world.warehouse().await;
    for (table, columns) in contract::OTHERS {
        let columns = columns
            .replace("{text}", "STRING")
            .replace("{moment}", "TIMESTAMP")
            .replace("{number}", "FLOAT64")
            .replace("{vector}", "ARRAY<FLOAT64>")
            .replace("{tenant}", "tenant STRING");
        execute(&world, &format!("CREATE TABLE {table} ({columns})"));
    }
    execute(
        &world,
        "INSERT INTO job_embeddings (source, job_id, tenant, created_at, embedding, content_hash, embedding_space) \
         VALUES ('MCF', 'owned', 'theirs', TIMESTAMP '2020-01-01 00:00:00+00', [0.0, 0.0, 1.0], 'stale', 'old')",
    );
    // The emulator does not support column defaults: the additional column stays NULL.
    contract::tables_of_others(warehouse.as_ref(), Cell::Null).await;
}

/// Makes a `cleaned_jobs` of others, whose columns may all be NULL.
fn create_jobs_of_others(world: &World) {
    let (table, columns) = contract::OTHERS[0];
    let columns = columns
        .replace("{text}", "STRING")
        .replace("{moment}", "TIMESTAMP")
        .replace("{number}", "FLOAT64")
        .replace("{tenant}", "tenant STRING");
    execute(world, &format!("CREATE TABLE {table} ({columns})"));
}

#[tokio::test]
async fn the_view_and_the_pages_have_the_same_sightings() {
    let Some(world) = World::on_emulators() else { return };
    // Makes the dataset.
    let warehouse = world.warehouse().await;
    create_jobs_of_others(&world);
    let foreign = async |sql: String| execute(&world, &sql);
    contract::latest_sightings(warehouse.as_ref(), &|sql| Box::pin(foreign(sql))).await;
}

#[tokio::test]
async fn a_view_of_jobs_is_read_like_a_table() {
    let Some(world) = World::on_emulators() else { return };
    // Makes the dataset.
    let warehouse = world.warehouse().await;
    create_jobs_of_others(&world);
    let dataset = world.warehouse_url.trim_start_matches("bigquery://").replace('/', ".");
    let foreign = async |sql: String| execute(&world, &sql.replace("{dataset}", &format!("{dataset}.")));
    contract::a_view_of_jobs(warehouse.as_ref(), &|sql| Box::pin(foreign(sql))).await;
}

/// Inserts rows as another program could.
fn insert(world: &World, table: &EmbeddingTable, from: u32, to: u32) {
    let sql = format!(
        "INSERT INTO {} (source, job_id, embedding, model_name, created_at, embedding_space, model_version, content_hash) \
         SELECT 'MCF', CAST(n AS STRING), [n + 0.5, 1.0], 'model', CURRENT_TIMESTAMP(), 'space', 'version', 'hash' \
         FROM UNNEST(GENERATE_ARRAY({from}, {to})) AS n",
        table.name
    );
    execute(world, &sql);
}

/// The emulator has the minimum sizes of the service (5,000 rows and an estimated 10 MB) and builds an index at once.
#[tokio::test]
async fn a_vector_index_is_created_when_there_are_enough_rows() {
    let Some(world) = World::on_emulators() else { return };
    let warehouse = world.warehouse().await;
    warehouse.create_jobs().await.unwrap();
    for (kind, name) in [(VectorIndexKind::Ivf, "ivf"), (VectorIndexKind::TreeAh, "tree")] {
        let table = EmbeddingTable::of_model(name, 2);
        let error = warehouse.refresh_vector_index(&table, kind).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
        assert!(error.to_string().contains(&table.name), "{error}");
        warehouse.create_embeddings(&table).await.unwrap();
        insert(&world, &table, 1, 4999);
        let state = warehouse.refresh_vector_index(&table, kind).await.unwrap();
        assert_eq!(state, VectorIndexState::TooFewRows { rows: 4999, needed: 5000 });
        insert(&world, &table, 5000, 5000);
        for _ in 0..2 {
            let state = warehouse.refresh_vector_index(&table, kind).await.unwrap();
            let reason = "TEMPORARILY DISABLED".to_owned();
            assert_eq!(state, VectorIndexState::Disabled { reason });
        }
        insert(&world, &table, 5001, 101_000);
        let state = warehouse.refresh_vector_index(&table, kind).await.unwrap();
        assert_eq!(state, VectorIndexState::Active { coverage_percent: 100 });
    }
}

#[tokio::test]
async fn cloud_storage_passes_the_artifact_store_contract() {
    let Some(world) = World::live().or_else(World::on_emulators) else { return };
    assert!(matches!(world.settings().artifacts_url, ArtifactsUrl::Gcs { .. }), "{}", world.artifacts_url);
    let store = world.artifacts();
    let suites = async {
        artifacts::contract::artifacts(world.artifacts()).await;
        contract::registry(world.artifacts()).await;
    };
    let outcome = AssertUnwindSafe(suites).catch_unwind().await;
    for object in store.list("").await.unwrap() {
        store.delete(&object.name).await.unwrap();
    }
    resume(outcome);
}
