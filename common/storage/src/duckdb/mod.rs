//! The warehouse in one DuckDB file: the default on a laptop.
//!
//! A writer excludes every other process from the file and a reader every writer, so functions open it per run and
//! never for the life of a server. Every statement runs on a blocking thread.

mod ads;
mod cells;
mod errors;
mod moments;
mod open;
mod query;
mod scan;
mod search;
mod shape;
mod takedowns;
mod vectors;
mod write;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::duckdb::Connection;
use async_trait::async_trait;
use chrono::Utc;
use common_core::job::{ContentHash, DESCRIPTION_CHARS, JobAd, JobKey, TITLE_CHARS, Timestamp, URL_CHARS};
use common_core::{Error, ErrorKind, Result, failpoint, feed, memory};
use futures::stream::BoxStream;

use self::moments::{micros, moment};
use crate::Access;
use crate::warehouse::{
    Appended, Candidate, EmbeddingRow, EmbeddingTable, Forgotten, IndexState, IndexedAd, JobCount, JobScan,
    QueryCost, QueryResult, Refused, RunRecord, SharedRow, Traces, VectorHit, VectorIndexKind,
    VectorIndexState, VectorQuery, Warehouse, WriteSize,
};

/// Rows that take another ad's vector in one transaction.
const SHARED_ROWS: usize = 512;

/// A warehouse in one DuckDB file.
pub struct DuckDb {
    shared: Arc<Shared>,
}

/// What blocking threads hold on to.
struct Shared {
    path: PathBuf,
    /// The one connection that writes, because two writers at once would conflict and staging tables belong to it; and the one that
    /// connections for readers are cloned from. None while it is closing.
    connections: Option<(Mutex<Connection>, Mutex<Connection>)>,
    /// Whether this is a run, which gets by with little memory.
    is_frugal: bool,
    /// Whether this process keeps every other out of the file.
    is_exclusive: bool,
    /// Held by the one statement of a run that is under way: they share what memory there is.
    turn: Mutex<()>,
    /// The file as the system knows it.
    file: (u64, u64),
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.connections = None;
        open::closed(self.file);
    }
}

impl DuckDb {
    /// Opens `path`, or shares what this process has open of it, waiting up to ten seconds for another process that holds it, with
    /// [`Access::ReadSoon`] one. What is open for reading is not shared with a writer, who waits as long for it.
    ///
    /// # Errors
    /// `NotFound` where there is no such file and `access` does not make one; `Unavailable` where the other process
    /// did not let go (named with its id); `Corrupt` where this is no database that this version reads.
    pub async fn open(path: &Path, access: Access) -> Result<Self> {
        let path = path.to_owned();
        blocking(move || Ok(Self { shared: open::open(&path, access)? })).await
    }

    /// Runs `work` on a reader's connection, on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> ::duckdb::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            shared.with_room(|| work(&shared.reader()?).map_err(|error| shared.translate(error)))
        })
        .await
    }

    /// Runs `work` in one transaction on the writer's connection, on a blocking thread: all of it or none. Work that
    /// does not fit into a run's memory is done again with more.
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, write::Failure> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.with_room(|| shared.transaction(&work))).await
    }
}

impl Shared {
    fn connections(&self) -> Result<&(Mutex<Connection>, Mutex<Connection>)> {
        self.connections.as_ref().ok_or_else(|| Error::internal("a warehouse is used while it is closing"))
    }

    fn reader(&self) -> Result<Connection> {
        let readers = self.connections()?.1.lock().unwrap_or_else(PoisonError::into_inner);
        clone(&readers).map_err(|error| self.translate(error))
    }

    fn transaction<T>(&self, work: impl FnOnce(&Connection) -> Result<T, write::Failure>) -> Result<T> {
        let mut writer = self.connections()?.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = (|| {
            let transaction = writer.transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })();
        outcome.map_err(|failure| match failure {
            write::Failure::Engine(error) => self.translate(error),
            write::Failure::Ours(error) => error,
        })
    }

