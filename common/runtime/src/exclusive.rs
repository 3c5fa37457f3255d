//! Work of several runs that only one process does at a time, across instances.

use std::sync::Arc;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use common_core::{Error, Result};
use common_storage::ArtifactStore;

use crate::held::wait_for;
use crate::lease::{LeaseTerms, TTL};

/// Does `work` while it holds the lease `name`, for example `runs/daily/lease.json`. If another process holds it, waits
/// until its lease expires. `run_id` names this process in the errors of others.
///
/// If the future is dropped, the lease expires after a minute.
///
/// # Errors
/// `Conflict` if another process does the same work, `Cancelled` if another process takes over the lease in the meantime;
/// errors of the store and of `work`.
pub async fn exclusively<T>(
    store: Arc<dyn ArtifactStore>,
    name: &str,
    run_id: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let terms = LeaseTerms { store, name: name.to_owned(), ttl: TTL, attempt: None };
    let mut lease = wait_for(&terms, run_id, &CancellationToken::new()).await?;
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = lease.keep() => {
            return Err(Error::cancelled(format!("another process has taken over the lease {name}: run again")));
        }
    };
    if let Err(error) = lease.release(Utc::now()).await {
        tracing::warn!("the lease was not released and will expire later: {}", error.chain());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use common_core::ErrorKind;

    use super::*;
    use crate::lease::tests::MemoryStore;

    #[tokio::test]
    async fn the_lease_is_free_after_the_work_whether_it_succeeds_or_not() {
        let store: Arc<dyn ArtifactStore> = Arc::<MemoryStore>::default();
        let run = |run_id: &'static str, outcome: Result<u32>| {
            exclusively(Arc::clone(&store), "runs/daily/lease.json", run_id, async { outcome })
        };
        assert_eq!(run("first", Ok(1)).await.unwrap(), 1);
        let failed = run("second", Err(Error::internal("a step failed"))).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Internal);
        assert_eq!(run("third", Ok(3)).await.unwrap(), 3);
    }
}
