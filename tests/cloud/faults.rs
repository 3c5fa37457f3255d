//! Fault injection for requests: no row may be lost or duplicated.
//!
//! The same small load runs against a DuckDB file and, through a proxy that breaks requests by a seeded schedule,
//! against the BigQuery emulator; then the tables must be equal. `JOB_MARKET_FAULT_SEEDS` is the number of schedules
//! (default 25), or a range such as `500..1000`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use common::ErrorKind;
use common::job::{ContentHash, JobAd, JobKey, Shard, Timestamp};
use common::storage::warehouse::{EmbeddingRow, EmbeddingTable, FilterColumns, JobScan, SharedRow};
use common::storage::{Access, Warehouse, open_warehouse};
use futures::{StreamExt, TryStreamExt, stream};

use super::World;
use crate::support::OwnEmulators;
use crate::support::proxy::{Fault, Proxy, SEEDED};

const SPACE: &str = "model/weights/t1-256";

/// [`World::timeout_s`]. A request has five times as long in total. With less, the waits between attempts, which do not
/// depend on it, leave no time for five of them: one in 500 schedules then ended in an honest failure.
const TIMEOUT_S: u64 = 4;
/// The delay of a late response, longer than the timeout.
const LATE: Duration = Duration::from_millis(TIMEOUT_S * 1000 + 500);

fn moment(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000, 123_456_000).expect("a moment") + TimeDelta::seconds(seconds)
}

fn key(source: &str, n: usize) -> JobKey {
    JobKey { source: source.to_owned(), job_id: format!("job-{n}") }
}

fn ad(source: &str, n: usize, seen: i64) -> JobAd {
    let JobKey { source, job_id } = key(source, n);
    let job_title = Some(format!("Title {n} 👩‍⚕️"));
    JobAd { source, job_id, scrape_timestamp: moment(seen), job_title, ..JobAd::default() }
}

fn row(source: &str, n: usize, created: i64) -> EmbeddingRow {
    EmbeddingRow {
        key: key(source, n),
        embedding: (0..8).map(|i| ((n * 31 + i) as f32).sin() + created as f32).collect(),
        model_name: "model".into(),
        created_at: moment(created),
        embedding_space: SPACE.into(),
        model_version: format!("{SPACE}/fp32-cpu"),
        content_hash: ContentHash::of(&format!("{source} text {n}")),
        filters: FilterColumns { job_location: Some(String::new()), ..FilterColumns::default() },
    }
}

type Stored = BTreeMap<JobKey, EmbeddingRow>;

/// A small version of a daily load for one board. Each schedule has its own board.
async fn load(warehouse: &dyn Warehouse, table: &EmbeddingTable, board: &str) -> common::Result<()> {
    let scan = scan(table, board);
    let ads =
        vec![Ok((0..30).map(|n| ad(board, n, 0)).collect()), Ok((0..10).map(|n| ad(board, n, 60)).collect())];
    assert_eq!(warehouse.append_jobs(stream::iter(ads).boxed()).await?.sightings, 40);
    warehouse.merge_embeddings(table, (0..20).map(|n| row(board, n, 1)).collect()).await?;
    // Half of these replace a row, half are new.
    warehouse.merge_embeddings(table, (10..30).map(|n| row(board, n, 2)).collect()).await?;
    let like = |n: usize, other: usize| SharedRow {
        key: key(board, n),
        content_hash: row(board, other, 0).content_hash,
        filters: FilterColumns { salary_mid: Some(0.1), ..FilterColumns::default() },
    };
    let shared: Vec<SharedRow> = (0..5).map(|n| like(n, n + 15)).chain([like(5, 99)]).collect();
    let without = warehouse.share_embeddings(table, SPACE, shared, None).await?;
    assert_eq!(without.into_iter().collect::<Vec<_>>(), [key(board, 5)]);
    warehouse.merge_embeddings(table, (90..95).map(|n| row(board, n, 3)).collect()).await?;
    // The last five rows have no ad.
    warehouse.prune_embeddings(&scan).await?;
    let pages: Vec<_> = warehouse.scan_jobs(scan.clone()).try_collect().await?;
    assert_eq!(pages.concat().len(), 30);
    assert_eq!(warehouse.count_jobs(&scan).await?.ads, 30);
    Ok(())
}

