//! `SEARCH=warehouse`: finds neighbours in the warehouse and reads the ads' other data from the index.
//!
//! For more ads than the index of one instance can hold, and for comparing both. Exact on DuckDB, approximate on
//! BigQuery.

use std::collections::HashMap;
use std::sync::Arc;

use common::embedding::ModelSettings;
use common::index::manifest::embedding_space;
use common::index::{Hit, JobIndex, Row};
use common::runtime::http_util::Problem;
use common::storage::settings::WarehouseUrl;
use common::storage::warehouse::{EmbeddingTable, VectorQuery};
use common::storage::{Access, Storage, Warehouse};
use common::{ErrorKind, Result, embedding};
use hyper::StatusCode;
use tokio::sync::OnceCell;

use crate::endpoints::similar::SimilarQuery;

/// Maximum number of rows that are requested to find enough distinct texts.
const MOST_ROWS: usize = 10_000;

/// Searches in the warehouse.
pub(crate) struct WarehouseSearch {
    storage: Arc<Storage>,
    table: EmbeddingTable,
    /// Stays open only if an open warehouse locks out no other process.
    open: OnceCell<Arc<dyn Warehouse>>,
}

impl WarehouseSearch {
    /// For the table of the configured model.
    ///
    /// # Errors
    /// Errors of [`embedding::identity`].
    pub(crate) fn new(storage: Arc<Storage>, model: &ModelSettings) -> Result<Self> {
        let identity = embedding::identity(model)?;
        let table = EmbeddingTable::of_model(&identity.model_name, identity.dimension);
        Ok(Self { storage, table, open: OnceCell::new() })
    }

    async fn warehouse(&self) -> Result<Arc<dyn Warehouse>> {
        match self.storage.settings().warehouse_url {
            // A reader locks every writer out of the file, so it is open only during searches; concurrent searches
            // share it.
            WarehouseUrl::DuckDb(_) => self.storage.warehouse(Access::ReadSoon).await,
            WarehouseUrl::BigQuery { .. } => {
                self.open.get_or_try_init(|| self.storage.warehouse(Access::Read)).await.cloned()
            }
        }
    }

    /// The nearest ads that are also in `index`, as its own search would return them, without the row `not`.
    ///
    /// # Errors
    /// A problem of status 503 if the warehouse is unavailable or another process writes to it; otherwise the
    /// problem of the error.
    pub(crate) async fn search(
        &self,
        index: &JobIndex,
        vector: &[f32],
        not: Option<Row>,
        asked: &SimilarQuery,
    ) -> Result<Vec<Hit>, Problem> {
        self.nearest(index, vector, not, asked).await.map_err(|error| {
            let error = error.context("cannot search the warehouse");
            if error.kind() == ErrorKind::Unavailable {
                tracing::error!("{}", error.chain());
                let detail = "the warehouse is unavailable or is being written to by another process: try again; the log has the reason";
                return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5);
            }
            Problem::of_request(&error)
        })
    }

    async fn nearest(
        &self,
        index: &JobIndex,
        vector: &[f32],
        not: Option<Row>,
        asked: &SimilarQuery,
    ) -> Result<Vec<Hit>> {
        let warehouse = self.warehouse().await?;
        let mut query = VectorQuery {
            vector: vector.to_vec(),
            top_k: (asked.top_k + 1) * 2,
            filter: asked.filter.clone(),
            min_similarity: asked.min_similarity,
        };
        loop {
            let space = embedding_space(index.manifest());
            let found = warehouse.search_embeddings(&self.table, space, &query).await?;
            let is_all = found.len() < query.top_k || query.top_k >= MOST_ROWS;
            let rows = found
                .iter()
                .filter_map(|hit| Some((index.row_of(&hit.key.source, &hit.key.job_id)?, hit.similarity)));
            let hits = folded(index, rows, not, asked.include_reposts);
            // Ads with the same text tie, in any order: all ads of the last text are known once a less similar one
            // is found.
            let last = found.last().map(|hit| hit.similarity);
            let is_past =
                hits.get(asked.top_k.saturating_sub(1)).is_some_and(|hit| last < Some(hit.similarity));
            if is_all || is_past {
                return Ok(hits.into_iter().take(asked.top_k).collect());
            }
            query.top_k = (query.top_k * 4).min(MOST_ROWS);
        }
    }
}

/// The best hit of each ad, or all hits if reposts are included; in the index's order.
fn folded(
    index: &JobIndex,
    rows: impl Iterator<Item = (Row, f32)>,
    not: Option<Row>,
    include_reposts: bool,
) -> Vec<Hit> {
    let own = not.map(|row| index.same(row));
    let mut hits: Vec<Hit> = Vec::new();
    let mut places: HashMap<Row, usize> = HashMap::new();
    for (row, similarity) in rows {
        let same = index.same(row);
        if not == Some(row) || !include_reposts && own == Some(same) {
            continue;
        }
        match places.get(&same) {
            Some(&place) if !include_reposts => {
                let hit = &mut hits[place];
                hit.reposts += 1;
                // Rows of an ad are sorted newest first.
                hit.row = hit.row.min(row);
            }
            _ => {
                places.insert(same, hits.len());
                hits.push(Hit { row, similarity, reposts: 0 });
            }
        }
    }
    // Rows of a text are sorted newest first.
    hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
    hits
}
