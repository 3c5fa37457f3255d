//! `jobctl generate`: generates a synthetic job market.

mod board;
mod content;
mod dice;
mod dirt;
mod employer;
mod market;
mod pay;
mod text;
mod vocabulary;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::NaiveDate;
use clap::Args;
use common::job::JobAd;
use common::storage::settings::StorageSettings;
use common::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::load::{self, TableCounts};
use crate::quality::Quality;
use crate::write::RowFile;
use crate::{columns, output, pipe};
use market::{Market, Plan};

/// Number of rows of a batch.
const BATCH_ROWS: usize = 1_000;
const GENERATING: &str = "generating ads";

/// Generate a synthetic job market like Singapore's, into the warehouse or a file.
///
/// The same flags generate the same rows, byte for byte, on any machine. Ads are posted, scraped repeatedly, changed
/// and reposted over two years; pay depends on role, level, industry, company size, place and specialism; as in real
/// data, some values are missing, misclassified or damaged. All employers, persons and ads are invented.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Number of distinct ads
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=50_000_000))]
    jobs: u64,
    /// Seed of the market: another seed generates other ads
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Mean number of sightings of an ad, from 1 to 20
    #[arg(long, value_name = "MEAN", default_value_t = 1.1)]
    sightings_per_job: f64,
    /// Generate ads without descriptions
    #[arg(long)]
    titles_only: bool,
    /// Day of the last scrape, YYYY-MM-DD
    #[arg(long, value_name = "DATE", default_value_t = market::default_until())]
    until: NaiveDate,
    /// Length of the market in days
    #[arg(long, value_name = "DAYS", default_value_t = 730, value_parser = clap::value_parser!(u32).range(8..=36_500))]
    days: u32,
    /// Write to this file (.parquet, .csv, .ndjson, .jsonl) instead of the warehouse
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the report as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(settings: &StorageSettings, args: GenerateArgs) -> Result<()> {
    if !(1.0..=20.0).contains(&args.sightings_per_job) {
        return Err(Error::invalid_input(format!(
            "invalid --sightings-per-job \"{}\": expected a number from 1 to 20",
            args.sightings_per_job
        )));
    }
    let plan = Plan {
        seed: args.seed,
        ads: args.jobs,
        sightings_per_ad: args.sightings_per_job,
        until: args.until,
        days: args.days,
        titles_only: args.titles_only,
    };
    let market = Arc::new(Market::new(plan)?);
    let progress = bar(args.jobs);
    let (quality, outcome) = match args.output {
        Some(path) => to_file(market, path, progress).await?,
        None => to_warehouse(settings, market, progress).await?,
    };
    if args.json {
        let mut report = json!({"quality": quality});
        if let (Some(report), Outcome::Warehouse(counts, forgotten)) = (report.as_object_mut(), &outcome) {
            report.insert("cleaned_jobs".to_owned(), counts.json());
            report.insert("forgotten_sightings".to_owned(), json!(forgotten));
        }
        return output::print(&format!("{report}\n"));
    }
    let closing = match outcome {
        Outcome::Warehouse(counts, forgotten) => load::left_out(forgotten) + &counts.sentence(settings),
        Outcome::File(path, bytes) => format!("{}: {:.1} MB\n", path.display(), bytes as f64 / 1e6),
    };
    output::print(&format!("{}\n{closing}", quality.render(&format!("generated, seed {}", args.seed))))
}

/// Where the ads were written.
enum Outcome {
    /// The table, and the number of sightings that were left out because of takedowns.
    Warehouse(TableCounts, u64),
    /// The file and its size.
    File(PathBuf, u64),
}

async fn to_warehouse(
    settings: &StorageSettings,
    market: Arc<Market>,
    progress: ProgressBar,
) -> Result<(Quality, Outcome)> {
    let warehouse = load::ready_warehouse(settings).await?;
    let (batches, quality) = pipe::from_thread(GENERATING, move |emit| each_batch(&market, &progress, emit));
    let target = load::Target::Warehouse(Arc::clone(&warehouse));
    let (quality, appended) = load::append(&target, batches, quality).await?;
    Ok((quality, Outcome::Warehouse(TableCounts::query(warehouse.as_ref()).await?, appended.forgotten)))
}

async fn to_file(market: Arc<Market>, path: PathBuf, progress: ProgressBar) -> Result<(Quality, Outcome)> {
    let (pages, quality) = pipe::from_thread(GENERATING, move |emit| {
        each_batch(&market, &progress, &mut |ads| emit(ads.into_iter().map(columns::cells).collect()))
    });
    let (_, bytes) = RowFile::write_all(path.clone(), columns::query_columns(), pages).await?;
    let quality =
        quality.await.map_err(|_| Error::internal("the generator of ads ended without a report"))?;
    Ok((quality, Outcome::File(path, bytes)))
}

fn each_batch(
    market: &Market,
    progress: &ProgressBar,
    emit: &mut dyn FnMut(Vec<JobAd>) -> Result<()>,
) -> Result<Quality> {
    let mut quality = Quality::default();
    let mut sightings = market.sightings().peekable();
    while sightings.peek().is_some() {
        let batch: Vec<JobAd> = sightings.by_ref().take(BATCH_ROWS).collect();
        for ad in &batch {
            quality.observe(ad);
        }
        progress.set_position(quality.ads);
        emit(batch)?;
    }
    progress.finish_and_clear();
    Ok(quality)
}

fn bar(ads: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} ads, {per_sec}");
    ProgressBar::new(ads).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests;
