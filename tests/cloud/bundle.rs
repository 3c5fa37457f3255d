//! The programs on BigQuery and Cloud Storage, compared with DuckDB and a directory.

use std::collections::BTreeMap;

use common::storage::warehouse::{EmbeddingRow, EmbeddingTable};
use futures::TryStreamExt;
use serde_json::Value;

use super::World;
use crate::support::{Running, command};

const ADS: &str = "120";
/// Kinds of models that a training publishes.
const KINDS: [&str; 3] = ["clustering", "role_classifier", "salary_predictor"];

fn run(world: &World, program: &str, arguments: &[&str], more: &[(&str, &str)]) -> Running {
    let mut command = command(program);
    // One thread each, because several of these processes run concurrently.
    command.envs(world.variables()).env("DEVICE", "cpu").env("THREADS", "1");
    command.envs(more.iter().copied()).args(arguments);
    Running::start(&mut command)
}

fn report(running: Running) -> Value {
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.answer()["report"].clone()
}

fn generate(world: &World) {
    let ended = run(world, "jobctl", &["generate", "--jobs", ADS, "--seed", "11"], &[]).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// All rows, without the time of the run that wrote them.
async fn rows(world: &World) -> BTreeMap<String, EmbeddingRow> {
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 384);
    let warehouse = world.warehouse().await;
    let answer = warehouse.query("SELECT DISTINCT embedding_space FROM job_embeddings", &[]).await.unwrap();
    let spaces = answer.pages.try_collect::<Vec<_>>().await.unwrap().concat();
    let [space] = &spaces[..] else { panic!("{spaces:?}") };
    let common::storage::warehouse::Cell::Text(space) = &space[0] else { panic!("{space:?}") };
    let pages: Vec<Vec<EmbeddingRow>> = warehouse.scan_embeddings(&table, space).try_collect().await.unwrap();
    let epoch = chrono::DateTime::UNIX_EPOCH;
    let rows = pages.concat().into_iter().map(|row| EmbeddingRow { created_at: epoch, ..row });
    rows.map(|row| (row.key.to_string(), row)).collect()
}

fn on_duckdb(folder: &tempfile::TempDir, world: &World) -> World {
    World {
        warehouse_url: format!("duckdb:{}", folder.path().join("jobs.duckdb").display()),
        artifacts_url: format!("file:{}", folder.path().join("artifacts").display()),
        bigquery: world.bigquery.clone(),
        storage: world.storage.clone(),
        timeout_s: 30,
    }
}

