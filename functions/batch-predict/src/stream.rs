//! Ads are read, predicted and written page by page: memory does not grow with their number.
//!
//! ```text
//! warehouse ──pages──▶ predicting (two pages at a time) ──rows──▶ writing ──▶ warehouse
//! ```

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use common::job::Timestamp;
use common::learning::Ad;
use common::prediction::{Predicted, PredictionModels};
use common::runtime::Invocation;
use common::storage::warehouse::{PredictionRow, PredictionScan, Predictions};
use common::{Result, failpoint, feed};
use futures::StreamExt;
use rayon::ThreadPool;

use crate::options::Options;

/// Pages that are predicted at a time: while one is written, another is predicted.
const PAGES: usize = 2;

/// What predicts and where to.
pub(crate) struct Job<'a> {
    pub(crate) warehouse: &'a dyn Predictions,
    pub(crate) models: Arc<PredictionModels>,
    pub(crate) pool: Arc<ThreadPool>,
    /// Rows to collect for one write.
    pub(crate) write_rows: usize,
    /// Leaves out ads that were last seen before.
    pub(crate) seen_since: Option<Timestamp>,
    pub(crate) invocation: &'a Invocation<Options>,
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Ads that were read.
    pub(crate) read: u64,
    pub(crate) predicted: u64,
    pub(crate) written: u64,
    pub(crate) without_masked_vector: u64,
    pub(crate) without_salary_model: BTreeMap<String, u64>,
    pub(crate) limit_reached: bool,
}

/// A page of ads with its predictions.
struct Page {
    ads: u64,
    predicted: Predicted,
}

impl Job<'_> {
    /// Predicts the ads of a scan. After a stop, the pages that were predicted are written.
    ///
    /// # Errors
    /// Errors of the warehouse and of the models.
    pub(crate) async fn predict_all_new_jobs(&self, scan: &PredictionScan) -> Result<Done> {
        let limit = self.invocation.options.limit.unwrap_or(u64::MAX);
        let stop = self.invocation.shutdown.cancelled();
        let pages = self.warehouse.scan_to_predict(scan).take_until(stop);
        let mut pages = pin!(pages.map(|batch| self.predict(batch)).buffered(PAGES));
        let (mut done, mut rows) = (Done::default(), Vec::new());
        while let Some(page) = pages.next().await {
            let Page { ads, predicted } = page?;
            done.read += ads;
            done.without_masked_vector += predicted.without_masked_vector.len() as u64;
            let left = usize::try_from(limit - done.predicted).unwrap_or(usize::MAX);
            done.limit_reached = predicted.rows.len() > left;
            for row in predicted.rows.into_iter().take(left) {
                done.count(&row);
                rows.push(row);
            }
            self.invocation.progress.advance(ads);
            if rows.len() >= self.write_rows || done.limit_reached {
                done.written += self.write(&mut rows).await?;
            }
            if done.limit_reached {
                break;
            }
        }
        done.written += self.write(&mut rows).await?;
        Ok(done)
    }

    /// Predicts a page on the threads that predict.
    async fn predict(&self, batch: Result<RecordBatch>) -> Result<Page> {
        let batch = batch?;
        let (models, pool) = (Arc::clone(&self.models), Arc::clone(&self.pool));
        let (since, at) = (self.seen_since, self.invocation.started_at);
        feed::blocking("predicting ads", move || {
            failpoint::reach("predict::page");
            let mut ads = Ad::from_batch(&batch)?;
            let read = ads.len() as u64;
            ads.retain(|ad| since.is_none_or(|since| ad.seen >= since));
            let predicted = pool.install(|| models.predict(&ads, at))?;
            Ok(Page { ads: read, predicted })
        })
        .await
    }

    async fn write(&self, rows: &mut Vec<PredictionRow>) -> Result<u64> {
        if rows.is_empty() {
            return Ok(0);
        }
        failpoint::reach("predict::write");
        self.warehouse.write_predictions(std::mem::take(rows)).await
    }
}

impl Done {
    fn count(&mut self, row: &PredictionRow) {
        self.predicted += 1;
        if row.salary_model_version.is_none() {
            *self.without_salary_model.entry(row.currency.clone()).or_default() += 1;
        }
    }
}
