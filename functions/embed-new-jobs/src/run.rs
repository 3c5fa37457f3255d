//! One run from warehouse to report: a planner, workers and a writer, with bounded channels between them.

use std::sync::Arc;
use std::time::Instant;

use common::embedding::{self, Identity, Reader};
use common::job::Timestamp;
use common::shim::Invocation;
use common::storage::warehouse::{EmbeddingTable, JobCount, JobScan};
use common::storage::{Access, Run, Warehouse, open_warehouse};
use common::{Error, Result};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::options::Options;
use crate::plan::{InFlight, PagePlan, Pending, Planner};
use crate::report::{Estimate, Report, Statistics};
use crate::workers::Workers;
use crate::writer::Writer;

/// Ads that a dry run embeds to learn the speed.
const DRY_RUN_SAMPLE: usize = 32;

/// Embeds what has no current embedding; see the crate's documentation.
pub(crate) async fn run(invocation: Invocation<Options>) -> Result<Report> {
    let started = Instant::now();
    let access = if invocation.dry_run { Access::Read } else { Access::Write };
    let warehouse = open_warehouse(&invocation.config, access).await?;
    let config = Arc::clone(&invocation.config);
    let batch = invocation.options.batch_size.map(Into::into);
    let load = move || Ok::<_, Error>((embedding::open(&config, batch)?, embedding::reader(&config)?));
    let (embedders, reader) = tokio::task::spawn_blocking(load)
        .await
        .map_err(|error| Error::internal("loading the model ended early").caused_by(error))??;
    let workers = Workers::start(embedders, &invocation.shutdown)?;
    let identity = workers.identity.clone();
    let scan = JobScan {
        embeddings: EmbeddingTable::of_model(&identity.model_name, identity.dimension),
        shard: invocation.config.shard,
        source: invocation.options.source.clone(),
    };
    let job = Job {
        warehouse: warehouse.as_ref(),
        scan: &scan,
        identity: &identity,
        reader: Arc::new(reader),
        invocation: &invocation,
    };
    if invocation.dry_run {
        return job.estimate(workers, started).await;
    }
    warehouse.create_embeddings(&scan.embeddings).await?;
    let Invocation { run_id, started_at, .. } = &invocation;
    let record = Run { function: crate::FUNCTION, run_id, started_at: *started_at };
    let work = async {
        let mut report = job.embed(workers).await?;
        report.measure(started.elapsed().as_secs_f64());
        Ok(report)
    };
    record.recorded(warehouse.as_ref(), |report| report.interrupted, work).await
}

struct Job<'a> {
    warehouse: &'a dyn Warehouse,
    scan: &'a JobScan,
    identity: &'a Identity,
    reader: Arc<Reader>,
    invocation: &'a Invocation<Options>,
}

