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
    /// The errors of [`embedding::open`] and [`embedding::reader()`].
    pub(crate) async fn take_model(&self, batch: Option<usize>) -> Result<Model> {
        let idle = self.idle_model.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut model) = idle.filter(|model| model.batch == batch) {
            for embedder in &mut model.embedders {
                embedder.start_run();
            }
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

#[cfg(test)]
#[cfg(all(feature = "duckdb", feature = "gcp"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use common::embedding::Identity;
    use common::job::Shard;
    use common::runtime::Progress;
    use common::settings::{Settings, from_variables};
    use common::storage::Access;
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// A model that counts its runs and embeds nothing.
    struct Counting(Arc<AtomicUsize>, Identity);

    impl Embedder for Counting {
        fn identity(&self) -> &Identity {
            &self.1
        }

        fn preferred_chunk(&self) -> usize {
            1
        }

        fn start_run(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn embed_each(&mut self, _: &[&str], _: &mut dyn FnMut(usize, Result<Vec<f32>>)) {}
    }

    fn read<S: Settings>(variables: &[(&str, &str)]) -> S {
        from_variables(variables.iter().map(|(name, value)| ((*name).into(), (*value).into()))).unwrap()
    }

    /// The function with an idle model, and the number of runs that the model has started since.
    fn function(warehouse_url: &str) -> (EmbedNewJobs, Arc<AtomicUsize>) {
        // A remote model: its reader needs no files.
        let model = [("HOME", "/nonexistent"), ("EMBEDDING_MODEL", "vertex:text-embedding-005")];
        let settings: EmbeddingSettings = read(&model);
        let storage = Storage::new(read(&[("WAREHOUSE_URL", warehouse_url)]));
        let reader = Arc::new(embedding::reader(&settings.model).unwrap());
        let (runs, identity) = (Arc::default(), embedding::identity(&settings.model).unwrap());
        let embedders: Vec<Box<dyn Embedder>> = vec![Box::new(Counting(Arc::clone(&runs), identity))];
        let function = EmbedNewJobs::open(settings, Arc::new(storage)).unwrap();
        function.return_model(Model { embedders, reader, batch: None });
        (function, runs)
    }

    #[tokio::test]
    async fn a_kept_model_is_told_that_a_run_starts() {
        let (function, runs) = function("duckdb:unused.duckdb");
        let model = function.take_model(None).await.unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        function.return_model(model);
        function.take_model(None).await.unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_dry_run_without_texts_keeps_the_model() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("duckdb:{}", directory.path().join("jobs.duckdb").display());
        let (function, runs) = function(&url);
        let function = Arc::new(function);
        let warehouse = function.storage.warehouse(Access::Create).await.unwrap();
        warehouse.create_jobs().await.unwrap();
        drop(warehouse);
        let invocation = || Invocation {
            run_id: "dry".into(),
            started_at: chrono::Utc::now(),
            options: Options::default(),
            shard: Shard::ALL,
            dry_run: true,
            shutdown: CancellationToken::new(),
            lease: None,
            progress: Progress::default(),
        };
        for run in 1..=2 {
            let report = Arc::clone(&function).run(invocation()).await.unwrap();
            assert_eq!(report.dry_run.unwrap().ads_to_embed, 0);
            assert_eq!(runs.load(Ordering::Relaxed), run, "the model was loaded again");
        }
    }
}
