//! The state that the runs of one process share: the loaded model and the storage.

use std::sync::{Arc, Mutex, PoisonError};

use common::embedding::settings::EmbeddingSettings;
use common::embedding::{self, Embedder, Reader};
use common::runtime::{Batch, Invocation};
use common::storage::Storage;
use common::{Result, feed};

use crate::options::Options;
use crate::report::Report;
use crate::run;

/// The function, opened once per process.
pub(crate) struct EmbedNewJobs {
    settings: EmbeddingSettings,
    pub(crate) storage: Arc<Storage>,
    /// The model of the last run, while no run uses it.
    idle_model: Mutex<Option<Model>>,
}

/// A loaded model.
pub(crate) struct Model {
    /// One embedder per thread.
    pub(crate) embedders: Vec<Box<dyn Embedder>>,
    pub(crate) reader: Arc<Reader>,
    /// The `batch_size` that the model was loaded with.
    pub(crate) batch: Option<usize>,
}

impl Batch for EmbedNewJobs {
    type Options = Options;
    type Settings = EmbeddingSettings;
    type Report = Report;

    fn open(settings: EmbeddingSettings, storage: Arc<Storage>) -> Result<Self> {
        let settings = settings.or_project(storage.settings().warehouse_url.project());
        Ok(Self { settings, storage, idle_model: Mutex::default() })
    }

    async fn run(self: Arc<Self>, invocation: Invocation<Options>) -> Result<Report> {
        run::run(&self, invocation).await
    }
}

impl EmbedNewJobs {
    /// Takes the idle model for one run. Loads it if there is none or it has another `batch` size.
    ///
    /// # Errors
    /// The errors of [`embedding::open`] and [`embedding::reader`].
    pub(crate) async fn take_model(&self, batch: Option<usize>) -> Result<Model> {
        let idle = self.idle_model.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(model) = idle.filter(|model| model.batch == batch) {
            return Ok(model);
        }
        let settings = self.settings.clone();
        let load = move || {
            let embedders = embedding::open(&settings, batch)?;
            let reader = Arc::new(embedding::reader(&settings.model)?);
            Ok(Model { embedders, reader, batch })
        };
        feed::blocking("loading the model", load).await
    }

    /// Returns the model for the next run.
    pub(crate) fn return_model(&self, model: Model) {
        *self.idle_model.lock().unwrap_or_else(PoisonError::into_inner) = Some(model);
    }
}
