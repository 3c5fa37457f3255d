//! What a user gets wrong, and what the server refuses: one sentence that names the thing and the remedy.

use common::storage::warehouse::EmbeddingTable;
use common::storage::{Access, open_warehouse};
use common::{Error, ErrorKind};
use serde_json::json;

use super::World;

async fn refused(world: &World) -> Error {
    open_warehouse(&world.config(), Access::Write).await.map(|_| ()).unwrap_err()
}

/// Runs a statement as the owner of the dataset could.
fn execute(world: &World, sql: &str) {
    let dataset = world.warehouse_url.rsplit('/').next().unwrap();
    let body = json!({
        "query": sql, "useLegacySql": false, "defaultDataset": {"projectId": "demo", "datasetId": dataset},
    });
    let url = format!("http://{}/bigquery/v2/projects/demo/queries", world.bigquery);
    let answer = ureq::post(url).send_json(body).unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_missing_dataset_is_named_and_a_load_makes_it() {
    let Some(world) = World::on_emulators() else { return };
    let error = refused(&world).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let dataset = world.warehouse_url.rsplit('/').next().unwrap();
    assert!(error.to_string().contains(dataset) && error.to_string().contains("jobctl load"), "{error}");
    let warehouse = world.warehouse().await;
    let error = warehouse.create_embeddings(&EmbeddingTable::of_model("m", 3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("cleaned_jobs"), "{error}");
}

#[tokio::test]
async fn names_that_need_quoting_reach_the_server_whole() {
    let Some(world) = World::on_emulators() else { return };
    let odd = World { warehouse_url: "bigquery://example.com:my-project/no such?dataset's".into(), ..world };
    let error = refused(&odd).await;
    assert!(error.to_string().contains("no such?dataset's"), "{error}");
    // The server read the whole name: it says so itself, or that such a name cannot be.
    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput), "{}", error.chain());
    assert!(error.to_string().contains("HTTP 40"), "{error}");
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_and_one_that_lacks_a_column_gets_it() {
    let Some(world) = World::on_emulators() else { return };
    let warehouse = world.warehouse().await;
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 3);
    warehouse.create_jobs().await.unwrap();
    warehouse.create_embeddings(&table).await.unwrap();
    execute(&world, "ALTER TABLE job_embeddings DROP COLUMN salary_mid");
    warehouse.create_embeddings(&table).await.unwrap();
    execute(&world, "SELECT salary_mid FROM job_embeddings");
    execute(&world, "ALTER TABLE job_embeddings DROP COLUMN salary_mid");
    execute(&world, "ALTER TABLE job_embeddings ADD COLUMN salary_mid STRING");
    let error = warehouse.create_embeddings(&table).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("salary_mid of table"), "{error}");
    assert!(error.to_string().contains("is STRING, and this program needs FLOAT64"), "{error}");
    let error = warehouse.create_embeddings(&EmbeddingTable { dimension: 4, ..table }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let Some(world) = World::on_emulators() else { return };
    let astray = World { artifacts_url: "gs://no-such-bucket/x".into(), ..world };
    let store = astray.artifacts();
    let error = store.compare_and_set("a", b"x".to_vec().into(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
    assert!(error.to_string().contains("no-such-bucket"), "{error}");
}
