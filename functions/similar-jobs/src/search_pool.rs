//! Runs searches on blocking threads, at most one per core at a time.

use std::sync::Arc;

use common::Error;
use common::runtime::http_util::Problem;
use tokio::sync::Semaphore;

/// A first-come, first-served queue for the cores. A request that is dropped while it waits leaves the queue.
///
/// Starting work on a blocking thread and waiting for it takes about 40 µs, as long as with a thread pool of our
/// own.
#[derive(Debug, Clone)]
pub(crate) struct SearchPool(Arc<Semaphore>);

impl SearchPool {
    /// A pool that runs at most `cores` searches at once.
    pub(crate) fn new(cores: usize) -> Self {
        Self(Arc::new(Semaphore::new(cores.max(1))))
    }

    /// Runs `work` on a blocking thread once a core is free.
    ///
    /// # Errors
    /// A problem of status 500 if `work` panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let failed = |error| Problem::of_request(&Error::internal("a search panicked").caused_by(error));
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|error| failed(error.into()))?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held by the work, not by the request: work whose client has disconnected still occupies a core.
            drop(permit);
            done
        });
        working.await.map_err(|error| failed(Box::<dyn std::error::Error + Send + Sync>::from(error)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// The runtime of the test has one thread: a search in it would keep the timer waiting.
    #[tokio::test]
    async fn a_search_whose_request_is_given_up_keeps_its_core() {
        let (pool, soon, late) = (SearchPool::new(1), Duration::from_millis(20), Duration::from_secs(5));
        let (go, wait) = mpsc::channel::<()>();
        assert!(timeout(soon, pool.run(move || wait.recv_timeout(late))).await.is_err());
        assert!(timeout(soon, pool.run(|| ())).await.is_err(), "the only core is taken");
        drop(go);
        assert!(pool.run(|| ()).await.is_ok());
    }
}
