//! Contract of the warehouses. A backend runs every suite in [`SUITES`], each on an empty warehouse, and the suites
//! [`vector_search`], [`takedowns()`], [`tables_of_others`] and [`latest_sightings`].

// A failed unwrap means that the backend breaks the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod ads;
mod champions;
mod embeddings;
mod features;
mod jobs;
mod latest;
mod moments;
mod others;
mod pay;
mod predictions;
mod queries;
mod registry;
mod runs;
mod search;
mod takedowns;

use chrono::DateTime;
use common_core::Result;
use common_core::job::{ContentHash, JobAd, JobKey, Shard, Timestamp};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};

use crate::warehouse::{
    Candidate, Cell, EmbeddingRow, EmbeddingTable, FilterColumns, JobScan, SharedRow, Warehouse,
};

pub use latest::{a_view_of_jobs, latest_sightings};
pub use others::{OTHERS, tables_of_others};
pub use registry::registry;
pub use search::vector_search;
pub use takedowns::{Foreign, takedowns};

const SPACE: &str = "model/weights/t1-256";

/// The company in every suite that searches by company: a warehouse may cache the companies for some time.
const COMPANY: &str = "New Ltd";

/// A suite that needs only an empty warehouse.
pub type Suite = for<'a> fn(&'a dyn Warehouse) -> BoxFuture<'a, ()>;

/// The suites that need only an empty warehouse, by name. [`vector_search`], [`takedowns()`], [`tables_of_others`] and
/// [`latest_sightings`] need more.
pub const SUITES: [(&str, Suite); 8] = [
    ("jobs", |warehouse| Box::pin(jobs::suite(warehouse))),
    ("embeddings", |warehouse| Box::pin(embeddings::suite(warehouse))),
    ("features", |warehouse| Box::pin(features::suite(warehouse))),
    ("predictions", |warehouse| Box::pin(predictions::suite(warehouse))),
    ("search", |warehouse| Box::pin(search::suite(warehouse))),
    ("runs", |warehouse| Box::pin(runs::suite(warehouse))),
    ("queries", |warehouse| Box::pin(queries::suite(warehouse))),
    ("values", |warehouse| Box::pin(values(warehouse))),
];

/// Values that every role must preserve: moments and pay.
async fn values(warehouse: &dyn Warehouse) {
    warehouse.create_jobs().await.unwrap();
    moments::moments_before_1970_are_preserved(warehouse).await;
    pay::pay_has_one_definition(warehouse).await;
}

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("all-MiniLM-L6-v2", 3)
}

fn scan() -> JobScan {
    JobScan { embeddings: table(), shard: Shard::ALL, source: None }
}

fn moment(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + seconds, 123_456_000).unwrap()
}

fn key(job_id: &str) -> JobKey {
    JobKey { source: "MCF".into(), job_id: job_id.into() }
}

fn ad(job_id: &str, seen: i64, title: &str) -> JobAd {
    JobAd {
        source: "MCF".into(),
        job_id: job_id.into(),
        scrape_timestamp: moment(seen),
        job_title: Some(title.into()),
        ..JobAd::default()
    }
}

fn row(job_id: &str, text: &str, embedding: [f32; 3], created: i64) -> EmbeddingRow {
    EmbeddingRow {
        key: key(job_id),
        embedding: embedding.to_vec(),
        model_name: "model".into(),
        created_at: moment(created),
        embedding_space: SPACE.into(),
        model_version: format!("{SPACE}/fp32-cpu"),
        content_hash: ContentHash::of(text),
        filters: FilterColumns {
            job_location: Some(String::new()),
            salary_mid: Some(0.1),
            ..Default::default()
        },
    }
}

fn shared(job_id: &str, text: &str) -> SharedRow {
    SharedRow { key: key(job_id), content_hash: ContentHash::of(text), filters: FilterColumns::default() }
}

async fn append(warehouse: &dyn Warehouse, batches: Vec<Result<Vec<JobAd>>>) -> Result<u64> {
    Ok(warehouse.append_jobs(stream::iter(batches).boxed()).await?.sightings)
}

async fn candidates(warehouse: &dyn Warehouse, scan: JobScan) -> Vec<Candidate> {
    let pages: Vec<Vec<Candidate>> = warehouse.scan_jobs(scan).try_collect().await.unwrap();
    pages.concat()
}

async fn rows(warehouse: &dyn Warehouse, sql: &str) -> Vec<Vec<Cell>> {
    let answer = warehouse.query(sql, &[]).await.unwrap();
    let pages: Vec<Vec<Vec<Cell>>> = answer.pages.try_collect().await.unwrap();
    pages.concat()
}

async fn count(warehouse: &dyn Warehouse, table: &str) -> i64 {
    match rows(warehouse, &format!("SELECT count(*) FROM {table}")).await[0][0] {
        Cell::Int(count) => count,
        ref other => panic!("a count is {other:?}"),
    }
}
