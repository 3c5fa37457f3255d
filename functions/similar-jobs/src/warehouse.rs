//! `SEARCH=warehouse`: the neighbours come from the warehouse, what is shown of them from the index.
//!
//! For markets that one instance's index is too small for, and for comparing the two. Exact on DuckDB, approximate on BigQuery.

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

/// The most rows that are asked for to find enough different texts among them.
const MOST_ROWS: usize = 10_000;

/// The warehouse as a place to search in.
pub(crate) struct WarehouseSearch {
    storage: Arc<Storage>,
    table: EmbeddingTable,
    /// Kept where keeping it locks nobody out.
    open: OnceCell<Arc<dyn Warehouse>>,
}

impl WarehouseSearch {
    /// For the table of the configured model.
    ///
    /// # Errors
    /// Those of [`embedding::identity`].
    pub(crate) fn new(storage: Arc<Storage>, model: &ModelSettings) -> Result<Self> {
        let identity = embedding::identity(model)?;
        let table = EmbeddingTable::of_model(&identity.model_name, identity.dimension);
        Ok(Self { storage, table, open: OnceCell::new() })
    }

    async fn warehouse(&self) -> Result<Arc<dyn Warehouse>> {
        match self.storage.settings().warehouse_url {
            // A reader keeps every writer out of the file, so it is open while there are searches: those of one moment share it.
            WarehouseUrl::DuckDb(_) => self.storage.warehouse(Access::ReadSoon).await,
            WarehouseUrl::BigQuery { .. } => {
                self.open.get_or_try_init(|| self.storage.warehouse(Access::Read)).await.cloned()
            }
        }
    }

    /// The nearest ads that `index` has too, as its own search would return them: `not` is no answer.
    ///
    /// # Errors
    /// A problem of status 503 where the warehouse is out of reach or another process writes to it; others as the error says.
    pub(crate) async fn search(
        &self,
        index: &JobIndex,
        vector: &[f32],
        not: Option<Row>,
        asked: &SimilarQuery,
    ) -> Result<Vec<Hit>, Problem> {
        self.nearest(index, vector, not, asked).await.map_err(|error| {
            let error = error.context("the warehouse was not searched");
            if error.kind() == ErrorKind::Unavailable {
                tracing::error!("{}", error.chain());
                let detail = "the warehouse is out of reach for now, or is being written to by another process; the log says \
                              which, and similar ads are found again once it is free";
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
            // Ads of one text are as similar, and come in any order: all of the last answer's have been seen once a farther one has.
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

/// One hit an ad, unless reposts are answers of their own; in the index's order.
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
                // Rows of an ad are newest first.
                hit.row = hit.row.min(row);
            }
            _ => {
                places.insert(same, hits.len());
                hits.push(Hit { row, similarity, reposts: 0 });
            }
        }
    }
    // Rows of a text are newest first too.
    hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.row.cmp(&b.row)));
    hits
}
