//! Sightings of ads.

use std::sync::Arc;

use async_trait::async_trait;
use common_core::job::JobAd;
use common_core::{Error, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::load::{self, ParquetFile};
use super::statement::Statement;
use super::{BigQuery, pages, rows, sql};
use crate::batches;
use crate::warehouse::{Appended, Candidate, JobCount, JobScan, JobStore, Tombstones};

/// Columns of `cleaned_jobs` that are NOT NULL.
const REQUIRED: &[&str] = &["source", "scrape_timestamp", "job_id"];

#[async_trait]
impl JobStore for BigQuery {
    async fn create_jobs(&self) -> Result<()> {
        self.0.create_jobs_table().await
    }

    async fn append_jobs(&self, mut rows: BoxStream<'static, Result<Vec<JobAd>>>) -> Result<Appended> {
        let tombstones: Tombstones = self.0.tombstones().await?.into_iter().collect();
        let mut forgotten = 0;
        let mut file = ParquetFile::new(REQUIRED)?;
        while let Some(rows) = rows.next().await {
            let mut rows = rows?;
            forgotten += tombstones.leave_out(&mut rows);
            file = load::blocking(move || {
                file.push(&batches::jobs(&rows)?)?;
                Ok(file)
            })
            .await?;
        }
        let sightings = file.rows;
        if sightings > 0 {
            let file = load::blocking(move || file.finish()).await?;
            self.0.load("cleaned_jobs", "WRITE_APPEND", &file).await?;
        }
        Ok(Appended { sightings, forgotten })
    }

    async fn count_jobs(&self, scan: &JobScan) -> Result<JobCount> {
        rows::job_count(self.0.collect(count_jobs(scan)).await?)
    }

    fn scan_jobs(&self, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>> {
        let this = Arc::clone(&self.0);
        let read = async move {
            let has_table = this.has_table(&scan.embeddings.name).await?;
            let rows = this.stream(scan_jobs(&scan, has_table), pages::PAGE_ROWS);
            Ok::<_, Error>(
                rows.map(|page| page?.into_iter().map(rows::candidate).collect::<Result<Vec<_>>>()),
            )
        };
        futures::stream::once(read).try_flatten().boxed()
    }
}

pub(super) fn count_jobs(scan: &JobScan) -> Statement {
    Statement::new("counting ads", sql::COUNT_JOBS).share(scan.shard, scan.source.as_deref())
}

pub(super) fn scan_jobs(scan: &JobScan, has_table: bool) -> Statement {
    let statement = Statement::new("reading ads", sql::SCAN_JOBS)
        .on(&scan.embeddings)
        .share(scan.shard, scan.source.as_deref());
    if has_table {
        statement
    } else {
        statement.with_value("job_embeddings", sql::NO_EMBEDDINGS.text.trim_end())
    }
}
