//! Writes embeddings to the warehouse: first rows in batches, then ads that share a text with a written row.

use std::collections::HashSet;
use std::time::Instant;

use common::embedding::{Identity, is_unreadable};
use common::feed::Receiver;
use common::job::{ContentHash, JobKey, Timestamp};
use common::runtime::Progress;
use common::storage::warehouse::{EmbeddingRow, EmbeddingStore, EmbeddingTable, SharedRow};
use common::{ErrorKind, Result, failpoint};
use futures::StreamExt;

use crate::plan::{InFlight, PagePlan};
use crate::report::{Report, Statistics};
use crate::workers::Embedded;

/// Writes the rows of a run and counts its ads.
pub(crate) struct Writer<'a> {
    pub(crate) embeddings: &'a dyn EmbeddingStore,
    pub(crate) table: &'a EmbeddingTable,
    pub(crate) identity: &'a Identity,
    pub(crate) created_at: Timestamp,
    /// In a run with `force`: only vectors written since this time are current.
    pub(crate) force_since: Option<Timestamp>,
    pub(crate) in_flight: InFlight,
    pub(crate) progress: &'a Progress,
    pub(crate) rows: Vec<EmbeddingRow>,
    /// Ads that wait for the row of another ad with the same text, which is in flight.
    pub(crate) waiting: Vec<SharedRow>,
    /// Texts that were in flight and of which the model recognizes no token.
    pub(crate) unreadable: HashSet<ContentHash>,
    pub(crate) last_write: Instant,
    pub(crate) report: Report,
    pub(crate) statistics: Statistics,
}

impl Writer<'_> {
    /// Processes plans and vectors until both channels end.
    ///
    /// # Errors
    /// Errors of the warehouse, and errors that the channels deliver.
    pub(crate) async fn run(
        mut self,
        plans: Receiver<PagePlan>,
        embedded: Receiver<Embedded>,
    ) -> Result<Self> {
        let mut plans = plans.into_stream().fuse();
        let mut vectors = embedded.into_stream().fuse();
        loop {
            futures::select! {
                plan = plans.next() => if let Some(plan) = plan { self.apply_plan(plan?).await? },
                vector = vectors.next() => if let Some(vector) = vector { self.add_vectors(vector?).await? },
                complete => return Ok(self),
            }
        }
    }

    /// Applies the parts of a plan that need no model: counts, deletions and refreshes.
    async fn apply_plan(&mut self, plan: PagePlan) -> Result<()> {
        failpoint::reach("embed::settle");
        self.report.unchanged += plan.unchanged;
        self.report.skipped += plan.skipped;
        self.report.unreadable += plan.unreadable;
        self.report.shared += plan.shared;
        self.report.unread_pay.add(plan.unread_pay);
        self.report.limit_reached |= plan.limit_reached;
        self.progress.advance(plan.unchanged + plan.skipped + plan.unreadable + plan.shared);
        if !plan.remove.is_empty() {
            self.report.removed += self.embeddings.delete_embeddings(self.table, &plan.remove).await?;
        }
        if !plan.refresh.is_empty() {
            let count = plan.refresh.len() as u64;
            self.embeddings.update_filters(self.table, plan.refresh).await?;
            self.report.refreshed += count;
            self.progress.advance(count);
        }
        self.waiting.extend(plan.wait);
        self.remove_waiting_unreadable().await?;
        self.write_if_due().await
    }

    /// Adds the vectors of a chunk to the rows to write.
    async fn add_vectors(&mut self, embedded: Embedded) -> Result<()> {
        self.report.cpu_seconds_inference += embedded.cpu_seconds;
        for (ad, vector) in embedded.ads {
            match vector {
                Ok(vector) => {
                    self.statistics.add(&vector);
                    self.rows.push(EmbeddingRow {
                        key: ad.key,
                        embedding: vector,
                        model_name: self.identity.model_name.clone(),
                        created_at: self.created_at,
                        embedding_space: self.identity.embedding_space.clone(),
                        model_version: self.identity.model_version.clone(),
                        content_hash: ad.content_hash,
                        filters: ad.filters,
                    });
                }
                // The tokens that the model knows are beyond its maximum length.
                Err(error) if is_unreadable(&error) => {
                    self.in_flight.remove(std::iter::once(&ad.content_hash));
                    self.unreadable.insert(ad.content_hash);
                    self.remove_unreadable(&[ad.key]).await?;
                }
                // An error that is not specific to the ad: other ads would fail in the same way.
                Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Internal) => {
                    return Err(error);
                }
                Err(error) => {
                    self.in_flight.remove(std::iter::once(&ad.content_hash));
                    self.report.fail(&ad.key, &error.chain());
                    self.progress.advance(1);
                }
            }
        }
        self.remove_waiting_unreadable().await?;
        self.write_if_due().await
    }

    /// Removes the rows of ads that wait for a text that turned out to be unreadable.
    async fn remove_waiting_unreadable(&mut self) -> Result<()> {
        let unreadable = &self.unreadable;
        if unreadable.is_empty() {
            return Ok(());
        }
        let keys: Vec<JobKey> = self
            .waiting
            .extract_if(.., |row| unreadable.contains(&row.content_hash))
            .map(|row| row.key)
            .collect();
        if keys.is_empty() { Ok(()) } else { self.remove_unreadable(&keys).await }
    }

    /// Deletes the rows of ads whose text is unreadable; such rows belong to an earlier text of the ad.
    async fn remove_unreadable(&mut self, keys: &[JobKey]) -> Result<()> {
        self.report.removed += self.embeddings.delete_embeddings(self.table, keys).await?;
        self.report.unreadable += keys.len() as u64;
        self.progress.advance(keys.len() as u64);
        Ok(())
    }

    async fn write_if_due(&mut self) -> Result<()> {
        let size = self.embeddings.write_size();
        let has_work = !self.rows.is_empty() || !self.waiting.is_empty();
        if self.rows.len() >= size.rows || (has_work && self.last_write.elapsed() >= size.interval) {
            self.write().await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        failpoint::reach("embed::write");
        if !self.rows.is_empty() {
            let rows = std::mem::take(&mut self.rows);
            let hashes: Vec<ContentHash> = rows.iter().map(|row| row.content_hash).collect();
            let rejected = self.embeddings.merge_embeddings(self.table, rows).await?;
            self.in_flight.remove(hashes.iter());
            for row in &rejected {
                self.report.fail(&row.key, &row.reason);
            }
            self.report.embedded += (hashes.len() - rejected.len()) as u64;
            self.progress.advance(hashes.len() as u64);
        }
        if !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            let count = waiting.len();
            let space = &self.identity.embedding_space;
            let without = self
                .embeddings
                .share_embeddings(self.table, space, waiting.clone(), self.force_since)
                .await?;
            self.waiting = waiting.into_iter().filter(|row| without.contains(&row.key)).collect();
            let shared = (count - self.waiting.len()) as u64;
            self.report.shared += shared;
            self.progress.advance(shared);
        }
        self.last_write = Instant::now();
        Ok(())
    }

    /// Writes the remaining rows. Ads that still wait have failed, unless the run was interrupted: a later run embeds
    /// them.
    pub(crate) async fn finish(mut self, interrupted: bool) -> Result<(Report, Statistics)> {
        self.write().await?;
        let waiting: Vec<JobKey> = std::mem::take(&mut self.waiting).into_iter().map(|row| row.key).collect();
        if !interrupted {
            for key in waiting {
                self.report.fail(&key, "the ad whose text it shares could not be embedded");
            }
        }
        self.report.interrupted = interrupted;
        Ok((self.report, self.statistics))
    }
}
