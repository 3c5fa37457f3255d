//! `jobctl load`: appends files of ads to `cleaned_jobs`.

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
use common::job::JobAd;
use common::storage::settings::StorageSettings;
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
/// The format is detected from the content, not from the file name: Parquet; CSV with the delimiter , ; tab or |, with
/// or without Excel's sep= line; JSON objects, one per line, in a list, or in a list inside a document (--rows); each
/// of them also compressed with gzip. Text is UTF-8, UTF-16 with a byte order mark, or in the encoding given by
/// --encoding.
///
/// Columns are matched by name, in any case and order, or given by --map, --set and --preset. `source`, `job_id` and
/// `scrape_timestamp` are required; other columns may be absent (NULL); unknown columns are ignored and reported. A
/// file is loaded completely, or not at all if one of its values is invalid (but see --bad-cells).
///
/// The table is append-only: readers use the row of an ad with the latest `scrape_timestamp`, so that loading a file
/// twice adds duplicate rows without changing any result. Sightings of ads that were taken down (`jobctl forget`) are
/// left out and counted.
///
/// Timestamps: RFC 3339, `YYYY-MM-DD HH:MM[:SS]` with or without a zone (UTC by default), `YYYY-MM-DD`, and the formats
/// of the rules below; years 1 to 9999. Salaries are finite and not negative. In CSV an empty cell is '' in a text
/// column and NULL in any other; Parquet and JSON distinguish NULL from ''.
///
/// A CSV file of JobSpy, and a response of MyCareersFuture's API:
///
///   jobctl load --preset jobspy jobs.csv
///
///   jobctl load --preset mycareersfuture page0.json
///
/// Any other file: jobctl load --map id=job_id --map pay.from=job_salary_min_sgd_monthly --set source=MyBoard --set
/// scrape_timestamp=2025-01-31 ads.json. A preset file stores such settings for reuse; the built-in presets are in
/// scripts/jobctl/presets.
#[derive(Debug, Args)]
#[command(after_long_help = rules::help())]
#[allow(clippy::doc_markdown)] // --help prints this text, without Markdown.
pub(crate) struct LoadArgs {
    /// Files of ads: Parquet, CSV or JSON, optionally compressed with gzip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Read the files and print the report without writing anything
    #[arg(long)]
    dry_run: bool,
    /// Print the report as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(settings: &StorageSettings, args: LoadArgs) -> Result<()> {
    let recipe = Arc::new(Recipe::new(&args.read, Utc::now().trunc_subsecs(6))?);
    let (files, recipe_of_check) = (args.files.clone(), Arc::clone(&recipe));
    // All files are opened before the first one is loaded, so that a mistyped name is reported before anything is
    // written.
    let check = move || files.iter().try_for_each(|path| reader::open(path, &recipe_of_check).map(drop));
    feed::blocking("opening the files", check).await?;
    let target = if args.dry_run {
        Target::DryRun(tombstones(settings).await?)
    } else {
        Target::Warehouse(ready_warehouse(settings).await?)
    };
    let mut total = Quality::default();
    let mut rules = Tally::default();
    let mut reports = Vec::new();
    for (index, path) in args.files.iter().enumerate() {
        let loaded = match load(&target, path, &recipe, total).await {
            Ok(loaded) => loaded,
            Err(error) => return Err(with_loaded_files(&error, &args.files[..index], args.dry_run)),
        };
        if args.json {
            reports.push(loaded.json(path));
        } else {
            output::print(&loaded.render(path))?;
        }
        rules.add(&loaded.tally);
        total = loaded.total;
    }
    let counts = match &target {
        Target::Warehouse(warehouse) => Some(TableCounts::query(warehouse.as_ref()).await?),
        Target::DryRun(_) => None,
    };
    if args.json {
        let report = json!({
            "files": reports, "total": total, "rules": rules.json(), "cleaned_jobs": counts.map(|counts| counts.json()),
        });
        return output::print(&format!("{report}\n"));
    }
    if args.files.len() > 1 {
        let total = total.render(&format!("total of {} files", args.files.len()));
        output::print(&format!("{total}{}\n", rules.render()))?;
    }
    output::print(&match counts {
        Some(counts) => counts.sentence(settings),
        None => "dry run: nothing was written\n".to_owned(),
    })
}

/// Opens the warehouse, and creates it and the tables of ads where they do not exist.
pub(crate) async fn ready_warehouse(settings: &StorageSettings) -> Result<Arc<dyn Warehouse>> {
    let warehouse = open_warehouse(settings, Access::Create).await?;
    warehouse.create_jobs().await?;
    Ok(warehouse)
}

/// Destination of ads.
pub(crate) enum Target {
    /// Appends to `cleaned_jobs`.
    Warehouse(Arc<dyn Warehouse>),
    /// Writes nothing; counts the sightings that a load would leave out because of these tombstones.
    DryRun(Tombstones),
}

/// The tombstones of the warehouse; none if there is no warehouse yet.
async fn tombstones(settings: &StorageSettings) -> Result<Tombstones> {
    match open_warehouse(settings, Access::Read).await {
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

/// Sends `batches` to `target`, and returns the value of `learned`, which their producer sends at its end, with what
/// was appended.
pub(crate) async fn append<T>(
    target: &Target,
    mut batches: BoxStream<'static, Result<Vec<JobAd>>>,
    learned: oneshot::Receiver<T>,
) -> Result<(T, Appended)> {
    let mut appended = Appended::default();
    match target {
        Target::Warehouse(warehouse) => appended = warehouse.append_jobs(batches).await?,
        Target::DryRun(tombstones) => {
            while let Some(batch) = batches.next().await {
                appended.forgotten += tombstones.leave_out(&mut batch?);
            }
        }
    }
    // The producer sends its value before the stream ends.
    let learned =
        learned.await.map_err(|_| Error::internal("the reader of a file ended without a report"))?;
    Ok((learned, appended))
}

/// The source or job id that is loaded from a text cell; `None` if the cell is invalid.
pub(crate) fn normalized_key(cell: &str) -> Option<String> {
    value::key(value::Value::Text(cell.into())).ok().map(|(key, _)| key)
}

/// Adds to `error` which files of the same command are in the table.
fn with_loaded_files(error: &Error, before: &[PathBuf], is_dry_run: bool) -> Error {
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

/// Row counts of `cleaned_jobs` after the command.
pub(crate) struct TableCounts {
    sightings: u64,
    ads: u64,
    distinct_sightings: u64,
}

impl TableCounts {
    pub(crate) async fn query(warehouse: &dyn OperatorQueries) -> Result<Self> {
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

    pub(crate) fn sentence(&self, settings: &StorageSettings) -> String {
        let repeats = self.sightings - self.distinct_sightings;
        let note = match repeats {
            0 => String::new(),
            _ => format!(
                "; {} rows are duplicates (was a file loaded twice?), which changes no result",
                count(repeats)
            ),
        };
        format!(
            "{} now holds {} sightings of {} ads{note}\n",
            settings.warehouse_url,
            count(self.sightings),
            count(self.ads)
        )
    }
}

/// All ads of a file.
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
