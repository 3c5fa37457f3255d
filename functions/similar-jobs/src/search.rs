//! The index as the service sees it, and where a newer one comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::index::JobIndex;
use common::index::manifest::{Quality, embedding_space};
use common::job::Timestamp;
use common::storage::Registry;
use common::{Error, Result};

pub(crate) use common::index::ads::Column;
pub(crate) use common::index::{Ad, Filter, Hit, Query, Reason, Row};

/// What an index says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) version: String,
    /// What made the vectors: of several versions all, the one of most vectors first.
    pub(crate) model_version: String,
    pub(crate) embedding_space: String,
    pub(crate) dimension: usize,
    pub(crate) rows: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) recall_at_10: Option<f64>,
    pub(crate) bytes: u64,
}

/// One version of the index, opened. Its calls are work for a thread, not for the runtime.
pub(crate) trait MarketIndex: Send + Sync + 'static {
    fn manifest(&self) -> &Manifest;
    fn row_of(&self, source: &str, job_id: &str) -> Option<Row>;
    fn ad(&self, row: Row) -> Ad<'_>;
    /// The newest of the rows that are the same ad, and the lowest: what tells reposts of an ad from other ads.
    fn same(&self, row: Row) -> Row;
    fn vector(&self, row: Row) -> &[f32];
    /// The nearest first.
    fn search(&self, query: &Query<'_>) -> Vec<Hit>;
    fn reasons_between(&self, a: Row, b: Row) -> Vec<Reason>;
    fn reasons_for_text(&self, text: &str, b: Row) -> Vec<Reason>;
    /// Ads with these words in title or company, best first: at most `limit` after the first `after`, and whether there
    /// are more.
    fn find(&self, words: &str, after: usize, limit: usize) -> (Vec<Row>, bool);
    /// The column's values and how many ads have each, most frequent first.
    fn facets(&self, column: Column) -> Vec<(String, u32)>;
    /// At most `n` rows, evenly spread.
    fn sample(&self, n: usize) -> Vec<Row>;
}

/// What a look for a newer index found.
pub(crate) enum Newest {
    /// There is none, or it is the one that is served.
    Nothing,
    /// One that is newer.
    Opened(Arc<dyn MarketIndex>),
    /// One that could not be opened, and that it is not yet time to try again.
    Later,
}

/// Where indexes come from.
#[async_trait]
pub(crate) trait IndexSource: Send + Sync + 'static {
    /// The champion, opened, where it is not `current`.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    async fn newest(&self, current: Option<&str>) -> Result<Newest>;
}

/// The artifact that `build-vector-index` publishes, opened.
struct Opened {
    index: JobIndex,
    manifest: Manifest,
}

impl Opened {
    fn open(folder: &Path) -> Result<Self> {
        let index = JobIndex::open(folder)?;
        let found = index.manifest();
        let quality = Quality::of(found);
        let manifest = Manifest {
            version: found.version.clone(),
            model_version: versions(&found.body.model_versions, &found.body.model_version),
            embedding_space: embedding_space(found).to_owned(),
            dimension: found.body.dimension,
            rows: found.rows,
            created_at: found.created_at,
            recall_at_10: (quality.queries > 0).then_some(quality.recall_at_10),
            bytes: found.bytes(),
        };
        Ok(Self { index, manifest })
    }
}

/// Every model version of the vectors, most used first; what an index without vectors says.
fn versions(counts: &BTreeMap<String, u64>, otherwise: &str) -> String {
    if counts.is_empty() {
        return otherwise.to_owned();
    }
    let mut counts: Vec<(&String, &u64)> = counts.iter().collect();
    counts.sort_by(|a, b| b.1.cmp(a.1));
    counts.into_iter().map(|(version, _)| version.as_str()).collect::<Vec<_>>().join(", ")
}

impl MarketIndex for Opened {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn row_of(&self, source: &str, job_id: &str) -> Option<Row> {
        self.index.row_of(source, job_id)
    }
    fn ad(&self, row: Row) -> Ad<'_> {
        self.index.ad(row)
    }
    fn same(&self, row: Row) -> Row {
        self.index.same(row)
    }
    fn vector(&self, row: Row) -> &[f32] {
        self.index.vector(row)
    }
    fn search(&self, query: &Query<'_>) -> Vec<Hit> {
        self.index.search(query)
    }
    fn reasons_between(&self, a: Row, b: Row) -> Vec<Reason> {
        self.index.reasons_between(a, b)
    }
    fn reasons_for_text(&self, text: &str, b: Row) -> Vec<Reason> {
        self.index.reasons_for_text(text, b)
    }
    fn find(&self, words: &str, after: usize, limit: usize) -> (Vec<Row>, bool) {
        self.index.find(words, after, limit)
    }
    fn facets(&self, column: Column) -> Vec<(String, u32)> {
        self.index.facets(column)
    }
    fn sample(&self, n: usize) -> Vec<Row> {
        self.index.sample(n)
    }
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

/// A champion's version, and when it was promoted: a store that is begun anew has a `v1` again.
pub(crate) type Promotion = (String, Timestamp);

/// A champion that could not be opened: it is fetched again whole, so it is asked for more and more rarely. Another
/// promotion is tried at once.
pub(crate) struct Failed {
    promotion: Promotion,
    tries: u32,
    again_at: Instant,
}

/// The longest wait before a champion that could not be opened is fetched again: somebody has to mend it, and may promote it
/// again then.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// The same where the store was out of reach, which ends by itself.
const LONGEST_OUTAGE_WAIT: Duration = Duration::from_mins(1);

/// The wait after so many failures, from 1: it doubles, up to `longest`.
fn wait(first: Duration, tries: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(longest.max(first))
}

impl Published {
    /// Says whether the champion may be fetched now.
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

    async fn open(&self, version: &str) -> Result<Opened> {
        let folder = self.registry.install(version, &self.index_dir).await?;
        let opening = tokio::task::spawn_blocking(move || Opened::open(&folder));
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
            Ok(opened) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
                *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(promotion);
                Ok(Newest::Opened(Arc::new(opened)))
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
