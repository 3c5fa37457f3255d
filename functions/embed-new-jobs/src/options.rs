//! The options of a run: flags on the command line, and members with the same names in a JSON body.

use std::num::NonZeroUsize;

use serde::Deserialize;

/// Options of one run.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Embed at most this many ads in this run
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Texts per call of the model [default: 1 on a CPU, 256 on a GPU]
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<NonZeroUsize>,
    /// Embed all ads again, including those with a current embedding
    #[arg(long)]
    pub(crate) force: bool,
    /// Process only ads of this source, for example MCF
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
}
