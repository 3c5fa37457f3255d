//! One run from warehouse to report: a planner, workers and a writer, with bounded channels between them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use common::embedding::{Embedder, Identity, Reader};
use common::feed::{self, Sender};
use common::job::Timestamp;
use common::runtime::{Invocation, Run};
use common::storage::Access;
use common::storage::warehouse::{EmbeddingStore, EmbeddingTable, JobCount, JobScan, JobStore, refuse_fewer};
use common::{Error, Result, failpoint};
use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use crate::context::{EmbedNewJobs, Model};
use crate::options::Options;
use crate::plan::{InFlight, PagePlan, Pending, Planner};
use crate::report::{Estimate, Report, Statistics};
use crate::workers::Workers;
use crate::writer::Writer;

/// Ads that a dry run embeds to learn the speed.
const DRY_RUN_SAMPLE: usize = 32;

const PLANNING: &str = "planning what to embed";

/// Embeds what has no current embedding; see the crate's documentation.
pub(crate) async fn run(context: &EmbedNewJobs, invocation: Invocation<Options>) -> Result<Report> {
    let started = Instant::now();
    let access = if invocation.dry_run { Access::Read } else { Access::Write };
    let warehouse = context.storage.warehouse(access).await?;
    let (jobs, embeddings) = (warehouse.as_ref(), warehouse.as_ref());
    let work = Box::pin(work(context, &invocation, jobs, embeddings, started));
    if invocation.dry_run {
        return work.await;
    }
    Run::of(crate::FUNCTION, &invocation).recorded(warehouse.as_ref(), work).await
}

async fn work(
    context: &EmbedNewJobs,
    invocation: &Invocation<Options>,
    jobs: &dyn JobStore,
    embeddings: &dyn EmbeddingStore,
    started: Instant,
) -> Result<Report> {
    let batch = invocation.options.batch_size.map(Into::into);
    let Model { embedders, reader, .. } = context.take_model(batch).await?;
    let workers = Workers::start(embedders, &invocation.shutdown)?;
    let identity = workers.identity.clone();
    let scan = JobScan {
        embeddings: EmbeddingTable::of_model(&identity.model_name, identity.dimension),
        shard: invocation.shard,
        source: invocation.options.source.clone(),
    };
    let job = Job { context, jobs, embeddings, scan: &scan, identity: &identity, reader, batch, invocation };
    if invocation.dry_run {
        return job.estimate(workers, started).await;
    }
    embeddings.create_embeddings(&scan.embeddings).await?;
    let mut report = job.embed(workers).await?;
    report.measure(started.elapsed().as_secs_f64());
    Ok(report)
}

struct Job<'a> {
    context: &'a EmbedNewJobs,
    jobs: &'a dyn JobStore,
    embeddings: &'a dyn EmbeddingStore,
    scan: &'a JobScan,
    identity: &'a Identity,
    reader: Arc<Reader>,
    batch: Option<usize>,
    invocation: &'a Invocation<Options>,
}

