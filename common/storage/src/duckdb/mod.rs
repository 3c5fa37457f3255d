//! The warehouse in one DuckDB file: the default on a laptop.
//!
//! A writer locks out every other process from the file, and a reader every writer. Functions therefore open the
//! file for each run and never for the lifetime of a server. Every statement runs on a blocking thread.

mod ads;
mod catalogue;
mod cells;
mod embeddings;
mod errors;
mod features;
mod jobs;
mod moments;
mod open;
mod predictions;
mod queries;
mod runs;
mod search;
pub(crate) mod sql;
mod stage;
mod tables;
mod takedowns;
mod vectors;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::duckdb::Connection;
use common_core::{Error, ErrorKind, Result, failpoint, feed, memory};

use self::errors::{Failure, Outcome};
use self::moments::{micros, moment};
#[cfg(test)]
pub(crate) use self::tables::type_of;
use crate::Access;

/// A warehouse in one DuckDB file.
pub struct DuckDb {
    shared: Arc<Shared>,
}

/// State shared with blocking threads.
struct Shared {
    path: PathBuf,
    /// The connection for writes and the connection that readers' connections are cloned from. There is only one
    /// for writes, because concurrent writers would conflict and because staging tables belong to a connection.
    /// `None` while closing.
    connections: Option<(Mutex<Connection>, Mutex<Connection>)>,
    /// Whether this is a run, which has a low memory limit.
    is_frugal: bool,
    /// Whether this process locks every other process out of the file.
    is_exclusive: bool,
    /// Held while a statement of a run executes: statements share the run's memory, so they run one at a time.
    turn: Mutex<()>,
    /// Device and inode of the file.
    file: (u64, u64),
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.connections = None;
        open::closed(self.file);
    }
}

impl DuckDb {
    /// Opens `path`, or shares the handle that this process has open. Waits up to ten seconds if another process
    /// holds the file, and one second with [`Access::ReadSoon`]. A writer does not share a handle that is open for
    /// reading, but waits for it as long.
    ///
    /// # Errors
    /// `NotFound` if the file does not exist and `access` does not create it; `Unavailable`, with the process id,
    /// if the other process does not release the file; `Corrupt` if the file is not a database that this version
    /// reads.
    pub async fn open(path: &Path, access: Access) -> Result<Self> {
        let path = path.to_owned();
        blocking(move || Ok(Self { shared: open::open(&path, access)? })).await
    }

    /// Runs `work` on a reader's connection, on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.with_room(|| shared.settle(work(&shared.reader()?)))).await
    }

    /// Runs `work` in one transaction on the writer's connection, on a blocking thread. If the work exceeds a run's
    /// memory limit, repeats it with a higher limit.
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Outcome<T> + Send + 'static,
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

    fn transaction<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
        let mut writer = self.connections()?.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = (|| {
            let transaction = writer.transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })();
        self.settle(outcome)
    }

    /// Runs `work`, and if it exceeds a run's memory limit, repeats it with a higher limit.
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
        // A limit that cannot be met has still evicted what can be evicted.
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

    fn settle<T>(&self, outcome: Outcome<T>) -> Result<T> {
        outcome.map_err(|failure| match failure {
            Failure::Engine(error) => self.translate(error),
            Failure::Ours(error) => error,
        })
    }

    fn translate(&self, error: ::duckdb::Error) -> Error {
        errors::translate(error, &self.path)
    }

    /// Description of a thread's work, for error messages.
    fn doing(&self, what: &str) -> String {
        format!("{what} from {}", self.path.display())
    }
}

fn clone(connection: &Connection) -> ::duckdb::Result<Connection> {
    let clone = connection.try_clone()?;
    open::enter(&clone)?;
    Ok(clone)
}

/// Runs `work` on a blocking thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let work = || {
        failpoint::reach("duckdb::statement");
        work()
    };
    feed::blocking("a statement of the warehouse", work).await
}

#[cfg(test)]
mod tests;
