//! `jobctl forget`: a takedown, and lifting one.

use std::collections::HashSet;

use clap::Args;
use common::config::Config;
use common::job::JobKey;
use common::storage::warehouse::{Forgotten, Takedowns, Traces};
use common::storage::{Access, open_warehouse};
use common::{Error, Result};

use crate::table::{Align, Table, count};
use crate::{load, output};

/// Take ads down: remove them from every table that names them, and keep them out.
///
/// A tombstone of each ad stays in the table `forgotten_ads`, with its key and the moment and nothing else. From then on the ad is left
/// out wherever it comes from: a file that is loaded (the report counts its sightings), a scraper that writes to the tables itself. An ad
/// that is in no table gets its tombstone too, which is said, and the exit status is 0: the next file may have it. Forgetting an ad twice
/// is forgetting it once.
///
/// An index or a model that was built before still knows the ads until it is built again: run build-vector-index next.
///
/// White space around the source and the ids does not count, and 84112501.0 is 84112501, as for load. All tombstones: `jobctl sql "SELECT * FROM forgotten_ads"`.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// Board that the ads are on, for example MCF
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The board's ids of the ads
    #[arg(required = true, value_name = "JOB_ID")]
    job_ids: Vec<String>,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Lift the takedown: the ads may be loaded again. It brings no row back. Fails where none of the ads was taken down
    #[arg(long)]
    undo: bool,
}

/// An ad as it was asked for, without white space around it.
struct Asked {
    /// As loading writes a key.
    key: JobKey,
    /// As it was typed, where that is something else (84112501.0): tables that others made may have such keys.
    typed: Option<JobKey>,
}

pub(crate) async fn run(config: &Config, args: ForgetArgs) -> Result<()> {
    let asked = asked(&args)?;
    let access = if args.dry_run { Access::Read } else { Access::Write };
    let warehouse = open_warehouse(config, access).await?;
    let text = if args.undo {
        undo(warehouse.as_ref(), &asked, args.dry_run).await?
    } else {
        forget(warehouse.as_ref(), &asked, args.dry_run).await?
    };
    output::print(&text)
}

/// The ads, each once.
fn asked(args: &ForgetArgs) -> Result<Vec<Asked>> {
    let mut asked: Vec<Asked> = Vec::new();
    for job_id in &args.job_ids {
        for (name, value) in [("SOURCE", &args.source), ("JOB_ID", job_id)] {
            if value.trim().is_empty() {
                return Err(Error::invalid_input(format!("invalid {name} {value:?}: expected text")));
            }
        }
        let typed = JobKey { source: args.source.trim().to_owned(), job_id: job_id.trim().to_owned() };
        let key = JobKey { source: loaded(&typed.source), job_id: loaded(&typed.job_id) };
        let typed = (typed != key).then_some(typed);
        if !asked.iter().any(|other| other.key == key && other.typed == typed) {
            asked.push(Asked { key, typed });
        }
    }
    Ok(asked)
}

/// A part of a key as loading writes it.
fn loaded(typed: &str) -> String {
    load::key_of(typed).unwrap_or_else(|| typed.to_owned())
}

impl Asked {
    fn keys(&self) -> impl Iterator<Item = &JobKey> {
        std::iter::once(&self.key).chain(&self.typed)
    }

    /// Whether one of the trimmed `keys` is this ad.
    fn is_among(&self, keys: &HashSet<JobKey>) -> bool {
        self.keys().any(|key| keys.contains(key))
    }
}

/// Stored keys without the white space around them.
fn trimmed(stored: &HashSet<JobKey>) -> HashSet<JobKey> {
    let trim =
        |key: &JobKey| JobKey { source: key.source.trim().to_owned(), job_id: key.job_id.trim().to_owned() };
    stored.iter().map(trim).collect()
}

async fn forget(warehouse: &dyn Takedowns, asked: &[Asked], is_dry_run: bool) -> Result<String> {
    let Traces { tables, present, .. } = warehouse.trace(&keys(asked)).await?;
    // Each spelling that a table has is taken down: with white space around it, or as it was typed.
    let keys: HashSet<JobKey> =
        asked.iter().map(|ad| ad.key.clone()).chain(present.iter().cloned()).collect();
    let keys: Vec<JobKey> = keys.into_iter().collect();
    let tables = if is_dry_run { tables } else { warehouse.forget(&keys).await? };
    let present = trimmed(&present);
    let (known, unknown): (Vec<&Asked>, Vec<&Asked>) = asked.iter().partition(|ad| ad.is_among(&present));
    let mut text = String::new();
    if !known.is_empty() {
        let forgot = if is_dry_run { "would forget" } else { "forgot" };
        text = format!("{forgot}: {}\n", listed(&known));
        let mut table = Table::new([("table", Align::Left), ("rows", Align::Right)]);
        for Forgotten { table: name, rows } in tables {
            table.row([name, count(rows)]);
        }
        text.push_str(&table.render());
    }
    if !unknown.is_empty() {
        let keeps = if is_dry_run { "would keep" } else { "keeps" };
        let it = if unknown.len() == 1 { "it" } else { "each" };
        text = format!("{text}not found in any table; a tombstone {keeps} {it} out: {}\n", listed(&unknown));
    }
    text.push_str("an index that has them is served until build-vector-index makes the next one\n");
    Ok(text)
}

async fn undo(warehouse: &dyn Takedowns, asked: &[Asked], is_dry_run: bool) -> Result<String> {
    let spelled = warehouse.trace(&keys(asked)).await?.forgotten;
    let lifted = if is_dry_run {
        spelled
    } else {
        warehouse.undo_forget(&spelled.into_iter().collect::<Vec<_>>()).await?
    };
    let lifted = trimmed(&lifted);
    let (lifted, others): (Vec<&Asked>, Vec<&Asked>) = asked.iter().partition(|ad| ad.is_among(&lifted));
    let others =
        if others.is_empty() { String::new() } else { format!("not forgotten: {}", listed(&others)) };
    if lifted.is_empty() {
        return Err(Error::not_found(others));
    }
    let lift = if is_dry_run { "would lift the takedown of" } else { "lifted the takedown of" };
    let mut text = format!("{lift}: {}\n", listed(&lifted));
    if !others.is_empty() {
        text = format!("{text}{others}\n");
    }
    text.push_str("no row comes back by itself: load them again\n");
    Ok(text)
}

fn keys(asked: &[Asked]) -> Vec<JobKey> {
    let mut seen = HashSet::new();
    asked.iter().flat_map(Asked::keys).filter(|key| seen.insert(*key)).cloned().collect()
}

fn listed(ads: &[&Asked]) -> String {
    ads.iter().map(|ad| ad.key.to_string()).collect::<Vec<_>>().join(", ")
}