impl Job<'_> {
    fn planner(&self, in_flight: InFlight) -> Planner<'_> {
        Planner {
            embeddings: self.embeddings,
            table: &self.scan.embeddings,
            space: &self.identity.embedding_space,
            reader: Arc::clone(&self.reader),
            force_since: self.force_since(),
            dry_run: self.invocation.dry_run,
            left: self.invocation.options.limit.unwrap_or(u64::MAX),
            in_flight,
        }
    }

    /// Keeps the model for the next run of the process.
    fn put_back(&self, embedders: Vec<Box<dyn Embedder>>) {
        self.context.put_back(Model { embedders, reader: Arc::clone(&self.reader), batch: self.batch });
    }

    fn force_since(&self) -> Option<Timestamp> {
        self.invocation.options.force.then_some(self.invocation.started_at)
    }

    async fn blank_report(&self) -> Result<Report> {
        let JobCount { ads, nameless_sightings, timestamps_out_of_range, forgotten_ads } =
            self.jobs.count_jobs(self.scan).await?;
        if nameless_sightings > 0 {
            tracing::warn!(nameless_sightings, "sightings without source or job_id are left out");
        }
        if timestamps_out_of_range > 0 {
            tracing::warn!(timestamps_out_of_range, "moments outside the years 1 to 9999 count as missing");
        }
        if forgotten_ads > 0 {
            tracing::warn!(
                forgotten_ads,
                "ads that were taken down are in cleaned_jobs again and left out; jobctl forget removes their sightings"
            );
        }
        Ok(Report {
            ads,
            nameless_sightings,
            timestamps_out_of_range,
            forgotten: forgotten_ads,
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
        let writer = Writer {
            embeddings: self.embeddings,
            table: &self.scan.embeddings,
            identity: self.identity,
            created_at: self.invocation.started_at,
            force_since: self.force_since(),
            in_flight: in_flight.clone(),
            progress,
            rows: Vec::new(),
            waiting: Vec::new(),
            unreadable: HashSet::new(),
            last_write: Instant::now(),
            report,
            statistics: Statistics::default(),
        };
        let chunk = workers.chunk;
        let (chunks, embedded, threads) = workers.split();
        let (plans, settled) = feed::channel(PLANNING, 1);
        let read = self.read(self.planner(in_flight), chunk, plans, chunks);
        let write = writer.work(settled, embedded);
        // Both to their end, because either stops when the other does, and then only the first knows why.
        let (read, written) = futures::join!(
            feed::caught_async(PLANNING, read),
            feed::caught_async("writing embeddings", write)
        );
        // Also after a failure: a process must not end while its threads are inside the model.
        let joined = threads.join().await;
        let read = read?;
        let writer = written?;
        self.put_back(joined?);
        let interrupted = self.invocation.shutdown.is_cancelled();
        let (mut report, statistics) = writer.finish(interrupted).await?;
        if !interrupted && !report.limit_reached {
            let Read::All(seen) = read else {
                return Err(Error::internal("the threads with the model ended before the last text"));
            };
            self.refuse_fewer(seen, report.ads).await?;
            report.ads = seen;
            report.refuse_lost_ads()?;
        }
        // No ads at all is how a table looks that is being swapped, not how a market ends.
        if !interrupted && report.ads + report.forgotten > 0 {
            report.removed += self.embeddings.prune_embeddings(self.scan).await?;
        }
        report.refuse_total_failure()?;
        if report.unreadable > 0 {
            let unreadable = report.unreadable;
            tracing::warn!(
                unreadable,
                "ads have no vector, because the model can read nothing of their text"
            );
        }
        report.statistics = statistics.summary();
        progress.finish();
        Ok(report)
    }

    async fn refuse_fewer(&self, seen: u64, counted: u64) -> Result<()> {
        let recount = async { Ok(self.jobs.count_jobs(self.scan).await?.ads) };
        refuse_fewer(seen, counted, recount).await.map_err(|error| {
            error.context("reading cleaned_jobs").remedy("what was embedded is kept; run again")
        })
    }

    /// Sends every page's plan to the writer and its texts to the workers.
    async fn read(
        &self,
        mut planner: Planner<'_>,
        chunk: usize,
        plans: Sender<PagePlan>,
        chunks: Sender<Vec<Pending>>,
    ) -> Result<Read> {
        let mut pages = self.jobs.scan_jobs(self.scan.clone());
        let mut seen = 0;
        let mut is_over = false;
        while !is_over && let Some(page) = pages.next().await {
            let page = page?;
            seen += page.len() as u64;
            failpoint::reach("embed::plan");
            let mut plan = planner.plan(page).await?;
            is_over = plan.limit_reached;
            let mut compute = std::mem::take(&mut plan.compute).into_iter();
            if plans.send(plan).await.is_err() {
                // The writer has failed, and says why.
                return Ok(Read::Part);
            }
            loop {
                let part: Vec<Pending> = compute.by_ref().take(chunk).collect();
                if part.is_empty() {
                    break;
                }
                match send(&chunks, part, &self.invocation.shutdown).await {
                    Sent::Taken => {}
                    Sent::Stopped => break,
                    // The workers have ended, and the writer hears why: from them, because the plans so far are whole.
                    Sent::Unread => {
                        plans.end(Ok(()));
                        return Ok(Read::Part);
                    }
                }
            }
            is_over |= self.invocation.shutdown.is_cancelled();
        }
        failpoint::reach("embed::plan");
        plans.end(Ok(()));
        chunks.end(Ok(()));
        Ok(if is_over { Read::Part } else { Read::All(seen) })
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
            queries: self.embeddings.costs(self.scan).await?,
            estimated_query_usd: 0.0,
        };
        estimate.price_queries();
        let mut sample = Vec::new();
        let mut pages = self.jobs.scan_jobs(self.scan.clone());
        let mut seen = 0;
        while let Some(page) = pages.next().await {
            let page = page?;
            seen += page.len() as u64;
            let plan = planner.plan(page).await?;
            report.limit_reached |= plan.limit_reached;
            report.unchanged += plan.unchanged;
            report.skipped += plan.skipped;
            report.unread_pay.add(plan.unread_pay);
            report.unreadable += plan.unreadable;
            estimate.ads_to_embed += plan.compute.len() as u64;
            estimate.ads_to_share += plan.shared + plan.wait.len() as u64;
            estimate.ads_to_refresh += plan.refresh.len() as u64;
            // Every page gives some, so that the sample is not one board's alone.
            let room = DRY_RUN_SAMPLE.saturating_sub(sample.len()).min(DRY_RUN_SAMPLE / 2);
            sample.extend(plan.compute.into_iter().take(room));
        }
        self.refuse_fewer(seen, report.ads).await?;
        report.ads = seen;
        estimate.sampled_ads = sample.len();
        if !sample.is_empty() {
            let clock = Instant::now();
            // One thread works on the sample; all of them would work on the rest.
            let at_once = workers.count() as f64;
            let (chunks, embedded, threads) = workers.split();
            // Where the threads have stopped, what comes from them says why.
            let _ = chunks.send(sample).await;
            chunks.end(Ok(()));
            let sampled: Result<Vec<_>> = embedded.into_stream().try_collect().await;
            let embedders = threads.join().await?;
            drop(sampled?);
            self.put_back(embedders);
            let seconds_per_ad = clock.elapsed().as_secs_f64() / estimate.sampled_ads as f64 / at_once;
            estimate.estimated_seconds = seconds_per_ad * estimate.ads_to_embed as f64;
        }
        report.dry_run = Some(estimate);
        report.measure(started.elapsed().as_secs_f64());
        Ok(report)
    }
}

/// How far the ads were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// To the last of so many.
    All(u64),
    /// To a stop, to the run's limit, or to where the other threads failed.
    Part,
}

/// What a chunk of texts came to.
enum Sent {
    Taken,
    /// The run is asked to stop.
    Stopped,
    /// The workers are gone.
    Unread,
}

/// Sends unless the run is asked to stop first.
async fn send(chunks: &Sender<Vec<Pending>>, part: Vec<Pending>, stop: &CancellationToken) -> Sent {
    tokio::select! {
        sent = chunks.send(part) => sent.map_or(Sent::Unread, |()| Sent::Taken),
        () = stop.cancelled() => Sent::Stopped,
    }
}
