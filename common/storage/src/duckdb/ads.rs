//! Reads ads with their vectors to build an index: block by block in the order of the vectors, which are read once.

use std::collections::HashMap;
use std::sync::Arc;

use ::duckdb::{Connection, Row, params};
use common_core::job::{JobAd, JobKey};
use common_core::{Result, failpoint, feed};
use futures::stream::BoxStream;

use super::errors::Outcome;
use super::{Shared, catalogue, moment, sql, vectors};
use crate::warehouse::{EmbeddingRow, EmbeddingTable, IndexedAd};

/// Embeddings in a block: about 20 MB of ads. Their sightings can be anywhere in `cleaned_jobs`, and a block reads
/// all descriptions between the first and the last one; a block therefore spans several pages of vectors.
const BLOCK_ROWS: i64 = 4 * vectors::PAGE_ROWS;

pub(super) fn scan_ads(
    shared: Arc<Shared>,
    table: EmbeddingTable,
    space: String,
) -> BoxStream<'static, Result<Vec<IndexedAd>>> {
    let doing = shared.doing("reading ads with their vectors");
    feed::from_thread(doing, 1, move |emit| read_blocks(&shared, &table, &space, emit)).0
}

fn read_blocks(
    shared: &Shared,
    table: &EmbeddingTable,
    space: &str,
    emit: &mut dyn FnMut(Vec<IndexedAd>) -> Result<()>,
) -> Result<()> {
    let connection = shared.reader()?;
    let translate = |error| shared.translate(error);
    if !catalogue::has_table(&connection, &table.name).map_err(translate)? {
        return Ok(());
    }
    let end = shared.settle(vectors::end(&connection, table))?;
    for from in (0..end).step_by(BLOCK_ROWS as usize) {
        let to = end.min(from + BLOCK_ROWS);
        let mut ads =
            shared.with_room(|| shared.settle(latest_sightings(&connection, table, space, from, to)))?;
        for from in (from..to).step_by(vectors::PAGE_ROWS as usize) {
            let rows = vectors::page(shared, &connection, table, space, from)?;
            let page: Vec<_> =
                rows.into_iter().filter_map(|row| Some(indexed(ads.remove(&row.key)?, row))).collect();
            failpoint::reach("duckdb::scan_ads");
            emit(page)?;
        }
    }
    failpoint::reach("duckdb::scan_ads");
    Ok(())
}

fn latest_sightings(
    connection: &Connection,
    table: &EmbeddingTable,
    space: &str,
    from: i64,
    to: i64,
) -> Outcome<HashMap<JobKey, JobAd>> {
    let sql = sql::fill(connection, sql::SCAN_ADS, Some(table))?;
    let mut statement = connection.prepare_cached(&sql)?;
    let ads = statement.query_map(params![space, from, to], ad)?;
    Ok(ads.map(|ad| ad.map(|ad| (ad.key(), ad))).collect::<::duckdb::Result<_>>()?)
}

fn ad(row: &Row<'_>) -> ::duckdb::Result<JobAd> {
    Ok(JobAd {
        source: row.get(0)?,
        job_id: row.get(1)?,
        job_title: row.get(2)?,
        job_description: row.get(3)?,
        company_name: row.get(4)?,
        job_location: row.get(5)?,
        job_classification: row.get(6)?,
        job_work_type: row.get(7)?,
        job_currency: row.get(8)?,
        job_url: row.get(9)?,
        job_salary_min_sgd_monthly: row.get(10)?,
        job_salary_max_sgd_monthly: row.get(11)?,
        job_posted_timestamp: moment(row, 12)?,
        ..JobAd::default()
    })
}

fn indexed(ad: JobAd, row: EmbeddingRow) -> IndexedAd {
    IndexedAd {
        key: row.key,
        content_hash: row.content_hash,
        model_version: row.model_version,
        embedding: row.embedding,
        job_title: ad.job_title,
        job_description: ad.job_description,
        company_name: ad.company_name,
        job_location: ad.job_location,
        job_classification: ad.job_classification,
        job_work_type: ad.job_work_type,
        job_currency: ad.job_currency,
        job_url: ad.job_url,
        salary_min_monthly: ad.job_salary_min_sgd_monthly,
        salary_max_monthly: ad.job_salary_max_sgd_monthly,
        job_posted_timestamp: ad.job_posted_timestamp,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use common_core::job::ContentHash;
    use futures::{StreamExt, TryStreamExt, stream};

    use super::*;
    use crate::Access;
    use crate::duckdb::DuckDb;
    use crate::warehouse::{EmbeddingStore, FilterColumns, JobStore};

    const ADS: usize = BLOCK_ROWS as usize + 4000;

    fn seen(n: usize, day: i64) -> JobAd {
        JobAd {
            source: "MCF".into(),
            job_id: n.to_string(),
            scrape_timestamp: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(day),
            job_title: Some(format!("{n} on day {day}")),
            job_description: Some(format!("ad {n} ").repeat(300)),
            ..JobAd::default()
        }
    }

    fn embedded(n: usize) -> EmbeddingRow {
        EmbeddingRow {
            key: JobKey { source: "MCF".into(), job_id: n.to_string() },
            embedding: vec![n as f32; 384],
            model_name: "model".into(),
            created_at: chrono::DateTime::UNIX_EPOCH,
            embedding_space: "space".into(),
            model_version: "version".into(),
            content_hash: ContentHash::of(&n.to_string()),
            filters: FilterColumns::default(),
        }
    }

    /// With the memory limit of a run, over more than one block, and with sightings in another order than the
    /// vectors.
    #[tokio::test(flavor = "multi_thread")]
    async fn every_ad_comes_once_with_its_own_vector() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.duckdb");
        let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 384);
        let made = DuckDb::open(&path, Access::Create).await.unwrap();
        made.create_jobs().await.unwrap();
        made.create_embeddings(&table).await.unwrap();
        let batches = (0..3).flat_map(|day| (0..ADS).rev().map(move |n| seen(n, day)));
        let batches: Vec<Vec<JobAd>> = stream::iter(batches).chunks(8192).collect().await;
        made.append_jobs(stream::iter(batches.into_iter().map(Ok)).boxed()).await.unwrap();
        for part in (0..ADS).collect::<Vec<_>>().chunks(4096) {
            let rows = part.iter().map(|&n| embedded(n)).collect();
            made.merge_embeddings(&table, rows).await.unwrap();
        }
        drop(made);

        let run = DuckDb::open(&path, Access::Write).await.unwrap();
        let mut pages = run.scan_ads(&table, "space");
        let mut found = HashMap::new();
        while let Some(page) = pages.try_next().await.unwrap() {
            assert!(page.len() <= vectors::PAGE_ROWS as usize);
            found.extend(page.into_iter().map(|ad| (ad.key.job_id, (ad.job_title, ad.embedding))));
        }
        assert_eq!(found.len(), ADS);
        for (id, (title, vector)) in found {
            assert_eq!(title.unwrap(), format!("{id} on day 2"));
            assert_eq!(vector, vec![id.parse::<f32>().unwrap(); 384]);
        }
    }
}
