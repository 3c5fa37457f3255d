//! `jobctl artifacts`: which versions of indexes and models are published.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use common::artifact::{Decision, Header};
use common::storage::open_artifacts;
use common::storage::registry::{self, Entry};
use common::storage::settings::StorageSettings;
use common::{Error, Result};
use serde::Serialize;

use crate::output;
use crate::table::{Align, Table, count, one_line};

/// The widest text from a manifest in a table.
const TEXT_WIDTH: usize = 60;

/// List the published versions of indexes and models, or show one.
#[derive(Debug, Args)]
pub(crate) struct ArtifactsArgs {
    #[command(subcommand)]
    command: ArtifactsCommand,
}

#[derive(Debug, Subcommand)]
enum ArtifactsCommand {
    /// List versions, oldest first, with their metrics
    List {
        /// Only versions below this prefix, for example models/clustering
        prefix: Option<String>,
        /// Print one JSON object a version instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Print the manifest of a version as JSON
    Show {
        /// Prefix and version, for example indexes/v7
        version: String,
    },
}

/// A version as one line of JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    version: &'a str,
    is_champion: bool,
    #[serde(flatten)]
    facts: Option<Facts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Facts<'a> {
    kind: &'a str,
    format: u32,
    created_at: String,
    code_version: &'a str,
    embedding_space: Option<&'a str>,
    rows: u64,
    bytes: u64,
    decision: Option<&'a Decision>,
    metrics: &'a BTreeMap<String, f64>,
}

impl<'a> From<&'a Header> for Facts<'a> {
    fn from(header: &'a Header) -> Self {
        Self {
            kind: &header.kind,
            format: header.format,
            created_at: header.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            code_version: &header.provenance.code_version,
            embedding_space: header.provenance.embedding_space.as_deref(),
            rows: header.rows,
            bytes: header.bytes(),
            decision: header.decision.as_ref(),
            metrics: &header.metrics,
        }
    }
}

pub(crate) async fn run(settings: &StorageSettings, args: ArtifactsArgs) -> Result<()> {
    let store = open_artifacts(settings)?;
    match args.command {
        ArtifactsCommand::List { prefix, json } => {
            let entries = registry::list(&store, prefix.as_deref()).await?;
            output::print(&if json {
                lines(&entries)?
            } else {
                render(&entries, &settings.artifacts_url.to_string())
            })
        }
        ArtifactsCommand::Show { version } => {
            let manifest = registry::show(&store, &version).await?;
            output::print(&format!("{manifest:#}\n"))
        }
    }
}

fn lines(entries: &[Entry]) -> Result<String> {
    let mut text = String::new();
    for entry in entries {
        let line = Line {
            version: &entry.name,
            is_champion: entry.is_champion,
            facts: entry.header.as_ref().ok().map(Facts::from),
            error: entry.header.as_ref().err().map(Error::chain),
        };
        let line = serde_json::to_string(&line).map_err(|error| Error::internal(error.to_string()))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

fn render(entries: &[Entry], store: &str) -> String {
    if entries.is_empty() {
        return format!("{store}\n\nno versions are published\n");
    }
    let mut table = Table::new([
        ("version", Align::Left),
        ("champion", Align::Left),
        ("kind", Align::Left),
        ("created", Align::Left),
        ("rows", Align::Right),
        ("bytes", Align::Right),
        ("decision", Align::Left),
        ("metrics", Align::Left),
    ]);
    let dash = || "-".to_owned();
    let short = |text: &str| one_line(text, Some(TEXT_WIDTH));
    for entry in entries {
        let champion = if entry.is_champion { "yes".to_owned() } else { dash() };
        let mut cells = vec![one_line(&entry.name, None), champion];
        match &entry.header {
            Ok(header) => {
                let facts = Facts::from(header);
                cells.extend([short(facts.kind), facts.created_at, count(facts.rows), count(facts.bytes)]);
                cells.push(facts.decision.map_or_else(dash, |decision| short(&sentence(decision))));
                cells.push(one_line(&metrics(facts.metrics), None));
            }
            Err(error) => {
                cells.extend([dash(), dash(), dash(), dash(), dash(), one_line(&error.chain(), None)]);
            }
        }
        table.row(cells);
    }
    format!("{store}\n\n{}", table.render())
}

fn sentence(decision: &Decision) -> String {
    let outcome = if decision.promoted { "promoted" } else { "not promoted" };
    format!("{outcome}: {}", decision.reason)
}

fn metrics(metrics: &BTreeMap<String, f64>) -> String {
    let rounded = |value: &f64| (value * 1e4).round() / 1e4;
    let metrics: Vec<String> =
        metrics.iter().map(|(name, value)| format!("{name} {}", rounded(value))).collect();
    metrics.join(", ")
}
