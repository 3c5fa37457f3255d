//! State that all runs of a process share.

use std::path::PathBuf;
use std::sync::Arc;

use common::embedding::ModelSettings;
use common::runtime::{Batch, Invocation};
use common::settings::Whole;
use common::storage::Storage;
use common::{Result, compose_settings, settings};

use crate::experiments::TrackingUri;
use crate::options::Options;
use crate::report::Report;
use crate::run;

settings! {
    /// How and where models are trained.
    pub(crate) struct TrainingSettings, "How" {
        /// CPU threads for training
        pub threads: Whole<1, 1024> = "{cores}", flag "threads N";
        /// Folder of trainings in progress, their journals, and copies of published models
        pub training_dir: PathBuf = "{cache}/training", given_by Setup;
        /// Folder of XGBoost's library, which scripts/setup --xgboost fills; without it no model is compared with XGBoost
        pub xgboost_dir: PathBuf = "{cache}/xgboost-3.2.0", given_by Setup;
        /// MLflow server that runs are also logged to, for example http://127.0.0.1:5000
        pub mlflow_tracking_uri: Option<TrackingUri>;
    }
}

compose_settings! {
    /// Settings of the function.
    pub(crate) struct TrainerSettings {
        /// The model whose vectors the trained models read.
        pub model: ModelSettings,
        /// How and where models are trained.
        pub training: TrainingSettings,
    }
}

/// The function, opened once in each process.
pub(crate) struct TrainModels {
    pub(crate) settings: TrainerSettings,
    pub(crate) storage: Arc<Storage>,
}

impl Batch for TrainModels {
    type Options = Options;
    type Settings = TrainerSettings;
    type Report = Report;

    fn open(settings: TrainerSettings, storage: Arc<Storage>) -> Result<Self> {
        Ok(Self { settings, storage })
    }

    async fn run(self: Arc<Self>, invocation: Invocation<Options>) -> Result<Report> {
        run::run(&self, &invocation).await
    }
}
