//! One run: a planner, worker threads and a writer, connected by bounded channels.

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
use crate::plan::{InFlight, PagePlan, Pending, Planner, Recipe};
use crate::report::{Estimate, Report, Statistics};
use crate::workers::Workers;
use crate::writer::Writer;

/// The number of ads that a dry run embeds to measure the speed.
const DRY_RUN_SAMPLE: usize = 32;

const PLANNING: &str = "planning embeddings";

/// Embeds the ads that have no current embedding; see the documentation of the crate.
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
    let masked_scan = JobScan { embeddings: scan.embeddings.masked(), ..scan.clone() };
    let run = EmbedRun {
        context,
        jobs,
        embeddings,
        recipe: Recipe::Plain,
        scan: &scan,
        limit: invocation.options.limit.unwrap_or(u64::MAX),
        identity: &identity,
        reader,
        batch,
        invocation,
    };
    if invocation.dry_run {
        return run.estimate(&masked_scan, workers, started).await;
    }
    embeddings.create_embeddings(&scan.embeddings).await?;
    let (mut report, embedders) = run.embed(workers, run.new_report().await?).await?;
    if report.interrupted || report.limit_reached {
        run.return_model(embedders);
    } else {
        let limit = run.limit - (report.embedded + report.shared + report.failed).min(run.limit);
        let masked = EmbedRun { recipe: Recipe::Masked, scan: &masked_scan, limit, ..run };
        let new = Report { ads: report.ads, forgotten: report.forgotten, ..Report::default() };
        let (done, embedders) = masked.embed(Workers::start(embedders, &invocation.shutdown)?, new).await?;
        masked.return_model(embedders);
        report.add_masked(done);
    }
    report.measure(started.elapsed().as_secs_f64());
    Ok(report)
}

/// The parameters of one pass over the ads. A run has two: one for each [`Recipe`], with its table.
struct EmbedRun<'a> {
    context: &'a EmbedNewJobs,
    jobs: &'a dyn JobStore,
    embeddings: &'a dyn EmbeddingStore,
    recipe: Recipe,
    scan: &'a JobScan,
    /// The number of ads that may be embedded.
    limit: u64,
    identity: &'a Identity,
    reader: Arc<Reader>,
    batch: Option<usize>,
    invocation: &'a Invocation<Options>,
}

