//! What a run may be told: flags on the command line, the same names in a JSON body.

use clap::ValueEnum;
use common::{Error, Result};
use serde::Deserialize;

/// A day.
const LONGEST_WAIT_S: u64 = 86_400;

/// Options of one run.
#[derive(Debug, Clone, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // They are flags.
pub(crate) struct Options {
    /// Build although nothing changed since the last index
    #[arg(long)]
    pub(crate) force: bool,
    /// Publish an index without ads, even in place of one that has some
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Build from scratch, even where the last index could be grown further
    #[arg(long)]
    pub(crate) full: bool,
    /// Publish no index whose recall@10 against exact search is lower
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) min_recall: f64,
    /// Publish without making it the champion
    #[arg(long)]
    pub(crate) no_promote: bool,
    /// Build nothing, and serve this published version again, until a run finds something new
    #[arg(long, value_name = "VERSION")]
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
    /// Refuses what makes no sense, whether it came by flag or by request.
    ///
    /// # Errors
    /// `InvalidInput`, with the option's name and what is allowed.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |sentence: String| Err(Error::invalid_input(sentence).for_caller());
        if !(0.0..=1.0).contains(&self.min_recall) {
            return refuse(format!("--min-recall is {}; allowed is 0 to 1", self.min_recall));
        }
        if self.wait_s > LONGEST_WAIT_S {
            return refuse(format!("--wait-s is {}; allowed is 0 to {LONGEST_WAIT_S}", self.wait_s));
        }
        if self.promote.is_some() && (self.force || self.full || self.no_promote) {
            return refuse("--promote builds nothing: leave out --force, --full and --no-promote".to_owned());
        }
        Ok(())
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
