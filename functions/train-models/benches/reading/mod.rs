//! Reads the ads of a warehouse.

use common::learning::Ad;
use common::settings::{Settings, Variables};
use common::storage::settings::StorageSettings;
use common::storage::warehouse::{EmbeddingTable, Features};
use common::storage::{Access, open_warehouse};
use common::{Error, Result};
use futures::StreamExt;

const MODEL: &str = "all-MiniLM-L6-v2";
/// Length of its vectors.
pub(crate) const DIMENSION: usize = 384;

/// Every ad of the warehouse that has a vector.
///
/// # Errors
/// `NotFound` if none has one; errors of the warehouse.
pub(crate) async fn ads(url: &str) -> Result<Vec<Ad>> {
    let variables = Variables::of_process(&StorageSettings::variables())?.with_flag("warehouse_url", url);
    let warehouse = open_warehouse(&StorageSettings::read(&variables)?, Access::Read).await?;
    let table = EmbeddingTable::of_model(MODEL, DIMENSION);
    let spaces = warehouse.embedding_spaces(&table).await?;
    let Some((space, _)) = spaces.first() else {
        return Err(Error::not_found(format!("{} is empty: run embed-new-jobs first", table.name)));
    };
    let features: &dyn Features = warehouse.as_ref();
    let mut batches = features.scan_features(&table, space);
    let mut ads = Vec::new();
    while let Some(batch) = batches.next().await {
        ads.extend(Ad::from_batch(&batch?)?);
    }
    Ok(ads)
}
