//! `jobctl forget`: takes ads down, and lifts takedowns.

use std::collections::HashSet;

use clap::Args;
use common::job::JobKey;
use common::storage::settings::StorageSettings;
use common::storage::warehouse::{Forgotten, Takedowns, Traces};
use common::storage::{Access, open_warehouse};
use common::{Error, Result};

use crate::table::{Align, Table, count};
use crate::{load, output};

/// Take ads down: delete their rows from every table, and keep them from coming back.
///
/// The table `forgotten_ads` keeps a tombstone of each ad: its key and the time of the takedown, nothing else. From
/// then on every command leaves the ad out, whether it comes from a loaded file (the report counts its sightings) or
/// from a scraper that writes to the tables directly. An ad that is in no table gets a tombstone too, because a later
/// file may contain it; the output lists such ads and the exit status is 0. Forgetting an ad again changes nothing.
///
/// An index or a model that exists already contains the ads until it is rebuilt: run build-vector-index next.
///
/// White space around the source and the ids is ignored, and 84112501.0 means 84112501, as for load. To list the
/// tombstones: `jobctl sql "SELECT * FROM forgotten_ads"`.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// Job board of the ads, for example MCF
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Ids of the ads on that board
    #[arg(required = true, value_name = "JOB_ID")]
    job_ids: Vec<String>,
    /// Report what would be removed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Lift the takedown, so that the ads can be loaded again; deleted rows stay deleted. Fails if none of the ads was
    /// taken down
    #[arg(long)]
    undo: bool,
}

/// An ad named on the command line, without surrounding white space.
struct RequestedAd {
    /// The key as loading normalizes it.
    key: JobKey,
    /// The key as it was typed (`84112501.0`), where that differs: tables written by other programs may contain it.
    typed: Option<JobKey>,
}

pub(crate) async fn run(settings: &StorageSettings, args: ForgetArgs) -> Result<()> {
    let requested = requested_ads(&args)?;
    let access = if args.dry_run { Access::Read } else { Access::Write };
    let warehouse = open_warehouse(settings, access).await?;
    let text = if args.undo {
        undo(warehouse.as_ref(), &requested, args.dry_run).await?
    } else {
        forget(warehouse.as_ref(), &requested, args.dry_run).await?
    };
    output::print(&text)
}

/// The ads on the command line without duplicates.
fn requested_ads(args: &ForgetArgs) -> Result<Vec<RequestedAd>> {
    let mut requested: Vec<RequestedAd> = Vec::new();
    for job_id in &args.job_ids {
        for (name, value) in [("SOURCE", &args.source), ("JOB_ID", job_id)] {
            if value.trim().is_empty() {
                return Err(Error::invalid_input(format!("invalid {name} {value:?}: expected text")));
            }
        }
        let typed = JobKey { source: args.source.trim().to_owned(), job_id: job_id.trim().to_owned() };
        let key = JobKey { source: normalized(&typed.source), job_id: normalized(&typed.job_id) };
        let typed = (typed != key).then_some(typed);
        if !requested.iter().any(|other| other.key == key && other.typed == typed) {
            requested.push(RequestedAd { key, typed });
        }
    }
    Ok(requested)
}

/// One part of a key as loading normalizes it.
fn normalized(typed: &str) -> String {
    load::normalized_key(typed).unwrap_or_else(|| typed.to_owned())
}

impl RequestedAd {
    fn keys(&self) -> impl Iterator<Item = &JobKey> {
        std::iter::once(&self.key).chain(&self.typed)
    }

    /// Returns whether `keys`, which are trimmed, contain this ad.
    fn is_among(&self, keys: &HashSet<JobKey>) -> bool {
        self.keys().any(|key| keys.contains(key))
    }
}

/// The stored keys without surrounding white space.
fn trimmed(stored: &HashSet<JobKey>) -> HashSet<JobKey> {
    let trim =
        |key: &JobKey| JobKey { source: key.source.trim().to_owned(), job_id: key.job_id.trim().to_owned() };
    stored.iter().map(trim).collect()
}

async fn forget(warehouse: &dyn Takedowns, requested: &[RequestedAd], is_dry_run: bool) -> Result<String> {
    let Traces { tables, present, .. } = warehouse.trace(&all_keys(requested)).await?;
    // Every stored spelling of a key is taken down: with white space around it, or as it was typed.
    let keys: HashSet<JobKey> =
        requested.iter().map(|ad| ad.key.clone()).chain(present.iter().cloned()).collect();
    let keys: Vec<JobKey> = keys.into_iter().collect();
    let tables = if is_dry_run { tables } else { warehouse.forget(&keys).await? };
    let present = trimmed(&present);
    let (known, unknown): (Vec<&RequestedAd>, Vec<&RequestedAd>) =
        requested.iter().partition(|ad| ad.is_among(&present));
    let mut text = String::new();
    if !known.is_empty() {
        let forgot = if is_dry_run { "would forget" } else { "forgot" };
        text = format!("{forgot}: {}\n", joined_keys(&known));
        let mut table = Table::new([("table", Align::Left), ("rows", Align::Right)]);
        for Forgotten { table: name, rows } in tables {
            table.row([name, count(rows)]);
        }
        text.push_str(&table.render());
    }
    if !unknown.is_empty() {
        let keeps = if is_dry_run { "would keep" } else { "keeps" };
        let it = if unknown.len() == 1 { "it" } else { "each" };
        text = format!(
            "{text}not found in any table; a tombstone {keeps} {it} out: {}\n",
            joined_keys(&unknown)
        );
    }
    text.push_str("existing indexes contain these ads until build-vector-index builds a new one\n");
    Ok(text)
}

async fn undo(warehouse: &dyn Takedowns, requested: &[RequestedAd], is_dry_run: bool) -> Result<String> {
    let stored = warehouse.trace(&all_keys(requested)).await?.forgotten;
    let lifted = if is_dry_run {
        stored
    } else {
        warehouse.undo_forget(&stored.into_iter().collect::<Vec<_>>()).await?
    };
    let lifted = trimmed(&lifted);
    let (lifted, others): (Vec<&RequestedAd>, Vec<&RequestedAd>) =
        requested.iter().partition(|ad| ad.is_among(&lifted));
    let others =
        if others.is_empty() { String::new() } else { format!("not forgotten: {}", joined_keys(&others)) };
    if lifted.is_empty() {
        return Err(Error::not_found(others));
    }
    let lift = if is_dry_run { "would lift the takedown of" } else { "lifted the takedown of" };
    let mut text = format!("{lift}: {}\n", joined_keys(&lifted));
    if !others.is_empty() {
        text = format!("{text}{others}\n");
    }
    text.push_str("deleted rows are not restored: load the ads again\n");
    Ok(text)
}

fn all_keys(requested: &[RequestedAd]) -> Vec<JobKey> {
    let mut seen = HashSet::new();
    requested.iter().flat_map(RequestedAd::keys).filter(|key| seen.insert(*key)).cloned().collect()
}

fn joined_keys(ads: &[&RequestedAd]) -> String {
    ads.iter().map(|ad| ad.key.to_string()).collect::<Vec<_>>().join(", ")
}
