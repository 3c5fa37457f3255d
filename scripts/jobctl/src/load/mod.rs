//! `jobctl load`: files into `cleaned_jobs`.

mod builder;
mod content;
mod csv;
mod dates;
mod decode;
mod dialect;
mod items;
mod json;
mod members;
mod parquet;
mod pay;
mod plan;
mod preset;
mod quotes;
mod reader;
mod recipe;
mod report;
mod rules;
mod suggest;
mod unique;
mod value;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{SubsecRound, Utc};
use clap::Args;
use common::config::Config;
use common::job::JobAd;
use common::storage::warehouse::{Appended, OperatorQueries, Tombstones};
use common::storage::{Access, Warehouse, open_warehouse};
use common::{Error, ErrorKind, Result, feed};
use futures::StreamExt;
use futures::stream::BoxStream;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::sync::oneshot;

use crate::quality::Quality;
use crate::table::count;
use crate::{output, pipe, warehouse};
use recipe::{ReadArgs, Recipe};
use report::Loaded;
pub(crate) use report::left_out;
use rules::Tally;

/// Append ads from Parquet, CSV or JSON files to `cleaned_jobs`.
///
/// What a file is shows its content, not its name: Parquet; CSV apart by , ; tab or |, with Excel's sep= line or
/// without; JSON objects one a line, in a list, or in a list inside a document (--rows); each also in gzip. Text is
/// UTF-8, or UTF-16 with its mark, or what --encoding says.
///
/// Columns are found by name, in any case and order, or by --map, --set and --preset. `source`, `job_id` and
/// `scrape_timestamp` are required; other columns may be absent (NULL), and unknown columns are ignored and named. Each
/// file is loaded whole or, after the first value that does not fit, not at all (but see --bad-cells).
///
/// The table is append-only: the latest `scrape_timestamp` of an ad counts, and loading a file twice adds its
/// rows twice without harm. Sightings of ads that were taken down (`jobctl forget`) are left out and counted.
///
/// Timestamps: RFC 3339, `YYYY-MM-DD HH:MM[:SS]` with or without a zone (none is UTC), `YYYY-MM-DD`, and those of the
/// rules below; years 1 to 9999. Salaries are finite and not negative. In CSV an empty cell is '' in a text column and
/// NULL in any other; Parquet and JSON keep NULL and '' apart.
///
/// A scrape by JobSpy, and an answer of MyCareersFuture's API:
///
///   jobctl load --preset jobspy jobs.csv
///
///   jobctl load --preset mycareersfuture page0.json
///
/// A file of your own: jobctl load --map id=job_id --map pay.from=job_salary_min_sgd_monthly --set source=MyBoard
/// --set scrape_timestamp=2025-01-31 ads.json. A preset file holds the same for many files; those that come with the
/// tool are in scripts/jobctl/presets.
#[derive(Debug, Args)]
#[command(after_long_help = rules::help())]
#[allow(clippy::doc_markdown)] // Names of products, which --help prints.
pub(crate) struct LoadArgs {
    /// Files of ads, by content: Parquet, CSV, JSON, also in gzip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Read and report, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(config: &Config, args: LoadArgs) -> Result<()> {
    let recipe = Arc::new(Recipe::of(&args.read, Utc::now().trunc_subsecs(6))?);
    let (files, of_files) = (args.files.clone(), Arc::clone(&recipe));
    // A mistyped name in the last place shall not be found after the first file is in.
    let check = move || files.iter().try_for_each(|path| reader::open(path, &of_files).map(drop));
    feed::blocking("looking at the files", check).await?;
    let target = if args.dry_run {
        Target::Nothing(tombstones(config).await?)
    } else {
        Target::Warehouse(ready_warehouse(config).await?)
    };
    let mut total = Quality::default();
    let mut rules = Tally::default();
    let mut reports = Vec::new();
    for (place, path) in args.files.iter().enumerate() {
        let loaded = match load(&target, path, &recipe, total).await {
            Ok(loaded) => loaded,
            Err(error) => return Err(explain(&error, &args.files[..place], args.dry_run)),
        };
        if args.json {
            reports.push(loaded.json(path));
        } else {
            output::print(&loaded.render(path))?;
        }
        rules.add(&loaded.tally);
        total = loaded.total;
    }
    let standing = match &target {
        Target::Warehouse(warehouse) => Some(Standing::of(warehouse.as_ref()).await?),
        Target::Nothing(_) => None,
    };
    if args.json {
        let report = json!({
            "files": reports, "total": total, "rules": rules.json(), "cleaned_jobs": standing.map(|s| s.json()),
        });
        return output::print(&format!("{report}\n"));
    }
    if args.files.len() > 1 {
        let total = total.render(&format!("total of {} files", args.files.len()));
        output::print(&format!("{total}{}\n", rules.render()))?;
    }
    output::print(&match standing {
        Some(standing) => standing.sentence(config),
        None => "dry run: nothing was written\n".to_owned(),
    })
}

