//! The warehouse's own vector index: created if missing, monitored if it exists.

use std::time::{Duration, Instant};

use common::Result;
use common::runtime::Invocation;
use common::storage::warehouse::{EmbeddingTable, VectorIndexKind, VectorIndexState, VectorSearch};

use crate::options::{Options, WarehouseIndex};

/// Interval between two checks of the index.
const LOOK: Duration = Duration::from_secs(5);

/// Creates the warehouse's own index if missing, and waits until it contains every row.
pub(crate) async fn refresh(
    search: &dyn VectorSearch,
    table: &EmbeddingTable,
    invocation: &Invocation<Options>,
) -> Result<Option<VectorIndexState>> {
    let kind = match invocation.options.warehouse_index {
        WarehouseIndex::Ivf => VectorIndexKind::Ivf,
        WarehouseIndex::TreeAh => VectorIndexKind::TreeAh,
        WarehouseIndex::None => return Ok(None),
    };
    let until = Instant::now() + Duration::from_secs(invocation.options.wait_s);
    loop {
        let state = search.refresh_vector_index(table, kind).await?;
        let is_filling = match &state {
            VectorIndexState::Building { .. } => true,
            VectorIndexState::Active { coverage_percent } => *coverage_percent < 100,
            VectorIndexState::TooFewRows { rows, needed } => {
                tracing::info!(
                    "the warehouse builds no vector index of {rows} rows, because it needs at least {needed}: its searches are exact"
                );
                false
            }
            VectorIndexState::None | VectorIndexState::Disabled { .. } => false,
        };
        if !is_filling || Instant::now() >= until || invocation.shutdown.is_cancelled() {
            return Ok(Some(state));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = invocation.shutdown.cancelled() => {}
        }
    }
}
