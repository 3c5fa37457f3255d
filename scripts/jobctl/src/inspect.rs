//! `jobctl inspect`: summarizes the contents of the warehouse.

use clap::Args;
use common::Result;
use common::storage::settings::StorageSettings;
use common::storage::warehouse::{Cell, FORGOTTEN_ADS, OperatorQueries};
use common::storage::{Access, open_warehouse};
use serde::Serialize;

use crate::table::{Align, Table, count};
use crate::{cell, output, warehouse};

/// The table of ads.
const ADS: &str = "cleaned_jobs";
/// Prefix of the tables of embeddings.
const EMBEDDINGS: &str = "job_embeddings";
/// The log of run states; the view `vw_runs` has one row a run.
const RUNS: &str = "ml_runs";
/// The column that was added to [`RUNS`] together with the view.
const RECORDED_AT: &str = "recorded_at";

/// Show the tables, how many of the ads are embedded, and the last runs.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// The report.
#[derive(Debug, Serialize)]
struct Inspection {
    warehouse: String,
    tables: Vec<TableSize>,
    ads: Option<Ads>,
    forgotten: Option<Takedowns>,
    embeddings: Vec<Coverage>,
    last_runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct TableSize {
    #[serde(rename = "table")]
    name: String,
    rows: u64,
}

#[derive(Debug, Serialize)]
struct Ads {
    #[serde(rename = "ads")]
    distinct: u64,
    sightings: u64,
    /// Rows with the same source, `job_id` and `scrape_timestamp` as another.
    repeats_of_a_sighting: u64,
}

#[derive(Debug, Serialize)]
struct Takedowns {
    /// Ads that were taken down.
    ads: u64,
    /// Those of them that are in `cleaned_jobs` again, inserted by another program.
    seen_again: u64,
}

#[derive(Debug, Serialize)]
struct Coverage {
    table: String,
    rows: u64,
    embedding_spaces: u64,
    model_versions: u64,
    ads_embedded: u64,
}

#[derive(Debug, Serialize)]
struct Run {
    function: String,
    #[serde(rename = "run_id")]
    id: String,
    status: String,
    started_at: String,
    finished_at: Option<String>,
    code_version: String,
}

pub(crate) async fn run(settings: &StorageSettings, args: InspectArgs) -> Result<()> {
    let warehouse = open_warehouse(settings, Access::Read).await?;
    let inspection = inspect(warehouse.as_ref(), settings.warehouse_url.to_string()).await?;
    if args.json {
        let text = serde_json::to_string(&inspection);
        return output::print(&format!(
            "{}\n",
            text.map_err(|error| common::Error::internal(error.to_string()))?
        ));
    }
    output::print(&inspection.render())
}

async fn inspect(warehouse: &dyn OperatorQueries, name: String) -> Result<Inspection> {
    let names = warehouse.tables().await?;
    let mut tables = Vec::new();
    for table in &names {
        let sql = warehouse::with_table(include_str!("../sql/count_rows.sql"), table)?;
        let [rows] = warehouse::counts(warehouse, &sql).await?;
        tables.push(TableSize { name: table.clone(), rows });
    }
    let has_ads = names.iter().any(|table| table == ADS);
    let mut ads = None;
    if has_ads {
        let [sightings, distinct, distinct_sightings] =
            warehouse::counts(warehouse, include_str!("../sql/count_ads.sql")).await?;
        let repeats_of_a_sighting = sightings.saturating_sub(distinct_sightings);
        ads = Some(Ads { distinct, sightings, repeats_of_a_sighting });
    }
    let mut forgotten = None;
    if has_ads && names.iter().any(|table| table == FORGOTTEN_ADS) {
        let sql = include_str!("../sql/count_forgotten.sql");
        let [ads, seen_again] = warehouse::counts(warehouse, sql).await?;
        forgotten = Some(Takedowns { ads, seen_again });
    }
    let mut embeddings = Vec::new();
    for table in names.iter().filter(|table| has_ads && table.starts_with(EMBEDDINGS)) {
        let sql = warehouse::with_table(include_str!("../sql/coverage.sql"), table)?;
        let [rows, embedding_spaces, model_versions, ads_embedded] =
            warehouse::counts(warehouse, &sql).await?;
        embeddings.push(Coverage {
            table: table.clone(),
            rows,
            embedding_spaces,
            model_versions,
            ads_embedded,
        });
    }
    let mut last_runs = Vec::new();
    if names.iter().any(|table| table == RUNS) {
        let columns = warehouse::columns(warehouse, RUNS).await?;
        let sql = if columns.iter().any(|(name, _)| name == RECORDED_AT) {
            include_str!("../sql/last_runs.sql")
        } else {
            include_str!("../sql/last_runs_of_before.sql")
        };
        let rows = warehouse::rows(warehouse, sql).await?;
        last_runs = rows.iter().map(|row| Run::from_row(row)).collect();
    }
    Ok(Inspection { warehouse: name, tables, ads, forgotten, embeddings, last_runs })
}

impl Run {
    fn from_row(row: &[Cell]) -> Self {
        let text =
            |index: usize| row.get(index).map(|value| cell::plain(value).into_owned()).unwrap_or_default();
        let is_over = row.get(4).is_some_and(|value| *value != Cell::Null);
        Self {
            function: text(0),
            id: text(1),
            status: text(2),
            started_at: text(3),
            finished_at: is_over.then(|| text(4)),
            code_version: text(5),
        }
    }
}

impl Inspection {
    fn render(&self) -> String {
        let mut text = format!("{}\n\n", self.warehouse);
        let mut tables = Table::new([("table", Align::Left), ("rows", Align::Right)]);
        for size in &self.tables {
            tables.row([size.name.clone(), count(size.rows)]);
        }
        text.push_str(&tables.render());
        if let Some(ads) = &self.ads {
            let repeats = match ads.repeats_of_a_sighting {
                0 => String::new(),
                repeats => format!(" ({} of them loaded more than once)", count(repeats)),
            };
            let (ads, sightings) = (count(ads.distinct), count(ads.sightings));
            text = format!("{text}\n{ads} ads in {sightings} sightings{repeats}\n");
        }
        if let Some(Takedowns { ads: forgotten @ 1.., seen_again }) = self.forgotten {
            let again = match seen_again {
                0 => String::new(),
                _ => format!(
                    "; cleaned_jobs contains sightings of {} of them, which are ignored: jobctl forget removes them",
                    count(seen_again)
                ),
            };
            let ads = if forgotten == 1 { "ad is" } else { "ads are" };
            text = format!("{text}{} forgotten {ads} kept out{again}\n", count(forgotten));
        }
        if !self.embeddings.is_empty() {
            text.push('\n');
            text.push_str(&self.render_coverage());
        }
        if !self.last_runs.is_empty() {
            text.push('\n');
            text.push_str(&self.render_runs());
        }
        text
    }