impl EmbedRun<'_> {
    fn planner(&self, in_flight: InFlight) -> Planner<'_> {
        Planner {
            embeddings: self.embeddings,
            table: &self.scan.embeddings,
            space: &self.identity.embedding_space,
            recipe: self.recipe,
            reader: Arc::clone(&self.reader),
            force_since: self.force_since(),
            dry_run: self.invocation.dry_run,
            remaining: self.limit,
            in_flight,
        }
    }

    /// Returns the model for the next run of the process.
    fn return_model(&self, embedders: Vec<Box<dyn Embedder>>) {
        self.context.return_model(Model { embedders, reader: Arc::clone(&self.reader), batch: self.batch });
    }

    fn force_since(&self) -> Option<Timestamp> {
        self.invocation.options.force.then_some(self.invocation.started_at)
    }

    async fn new_report(&self) -> Result<Report> {
        let JobCount { ads, nameless_sightings, timestamps_out_of_range, forgotten_ads } =
            self.jobs.count_jobs(self.scan).await?;
        if nameless_sightings > 0 {
            tracing::warn!(nameless_sightings, "sightings without source or job_id are ignored");
        }
        if timestamps_out_of_range > 0 {
            tracing::warn!(
                timestamps_out_of_range,
                "timestamps outside the years 1 to 9999 count as missing"
            );
        }
        if forgotten_ads > 0 {
            tracing::warn!(
                forgotten_ads,
                "cleaned_jobs contains ads that were taken down; they are ignored: remove them with jobctl forget"
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

    /// One pass; adds its counts to `report`, and returns the embedders for the next one.
    async fn embed(&self, workers: Workers, report: Report) -> Result<(Report, Vec<Box<dyn Embedder>>)> {
        let progress = &self.invocation.progress;
        progress.start(
            report.ads,
            if self.recipe == Recipe::Plain { "ads" } else { "ads searched for stated pay" },
        );
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
        let (plans, planned) = feed::channel(PLANNING, 1);
        let scan = self.scan_and_plan(self.planner(in_flight), chunk, plans, chunks);
        let write = writer.run(planned, embedded);
        // Wait for both: if one fails, the other stops too, and only the first has the cause.
        let (scanned, written) = futures::join!(
            feed::caught_async(PLANNING, scan),
            feed::caught_async("writing embeddings", write)
        );
        // Also after a failure: the process must not end while its threads run inference.
        let joined = threads.join().await;
        let scanned = scanned?;
        let writer = written?;
        let embedders = joined?;
        let interrupted = self.invocation.shutdown.is_cancelled();
        let (mut report, statistics) = writer.finish(interrupted).await?;
        if !interrupted && !report.limit_reached {
            let Scan::Complete(seen) = scanned else {
                return Err(Error::internal("the inference threads ended before the last text"));
            };
            self.refuse_fewer(seen, report.ads).await?;
            report.ads = seen;
            report.refuse_lost_ads()?;
        }
        // Without any ads, delete nothing: the table may be empty only because it is being replaced.
        if !interrupted && report.ads + report.forgotten > 0 {
            report.removed += self.embeddings.prune_embeddings(self.scan).await?;
        }
        // A text that fails with its pay masked is one of few, and its cause may be the text.
        if self.recipe == Recipe::Plain {
            report.refuse_total_failure()?;
        }
        if report.unreadable > 0 {
            let unreadable = report.unreadable;
            tracing::warn!(
                unreadable,
                "ads have no vector, because the model recognizes no token of their text"
            );
        }
        report.statistics = statistics.summary();
        progress.finish();
        Ok((report, embedders))
    }

    async fn refuse_fewer(&self, seen: u64, counted: u64) -> Result<()> {
        let recount = async { Ok(self.jobs.count_jobs(self.scan).await?.ads) };
        refuse_fewer(seen, counted, recount).await.map_err(|error| {
            error.context("reading cleaned_jobs").remedy("the embeddings written so far are kept; run again")
        })
    }

    /// Plans all pages; sends the plans to the writer and the texts to the workers.
    async fn scan_and_plan(
        &self,
        mut planner: Planner<'_>,
        chunk: usize,
        plans: Sender<PagePlan>,
        chunks: Sender<Vec<Pending>>,
    ) -> Result<Scan> {
        let mut pages = self.jobs.scan_jobs(self.scan.clone());
        let mut seen = 0;
        let mut is_done = false;
        while !is_done && let Some(page) = pages.next().await {
            let page = page?;
            seen += page.len() as u64;
            failpoint::reach("embed::plan");
            let mut plan = planner.plan(page).await?;
            is_done = plan.limit_reached;
            let mut compute = std::mem::take(&mut plan.compute).into_iter();
            if plans.send(plan).await.is_err() {
                // The writer has failed and returns the error.
                return Ok(Scan::Partial);
            }
            loop {
                let part: Vec<Pending> = compute.by_ref().take(chunk).collect();
                if part.is_empty() {
                    break;
                }
                match send(&chunks, part, &self.invocation.shutdown).await {
                    SendOutcome::Sent => {}
                    SendOutcome::Stopped => break,
                    // The workers have failed. The writer gets their error from their channel, so end the plans
                    // normally.
                    SendOutcome::Closed => {
                        plans.end(Ok(()));
                        return Ok(Scan::Partial);
                    }
                }
            }
            is_done |= self.invocation.shutdown.is_cancelled();
        }
        failpoint::reach("embed::plan");
        plans.end(Ok(()));
        chunks.end(Ok(()));
        Ok(if is_done { Scan::Partial } else { Scan::Complete(seen) })
    }

    /// Counts the work of a run, and estimates its time from the speed on a sample of its ads.
    async fn estimate(&self, masked: &JobScan, workers: Workers, started: Instant) -> Result<Report> {
        let mut report = self.new_report().await?;
        let mut planner = self.planner(InFlight::default());
        let mut estimate = Estimate {
            ads_to_embed: 0,
            ads_to_share: 0,
            ads_to_refresh: 0,
            masked_to_embed: 0,
            estimated_seconds: 0.0,
            sampled_ads: 0,
            queries: [self.embeddings.costs(self.scan).await?, self.embeddings.costs(masked).await?].concat(),
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
            // Take at most half of the sample from one page, so that it is not from a single source.
            let room = DRY_RUN_SAMPLE.saturating_sub(sample.len()).min(DRY_RUN_SAMPLE / 2);
            sample.extend(plan.compute.into_iter().take(room));
        }
        self.refuse_fewer(seen, report.ads).await?;
        report.ads = seen;
        let mut planner = Planner { recipe: Recipe::Masked, table: &masked.embeddings, ..planner };
        let mut pages = self.jobs.scan_jobs(masked.clone());
        while let Some(page) = pages.next().await {
            estimate.masked_to_embed += planner.plan(page?).await?.compute.len() as u64;
        }
        estimate.sampled_ads = sample.len();
        let clock = Instant::now();
        // The sample is one chunk and runs on one thread; a run uses all threads.
        let threads_used = workers.count() as f64;
        let (chunks, embedded, threads) = workers.split();
        if !sample.is_empty() {
            // If the threads have stopped, their channel returns the error.
            let _ = chunks.send(sample).await;
        }
        chunks.end(Ok(()));
        let sampled: Result<Vec<_>> = embedded.into_stream().try_collect().await;
        let embedders = threads.join().await?;
        drop(sampled?);
        self.return_model(embedders);
        if estimate.sampled_ads > 0 {
            let seconds_per_ad = clock.elapsed().as_secs_f64() / estimate.sampled_ads as f64 / threads_used;
            let texts = estimate.ads_to_embed + estimate.masked_to_embed;
            estimate.estimated_seconds = seconds_per_ad * texts as f64;
        }
        report.dry_run = Some(estimate);
        report.measure(started.elapsed().as_secs_f64());
        Ok(report)
    }
}

/// How much of the ads was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// All of this many ads.
    Complete(u64),
    /// The ads before a shutdown, the limit of the run, or a failure of the writer or the workers.
    Partial,
}

/// The result of sending a chunk to the workers.
enum SendOutcome {
    Sent,
    /// The run has to stop.
    Stopped,
    /// The workers have ended.
    Closed,
}

/// Sends a chunk, unless the run has to stop first.
async fn send(chunks: &Sender<Vec<Pending>>, part: Vec<Pending>, stop: &CancellationToken) -> SendOutcome {
    tokio::select! {
        sent = chunks.send(part) => sent.map_or(SendOutcome::Closed, |()| SendOutcome::Sent),
        () = stop.cancelled() => SendOutcome::Stopped,
    }
}
