//! Writing embeddings into DuckDB, a batch at a time, into tables of different sizes. Run with `scripts/bench hot`.

#![allow(clippy::expect_used)]

use common_core::job::{ContentHash, JobKey, Timestamp};
use common_storage::Access;
use common_storage::duckdb::DuckDb;
use common_storage::warehouse::{EmbeddingRow, EmbeddingStore, EmbeddingTable, FilterColumns, JobStore};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

const BATCH: usize = 1024;
const DIMENSION: usize = 384;

fn rows(first: usize) -> Vec<EmbeddingRow> {
    let row = |n: usize| EmbeddingRow {
        key: JobKey { source: "MCF".into(), job_id: format!("job-{n}") },
        embedding: (0..DIMENSION).map(|i| ((n * 31 + i * 7) % 97) as f32 / 970.0).collect(),
        model_name: "all-MiniLM-L6-v2".into(),
        created_at: Timestamp::UNIX_EPOCH,
        embedding_space: "all-MiniLM-L6-v2/0/t1-256".into(),
        model_version: "all-MiniLM-L6-v2/0/t1-256/fp32-cpu-g1".into(),
        content_hash: ContentHash::of(&n.to_string()),
        filters: FilterColumns { job_location: Some("Bedok".into()), ..FilterColumns::default() },
    };
    (first..first + BATCH).map(row).collect()
}

/// New rows into a table that holds `existing` batches already.
#[divan::bench(args = [0, 50], sample_count = 10)]
fn merge_1024_rows(bencher: Bencher<'_, '_>, existing: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let folder = tempfile::tempdir().expect("a folder");
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", DIMENSION);
    let warehouse = runtime.block_on(async {
        let warehouse =
            DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.expect("a warehouse");
        warehouse.create_jobs().await.expect("tables");
        warehouse.create_embeddings(&table).await.expect("tables");
        for batch in 0..existing {
            warehouse.merge_embeddings(&table, rows(batch * BATCH)).await.expect("a merge");
        }
        warehouse
    });
    let mut next = existing;
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            next += 1;
            rows(next * BATCH)
        })
        .bench_local_values(|batch| {
            runtime.block_on(warehouse.merge_embeddings(&table, batch)).expect("a merge");
        });
}
