//! Work that takes a processor: kept off the runtime's threads, and no more of it at once than there are cores.

use std::sync::Arc;

use common::Error;
use common::runtime::http_util::Problem;
use tokio::sync::Semaphore;

/// The cores, as a queue: first come, first served. Whoever goes away while waiting leaves the queue.
///
/// The way to a thread and back takes some 40 µs, the same as with a pool of our own.
#[derive(Debug, Clone)]
pub(crate) struct Cpu(Arc<Semaphore>);

impl Cpu {
    /// For so many cores.
    pub(crate) fn new(cores: usize) -> Self {
        Self(Arc::new(Semaphore::new(cores.max(1))))
    }

    /// Does `work` on a thread for it.
    ///
    /// # Errors
    /// A problem of status 500 where it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let failed = |error| Problem::of_request(&Error::internal("a search ended early").caused_by(error));
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|error| failed(error.into()))?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held by the work, not by the request: work whose client has gone takes a core like any other.
            drop(permit);
            done
        });
        working.await.map_err(|error| failed(Box::<dyn std::error::Error + Send + Sync>::from(error)))
    }
}