impl Job<'_> {
    fn planner(&self, in_flight: InFlight) -> Planner<'_> {
        Planner {
            warehouse: self.warehouse,
            table: &self.scan.embeddings,
            space: &self.identity.embedding_space,
            reader: Arc::clone(&self.reader),
            force_since: self.force_since(),
            dry_run: self.invocation.dry_run,
            left: self.invocation.options.limit.unwrap_or(u64::MAX),
            in_flight,
        }
    }

    fn force_since(&self) -> Option<Timestamp> {
        self.invocation.options.force.then_some(self.invocation.started_at)
    }

    async fn blank_report(&self) -> Result<Report> {
        let JobCount { ads, nameless_sightings } = self.warehouse.count_jobs(self.scan).await?;
        if nameless_sightings > 0 {
            tracing::warn!(nameless_sightings, "sightings without source or job_id are left out");
        }
        Ok(Report {
            ads,
            nameless_sightings,
            table: self.scan.embeddings.name.clone(),
            embedding_space: self.identity.embedding_space.clone(),
            model_version: self.identity.model_version.clone(),
            shard: (self.scan.shard.count > 1).then_some(self.scan.shard),
            ..Report::default()
        })
    }

    async fn embed(&self, workers: Workers) -> Result<Report> {
        let report = self.blank_report().await?;
        let progress = &self.invocation.progress;
        progress.start(report.ads, "ads");
        let in_flight = InFlight::default();
        let mut writer = Writer {
            warehouse: self.warehouse,
            table: &self.scan.embeddings,
            identity: self.identity,
            created_at: self.invocation.started_at,
            force_since: self.force_since(),
            in_flight: in_flight.clone(),
            progress,
            rows: Vec::new(),
            waiting: Vec::new(),
            last_write: Instant::now(),
            report,
            statistics: Statistics::default(),
        };
        let chunk = workers.chunk;
        let (chunks, embedded, threads) = workers.split();
        let (plans, settled) = async_channel::bounded(1);
        let reader = self.read(self.planner(in_flight), chunk, plans, chunks);
        let write = async {
            let mut plans = Box::pin(settled).fuse();
            let mut vectors = Box::pin(embedded).fuse();
            loop {
                futures::select! {
                    plan = plans.next() => if let Some(plan) = plan { writer.settle(plan).await? },
                    vector = vectors.next() => if let Some(vector) = vector { writer.take(vector).await? },
                    complete => break,
                }
            }
            Ok(writer)
        };
        let outcome = futures::try_join!(reader, write);
        // Also after a failure: a process must not end while its threads are inside the model.
        threads.join().await?;
        let ((), writer) = outcome?;
        let interrupted = self.invocation.shutdown.is_cancelled();
        let (mut report, statistics) = writer.finish(interrupted).await?;
        // No ads at all is how a table looks that is being swapped, not how a market ends.
        if !interrupted && report.ads > 0 {
            report.removed += self.warehouse.prune_embeddings(self.scan).await?;
        }
        report.refuse_total_failure()?;
        if report.unreadable > 0 {
            let unreadable = report.unreadable;
            tracing::warn!(unreadable, "ads have no vector, because the model can read nothing of their text");
        }
        report.statistics = statistics.summary();
        progress.finish();
        Ok(report)
    }

    /// Sends every page's plan to the writer and its texts to the workers.
    async fn read(
        &self,
        mut planner: Planner<'_>,
        chunk: usize,
        plans: async_channel::Sender<PagePlan>,
        chunks: async_channel::Sender<Vec<Pending>>,
    ) -> Result<()> {
        let mut pages = self.warehouse.scan_jobs(self.scan.clone());
        while let Some(page) = pages.next().await {
            let mut plan = planner.plan(page?).await?;
            let is_last = plan.limit_reached;
            let mut compute = std::mem::take(&mut plan.compute).into_iter();
            if plans.send(plan).await.is_err() {
                // The writer has failed, and says why.
                return Ok(());
            }
            loop {
                let part: Vec<Pending> = compute.by_ref().take(chunk).collect();
                if part.is_empty() {
                    break;
                }
                if !send(&chunks, part, &self.invocation.shutdown).await {
                    return Ok(());
                }
            }
            if is_last || self.invocation.shutdown.is_cancelled() {
                break;
            }
        }
        Ok(())
    }

    /// What a run would do, and how long it would take at the speed that a sample of its ads shows.
    async fn estimate(&self, workers: Workers, started: Instant) -> Result<Report> {
        let mut report = self.blank_report().await?;
        let mut planner = self.planner(InFlight::default());
        let mut estimate = Estimate {
            ads_to_embed: 0,
            ads_to_share: 0,
            ads_to_refresh: 0,
            estimated_seconds: 0.0,
            sampled_ads: 0,
            queries: self.warehouse.costs(self.scan).await?,
            estimated_query_usd: 0.0,
        };
        estimate.price_queries();
        let mut sample = Vec::new();
        let mut pages = self.warehouse.scan_jobs(self.scan.clone());
        while let Some(page) = pages.next().await {
            let plan = planner.plan(page?).await?;
            report.limit_reached |= plan.limit_reached;
            report.unchanged += plan.unchanged;
            report.skipped += plan.skipped;
            report.unreadable += plan.unreadable;
            estimate.ads_to_embed += plan.compute.len() as u64;
            estimate.ads_to_share += plan.shared + plan.wait.len() as u64;
            estimate.ads_to_refresh += plan.refresh.len() as u64;
            // Every page gives some, so that the sample is not one board's alone.
            let room = DRY_RUN_SAMPLE.saturating_sub(sample.len()).min(DRY_RUN_SAMPLE / 2);
            sample.extend(plan.compute.into_iter().take(room));
        }
        estimate.sampled_ads = sample.len();
        if !sample.is_empty() {
            let clock = Instant::now();
            // One thread works on the sample; all of them would work on the rest.
            let at_once = workers.count() as f64;
            let (chunks, embedded, threads) = workers.split();
            drop(chunks.send(sample).await);
            drop(chunks);
            embedded.collect::<Vec<_>>().await;
            threads.join().await?;
            let seconds_per_ad = clock.elapsed().as_secs_f64() / estimate.sampled_ads as f64 / at_once;
            estimate.estimated_seconds = seconds_per_ad * estimate.ads_to_embed as f64;
        }
        report.dry_run = Some(estimate);
        report.measure(started.elapsed().as_secs_f64());
        Ok(report)
    }
}

/// Sends unless the run is asked to stop first; `false` where nobody takes it any more.
async fn send(
    chunks: &async_channel::Sender<Vec<Pending>>,
    part: Vec<Pending>,
    stop: &CancellationToken,
) -> bool {
    tokio::select! {
        sent = chunks.send(part) => sent.is_ok(),
        () = stop.cancelled() => false,
    }
}
