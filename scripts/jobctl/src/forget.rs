//! `jobctl forget`: a takedown.

use std::collections::{BTreeMap, HashSet};

use clap::Args;
use common::config::Config;
use common::job::JobKey;
use common::storage::warehouse::Cell;
use common::storage::{Access, Warehouse, open_warehouse};
use common::{Error, Result};
use futures::StreamExt;

use crate::table::{Align, Table, count};
use crate::{output, warehouse};

/// Remove ads from every table that names them.
///
/// An index or a model that was built before still knows them until it is built again.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// Board that the ads are on, for example MCF
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The board's ids of the ads
    #[arg(required = true, value_name = "JOB_ID")]
    job_ids: Vec<String>,
    /// Say what would leave, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Rows per table, and which of the ads they are about.
struct Found {
    rows: BTreeMap<String, u64>,
    keys: HashSet<JobKey>,
}

pub(crate) async fn run(config: &Config, args: ForgetArgs) -> Result<()> {
    let access = if args.dry_run { Access::Read } else { Access::Write };
    let warehouse = open_warehouse(config, access).await?;
    let mut wanted: Vec<JobKey> = Vec::new();
    for job_id in args.job_ids {
        let key = JobKey { source: args.source.clone(), job_id };
        if !wanted.contains(&key) {
            wanted.push(key);
        }
    }
    let found = find(warehouse.as_ref(), &wanted).await?;
    let (known, unknown): (Vec<JobKey>, Vec<JobKey>) =
        wanted.into_iter().partition(|key| found.keys.contains(key));
    if known.is_empty() {
        return Err(Error::not_found(format!("not found: {}", listed(&unknown))));
    }
    let rows = if args.dry_run {
        found.rows
    } else {
        warehouse.forget(&known).await?.into_iter().map(|gone| (gone.table, gone.rows)).collect()
    };
    let mut text = format!("{}: {}\n", if args.dry_run { "would forget" } else { "forgot" }, listed(&known));
    let mut table = Table::new([("table", Align::Left), ("rows", Align::Right)]);
    for (name, rows) in rows {
        table.row([name, count(rows)]);
    }
    text.push_str(&table.render());
    if !unknown.is_empty() {
        text = format!("{text}not found: {}\n", listed(&unknown));
    }
    text.push_str("an index that has them is served until build-vector-index makes the next one\n");
    output::print(&text)
}

/// Reads the keys of every table that names ads. A scan, but no value ever becomes part of a statement.
async fn find(warehouse: &dyn Warehouse, wanted: &[JobKey]) -> Result<Found> {
    let wanted: HashSet<&JobKey> = wanted.iter().collect();
    let mut found = Found { rows: BTreeMap::new(), keys: HashSet::new() };
    for table in warehouse.tables().await? {
        let columns = warehouse::columns(warehouse, &table).await?;
        if !["source", "job_id"].iter().all(|name| columns.iter().any(|(column, _)| column == name)) {
            continue;
        }
        let sql = warehouse::of_table(include_str!("../sql/keys.sql"), &table)?;
        let mut pages = warehouse.query(&sql).await?.pages;
        let mut rows = 0;
        while let Some(page) = pages.next().await {
            for row in page? {
                let [Cell::Text(source), Cell::Text(job_id)] = &row[..] else { continue };
                let key = JobKey { source: source.clone(), job_id: job_id.clone() };
                if wanted.contains(&key) {
                    rows += 1;
                    found.keys.insert(key);
                }
            }
        }
        found.rows.insert(table, rows);
    }
    Ok(found)
}

fn listed(keys: &[JobKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
