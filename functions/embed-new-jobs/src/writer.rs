//! What becomes of the vectors: rows in batches, then the ads that share a text with one of them.

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

/// Writes a run's rows and keeps its counts.
pub(crate) struct Writer<'a> {
    pub(crate) embeddings: &'a dyn EmbeddingStore,
    pub(crate) table: &'a EmbeddingTable,
    pub(crate) identity: &'a Identity,
    pub(crate) created_at: Timestamp,
    /// Only vectors written since this moment are current, in a run that embeds everything again.
    pub(crate) force_since: Option<Timestamp>,
    pub(crate) in_flight: InFlight,
    pub(crate) progress: &'a Progress,
    pub(crate) rows: Vec<EmbeddingRow>,
    /// Ads whose text is in flight: they wait for its row.
    pub(crate) waiting: Vec<SharedRow>,
    /// Texts that were in flight and that the model could read nothing of.
    pub(crate) unreadable: HashSet<ContentHash>,
    pub(crate) last_write: Instant,
    pub(crate) report: Report,
    pub(crate) statistics: Statistics,
}

impl Writer<'_> {
    /// Takes plans and vectors to the end of both.
    ///
    /// # Errors
    /// Those of the warehouse, and what stopped plans or vectors before their end.
    pub(crate) async fn work(
        mut self,
        plans: Receiver<PagePlan>,
        embedded: Receiver<Embedded>,
    ) -> Result<Self> {
        let mut plans = plans.into_stream().fuse();
        let mut vectors = embedded.into_stream().fuse();
        loop {
            futures::select! {
                plan = plans.next() => if let Some(plan) = plan { self.settle(plan?).await? },
                vector = vectors.next() => if let Some(vector) = vector { self.take(vector?).await? },
                complete => return Ok(self),
            }
        }
    }

    /// Takes a page's counts and everything in it that needs no model.
    async fn settle(&mut self, plan: PagePlan) -> Result<()> {
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
        self.leave_unreadable().await?;
        self.write_if_due().await
    }

    /// Takes a chunk's vectors.
    async fn take(&mut self, embedded: Embedded) -> Result<()> {
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
                // Words that it knows stand behind more than it reads.
                Err(error) if is_unreadable(&error) => {
                    self.in_flight.remove(std::iter::once(&ad.content_hash));
                    self.unreadable.insert(ad.content_hash);
                    self.remove_unreadable(&[ad.key]).await?;
                }
                // It is not the ad's fault: the other ads would fail in the same way.
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
        self.leave_unreadable().await?;
        self.write_if_due().await
    }

    /// Takes the ads that wait for a text that turned out to be unreadable.
    async fn leave_unreadable(&mut self) -> Result<()> {
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

    /// Removes the rows of ads whose text the model cannot read: those are of a text that they had before.
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
            let refused = self.embeddings.merge_embeddings(self.table, rows).await?;
            self.in_flight.remove(hashes.iter());
            for row in &refused {
                self.report.fail(&row.key, &row.reason);
            }
            self.report.embedded += (hashes.len() - refused.len()) as u64;
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

    /// Writes what is left. Ads that still wait then wait for a text that failed or, after a stop, for a later run.
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
