//! The warehouse in a BigQuery dataset.
//!
//! - `statement`: a statement of `infra/bigquery` and its parameters
//! - `dataset`: where the tables are; `jobs`: running one, so that a repeated request runs it once
//! - `rows`: reading its answer page by page
//! - `cells`: the values of an ad-hoc query
//! - `load`: rows in, as Parquet by load jobs
//! - `search`: rows near a vector, and the index for that
//! - `shape`: the tables as they must be
//! - `takedowns`: tombstones, and statements that honour them

mod cells;
mod dataset;
mod jobs;
mod load;
mod rows;
mod search;
mod shape;
mod statement;
mod takedowns;
mod wire;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common_core::job::{ContentHash, JobAd, JobKey, Timestamp};
use common_core::{Error, ErrorKind, Result};
use common_google::Client;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

use self::dataset::Dataset;
pub use self::dataset::client;
use self::load::ParquetFile;
use self::statement::{Statement, run, shared};
use crate::settings::StorageSettings;
use crate::warehouse::{
    Appended, Candidate, EmbeddingRow, EmbeddingTable, Forgotten, IndexState, IndexedAd, JobCount, JobScan,
    QueryCost, QueryResult, Refused, RunRecord, SharedRow, Tombstones, Traces, VectorHit, VectorIndexKind,
    VectorIndexState, VectorQuery, Warehouse, WriteSize,
};
use crate::{Access, batches};

/// Names of tables that hold rows on their way elsewhere begin with this.
const STAGED: &str = "staged_";

/// Columns of `cleaned_jobs` that are never NULL.
const REQUIRED: &[&str] = &["source", "scrape_timestamp", "job_id"];

/// Ads that one statement takes as its parameter, of 10 MB at most.
const ADS_A_STATEMENT: usize = 4096;

/// A warehouse in a BigQuery dataset.
pub struct BigQuery(Arc<Dataset>);

impl BigQuery {
    /// Opens the dataset; with [`Access::Create`] an absent one is made in `settings.bigquery_location`.
    ///
    /// # Errors
    /// `NotFound` where there is no such dataset or project, `Forbidden` without permission.
    pub async fn open(
        client: Client,
        settings: &StorageSettings,
        (project, dataset): (&str, &str),
        access: Access,
    ) -> Result<Self> {
        let emulator = settings.bigquery_emulator_host.as_deref().map(common_google::emulator);
        let mut this = Dataset {
            client,
            root: emulator.unwrap_or_else(|| "https://bigquery.googleapis.com".to_owned()),
            project: project.to_owned(),
            id: dataset.to_owned(),
            location: String::new(),
            max_bytes_billed: settings.max_bytes_billed.map(common_core::settings::Whole::get),
            bytes_billed: AtomicU64::new(0),
            has_tombstones: AtomicBool::new(false),
            stored_values: Mutex::default(),
        };
        let facts = this.find_or_make(access, &settings.bigquery_location).await?;
        this.location = jobs::text(&facts, "/location");
        Ok(Self(Arc::new(this)))
    }

    /// Removes the dataset with everything in it: for whoever made it for a check.
    ///
    /// # Errors
    /// `Forbidden` without permission; `NotFound` where it is gone already.
    pub async fn remove(self) -> Result<()> {
        self.0.remove().await
    }

