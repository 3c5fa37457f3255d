//! Contract of moments: they are preserved to the microsecond, before and after 1970, in every table.

use std::collections::HashMap;

use chrono::DateTime;
use common_core::job::{ContentHash, JobAd, JobFilter, JobKey, Shard, Timestamp};
use futures::TryStreamExt;

use super::{SPACE, append, candidates, row, rows};
use crate::warehouse::{
    Candidate, Cell, EmbeddingRow, EmbeddingTable, FilterColumns, IndexedAd, JobScan, SharedRow, VectorQuery,
    Warehouse,
};

const SOURCE: &str = "moments";

/// The first and the last supported moment, and moments around 1970; the third is 1969-12-31T23:59:59.999Z.
const MICROS: [i64; 7] =
    [-62_135_596_800_000_000, -1_000_001, -1_000, -1, 0, 1_700_000_000_123_456, 253_402_300_799_999_999];

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/moments", 3)
}

fn at(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(micros).unwrap()
}

fn key(micros: i64) -> JobKey {
    JobKey { source: SOURCE.into(), job_id: micros.to_string() }
}

fn posted(micros: i64) -> FilterColumns {
    FilterColumns { job_posted_timestamp: Some(at(micros)), ..FilterColumns::default() }
}

/// Sightings a millisecond before 1970, and a microsecond later.
fn sightings(micros: i64) -> [JobAd; 2] {
    let JobKey { source, job_id } = key(micros);
    let last = JobAd {
        source,
        job_id,
        scrape_timestamp: at(-999),
        bq_timestamp: Some(at(-1)),
        job_title: Some("Watchmaker".into()),
        company_name: Some(super::COMPANY.into()),
        job_posted_timestamp: Some(at(micros)),
        ..JobAd::default()
    };
    let first = JobAd { scrape_timestamp: at(-1_000), job_title: Some("Old".into()), ..last.clone() };
    [last, first]
}

fn embedded(micros: i64) -> EmbeddingRow {
    let created = row("any", &micros.to_string(), [1.0, 0.0, 0.0], 0);
    EmbeddingRow { key: key(micros), created_at: at(-1_000), filters: posted(micros), ..created }
}

pub(super) async fn moments_before_1970_are_preserved(warehouse: &dyn Warehouse) {
    warehouse.create_embeddings(&table()).await.unwrap();
    append(warehouse, vec![Ok(MICROS.into_iter().flat_map(sightings).collect())]).await.unwrap();
    let scan = JobScan { embeddings: table(), shard: Shard::ALL, source: Some(SOURCE.into()) };
    let found = async || -> HashMap<JobKey, Candidate> {
        let ads = candidates(warehouse, scan.clone()).await;
        ads.into_iter().map(|ad| (ad.key.clone(), ad)).collect()
    };
    let fresh = found().await;
    assert_eq!(warehouse.count_jobs(&scan).await.unwrap().ads, MICROS.len() as u64);
    warehouse.merge_embeddings(&table(), MICROS.map(embedded).into()).await.unwrap();
    let stored = found().await;
    for micros in MICROS {
        let ad = &fresh[&key(micros)];
        assert_eq!((ad.title.as_deref(), &ad.filters), (Some("Watchmaker"), &posted(micros)));
        assert_eq!(stored[&key(micros)].stored.as_ref().unwrap().filters, posted(micros));
    }

    let read: Vec<_> = warehouse.scan_embeddings(&table(), SPACE).try_collect().await.unwrap();
    let read = read.concat();
    assert_eq!(read.len(), MICROS.len());
    assert!(MICROS.map(embedded).iter().all(|row| read.contains(row)), "{read:?}");
    let ads: Vec<Vec<IndexedAd>> = warehouse.scan_ads(&table(), SPACE).try_collect().await.unwrap();
    let mut dates: Vec<_> = ads.concat().into_iter().map(|ad| ad.job_posted_timestamp.unwrap()).collect();
    dates.sort_unstable();
    assert_eq!(dates, MICROS.map(at));
    let state = warehouse.index_state(&table(), SPACE).await.unwrap();
    assert_eq!((state.newest, state.ads, state.timestamps_out_of_range), (Some(at(-1_000)), 7, 0));

    let text = [ContentHash::of("-1000")];
    for (since, known) in [(-1_000, 1), (-999, 0)] {
        let found = warehouse.known_texts(&table(), SPACE, &text, Some(at(since))).await.unwrap();
        assert_eq!(found.len(), known);
    }
    let sql = "SELECT job_posted_timestamp FROM cleaned_jobs WHERE source = 'moments' AND job_id = '-1000'";
    assert_eq!(rows(warehouse, sql).await[0], [Cell::Timestamp(at(-1_000))]);
    search(warehouse).await;

    // Shared and updated rows are written by other statements.
    let taken = |to: i64| SharedRow { key: key(0), content_hash: text[0], filters: posted(to) };
    assert!(warehouse.share_embeddings(&table(), SPACE, vec![taken(-1)], None).await.unwrap().is_empty());
    assert_eq!(found().await[&key(0)].stored.as_ref().unwrap().filters, posted(-1));
    warehouse.update_filters(&table(), vec![taken(-1_000_001)]).await.unwrap();
    assert_eq!(found().await[&key(0)].stored.as_ref().unwrap().filters, posted(-1_000_001));
    warehouse.forget(&MICROS.map(key)).await.unwrap();
}

async fn search(warehouse: &dyn Warehouse) {
    for (after, expected) in [(-1_000, 5), (-999, 4)] {
        let filter = JobFilter {
            company: vec![super::COMPANY.into()],
            posted_after: Some(at(after)),
            ..JobFilter::default()
        };
        let query = VectorQuery { vector: vec![1.0, 0.0, 0.0], top_k: 1_000, filter, min_similarity: None };
        let hits = warehouse.search_embeddings(&table(), SPACE, &query).await.unwrap();
        let ours = hits.iter().filter(|hit| hit.key.source == "moments").count();
        assert_eq!(ours, expected, "{hits:?}");
    }
}
