//! The index as the service sees it, and where a newer one comes from.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use common::index::JobIndex;
use common::job::Timestamp;
use common::storage::Registry;
use common::{Error, Result};

pub(crate) use common::index::ads::Column;
pub(crate) use common::index::{Ad, Filter, Hit, Query, Reason, Row};

/// What an index says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) version: String,
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

/// Where indexes come from.
#[async_trait]
pub(crate) trait IndexSource: Send + Sync + 'static {
    /// The champion, opened, or `None` where it is `current` or there is none.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    async fn newest(&self, current: Option<&str>) -> Result<Option<Arc<dyn MarketIndex>>>;
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
        let manifest = Manifest {
            version: found.version.clone(),
            model_version: found.model_version.clone(),
            embedding_space: found.embedding_space.clone(),
            dimension: found.dimension,
            rows: found.ads,
            created_at: found.created_at,
            recall_at_10: (found.quality.queries > 0).then_some(found.quality.recall_at_10),
            bytes: found.bytes(),
        };
        Ok(Self { index, manifest })
    }
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
    /// What was opened last, and when it was promoted: a store that is begun anew has a `v1` again.
    pub(crate) opened: Mutex<Option<(String, Timestamp)>>,
}

#[async_trait]
impl IndexSource for Published {
    async fn newest(&self, current: Option<&str>) -> Result<Option<Arc<dyn MarketIndex>>> {
        let Some(champion) = self.registry.champion().await? else { return Ok(None) };
        let promotion = Some((champion.version.clone(), champion.promoted_at));
        let is_opened = *self.opened.lock().unwrap_or_else(PoisonError::into_inner) == promotion;
        if is_opened && current == Some(champion.version.as_str()) {
            return Ok(None);
        }
        let folder = self.registry.place(&champion.version, &self.index_dir).await?;
        let opening = tokio::task::spawn_blocking(move || Opened::open(&folder));
        let opened =
            opening.await.map_err(|error| Error::internal("opening ended early").caused_by(error))??;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = promotion;
        Ok(Some(Arc::new(opened)))
    }
}
