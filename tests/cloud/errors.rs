//! Errors of users and of the server: messages name the object and the remedy.

use std::time::Duration;

use common::job::{ContentHash, JobKey, Shard};
use common::storage::warehouse::{EmbeddingRow, EmbeddingTable, FilterColumns, JobCount, JobScan};
use common::storage::{Access, Registry, open_warehouse};
use common::{Error, ErrorKind};
use futures::TryStreamExt;
use serde_json::json;

use super::World;
use crate::support::proxy::{Fault, Proxy};

async fn open_error(world: &World) -> Error {
    open_warehouse(&world.settings(), Access::Write).await.map(|_| ()).unwrap_err()
}

/// Runs a statement as the owner of the dataset.
pub(crate) fn execute(world: &World, sql: &str) {
    let dataset = world.warehouse_url.rsplit('/').next().unwrap();
    let body = json!({
        "query": sql, "useLegacySql": false, "defaultDataset": {"projectId": "demo", "datasetId": dataset},
    });
    let url = format!("http://{}/bigquery/v2/projects/demo/queries", world.bigquery);
    let answer = ureq::post(url).send_json(body).unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_missing_dataset_is_named_and_created_by_a_load() {
    let Some(world) = World::on_emulators() else { return };
    let error = open_error(&world).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let dataset = world.warehouse_url.rsplit('/').next().unwrap();
    assert!(error.to_string().contains(dataset) && error.to_string().contains("jobctl load"), "{error}");
    let warehouse = world.warehouse().await;
    let error = warehouse.create_embeddings(&EmbeddingTable::of_model("m", 3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("cleaned_jobs"), "{error}");
}

#[tokio::test]
async fn names_that_need_escaping_reach_the_server_unchanged() {
    let Some(world) = World::on_emulators() else { return };
    let odd = World { warehouse_url: "bigquery://example.com:my-project/_No_such_dataset".into(), ..world };
    let error = open_error(&odd).await;
    assert!(
        error.to_string().starts_with("opening dataset example.com:my-project._No_such_dataset"),
        "{error}"
    );
    // The server received the whole name: it reports that it does not exist.
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
    let text = error.to_string();
    let (_, answer) = text.split_once("HTTP 404, ").expect("an answer");
    assert!(answer.contains("example.com:my-project") && answer.contains("_No_such_dataset"), "{error}");
}

#[tokio::test]
async fn a_table_with_another_schema_is_rejected_and_a_missing_column_is_added() {
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
async fn a_table_that_another_task_creates_is_waited_for() {
    let Some(world) = World::on_emulators() else { return };
    let warehouse = world.warehouse().await;
    warehouse.create_jobs().await.unwrap();
    // A table that has been created but has no columns yet.
    let dataset = world.warehouse_url.rsplit('/').next().unwrap();
    let url = format!("http://{}/bigquery/v2/projects/demo/datasets/{dataset}/tables", world.bigquery);
    let reference = json!({"projectId": "demo", "datasetId": dataset, "tableId": "job_embeddings"});
    ureq::post(&url).send_json(json!({"tableReference": reference})).unwrap();
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 3);
    let made = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        ureq::delete(format!("{url}/job_embeddings")).call().unwrap();
        warehouse.create_embeddings(&table).await
    };
    let (waiting, making) = tokio::join!(warehouse.create_embeddings(&table), made);
    making.unwrap();
    waiting.unwrap();
}

#[tokio::test]
async fn sightings_without_a_key_are_counted_and_ignored() {
    let Some(world) = World::on_emulators() else { return };
    let warehouse = world.warehouse().await;
    warehouse.create_jobs().await.unwrap();
    // A table of another program: no column is declared as required.
    execute(&world, "CREATE TABLE loose AS SELECT * FROM cleaned_jobs");
    execute(&world, "DROP TABLE cleaned_jobs");
    execute(&world, "CREATE TABLE cleaned_jobs AS SELECT * FROM loose");
    let moment = "TIMESTAMP '2026-01-01 00:00:00+00'";
    execute(
        &world,
        &format!(
            "INSERT INTO cleaned_jobs (source, job_id, job_title, scrape_timestamp) VALUES
            ('MCF', '1', 'Cook', {moment}), ('MCF', '1', 'Older', NULL), ('MCF', '2', 'Pilot', NULL),
            ('', '3', 'No board', {moment}), (NULL, '4', 'No board', {moment}), ('MCF', NULL, 'No id', {moment})"
        ),
    );
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 3);
    warehouse.create_embeddings(&table).await.unwrap();
    let scan = JobScan { embeddings: table, shard: Shard::ALL, source: None };
    let count = warehouse.count_jobs(&scan).await.unwrap();
    let expected = JobCount { ads: 2, nameless_sightings: 3, timestamps_out_of_range: 0, forgotten_ads: 0 };
    assert_eq!(count, expected);
    let pages: Vec<_> = warehouse.scan_jobs(scan).try_collect().await.unwrap();
    let mut titles: Vec<_> = pages.concat().into_iter().filter_map(|ad| ad.title).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Cook", "Pilot"]);
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let Some(world) = World::on_emulators() else { return };
    let missing = World { artifacts_url: "gs://no-such-bucket/x".into(), ..world };
    let store = missing.artifacts();
    let error = store.compare_and_set("a", b"x".to_vec().into(), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
    assert!(error.to_string().contains("no-such-bucket"), "{error}");
}

#[tokio::test]
async fn a_bucket_and_a_prefix_may_be_called_bucket() {
    let Some(world) = World::on_emulators() else { return };
    let proxy = Proxy::start(&world.storage, 0, 0, Duration::ZERO).await;
    proxy.word_as_cloud_storage();
    // The name of the bucket starts with that word, too.
    let artifacts_url = format!("{}/my bucket/buckets", world.artifacts_url);
    let odd = World { storage: proxy.url.clone(), artifacts_url, ..world };
    common::storage::artifacts::contract::artifacts(odd.artifacts()).await;
    let registry = Registry::new(odd.artifacts(), common::index::manifest::KIND, "indexes of a bucket");
    assert!(registry.champion().await.unwrap().is_none());
    let folder = tempfile::tempdir().unwrap();
    let manifest = r#"{
        "kind": "vector_index", "format": 3, "version": "v1", "created_at": "2025-01-02T03:04:05Z",
        "provenance": {"code_version": "0.1.0"}, "rows": 0, "metrics": {}, "files": {}, "body": {}
    }"#;
    std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    let version = registry.claim().await.unwrap();
    registry.publish(&version, folder.path()).await.unwrap();
    registry.promote(&version, None).await.unwrap();
    assert_eq!(registry.champion().await.unwrap().unwrap().version, version);
    // A missing bucket is named by every operation.
    let missing = World { artifacts_url: "gs://no-such-bucket/x".into(), ..odd };
    let store = missing.artifacts();
    let file = folder.path().join("manifest.json");
    for error in [
        store.get("a").await.err().unwrap(),
        store.read("a").await.err().unwrap(),
        store.list("").await.err().unwrap(),
        store.delete("a").await.err().unwrap(),
        store.put_new("a", &file).await.err().unwrap(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
        assert!(
            error.to_string().ends_with("create bucket no-such-bucket, or correct ARTIFACTS_URL"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_row_that_the_server_rejects_is_named_and_the_others_are_written() {
    let Some(world) = World::on_emulators() else { return };
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 3);
    let direct = world.warehouse().await;
    direct.create_jobs().await.unwrap();
    direct.create_embeddings(&table).await.unwrap();
    let proxy = Proxy::start(&world.bigquery, 0, 0, Duration::ZERO).await;
    let watched = World { bigquery: proxy.url.clone(), ..world };
    let warehouse = open_warehouse(&watched.settings(), Access::Write).await.unwrap();
    let ids = ["a", "b", "unwelcome-row", "c", "d"];
    let row = |id: &&str| EmbeddingRow {
        key: JobKey { source: "MCF".into(), job_id: (*id).to_owned() },
        embedding: vec![1.0, 0.0, 0.0],
        model_name: "model".into(),
        created_at: chrono::DateTime::UNIX_EPOCH,
        embedding_space: "space".into(),
        model_version: "version".into(),
        content_hash: ContentHash::of(id),
        filters: FilterColumns::default(),
    };
    proxy.refuse("unwelcome-row");
    let refused = warehouse.merge_embeddings(&table, ids.iter().map(row).collect()).await.unwrap();
    let named: Vec<_> = refused.iter().map(|row| &*row.key.job_id).collect();
    assert_eq!(named, ["unwelcome-row"]);
    assert!(refused[0].reason.contains("by schedule"), "{refused:?}");
    let pages: Vec<Vec<EmbeddingRow>> = direct.scan_embeddings(&table, "space").try_collect().await.unwrap();
    assert_eq!(pages.concat().len(), 4);
}

#[tokio::test]
async fn a_missing_permission_fails_at_once_with_the_remedy() {
    let Some(world) = World::on_emulators() else { return };
    drop(world.warehouse().await);
    let proxy = Proxy::start(&world.bigquery, 0, 0, Duration::ZERO).await;
    let watched = World { bigquery: proxy.url.clone(), ..world };
    proxy.force(&[Fault::Forbidden]);
    let error = open_error(&watched).await;
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert!(error.to_string().contains("role"), "{error}");
    assert_eq!(proxy.seen(), [Fault::Forbidden]);
}