fn scan(table: &EmbeddingTable, board: &str) -> JobScan {
    JobScan { embeddings: table.clone(), shard: Shard::ALL, source: Some(board.to_owned()) }
}

async fn stored(warehouse: &dyn Warehouse, table: &EmbeddingTable) -> Stored {
    let pages: Vec<Vec<EmbeddingRow>> =
        warehouse.scan_embeddings(table, SPACE).try_collect().await.expect("rows");
    let mut by_key = Stored::new();
    for row in pages.concat() {
        let duplicate = by_key.insert(row.key.clone(), row);
        assert!(duplicate.is_none(), "duplicate row: {duplicate:?}");
    }
    by_key
}

/// The number of schedules per emulator, which slows down with every statement.
const SCHEDULES_PER_EMULATOR: u64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_with_faults_writes_the_same_rows_as_one_without() {
    if World::on_emulators().is_none() {
        return;
    }
    let setting = std::env::var("JOB_MARKET_FAULT_SEEDS").unwrap_or_else(|_| "0..25".into());
    let (first, end) = setting.split_once("..").unwrap_or(("0", &setting));
    let number = |text: &str| text.parse::<u64>().expect("JOB_MARKET_FAULT_SEEDS is a number or A..B");
    let (first, end) = (number(first), number(end));
    let mut faults = 0;
    for start in (first..end).step_by(SCHEDULES_PER_EMULATOR as usize) {
        let own = OwnEmulators::start().expect("emulators");
        let seeds = start..(start + SCHEDULES_PER_EMULATOR).min(end);
        faults += load_with_faults(&World::on(&own.emulators), seeds.clone()).await;
        eprintln!("schedules {first} to {}: {faults} faults", seeds.end - 1);
    }
    assert!(faults > end - first, "too few faults: {faults}");
}

/// Returns the number of faults.
async fn load_with_faults(world: &World, seeds: Range<u64>) -> u64 {
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 8);
    let direct = world.warehouse().await;
    direct.create_jobs().await.unwrap();
    direct.create_embeddings(&table).await.unwrap();
    let one = async |seed: u64| {
        let proxy = Proxy::start(&world.bigquery, seed, 5, LATE).await;
        let broken = World {
            bigquery: proxy.url.clone(),
            warehouse_url: world.warehouse_url.clone(),
            artifacts_url: world.artifacts_url.clone(),
            storage: world.storage.clone(),
            timeout_s: TIMEOUT_S,
        };
        let warehouse = open_warehouse(&broken.settings(), Access::Write).await.unwrap();
        if let Err(error) = load(warehouse.as_ref(), &table, &format!("board-{seed}")).await {
            panic!("seed {seed}: {}; faults {:?}", error.chain(), proxy.seen());
        }
        proxy.seen().len() as u64
    };
    let faults: Vec<u64> = stream::iter(seeds.clone()).map(one).buffer_unordered(8).collect().await;

    let folder = tempfile::tempdir().unwrap();
    let url = format!("duckdb:{}", folder.path().join("jobs.duckdb").display());
    let local = World { warehouse_url: url, ..World::on_emulators().unwrap() }.warehouse().await;
    local.create_jobs().await.unwrap();
    local.create_embeddings(&table).await.unwrap();
    let ads = 30 * (seeds.end - seeds.start);
    for seed in seeds {
        load(local.as_ref(), &table, &format!("board-{seed}")).await.unwrap();
    }
    let (cloud, laptop) = (stored(direct.as_ref(), &table).await, stored(local.as_ref(), &table).await);
    let differing = laptop.iter().find(|(key, row)| cloud.get(key) != Some(row));
    assert_eq!(differing.map(|(key, _)| key), None, "the tables differ");
    assert_eq!((cloud.len() as u64, laptop.len() as u64), (ads, ads));
    let counted = direct.count_jobs(&JobScan { source: None, ..scan(&table, "") }).await.unwrap();
    assert_eq!(counted.ads, ads);
    faults.into_iter().sum()
}

