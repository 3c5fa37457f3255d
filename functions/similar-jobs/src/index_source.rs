//! Looks up and opens the champion.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::index::JobIndex;
use common::job::Timestamp;
use common::storage::Registry;
use common::{Error, Result};

/// The outcome of a lookup.
pub(crate) enum Newest {
    /// There is none, or it is the one that is served.
    Nothing,
    /// One that is newer.
    Opened(Arc<JobIndex>),
    /// A newer one failed to open; the retry is not due.
    Later,
}

/// Where indexes come from.
#[async_trait]
pub(crate) trait IndexSource: Send + Sync + 'static {
    /// Opens the champion unless it is `current`.
    ///
    /// # Errors
    /// Errors of the store and of opening the index.
    async fn newest(&self, current: Option<&str>) -> Result<Newest>;
}

/// The champion in the artifact store, copied to this machine before it is opened.
pub(crate) struct Published {
    pub(crate) registry: Registry,
    /// Where versions are kept on this machine.
    pub(crate) index_dir: PathBuf,
    /// The wait after a first failure to open a champion.
    pub(crate) first_wait: Duration,
    /// What was opened last.
    pub(crate) opened: Mutex<Option<Promotion>>,
    /// What could not be opened last.
    pub(crate) failed: Mutex<Option<Failed>>,
}

/// A champion's version, and when it was promoted: a recreated store reuses `v1`.
pub(crate) type Promotion = (String, Timestamp);

/// A champion that could not be opened: each retry downloads it again, so the interval grows. Another promotion is
/// tried at once.
pub(crate) struct Failed {
    promotion: Promotion,
    tries: u32,
    again_at: Instant,
}

/// The longest wait before a champion that could not be opened is downloaded again: an operator must repair it; a new
/// promotion is tried at once.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// The longest wait after an unavailable store.
const LONGEST_OUTAGE_WAIT: Duration = Duration::from_mins(1);

/// The wait after the `tries`-th failure: it doubles, up to `longest`.
fn wait(first: Duration, tries: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(longest.max(first))
}

impl Published {
    /// Whether the champion may be downloaded now.
    fn is_due(&self, promotion: &Promotion) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed
            .as_ref()
            .is_none_or(|failed| failed.promotion != *promotion || failed.again_at <= Instant::now())
    }

    fn has_failed(&self, promotion: Promotion, error: &Error) {
        let longest = if error.kind().is_retryable() { LONGEST_OUTAGE_WAIT } else { LONGEST_WAIT };
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failed.take().filter(|failed| failed.promotion == promotion);
        let tries = known.map_or(1, |failed| failed.tries.saturating_add(1));
        let again_at = Instant::now() + wait(self.first_wait, tries, longest);
        *failed = Some(Failed { promotion, tries, again_at });
    }

    async fn open(&self, version: &str) -> Result<JobIndex> {
        let folder = self.registry.install(version, &self.index_dir).await?;
        let opening = tokio::task::spawn_blocking(move || JobIndex::open(&folder));
        opening.await.map_err(|error| Error::internal("opening ended early").caused_by(error))?
    }
}

#[async_trait]
impl IndexSource for Published {
    async fn newest(&self, current: Option<&str>) -> Result<Newest> {
        let Some(champion) = self.registry.champion().await? else { return Ok(Newest::Nothing) };
        let promotion = (champion.version, champion.promoted_at);
        let is_opened =
            self.opened.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&promotion);
        if is_opened && current == Some(promotion.0.as_str()) {
            return Ok(Newest::Nothing);
        }
        if !self.is_due(&promotion) {
            return Ok(Newest::Later);
        }
        match self.open(&promotion.0).await {
            Ok(index) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
                *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(promotion);
                Ok(Newest::Opened(Arc::new(index)))
            }
            Err(error) => {
                self.has_failed(promotion, &error);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
