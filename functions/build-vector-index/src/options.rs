//! What a run may be told: flags on the command line, the same names in a JSON body.

use clap::ValueEnum;
use serde::Deserialize;

/// Options of one run.
#[derive(Debug, Clone, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Build although nothing changed since the last index
    #[arg(long)]
    pub(crate) force: bool,
    /// Build from scratch, even where the last index could be grown further
    #[arg(long)]
    pub(crate) full: bool,
    /// Publish no index whose recall@10 against exact search is lower
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) min_recall: f64,
    /// Publish without making it the champion
    #[arg(long)]
    pub(crate) no_promote: bool,
    /// Build nothing, and make this published version the champion: the way back, until a run finds something new
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["force", "full", "no_promote"])]
    pub(crate) promote: Option<String>,
    /// Versions to keep, the champion besides
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) keep: usize,
    /// From how many texts on there is a graph [default: 4097]
    #[arg(long, value_name = "N")]
    pub(crate) graph_texts: Option<usize>,
    /// The kind of the warehouse's own vector index
    #[arg(long, value_enum, default_value_t = WarehouseIndex::Ivf)]
    pub(crate) warehouse_index: WarehouseIndex,
    /// The longest wait until the warehouse's own index holds every row, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) wait_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            force: false,
            full: false,
            min_recall: 0.95,
            no_promote: false,
            promote: None,
            keep: 5,
            graph_texts: None,
            warehouse_index: WarehouseIndex::Ivf,
            wait_s: 600,
        }
    }
}

/// How the warehouse arranges the vectors for searches of its own, where it has such an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WarehouseIndex {
    /// For single queries, with filters
    Ivf,
    /// For hundreds of queries at once
    TreeAh,
    /// None is made, and one that is there is left alone
    None,
}