    /// Runs `work`, and where it does not fit into a run's memory, again with more.
    fn with_room<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        if !self.is_frugal {
            return work();
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcome = work();
        for limit in &open::RUN_MEMORY[1..] {
            match &outcome {
                Err(error) if error.kind() == ErrorKind::Exhausted => {
                    tracing::debug!(limit, error = error.chain(), "a statement needs more memory");
                    self.limit_memory(limit)?;
                    outcome = work();
                }
                _ => break,
            }
        }
        // A limit that cannot be kept has driven out what could go.
        let _ = self.limit_memory(open::IDLE_MEMORY);
        self.limit_memory(open::RUN_MEMORY[0])?;
        memory::give_back();
        outcome
    }

    fn limit_memory(&self, limit: &str) -> Result<()> {
        let connection = self.reader()?;
        connection
            .execute_batch(&format!("SET memory_limit = '{limit}'"))
            .map_err(|error| self.translate(error))
    }

    fn translate(&self, error: ::duckdb::Error) -> Error {
        errors::translate(error, &self.path)
    }

    /// What a thread does, as the beginning of an error's sentence.
    fn doing(&self, what: &str) -> String {
        format!("{what} from {}", self.path.display())
    }
}

fn clone(connection: &Connection) -> ::duckdb::Result<Connection> {
    let clone = connection.try_clone()?;
    open::enter(&clone)?;
    Ok(clone)
}

/// Runs `work` where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let work = || {
        failpoint::reach("duckdb::statement");
        work()
    };
    feed::blocking("a statement of the warehouse", work).await
}

/// Puts table name and constants into a statement of `infra/duckdb`; values are always parameters.
fn render(sql: &str, table: &EmbeddingTable) -> String {
    sql.replace("job_embeddings", &table.name)
        .replace("{dimension}", &table.dimension.to_string())
        .replace("{description_chars}", &DESCRIPTION_CHARS.to_string())
        .replace("{title_chars}", &TITLE_CHARS.to_string())
        .replace("{url_chars}", &URL_CHARS.to_string())
}

#[async_trait]
impl Warehouse for DuckDb {
    fn write_size(&self) -> WriteSize {
        WriteSize { rows: 1024, interval: Duration::from_secs(5) }
    }

    fn is_exclusive(&self) -> bool {
        self.shared.is_exclusive
    }

    async fn create_jobs(&self) -> Result<()> {
        self.write(shape::create_jobs).await
    }

    async fn create_runs(&self) -> Result<()> {
        self.write(shape::create_runs).await
    }

    async fn create_embeddings(&self, embeddings: &EmbeddingTable) -> Result<()> {
        let embeddings = embeddings.clone();
        self.write(move |connection| shape::create_embeddings(connection, &embeddings)).await
    }

