//! State that all runs of a process share.

use std::sync::Arc;

use common::embedding::ModelSettings;
use common::index::settings::IndexSettings;
use common::runtime::{Batch, Invocation};
use common::settings::Whole;
use common::storage::Storage;
use common::{Result, compose_settings, settings};

use crate::options::Options;
use crate::report::Report;
use crate::run;

settings! {
    /// How an index is built.
    pub(crate) struct BuildSettings, "How" {
        /// CPU threads that build the index
        pub threads: Whole<1, 1024> = "{cores}", flag "threads N";
    }
}

compose_settings! {
    /// Settings of the function.
    pub(crate) struct BuilderSettings {
        /// The model whose vectors are indexed.
        pub model: ModelSettings,
        /// Where indexes are built.
        pub index: IndexSettings,
        /// How an index is built.
        pub build: BuildSettings,
    }
}

/// The function, opened once in each process.
pub(crate) struct BuildVectorIndex {
    pub(crate) settings: BuilderSettings,
    pub(crate) storage: Arc<Storage>,
}

impl Batch for BuildVectorIndex {
    type Options = Options;
    type Settings = BuilderSettings;
    type Report = Report;

    fn open(settings: BuilderSettings, storage: Arc<Storage>) -> Result<Self> {
        Ok(Self { settings, storage })
    }

    async fn run(self: Arc<Self>, invocation: Invocation<Options>) -> Result<Report> {
        run::run(&self, invocation).await
    }
}
