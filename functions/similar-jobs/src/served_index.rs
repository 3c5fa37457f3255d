//! The index that is served: opened in the background, and replaced by a newer one while requests go on.
//!
//! A request takes one [`IndexSnapshot`] and uses it until it is answered, even if another version is
//! published.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use common::index::JobIndex;
use common::runtime::http_util::Problem;
use common::{Error, Result};
use futures::FutureExt;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::etag::entity_tag;
use crate::index_source::{IndexSource, Newest};
use crate::metrics::Metrics;

/// One version of the index, with what is computed from it once.
pub(crate) struct IndexSnapshot {
    pub(crate) index: Arc<JobIndex>,
    /// The tag of answers that depend on this index and no other model. `None` if its version is not
    /// a valid header value.
    pub(crate) etag: Option<HeaderValue>,
    /// The body of `/v1/index`, which counts the values of whole columns.
    pub(crate) facts: OnceLock<Bytes>,
}

impl IndexSnapshot {
    async fn new(index: Arc<JobIndex>) -> Self {
        let etag = entity_tag(index.manifest(), &[]).await;
        Self { index, etag, facts: OnceLock::new() }
    }
}

/// The state of the served index.
#[derive(Clone)]
enum Slot {
    /// The first lookup has not finished.
    Opening,
    /// There is none, for this reason.
    Absent(&'static str),
    Serving(Arc<IndexSnapshot>),
}

/// A handle to the index that is served at any moment.
#[derive(Clone)]
pub(crate) struct ServedIndex(watch::Receiver<Slot>);

const OPENING: &str = "the index is being opened; try again in a moment";
const MISSING: &str = "there is no index yet: run `build-vector-index`";
const UNOPENED: &str =
    "no index could be opened; the log says why; opening is retried, after waits of up to 15 minutes";

impl ServedIndex {
    /// The index to answer from. Waits while the first one is being opened.
    ///
    /// # Errors
    /// A problem of status 503 that says why there is none.
    pub(crate) async fn get(&self) -> Result<Arc<IndexSnapshot>, Problem> {
        let mut slot = self.0.clone();
        let known = slot.wait_for(|slot| !matches!(slot, Slot::Opening)).await;
        match known.as_deref() {
            Ok(Slot::Serving(served)) => Ok(Arc::clone(served)),
            Ok(Slot::Absent(why)) => Err(unavailable(why)),
            Ok(Slot::Opening) | Err(_) => Err(unavailable(OPENING)),
        }
    }

    /// The index that is served at this moment.
    pub(crate) fn now(&self) -> Option<Arc<IndexSnapshot>> {
        match &*self.0.borrow() {
            Slot::Serving(served) => Some(Arc::clone(served)),
            _ => None,
        }
    }

    /// Why nothing is served.
    pub(crate) fn unready(&self) -> Option<Problem> {
        match &*self.0.borrow() {
            Slot::Serving(_) => None,
            Slot::Opening => Some(unavailable(OPENING)),
            Slot::Absent(why) => Some(unavailable(why)),
        }
    }
}

fn unavailable(why: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(5)
}

/// Looks for newer indexes in a background task until shutdown.
pub(crate) struct Follower {
    pub(crate) source: Arc<dyn IndexSource>,
    /// How long to wait between two looks.
    pub(crate) every: Duration,
    /// How long a request may keep an index that was replaced.
    pub(crate) deadline: Duration,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: CancellationToken,
}

impl Follower {
    pub(crate) fn start(self) -> ServedIndex {
        let (slot, current) = watch::channel(Slot::Opening);
        tokio::spawn(async move {
            let mut logged = None;
            while !self.shutdown.is_cancelled() {
                self.look(&slot, &mut logged).await;
                tokio::select! {
                    () = tokio::time::sleep(self.every) => {}
                    () = self.shutdown.cancelled() => {}
                }
            }
            // Requests go on; the slot has to outlive this task.
            slot.closed().await;
        });
        ServedIndex(current)
    }

    /// Looks once. `logged` is the failure logged last.
    async fn look(&self, slot: &watch::Sender<Slot>, logged: &mut Option<String>) {
        let old = match &*slot.borrow() {
            Slot::Serving(served) => Some(Arc::clone(served)),
            _ => None,
        };
        let version = old.as_ref().map(|served| served.index.manifest().version.as_str());
        let found = AssertUnwindSafe(self.source.newest(version)).catch_unwind().await;
        match found.unwrap_or_else(|_| Err(Error::internal("opening the index panicked"))) {
            Ok(Newest::Opened(index)) => {
                let served = Arc::new(IndexSnapshot::new(index).await);
                let manifest = served.index.manifest();
                tracing::info!(index_version = manifest.version, rows = manifest.rows, "serves a new index");
                self.metrics.index_opened(true);
                slot.send_replace(Slot::Serving(Arc::clone(&served)));
                self.retire(old);
                *logged = None;
            }
            // The last failure is already logged.
            Ok(Newest::Later) => {}
            Ok(Newest::Nothing) => {
                if old.is_none() {
                    slot.send_replace(Slot::Absent(MISSING));
                }
                *logged = None;
            }
            Err(error) => {
                self.metrics.index_opened(false);
                let sentence = error.chain();
                if logged.as_deref() != Some(&sentence) {
                    let rest = if old.is_some() {
                        "the previous index is still served"
                    } else {
                        "nothing is served"
                    };
                    tracing::error!("the index could not be opened, {rest}: {sentence}");
                    *logged = Some(sentence);
                }
                if old.is_none() {
                    slot.send_replace(Slot::Absent(UNOPENED));
                }
            }
        }
    }

    /// Drops the old index on a blocking thread after the last request that can use it.
    fn retire(&self, old: Option<Arc<IndexSnapshot>>) {
        let Some(old) = old else { return };
        let deadline = self.deadline;
        tokio::spawn(async move {
            tokio::time::sleep(deadline).await;
            let _ = tokio::task::spawn_blocking(move || drop(old)).await;
        });
    }
}

#[cfg(test)]
mod tests;