#[tokio::test]
async fn four_tasks_on_bigquery_write_the_same_rows_as_one_run_on_duckdb() {
    let Some(world) = World::on_emulators() else { return };
    let folder = tempfile::tempdir().unwrap();
    let laptop = on_duckdb(&folder, &world);
    generate(&world);
    generate(&laptop);
    let local = report(run(&laptop, "embed-new-jobs", &["--once"], &[]));

    // A dry run creates nothing, and reports the bytes that its queries would read.
    let dry = report(run(&world, "embed-new-jobs", &["--once", "--dry-run"], &[]));
    let costs = dry["dry_run"]["queries"].as_array().unwrap();
    assert!(costs.iter().any(|cost| cost["query"] == "scan_jobs"), "{dry}");
    assert_eq!(world.warehouse().await.tables().await.unwrap(), ["cleaned_jobs", "forgotten_ads"]);

    // Four concurrent tasks of one job; then one of them runs again as a second attempt.
    let task = |index: &'static str, attempt: &'static str| {
        run(
            &world,
            "embed-new-jobs",
            &[],
            &[
                ("CLOUD_RUN_JOB", "embed"),
                ("CLOUD_RUN_TASK_INDEX", index),
                ("CLOUD_RUN_TASK_COUNT", "4"),
                ("CLOUD_RUN_TASK_ATTEMPT", attempt),
            ],
        )
    };
    let tasks: Vec<Running> = ["0", "1", "2", "3"].map(|index| task(index, "0")).into();
    for running in tasks {
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let again = task("2", "1").end();
    assert_eq!(again.code, Some(0), "{again:?}");
    let (cloud, laptop_rows) = (rows(&world).await, rows(&laptop).await);
    assert_eq!(cloud.len() as u64, local["embedded"].as_u64().unwrap() + local["shared"].as_u64().unwrap());
    assert!(cloud == laptop_rows, "the rows differ");

    // A second run embeds nothing; a takedown deletes the row.
    let second = report(run(&world, "embed-new-jobs", &["--once"], &[]));
    assert_eq!((second["embedded"].as_u64(), second["shared"].as_u64()), (Some(0), Some(0)), "{second}");
    let gone = cloud.values().next().unwrap().key.clone();
    let forgotten = run(&world, "jobctl", &["forget", &gone.source, &gone.job_id], &[]).end();
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    assert_eq!(rows(&world).await.len(), cloud.len() - 1);
    // The next scrape contains the ad again.
    generate(&world);
    let third = report(run(&world, "embed-new-jobs", &["--once"], &[]));
    assert_eq!(
        (third["ads"].as_u64(), third["embedded"].as_u64()),
        (second["ads"].as_u64().map(|ads| ads - 1), Some(0)),
        "{third}"
    );
    assert_eq!(rows(&world).await.len(), cloud.len() - 1);
    let inspected = run(&world, "jobctl", &["inspect"], &[]).end();
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    assert!(inspected.stdout.contains("1 forgotten ad is kept out"), "{inspected:?}");
}

#[tokio::test]
async fn two_concurrent_runs_write_one_row_per_ad() {
    let Some(world) = World::on_emulators() else { return };
    generate(&world);
    let both = [(); 2].map(|()| run(&world, "embed-new-jobs", &["--once"], &[]));
    for running in both {
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let warehouse = world.warehouse().await;
    let sql = "SELECT source, job_id FROM job_embeddings GROUP BY source, job_id HAVING COUNT(*) > 1";
    let duplicates = warehouse.query(sql, &[]).await.unwrap().pages.try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(duplicates.concat().len(), 0);
    assert_eq!(rows(&world).await.len(), 120);
}

#[tokio::test]
async fn models_and_predictions_of_bigquery_are_those_of_duckdb() {
    let Some(world) = World::on_emulators() else { return };
    let folder = tempfile::tempdir().unwrap();
    let laptop = on_duckdb(&folder, &world);
    let (mut files, mut predictions) = (Vec::new(), Vec::new());
    for world in [&world, &laptop] {
        generate(world);
        report(run(world, "embed-new-jobs", &["--once"], &[]));
        let training = tempfile::tempdir().unwrap();
        let arguments = ["--once", "--currency", "SGD", "--quick"];
        let variables = [("TRAINING_DIR", training.path().to_str().unwrap())];
        let trained = report(run(world, "train-models", &arguments, &variables));
        let champions = KINDS.map(|kind| (kind, "v1"));
        assert_eq!(trained["champions"], serde_json::json!(BTreeMap::from(champions)), "{trained}");
        files.push(model_files(world).await);
        let champions = tempfile::tempdir().unwrap();
        let variables = [("CHAMPIONS_DIR", champions.path().to_str().unwrap())];
        let predict = || report(run(world, "batch-predict", &["--once"], &variables));
        let first = predict();
        assert!(first["predicted"].as_u64() > Some(100) && first["predicted"] == first["written"], "{first}");
        assert_eq!(predict()["outcome"], "unchanged");
        predictions.push(predicted(world).await);
    }
    for kind in KINDS {
        let names: Vec<&String> = files[0].keys().filter(|name| name.starts_with(kind)).collect();
        assert!(names.len() >= 4, "{names:?}");
    }
    assert!(files[0].keys().eq(files[1].keys()), "{:?} {:?}", files[0].keys(), files[1].keys());
    for (name, bytes) in &files[0] {
        assert!(files[1][name] == *bytes, "{name} differs");
    }
    assert!(predictions[0].len() > 100 && predictions[0] == predictions[1], "predictions differ");
}

/// The current predictions without their times, with all digits.
async fn predicted(world: &World) -> Vec<String> {
    let sql = "SELECT source, job_id, content_hash, variant, currency, predicted_salary, salary_low, salary_high, \
               salary_confidence, predicted_classification, classification_probability, predicted_cluster, cluster_name, \
               salary_model_version, role_model_version, cluster_model_version \
               FROM vw_predictions_latest ORDER BY source, job_id";
    let warehouse = world.warehouse().await;
    let pages: Vec<Vec<_>> = warehouse.query(sql, &[]).await.unwrap().pages.try_collect().await.unwrap();
    pages.concat().iter().map(|row| format!("{row:?}")).collect()
}

/// The files of the first model of each kind by kind and name, without those that contain times.
async fn model_files(world: &World) -> BTreeMap<String, Vec<u8>> {
    let artifacts = world.artifacts();
    let mut files = BTreeMap::new();
    for kind in KINDS {
        let prefix = format!("models/{kind}/v1/");
        for facts in artifacts.list(&prefix).await.unwrap() {
            let name = facts.name.strip_prefix(&prefix).unwrap_or(&facts.name);
            if !["manifest.json", "report.html", "claim.json"].contains(&name) {
                let chunks = artifacts.read(&facts.name).await.unwrap().unwrap().chunks;
                let bytes = chunks.try_collect::<Vec<_>>().await.unwrap().concat();
                files.insert(format!("{kind}/{name}"), bytes);
            }
        }
    }
    files
}