    async fn append_jobs(&self, batches: BoxStream<'static, Result<Vec<JobAd>>>) -> Result<Appended> {
        let runtime = tokio::runtime::Handle::current();
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.transaction(|connection| write::append_jobs(connection, &runtime, batches)))
            .await
    }

    async fn count_jobs(&self, scan: &JobScan) -> Result<JobCount> {
        let scan = scan.clone();
        self.read(move |connection| scan::count_jobs(connection, &scan)).await
    }

    fn scan_jobs(&self, scan: JobScan) -> BoxStream<'static, Result<Vec<Candidate>>> {
        scan::scan_jobs(Arc::clone(&self.shared), scan)
    }

    fn scan_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
    ) -> BoxStream<'static, Result<Vec<EmbeddingRow>>> {
        vectors::scan_embeddings(Arc::clone(&self.shared), table.clone(), space.to_owned())
    }

    fn scan_ads(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<Vec<IndexedAd>>> {
        ads::scan_ads(Arc::clone(&self.shared), table.clone(), space.to_owned())
    }

    async fn index_state(&self, table: &EmbeddingTable, space: &str) -> Result<IndexState> {
        let (table, space) = (table.clone(), space.to_owned());
        self.read(move |connection| search::index_state(connection, &table, &space)).await
    }

    async fn embedding_spaces(&self, table: &EmbeddingTable) -> Result<Vec<(String, u64)>> {
        let table = table.clone();
        self.read(move |connection| search::embedding_spaces(connection, &table)).await
    }

    async fn search_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorHit>> {
        let (table, space, query) = (table.clone(), space.to_owned(), query.checked(table)?.clone());
        let found = self.read(move |connection| search::search(connection, &table, &space, &query)).await?;
        found.into_iter().map(search::Found::hit).collect()
    }

    async fn refresh_vector_index(
        &self,
        _table: &EmbeddingTable,
        _kind: VectorIndexKind,
    ) -> Result<VectorIndexState> {
        Ok(VectorIndexState::None)
    }

    async fn known_texts(
        &self,
        table: &EmbeddingTable,
        space: &str,
        hashes: &[ContentHash],
        since: Option<Timestamp>,
    ) -> Result<HashSet<ContentHash>> {
        if hashes.is_empty() {
            return Ok(HashSet::new());
        }
        let joined = hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (space, since) = (space.to_owned(), micros(since));
        let table = table.clone();
        let known =
            move |connection: &Connection| search::known_texts(connection, &table, &space, &joined, since);
        let found = self.read(known).await?;
        found.iter().map(|digits| ContentHash::parse(digits)).collect()
    }

    async fn merge_embeddings(
        &self,
        table: &EmbeddingTable,
        rows: Vec<EmbeddingRow>,
    ) -> Result<Vec<Refused>> {
        let table = table.clone();
        self.write(move |connection| write::merge_embeddings(connection, &table, &rows)).await?;
        // The columns take whatever the rows' types can hold.
        Ok(Vec::new())
    }

    async fn share_embeddings(
        &self,
        table: &EmbeddingTable,
        space: &str,
        rows: Vec<SharedRow>,
        since: Option<Timestamp>,
    ) -> Result<HashSet<JobKey>> {
        let mut without = HashSet::new();
        // Part by part, because all of a part's vectors are in memory, more than once.
        for part in rows.chunks(SHARED_ROWS) {
            let (table, space, part) = (table.clone(), space.to_owned(), part.to_vec());
            let unshared = self.write(move |connection| {
                write::stage_shared(connection, &part)?;
                write::share_staged(connection, &table, &space, since)
            });
            without.extend(unshared.await?);
        }
        Ok(without)
    }

    async fn update_filters(&self, table: &EmbeddingTable, rows: Vec<SharedRow>) -> Result<()> {
        let sql = render(include_str!("../../../../infra/duckdb/update_filters.sql"), table);
        self.write(move |connection| {
            write::stage_shared(connection, &rows)?;
            Ok(connection.execute_batch(&sql)?)
        })
        .await
    }

    async fn delete_embeddings(&self, table: &EmbeddingTable, keys: &[JobKey]) -> Result<u64> {
        let (table, keys) = (table.name.clone(), keys.to_vec());
        self.write(move |connection| {
            write::stage_keys(connection, &keys)?;
            takedowns::delete_staged_keys(connection, &table)
        })
        .await
    }

    async fn prune_embeddings(&self, scan: &JobScan) -> Result<u64> {
        let scan = scan.clone();
        self.write(move |connection| write::prune_embeddings(connection, &scan)).await
    }

    async fn record_runs(&self, runs: &[RunRecord]) -> Result<()> {
        let runs = runs.to_vec();
        self.write(move |connection| runs.iter().try_for_each(|run| write::record_run(connection, run))).await
    }

    async fn running_runs(&self) -> Result<Vec<RunRecord>> {
        self.read(query::running_runs).await
    }

    async fn tables(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut tables: Vec<String> =
                query::columns(connection)?.into_iter().map(|column| column.table).collect();
            tables.dedup();
            Ok(tables)
        })
        .await
    }

    async fn query(&self, sql: &str) -> Result<QueryResult> {
        query::query(Arc::clone(&self.shared), sql.to_owned()).await
    }

    async fn trace(&self, keys: &[JobKey]) -> Result<Traces> {
        let keys = keys.to_vec();
        self.write(move |connection| takedowns::trace(connection, &keys)).await
    }

    async fn forget(&self, keys: &[JobKey]) -> Result<Vec<Forgotten>> {
        let (keys, now) = (keys.to_vec(), Utc::now());
        self.write(move |connection| takedowns::forget(connection, &keys, now)).await
    }

    async fn tombstones(&self) -> Result<Vec<JobKey>> {
        self.read(takedowns::tombstones).await
    }

    async fn undo_forget(&self, keys: &[JobKey]) -> Result<HashSet<JobKey>> {
        let keys = keys.to_vec();
        self.write(move |connection| takedowns::undo(connection, &keys)).await
    }

    async fn costs(&self, _scan: &JobScan) -> Result<Vec<QueryCost>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
