//! Predictions of ads.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use common_core::Result;
use common_core::job::{JobKey, Shard};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::dataset::Dataset;
use super::merge::Merge;
use super::statement::{Statement, key};
use super::{BigQuery, features, rows, sql};
use crate::batches;
use crate::sql::{Template, Values};
use crate::warehouse::{AdSelection, ML_PREDICTIONS, PredictionRow, PredictionScan, Predictions};

#[async_trait]
impl Predictions for BigQuery {
    async fn create_predictions(&self) -> Result<()> {
        self.0.create_predictions().await
    }

    fn scan_to_predict(&self, scan: &PredictionScan) -> BoxStream<'static, Result<RecordBatch>> {
        let (this, scan) = (Arc::clone(&self.0), scan.clone());
        let batches = async move {
            if !this.has_table(&scan.embeddings.name).await? {
                return Ok(futures::stream::empty().boxed());
            }
            let statement = Statement::new("reading ads to predict", sql::SCAN_FEATURES);
            let statement = this.selected(statement, &scan).await?;
            features::scan(&this, statement, &scan.embeddings).await
        };
        futures::stream::once(batches).try_flatten().boxed()
    }

    async fn count_to_predict(&self, scan: &PredictionScan) -> Result<u64> {
        if !self.0.has_table(&scan.embeddings.name).await? {
            return Ok(0);
        }
        let statement = Statement::new("counting ads to predict", sql::COUNT_TO_PREDICT);
        let statement = self.0.selected(statement, scan).await?;
        let counted = self.0.collect(statement).await?.into_iter().next();
        counted.map_or(Ok(0), |row| rows::parsed(&rows::text(row)?))
    }

    async fn write_predictions(&self, rows: Vec<PredictionRow>) -> Result<u64> {
        let merge = Merge {
            table: ML_PREDICTIONS,
            placeholder: "staged_predictions",
            stage: sql::STAGE_PREDICTIONS,
            write: sql::MERGE_PREDICTIONS,
            embeddings: None,
        };
        self.0.merge(merge, batches::predictions(&rows)?).await
    }

    async fn ads_with_ids(&self, job_ids: &[String]) -> Result<Vec<JobKey>> {
        let statement = Statement::new("looking for ads", sql::ADS_WITH_IDS).texts("job_ids", job_ids);
        let found = self.0.collect(statement).await?;
        found.into_iter().map(|row| rows::key(&mut row.into_iter())).collect()
    }
}

impl Dataset {
    /// A statement on the ads of a scan, with its parameters.
    async fn selected(&self, statement: Statement, scan: &PredictionScan) -> Result<Statement> {
        let statement = of_task(statement.on(&scan.embeddings), &scan.space, scan.shard);
        match &scan.selection {
            AdSelection::All => with_part(statement, sql::ALL_ROWS),
            // A dry run creates no table; without one, nothing is predicted.
            AdSelection::Unpredicted(_) if !self.has_table(ML_PREDICTIONS).await? => {
                with_part(statement, sql::ALL_ROWS)
            }
            AdSelection::Unpredicted(versions) => {
                let [role, cluster, salary] = versions.parameters();
                let statement = statement.text("role", Some(&role)).text("cluster", Some(&cluster));
                with_part(statement.text("salary", Some(&salary)), sql::UNPREDICTED)
            }
            AdSelection::Keys(keys) => {
                let keys: Vec<Value> = keys.iter().map(key).collect();
                with_part(statement.ads(&keys), sql::AMONG_KEYS)
            }
        }
    }
}

/// The parameters that every statement on the ads of a task has.
pub(super) fn of_task(statement: Statement, space: &str, shard: Shard) -> Statement {
    statement.text("space", Some(space)).integer("shards", shard.count).integer("shard", shard.index)
}

/// Inserts the condition that selects ads.
pub(super) fn with_part(statement: Statement, part: Template) -> Result<Statement> {
    Ok(statement.with_value("selected", &part.fill(&Values::default().with_constants())?))
}
