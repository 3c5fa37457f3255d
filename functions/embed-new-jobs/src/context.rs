//! What the runs of one process share: the loaded model, and the way to the warehouse.

use std::sync::{Arc, Mutex, PoisonError};

use common::embedding::settings::EmbeddingSettings;
use common::embedding::{self, Embedder, Reader};
use common::runtime::{Batch, Invocation};
use common::storage::Storage;
use common::{Result, feed};

use crate::options::Options;
use crate::report::Report;
use crate::run;

/// The function, opened once by its process.
pub(crate) struct EmbedNewJobs {
    settings: EmbeddingSettings,
    pub(crate) storage: Arc<Storage>,
    /// The model that the last run loaded, while no run uses it.
    idle: Mutex<Option<Model>>,
}

/// A loaded model.
pub(crate) struct Model {
    /// One a thread.
    pub(crate) embedders: Vec<Box<dyn Embedder>>,
    pub(crate) reader: Arc<Reader>,
    /// The `batch_size` that it was loaded for.
    pub(crate) batch: Option<usize>,
}

impl Batch for EmbedNewJobs {
    type Options = Options;
    type Settings = EmbeddingSettings;
    type Report = Report;

    fn open(settings: EmbeddingSettings, storage: Arc<Storage>) -> Result<Self> {
        let settings = settings.or_project(storage.settings().warehouse_url.project());
        Ok(Self { settings, storage, idle: Mutex::default() })
    }

    async fn run(self: Arc<Self>, invocation: Invocation<Options>) -> Result<Report> {
        run::run(&self, invocation).await
    }
}

impl EmbedNewJobs {
    /// The model, for one run: the one that is idle, or a newly loaded one where there is none or `batch` is another.
    ///
    /// # Errors
    /// Those of [`embedding::open`] and [`embedding::reader`].
    pub(crate) async fn take_model(&self, batch: Option<usize>) -> Result<Model> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
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

    /// Keeps the model for the next run.
    pub(crate) fn put_back(&self, model: Model) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(model);
    }
}