#[tokio::test]
async fn every_kind_of_request_survives_each_fault() {
    let Some(world) = World::on_emulators() else { return };
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 8);
    let direct = world.warehouse().await;
    direct.create_jobs().await.unwrap();
    direct.create_embeddings(&table).await.unwrap();
    let proxy = Proxy::start(&world.bigquery, 0, 0, LATE).await;
    let broken = World { bigquery: proxy.url.clone(), timeout_s: TIMEOUT_S, ..world };
    let warehouse = open_warehouse(&broken.settings(), Access::Write).await.unwrap();
    let all = [&SEEDED[..], &[Fault::Expired, Fault::QueueIsFull]].concat();
    for (n, &fault) in all.iter().enumerate() {
        // Only uploads: the first request of an append is of the same kind as the first request of a merge.
        proxy.force_uploads(&[fault]);
        let ads = vec![Ok(vec![ad("one", n, 0)])];
        assert_eq!(warehouse.append_jobs(stream::iter(ads).boxed()).await.unwrap().sightings, 1, "{fault:?}");
        proxy.force(&[fault]);
        warehouse.merge_embeddings(&table, vec![row("one", n, 1)]).await.unwrap();
    }
    assert_eq!(proxy.seen().len(), 2 * all.len());
    assert_eq!(direct.count_jobs(&scan(&table, "one")).await.unwrap().ads, all.len() as u64);
    let duplicates = direct
        .query("SELECT job_id FROM cleaned_jobs GROUP BY job_id HAVING COUNT(*) > 1", &[])
        .await
        .unwrap();
    assert_eq!(duplicates.pages.try_collect::<Vec<_>>().await.unwrap().concat().len(), 0);
    assert_eq!(stored(direct.as_ref(), &table).await.len(), all.len());
}

#[tokio::test]
async fn an_unavailable_server_is_named_when_the_retries_are_exhausted() {
    let Some(world) = World::on_emulators() else { return };
    drop(world.warehouse().await);
    let proxy = Proxy::start(&world.bigquery, 0, 0, LATE).await;
    let broken = World { bigquery: proxy.url.clone(), timeout_s: 1, ..world };
    proxy.force(&[Fault::HtmlPage; 100]);
    let error = open_warehouse(&broken.settings(), Access::Write).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string();
    assert!(
        text.contains("opening dataset") && text.contains("HTTP 502") && text.contains("tries"),
        "{text}"
    );
}

#[tokio::test]
async fn an_object_is_written_once_despite_faults() {
    let Some(world) = World::on_emulators() else { return };
    let direct = world.artifacts();
    for seed in 0..10 {
        let proxy = Proxy::start(&world.storage, seed, 3, LATE).await;
        let broken = World {
            storage: proxy.url.clone(),
            timeout_s: TIMEOUT_S,
            warehouse_url: world.warehouse_url.clone(),
            artifacts_url: world.artifacts_url.clone(),
            bigquery: String::new(),
        };
        let store = broken.artifacts();
        let name = format!("objects/{seed}");
        let mut generation = None;
        for n in 0..5 {
            let text = format!("state {n}").into_bytes();
            generation = Some(store.compare_and_set(&name, text.into(), generation.as_ref()).await.unwrap());
        }
        let (bytes, found) = direct.get(&name).await.unwrap().unwrap();
        assert_eq!((&*bytes, Some(&found)), (&b"state 4"[..], generation.as_ref()), "{:?}", proxy.seen());
        let read = store.read(&name).await.unwrap().unwrap();
        assert_eq!(read.chunks.try_collect::<Vec<_>>().await.unwrap().concat(), b"state 4");
        let other = store.compare_and_set(&name, b"late".to_vec().into(), None).await.unwrap_err();
        assert_eq!(other.kind(), ErrorKind::Conflict);
        assert_eq!(store.list("objects/").await.unwrap().len() as u64, seed + 1);
    }
}