    /// Bytes that Google has billed for the statements of this handle.
    pub fn bytes_billed(&self) -> u64 {
        self.0.bytes_billed.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Warehouse for BigQuery {
    fn write_size(&self) -> WriteSize {
        // A write is some ten requests and a merge of some seconds, and reads the keys of the whole table.
        WriteSize { rows: 8192, interval: Duration::from_secs(30) }
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    async fn create_jobs(&self) -> Result<()> {
        self.0.create_jobs_table().await
    }

    async fn create_runs(&self) -> Result<()> {
        self.0.create_runs().await
    }

    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()> {
        self.0.create_embedding_tables(embeddings).await
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
        let pages = async move {
            let has_table = this.table(&scan.embeddings.name).await?.is_some();
            let rows = this.stream(scan_jobs(&scan, has_table), rows::PAGE_ROWS);
            Ok::<_, Error>(
                rows.map(|page| page?.into_iter().map(rows::candidate).collect::<Result<Vec<_>>>()),
            )
        };
        futures::stream::once(pages).try_flatten().boxed()
    }

    fn scan_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
    ) -> BoxStream<'static, Result<Vec<EmbeddingRow>>> {
        let sql = include_str!("../../../../infra/bigquery/scan_embeddings.sql");
        let statement = Statement::new("reading embeddings", sql).on(table).text("space", Some(space));
        let rows = self.0.stream(statement, rows::VECTOR_PAGE_ROWS);
        rows.map(|page| page?.into_iter().map(rows::embedding).collect::<Result<Vec<_>>>()).boxed()
    }

    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>> {
        let (this, table) = (Arc::clone(&self.0), table.clone());
        let sql = include_str!("../../../../infra/bigquery/scan_ads.sql");
        let statement = Statement::new("reading ads", sql).on(&table).text("space", Some(space));
        let pages = async move {
            if this.table(&table.name).await?.is_none() {
                return Ok(futures::stream::empty().boxed());
            }
            let rows = this.stream(statement, rows::VECTOR_PAGE_ROWS);
            Ok::<_, Error>(
                rows.map(|page| page?.into_iter().map(rows::indexed_ad).collect::<Result<Vec<_>>>()).boxed(),
            )
        };
        futures::stream::once(pages).try_flatten().boxed()
    }

    async fn index_state(&self, table: &EmbeddingTable, space: &str) -> Result<IndexState> {
        self.0.index_state(table, space).await
    }

    async fn embedding_spaces(&self, table: &EmbeddingTable) -> Result<Vec<(String, u64)>> {
        self.0.embedding_spaces(table).await
    }

    async fn search_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>> {
        self.0.search(table, space, query.checked(table)?).await
    }

    async fn refresh_vector_index(
        &self,
        table: &EmbeddingTable,
        kind: VectorIndexKind,
    ) -> Result<VectorIndexState> {
        self.0.refresh_vector_index(table, kind).await
    }

    async fn known_texts(
        &self,
        table: &EmbeddingTable,
        space: &str,
        hashes: &[ContentHash],
        since: Option<Timestamp>,
    ) -> Result<HashSet<ContentHash>> {
        if hashes.is_empty() || self.0.table(&table.name).await?.is_none() {
            return Ok(HashSet::new());
        }
        let rows = self.0.collect(known_texts(table, space, hashes, since)).await?;
        let digits = rows.iter().filter_map(|row| row.first()?.as_str());
        digits.map(ContentHash::parse).collect()
    }

    async fn merge_embeddings(
        &self,
        table: &EmbeddingTable,
        rows: Vec<EmbeddingRow>,
    ) -> Result<Vec<Refused>> {
        let mut refused = Vec::new();
        let mut parts = vec![rows];
        while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
            match self.0.merge(table, &part).await {
                Ok(()) => {}
                // A load is refused whole, and names no ad: halving finds the rows that it is about.
                Err(error) if error.kind() == ErrorKind::InvalidInput => {
                    if let [row] = &part[..] {
                        refused.push(Refused { key: row.key.clone(), reason: error.to_string() });
                    } else {
                        let half = part.split_off(part.len() / 2);
                        parts.extend([half, part]);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    async fn share_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        rows: Vec<SharedRow>,
        since: Option<Timestamp>,
    ) -> Result<HashSet<JobKey>> {
        let mut without = HashSet::new();
        for rows in rows.chunks(ADS_A_STATEMENT) {
            let ads: Vec<Value> = rows.iter().map(shared).collect();
            let statement = |doing: &str, sql: &str| {
                Statement::new(doing, sql)
                    .on(table)
                    .ads(&ads)
                    .text("space", Some(space))
                    .moment("since", since)
            };
            let share = include_str!("../../../../infra/bigquery/share_embeddings.sql");
            self.0.execute(&statement("sharing vectors", share)).await?;
            let unshared = include_str!("../../../../infra/bigquery/unshared.sql");
            for row in self.0.collect(statement("looking for ads without a vector", unshared)).await? {
                without.insert(rows::key(&mut row.into_iter())?);
            }
        }
        Ok(without)
    }

    async fn update_filters(&self, table: &EmbeddingTable, rows: Vec<SharedRow>) -> Result<()> {
        for rows in rows.chunks(ADS_A_STATEMENT) {
            let ads: Vec<Value> = rows.iter().map(shared).collect();
            let sql = include_str!("../../../../infra/bigquery/update_filters.sql");
            self.0.execute(&Statement::new("updating filter columns", sql).on(table).ads(&ads)).await?;
        }
        Ok(())
    }

    async fn delete_embeddings(&self, table: &EmbeddingTable, keys: &[JobKey]) -> Result<u64> {
        let mut removed = 0;
        for keys in keys.chunks(ADS_A_STATEMENT) {
            removed += self.0.changed_rows(self.0.delete_keys(&table.name, keys)).await?;
        }
        Ok(removed)
    }

    async fn prune_embeddings(&self, scan: &JobScan) -> Result<u64> {
        self.0.changed_rows(prune_embeddings(scan)).await
    }

    async fn record_runs(&self, runs: &[RunRecord]) -> Result<()> {
        let runs: Vec<Value> = runs.iter().map(run).collect();
        let sql = include_str!("../../../../infra/bigquery/record_run.sql");
        let statement =
            Statement::new("recording a run", sql).text("runs", Some(&Value::from(runs).to_string()));
        self.0.execute(&statement).await.map(|_| ())
    }

    async fn running_runs(&self) -> Result<Vec<RunRecord>> {
        let sql = include_str!("../../../../infra/bigquery/running_runs.sql");
        let rows = self.0.collect(Statement::new("looking for runs that have not ended", sql)).await?;
        rows.into_iter().map(rows::running_run).collect()
    }

    async fn tables(&self) -> Result<Vec<String>> {
        let names = self.0.table_names().await?;
        Ok(names.into_iter().filter(|name| !name.starts_with(STAGED)).collect())
    }

    async fn query(&self, sql: &str) -> Result<QueryResult> {
        if sql.trim().is_empty() {
            return Err(Error::invalid_input("the statement is empty"));
        }
        let statement = Statement::new("the statement", sql);
        let estimate = self.0.estimate(&statement).await?;
        if estimate.statement_type != "SELECT" {
            let of_type = estimate.statement_type;
            return Err(Error::invalid_input(format!(
                "the statement is {of_type}, and only SELECT is allowed here"
            )));
        }
        self.0.ad_hoc(statement).await
    }

    async fn trace(&self, keys: &[JobKey]) -> Result<Traces> {
        self.0.trace(keys).await
    }

    async fn forget(&self, keys: &[JobKey]) -> Result<Vec<Forgotten>> {
        self.0.forget(keys).await
    }

    async fn tombstones(&self) -> Result<Vec<JobKey>> {
        self.0.tombstones().await
    }

    async fn undo_forget(&self, keys: &[JobKey]) -> Result<HashSet<JobKey>> {
        self.0.undo_forget(keys).await
    }

    async fn costs(&self, scan: &JobScan) -> Result<Vec<QueryCost>> {
        let has_table = self.0.table(&scan.embeddings.name).await?.is_some();
        let mut statements =
            vec![("count_jobs", count_jobs(scan)), ("scan_jobs", scan_jobs(scan, has_table))];
        if has_table {
            statements.push(("known_texts", known_texts(&scan.embeddings, "", &[], None)));
            statements.push(("prune_embeddings", prune_embeddings(scan)));
        }
        let mut costs = Vec::new();
        for (query, statement) in statements {
            let bytes_processed = self.0.estimate(&statement).await?.bytes_processed;
            costs.push(QueryCost { query: query.to_owned(), bytes_processed });
        }
        Ok(costs)
    }
}

fn count_jobs(scan: &JobScan) -> Statement {
    let sql = include_str!("../../../../infra/bigquery/count_jobs.sql");
    Statement::new("counting ads", sql).share(scan.shard, scan.source.as_deref())
}

fn scan_jobs(scan: &JobScan, has_table: bool) -> Statement {
    let sql = include_str!("../../../../infra/bigquery/scan_jobs.sql");
    let nothing = format!("JOIN {} AS", include_str!("../../../../infra/bigquery/no_embeddings.sql").trim());
    let sql = if has_table { sql.to_owned() } else { sql.replace("JOIN job_embeddings AS", &nothing) };
    Statement::new("reading ads", sql).on(&scan.embeddings).share(scan.shard, scan.source.as_deref())
}

fn known_texts(
    table: &EmbeddingTable,
    space: &str,
    hashes: &[ContentHash],
    since: Option<Timestamp>,
) -> Statement {
    let joined = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    Statement::new("looking for known texts", include_str!("../../../../infra/bigquery/known_texts.sql"))
        .on(table)
        .text("space", Some(space))
        .text("hashes", Some(&joined))
        .moment("since", since)
}

fn prune_embeddings(scan: &JobScan) -> Statement {
    let sql = include_str!("../../../../infra/bigquery/prune_embeddings.sql");
    Statement::new("removing rows of vanished ads", sql)
        .on(&scan.embeddings)
        .share(scan.shard, scan.source.as_deref())
}
