//! What models learn from: ads with their vectors; and `ml_features`.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use common_core::Result;
use common_core::job::Shard;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::dataset::Dataset;
use super::load::{self, ParquetFile};
use super::predictions::{of_task, with_part};
use super::statement::Statement;
use super::{BigQuery, pages, rows, sql};
use crate::batches;
use crate::warehouse::{
    EmbeddingTable, FeatureCount, FeatureRow, FeatureSet, Features, ML_FEATURES, Tombstones,
};

/// Columns of `ml_features` that are NOT NULL.
const REQUIRED: &[&str] = &["source", "job_id", "as_of", "feature_schema"];

#[async_trait]
impl Features for BigQuery {
    fn scan_features(&self, table: &EmbeddingTable, space: &str) -> BoxStream<'static, Result<RecordBatch>> {
        let (this, table, space) = (Arc::clone(&self.0), table.clone(), space.to_owned());
        let batches = async move {
            if !this.has_table(&table.name).await? {
                return Ok(futures::stream::empty().boxed());
            }
            let statement = Statement::new("reading features of ads", sql::SCAN_FEATURES).on(&table);
            let statement = with_part(of_task(statement, &space, Shard::ALL), sql::ALL_ROWS)?;
            scan(&this, statement, &table).await
        };
        futures::stream::once(batches).try_flatten().boxed()
    }

    async fn count_features(&self, table: &EmbeddingTable, space: &str) -> Result<FeatureCount> {
        let mut statement = Statement::new("counting ads with vectors", sql::COUNT_FEATURES)
            .on(table)
            .text("space", Some(space));
        if !self.0.has_table(&table.name).await? {
            statement = statement.with_value("job_embeddings", sql::NO_EMBEDDINGS.text.trim_end());
        }
        rows::feature_count(self.0.collect(statement).await?)
    }

    async fn write_features(
        &self,
        set: FeatureSet,
        mut rows: BoxStream<'static, Result<Vec<FeatureRow>>>,
    ) -> Result<u64> {
        self.0.create_features().await?;
        let tombstones: Tombstones = self.0.tombstones().await?.into_iter().collect();
        let mut file = ParquetFile::new(REQUIRED)?;
        // A file without rows needs its columns.
        file.push(&batches::features(&set, &[])?)?;
        while let Some(rows) = rows.next().await {
            let mut rows = rows?;
            tombstones.leave_out_keys(&mut rows, |row| &row.key);
            let set = set.clone();
            file = load::blocking(move || {
                file.push(&batches::features(&set, &rows)?)?;
                Ok(file)
            })
            .await?;
        }
        let written = file.rows;
        let file = load::blocking(move || file.finish()).await?;
        self.0.load(ML_FEATURES, "WRITE_TRUNCATE", &file).await?;
        Ok(written)
    }
}

/// The batches of a scan of features.
pub(super) async fn scan(
    dataset: &Arc<Dataset>,
    mut statement: Statement,
    table: &EmbeddingTable,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    if !dataset.has_table(&table.masked().name).await? {
        statement = statement.with_value("job_embeddings_masked", sql::NO_EMBEDDINGS.text.trim_end());
    }
    let (rows, dimension) = (dataset.stream(statement, pages::VECTOR_PAGE_ROWS), table.dimension);
    let batches = rows.map(move |page| {
        let rows = page?.into_iter().map(rows::scanned_ad).collect::<Result<Vec<_>>>()?;
        batches::scanned(&rows, dimension)
    });
    Ok(batches.try_filter(|batch| std::future::ready(batch.num_rows() > 0)).boxed())
}