/// The warehouse, made where there is none, with the tables that ads need.
pub(crate) async fn ready_warehouse(config: &Config) -> Result<Arc<dyn Warehouse>> {
    let warehouse = open_warehouse(config, Access::Create).await?;
    warehouse.create_jobs().await?;
    Ok(warehouse)
}

/// Where ads go.
pub(crate) enum Target {
    /// Into `cleaned_jobs`.
    Warehouse(Arc<dyn Warehouse>),
    /// Nowhere: a dry run, which leaves out what a load would leave out.
    Nothing(Tombstones),
}

/// What was taken down of the warehouse; nothing where there is no warehouse yet.
async fn tombstones(config: &Config) -> Result<Tombstones> {
    match open_warehouse(config, Access::Read).await {
        Ok(warehouse) => Ok(warehouse.tombstones().await?.into_iter().collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Tombstones::default()),
        Err(error) => Err(error),
    }
}

async fn load(target: &Target, path: &Path, recipe: &Arc<Recipe>, mut total: Quality) -> Result<Loaded> {
    let progress = ProgressBar::new_spinner().with_message(path.display().to_string());
    let shown = progress.clone();
    let (path, recipe) = (path.to_owned(), Arc::clone(recipe));
    let (batches, loaded) = pipe::from_thread(format!("reading {}", path.display()), move |emit| {
        let mut batches = reader::open(&path, &recipe)?;
        let mut file = Quality::default();
        for batch in batches.by_ref() {
            let batch = batch?;
            for ad in &batch {
                file.observe(ad);
                total.observe(ad);
            }
            shown.inc(batch.len() as u64);
            emit(batch)?;
        }
        Ok(Loaded { file, total, notes: batches.notes(), tally: batches.tally().clone(), forgotten: 0 })
    });
    let outcome = append(target, batches, loaded).await;
    progress.finish_and_clear();
    outcome.map(|(loaded, appended)| Loaded { forgotten: appended.forgotten, ..loaded })
}

/// Lets `batches` flow to their target, and takes what was learned on the way and what was appended.
pub(crate) async fn append<T>(
    target: &Target,
    mut batches: BoxStream<'static, Result<Vec<JobAd>>>,
    learned: oneshot::Receiver<T>,
) -> Result<(T, Appended)> {
    let mut appended = Appended::default();
    match target {
        Target::Warehouse(warehouse) => appended = warehouse.append_jobs(batches).await?,
        Target::Nothing(tombstones) => {
            while let Some(batch) = batches.next().await {
                appended.forgotten += tombstones.leave_out(&mut batch?);
            }
        }
    }
    // The stream has come to its end, and the value is sent before that.
    let learned = learned.await.map_err(|_| Error::internal("a file was read without a report"))?;
    Ok((learned, appended))
}

/// A source or job id as a file's cell of this text is loaded; `None` where such a cell is refused.
pub(crate) fn key_of(cell: &str) -> Option<String> {
    value::key(value::Value::Text(cell.into())).ok().map(|(key, _)| key)
}

/// The error, and what it left behind.
fn explain(error: &Error, before: &[PathBuf], is_dry_run: bool) -> Error {
    if is_dry_run {
        return Error::new(error.kind(), error.chain());
    }
    let mut sentence = format!("{}; nothing of this file was loaded", error.chain());
    if !before.is_empty() {
        let names: Vec<String> = before.iter().map(|path| path.display().to_string()).collect();
        sentence = format!("{sentence}; loaded before it: {}", names.join(", "));
    }
    Error::new(error.kind(), sentence)
}

/// What `cleaned_jobs` holds afterwards.
pub(crate) struct Standing {
    sightings: u64,
    ads: u64,
    distinct_sightings: u64,
}

impl Standing {
    pub(crate) async fn of(warehouse: &dyn OperatorQueries) -> Result<Self> {
        let sql = include_str!("../../sql/count_ads.sql");
        let [sightings, ads, distinct_sightings] = warehouse::counts(warehouse, sql).await?;
        Ok(Self { sightings, ads, distinct_sightings })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "sightings": self.sightings, "ads": self.ads,
            "repeats_of_a_sighting": self.sightings - self.distinct_sightings,
        })
    }

    pub(crate) fn sentence(&self, config: &Config) -> String {
        let repeats = self.sightings - self.distinct_sightings;
        let note = match repeats {
            0 => String::new(),
            _ => format!(
                "; {} rows are there more than once (loaded twice?), which does no harm",
                count(repeats)
            ),
        };
        format!(
            "{} now holds {} sightings of {} ads{note}\n",
            config.warehouse,
            count(self.sightings),
            count(self.ads)
        )
    }
}

/// Every ad of a file.
#[cfg(test)]
pub(crate) fn read_all(path: &Path) -> Result<Vec<JobAd>> {
    reader::open(path, &Arc::default())?.try_fold(Vec::new(), |mut ads, batch| {
        ads.extend(batch?);
        Ok(ads)
    })
}

#[cfg(test)]
mod recipes_tests;
#[cfg(test)]
mod tests;
