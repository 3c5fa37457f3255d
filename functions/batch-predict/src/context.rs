//! State that all runs of a process share: the storage, and the models of the last run.

use std::sync::{Arc, Mutex, PoisonError};

use common::embedding::ModelSettings;
use common::prediction::settings::ChampionSettings;
use common::prediction::{ChampionVersions, PredictionModels};
use common::runtime::{Batch, Invocation};
use common::settings::Whole;
use common::storage::Storage;
use common::{Error, Result, compose_settings, settings};
use rayon::ThreadPool;

use crate::options::Options;
use crate::report::Report;
use crate::run;

settings! {
    /// How ads are predicted.
    pub(crate) struct PredictionSettings, "How" {
        /// CPU threads that predict
        pub threads: Whole<1, 1024> = "{cores}", flag "threads N";
    }
}

compose_settings! {
    /// Settings of the function.
    pub(crate) struct PredictorSettings {
        /// The model whose vectors are read.
        pub model: ModelSettings,
        /// How ads are predicted.
        pub prediction: PredictionSettings,
        /// Where models are on this machine.
        pub champions: ChampionSettings,
    }
}

/// The function, opened once in each process.
pub(crate) struct BatchPredict {
    pub(crate) settings: PredictorSettings,
    pub(crate) storage: Arc<Storage>,
    /// The threads that predict.
    pub(crate) pool: Arc<ThreadPool>,
    /// The models of the last run.
    last: Mutex<Option<Arc<PredictionModels>>>,
}

impl Batch for BatchPredict {
    type Options = Options;
    type Settings = PredictorSettings;
    type Report = Report;

    fn open(settings: PredictorSettings, storage: Arc<Storage>) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(settings.prediction.threads.count()).build();
        let pool = pool.map_err(|error| Error::internal("cannot start threads").caused_by(error))?;
        Ok(Self { settings, storage, pool: Arc::new(pool), last: Mutex::default() })
    }

    async fn run(self: Arc<Self>, invocation: Invocation<Options>) -> Result<Report> {
        run::run(&self, &invocation).await
    }
}

impl BatchPredict {
    /// The open models of `champions`: those of the last run if they are the same.
    ///
    /// # Errors
    /// Those of [`PredictionModels::open`].
    pub(crate) async fn models(&self, champions: &ChampionVersions) -> Result<Arc<PredictionModels>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(models) = last.filter(|models| models.champions == *champions) {
            return Ok(models);
        }
        let folder = &self.settings.champions.champions_dir;
        let store = self.storage.artifacts()?;
        let opened = Arc::new(PredictionModels::open(&store, champions.clone(), folder).await?);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&opened));
        Ok(opened)
    }
}
