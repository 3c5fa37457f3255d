//! Writes of rows: loaded into a staging table, and merged into a table by one statement.

use arrow::array::RecordBatch;
use common_core::Result;

use super::dataset::Dataset;
use super::statement::Statement;
use super::{STAGED, load};
use crate::sql::Template;
use crate::warehouse::EmbeddingTable;

/// A table with the statements that write to it.
pub(super) struct Merge<'a> {
    pub(super) table: &'a str,
    /// Placeholder of the staging table in both statements.
    pub(super) placeholder: &'static str,
    pub(super) stage: Template,
    pub(super) write: Template,
    /// The table, if it holds embeddings.
    pub(super) embeddings: Option<&'a EmbeddingTable>,
}

impl Dataset {
    /// Loads the rows into a temporary staging table and merges that, so that a failed load changes nothing. Returns the
    /// number of rows that were inserted or updated.
    pub(super) async fn merge(&self, into: Merge<'_>, batch: RecordBatch) -> Result<u64> {
        let rows = batch.num_rows();
        let file = load::blocking(move || load::parquet(&batch, &[])).await?;
        let staged = format!("{STAGED}rows_{}", uuid::Uuid::now_v7().simple());
        let doing = format!("merging {rows} rows into {}", self.name(into.table));
        let quoted = format!("`{staged}`");
        let stage = Statement::new(&doing, into.stage).with_value(into.placeholder, &quoted);
        let mut merge = Statement::new(&doing, into.write).with_value(into.placeholder, &quoted);
        if let Some(table) = into.embeddings {
            merge = merge.on(table);
        }
        let outcome = async {
            self.execute(&stage).await?;
            self.load(&staged, "WRITE_EMPTY", &file).await?;
            self.changed_rows(merge).await
        }
        .await;
        let api = self.google.api.table();
        // If this fails, the staging table expires later.
        let _ = self.request(&doing, || api.delete(&self.project, &self.id, &staged)).await;
        outcome
    }
}
