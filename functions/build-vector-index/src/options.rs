//! Options of a run: flags on the command line, and members of a JSON body with the same names.

use clap::ValueEnum;
use common::{Error, Result};
use serde::Deserialize;

/// One day.
const LONGEST_WAIT_S: u64 = 86_400;

/// Options of one run.
#[derive(Debug, Clone, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // They are flags.
pub(crate) struct Options {
    /// Build even if nothing has changed since the last index
    #[arg(long)]
    pub(crate) force: bool,
    /// Publish an index without ads, even if it replaces one with ads
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Build from scratch, even if the last index could be extended
    #[arg(long)]
    pub(crate) full: bool,
    /// Do not publish an index whose recall@10 against exact search is lower
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) min_recall: f64,
    /// Publish without making it the champion
    #[arg(long)]
    pub(crate) no_promote: bool,
    /// Build nothing; make this published version the champion until a run finds changes
    #[arg(long, value_name = "VERSION")]
    pub(crate) promote: Option<String>,
    /// Number of versions to keep besides the champion
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) keep: usize,
    /// Number of texts from which the index has a graph [default: 4097]
    #[arg(long, value_name = "N")]
    pub(crate) graph_texts: Option<usize>,
    /// Type of the warehouse's own vector index
    #[arg(long, value_enum, default_value_t = WarehouseIndex::Ivf)]
    pub(crate) warehouse_index: WarehouseIndex,
    /// Longest time to wait until the warehouse's own index contains every row, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) wait_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            force: false,
            allow_empty: false,
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

impl Options {
    /// Checks the options' ranges and combinations.
    ///
    /// # Errors
    /// `InvalidInput`, with the option's name and the expected values.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |sentence: String| Err(Error::invalid_input(sentence).for_caller());
        if !(0.0..=1.0).contains(&self.min_recall) {
            return refuse(format!("invalid --min-recall {}: expected 0 to 1", self.min_recall));
        }
        if self.wait_s > LONGEST_WAIT_S {
            return refuse(format!("invalid --wait-s {}: expected 0 to {LONGEST_WAIT_S}", self.wait_s));
        }
        if self.promote.is_some() && (self.force || self.full || self.no_promote) {
            return refuse("--promote builds nothing: leave out --force, --full and --no-promote".to_owned());
        }
        Ok(())
    }
}

/// Type of the warehouse's own vector index, in warehouses that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WarehouseIndex {
    /// For single queries, with filters
    Ivf,
    /// For hundreds of queries at once
    TreeAh,
    /// Create none, and keep an existing one unchanged
    None,
}
