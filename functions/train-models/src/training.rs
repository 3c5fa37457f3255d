//! A training: the ads are read once, then each kind of models is trained.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::ValueEnum;
use common::artifact::Body;
use common::embedding::{self, Identity};
use common::learning::training::Observer;
use common::runtime::{Invocation, Progress};
use common::storage::Warehouse;
use common::storage::registry::Champions;
use common::{ErrorKind, Result, feed};
use tokio_util::sync::CancellationToken;

use crate::context::TrainModels;
use crate::load::{self, Loaded};
use crate::models::Models;
use crate::options::{ModelFamily, Options};
use crate::publish::Publication;
use crate::report::{ModelOutcome, ModelReport};
use crate::workspace::Workspace;
use crate::{cluster, role, salary};

/// What the trainings of one run share.
pub(crate) struct Job<'a> {
    pub(crate) context: &'a TrainModels,
    pub(crate) invocation: &'a Invocation<Options>,
    pub(crate) identity: Identity,
    pub(crate) loaded: Arc<Loaded>,
    /// Ads with a salary in currencies that have too few for a model.
    pub(crate) left_out: BTreeMap<String, u64>,
}

/// Trains the models that the options select. Without `--only`, a kind that the ads do not suffice for is left out, with
/// the reason in its report.
///
/// # Errors
/// `NotFound` if no ad has a vector, or if the ads suffice for no kind; `InvalidInput` if a feature contains the salary;
/// errors of the warehouse and of the store.
pub(crate) async fn run(
    context: &TrainModels,
    invocation: &Invocation<Options>,
    warehouse: &dyn Warehouse,
) -> Result<Vec<ModelReport>> {
    let identity = embedding::identity(&context.settings.model)?;
    let loaded = Arc::new(load::load(warehouse, &identity, invocation).await?);
    let left_out = salary::left_out(&invocation.options, &loaded)?;
    let job = Job { context, invocation, identity, loaded, left_out };
    let mut reports: Vec<ModelReport> = Vec::new();
    let mut first_refusal = None;
    for family in ModelFamily::value_variants().iter().filter(|family| invocation.options.trains(**family)) {
        let trained = match family {
            ModelFamily::Salary => Box::pin(salary::train(&job, warehouse)).await,
            ModelFamily::Role => Box::pin(role::train(&job)).await.map(|report| vec![report]),
            ModelFamily::Cluster => Box::pin(cluster::train(&job)).await.map(|report| vec![report]),
        };
        match trained {
            Ok(trained) => reports.extend(trained),
            Err(error) if error.kind() == ErrorKind::NotFound && invocation.options.only.is_empty() => {
                tracing::warn!("no model of this kind is trained: {}", error.chain());
                let mut report = job.report(family.model(), None);
                report.outcome = ModelOutcome::LeftOut;
                report.reason = error.chain();
                reports.push(report);
                first_refusal.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        if reports.last().is_some_and(|report| report.outcome == ModelOutcome::Interrupted) {
            break;
        }
    }
    match first_refusal {
        Some(error) if reports.iter().all(|report| report.outcome == ModelOutcome::LeftOut) => Err(error),
        _ => Ok(reports),
    }
}

/// The place of a model among the published ones while it is trained.
pub(crate) struct Target<'a> {
    pub(crate) models: Models<'a>,
    pub(crate) champions: Option<Champions>,
    pub(crate) report: ModelReport,
    pub(crate) workspace: Workspace,
    pub(crate) started: Instant,
}

impl<'a> Job<'a> {
    /// A report of a model that is not trained yet.
    pub(crate) fn report(&self, model: &str, currency: Option<&str>) -> ModelReport {
        ModelReport {
            left_out_currencies: currency.map(|_| self.left_out.clone()).unwrap_or_default(),
            ..ModelReport::new(model, currency)
        }
    }

    /// A report of a dry run.
    pub(crate) fn would_train(&self, model: &str, currency: Option<&str>, rows: u64) -> ModelReport {
        ModelReport {
            outcome: ModelOutcome::WouldTrain,
            reason: "dry run".to_owned(),
            rows,
            ..self.report(model, currency)
        }
    }

    /// Locks a model on this machine, and reads the champions.
    ///
    /// # Errors
    /// `Conflict` if another process trains the model; errors of the store.
    pub(crate) async fn target(&self, model: &str, currency: Option<&str>) -> Result<Target<'a>> {
        let options = &self.invocation.options;
        let search = self.loaded.fingerprint_of(options.seed(), options.quick);
        let models = self.context.models()?;
        Ok(Target {
            champions: models.champions().await?,
            models,
            report: self.report(model, currency),
            workspace: Workspace::open(&self.context.settings.training.training_dir, model, &search)?,
            started: Instant::now(),
        })
    }

    /// Trains a model on a thread, and publishes it unless the run is stopped.
    ///
    /// # Errors
    /// Those of `train`, of the file system and of the store.
    pub(crate) async fn train<T: Body + Send + 'static>(
        &self,
        target: Target<'_>,
        train: impl FnOnce(&Loaded, &dyn Observer) -> Result<Option<Publication<T>>> + Send + 'static,
    ) -> Result<ModelReport> {
        let Target { models, champions, mut report, workspace, started } = target;
        let observer = Watch::new(&self.invocation.progress, &self.invocation.shutdown);
        let loaded = Arc::clone(&self.loaded);
        let publication = feed::blocking("training", move || train(&loaded, &observer)).await?;
        if let Some(publication) = publication {
            self.publish(&models, champions.as_ref(), publication, &mut report).await?;
            workspace.finish();
        }
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }
}

/// Shows the progress of a training, and stops it on shutdown.
struct Watch {
    progress: Progress,
    shutdown: CancellationToken,
    is_started: AtomicBool,
}

impl Watch {
    fn new(progress: &Progress, shutdown: &CancellationToken) -> Self {
        Self { progress: progress.clone(), shutdown: shutdown.clone(), is_started: AtomicBool::new(false) }
    }
}

impl Observer for Watch {
    fn stage(&self, name: &str, steps: usize) {
        if self.is_started.swap(true, Ordering::Relaxed) {
            self.progress.finish();
        }
        tracing::info!(steps, "{name}");
        self.progress.start(steps as u64, name);
    }

    fn step(&self) {
        self.progress.advance(1);
    }

    fn is_stopped(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}
