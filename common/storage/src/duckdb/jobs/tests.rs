use common_core::job::{ContentHash, Shard};
use futures::TryStreamExt;

use super::*;
use crate::Access;
use crate::warehouse::{EmbeddingRow, EmbeddingStore, EmbeddingTable, OperatorQueries};

const SPACE: &str = "space";

fn scan_of(source: Option<&str>) -> JobScan {
    let embeddings = EmbeddingTable::of_model("all-MiniLM-L6-v2", 2);
    JobScan { embeddings, shard: Shard::ALL, source: source.map(str::to_owned) }
}

/// A table that another program filled with DuckDB timestamps outside our calendar's range.
async fn hostile(folder: &tempfile::TempDir) -> DuckDb {
    let made = DuckDb::open(&folder.path().join("jobs.duckdb"), Access::Create).await.unwrap();
    made.create_jobs().await.unwrap();
    made.create_embeddings(&scan_of(None).embeddings).await.unwrap();
    let rows = made.write(|connection| {
        for (id, seen, posted) in [
            ("infinite", "2025-01-01", "infinity"),
            ("negative", "2025-01-01", "-infinity"),
            ("late", "2025-01-01", "290000-01-01"),
            ("ten thousand", "2025-01-01", "10000-01-01"),
            ("early", "2025-01-01", "0044-03-15 (BC)"),
            ("zero", "2025-01-01", "0001-12-31 (BC) 23:59:59.999999"),
            ("first", "2025-01-01", "0001-01-01"),
            ("last", "2025-01-01", "9999-12-31 23:59:59.999999"),
            // Without a scrape timestamp: older than a sighting that has one.
            ("seen", "2025-01-01", "2024-12-31"),
            ("seen", "infinity", "2024-12-30"),
            ("seen", "290000-01-01", "2024-12-29"),
            ("seen", "-infinity", "2024-12-28"),
        ] {
            let sql = "INSERT INTO cleaned_jobs (source, job_id, scrape_timestamp, job_posted_timestamp) \
                       VALUES ('Board', $1, $2::VARCHAR::TIMESTAMP, $3::VARCHAR::TIMESTAMP)";
            connection.execute(sql, [id, seen, posted])?;
        }
        Ok(())
    });
    rows.await.unwrap();
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn moments_outside_the_calendar_are_missing_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = hostile(&folder).await;
    let count = warehouse.count_jobs(&scan_of(None)).await.unwrap();
    assert_eq!((count.ads, count.timestamps_out_of_range), (9, 9));
    assert_eq!(warehouse.count_jobs(&scan_of(Some("other"))).await.unwrap().timestamps_out_of_range, 0);
    let shards = (0..3).map(|index| JobScan { shard: Shard { index, count: 3 }, ..scan_of(None) });
    let mut counted = 0;
    for shard in shards {
        counted += warehouse.count_jobs(&shard).await.unwrap().timestamps_out_of_range;
    }
    assert_eq!(counted, 9);

    let pages: Vec<_> = warehouse.scan_jobs(scan_of(None)).try_collect().await.unwrap();
    let found: Vec<(String, Option<String>)> = pages
        .concat()
        .into_iter()
        .map(|ad| (ad.key.job_id, ad.filters.job_posted_timestamp.map(|moment| moment.to_rfc3339())))
        .collect();
    let dated = |id: &str| found.iter().find(|(found, _)| found == id).unwrap().1.as_deref();
    assert_eq!(found.len(), 9, "{found:?}");
    for id in ["infinite", "negative", "late", "ten thousand", "early", "zero"] {
        assert_eq!(dated(id), None, "{id}");
    }
    assert_eq!(dated("first"), Some("0001-01-01T00:00:00+00:00"));
    assert_eq!(dated("last"), Some("9999-12-31T23:59:59.999999+00:00"));
    assert_eq!(dated("seen"), Some("2024-12-31T00:00:00+00:00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_takes_the_same_sighting_as_the_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = hostile(&folder).await;
    let table = scan_of(None).embeddings;
    let pages: Vec<_> = warehouse.scan_jobs(scan_of(None)).try_collect().await.unwrap();
    let rows: Vec<EmbeddingRow> = pages
        .concat()
        .into_iter()
        .map(|ad| EmbeddingRow {
            content_hash: ContentHash::of(&ad.key.job_id),
            key: ad.key,
            embedding: vec![1.0, 0.0],
            model_name: "model".into(),
            created_at: chrono::DateTime::UNIX_EPOCH,
            embedding_space: SPACE.into(),
            model_version: "version".into(),
            filters: ad.filters,
        })
        .collect();
    warehouse.merge_embeddings(&table, rows.clone()).await.unwrap();
    let ads: Vec<_> = warehouse.scan_ads(&table, SPACE).try_collect().await.unwrap();
    let ads = ads.concat();
    assert_eq!(ads.len(), 9);
    for ad in ads {
        let row = rows.iter().find(|row| row.key == ad.key).unwrap();
        assert_eq!(ad.job_posted_timestamp, row.filters.job_posted_timestamp, "{}", ad.key);
    }
    let state = warehouse.index_state(&table, SPACE).await.unwrap();
    assert_eq!((state.rows, state.ads, state.timestamps_out_of_range), (9, 9, 9));
}

/// The engine fails on a late row after it has returned the first rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fails_midway_returns_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = hostile(&folder).await;
    let sql = "SELECT CASE WHEN i = 250000 THEN error('a wrong row') ELSE i END FROM range(300000) t(i)";
    let answer = warehouse.query(sql, &[]).await.unwrap();
    let read: Result<Vec<_>> = answer.pages.try_collect().await;
    let error = read.unwrap_err();
    assert!(error.chain().contains("a wrong row"), "{}", error.chain());
}