    fn render_coverage(&self) -> String {
        let ads = self.ads.as_ref().map_or(0, |ads| ads.distinct);
        let mut table = Table::new([
            ("embeddings", Align::Left),
            ("rows", Align::Right),
            ("spaces", Align::Right),
            ("model versions", Align::Right),
            ("ads embedded", Align::Right),
        ]);
        for part in &self.embeddings {
            let share = 100.0 * part.ads_embedded as f64 / ads.max(1) as f64;
            table.row([
                part.table.clone(),
                count(part.rows),
                count(part.embedding_spaces),
                count(part.model_versions),
                format!("{} of {} ({share:.1}%)", count(part.ads_embedded), count(ads)),
            ]);
        }
        table.render()
    }

    fn render_runs(&self) -> String {
        let mut table = Table::new([
            ("last runs", Align::Left),
            ("status", Align::Left),
            ("started", Align::Left),
            ("finished", Align::Left),
            ("code", Align::Left),
            ("run", Align::Left),
        ]);
        for run in &self.last_runs {
            table.row([
                run.function.clone(),
                run.status.clone(),
                run.started_at.clone(),
                run.finished_at.clone().unwrap_or_else(|| "-".to_owned()),
                run.code_version.clone(),
                run.id.clone(),
            ]);
        }
        table.render()
    }
}
