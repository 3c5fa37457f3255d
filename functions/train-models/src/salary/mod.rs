//! Training of salary models: one for each currency.
//!
//! - [`load`]: the ads of the warehouse
//! - [`champion`]: the model that is served before the run
//! - [`publish`]: from a trained model to a version, its report, and the decision; [`scores`]: its metrics
//! - [`materialise`]: the features of every ad, for the warehouse
//! - [`export`]: folds and predictions, for other programs
//! - [`workspace`]: journals of searches, and a lock

mod champion;
mod export;
mod load;
mod materialise;
mod publish;
mod scores;
mod workspace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use common::embedding::{self, Identity};
use common::learning::manifest::model_name;
use common::learning::models::stack::StackRecipe;
use common::learning::models::xgboost::Xgboost;
use common::learning::training::market::{MIN_SALARIES, Market, currencies};
use common::learning::training::salary::{Trained, train};
use common::learning::training::{self, Observer};
use common::runtime::{Invocation, Progress};
use common::storage::Warehouse;
use common::{Error, ErrorKind, Result, feed};
use tokio_util::sync::CancellationToken;

use crate::context::TrainModels;
use crate::experiments::TrackingState;
use crate::options::{ModelFamily, Options};
use crate::report::{ModelOutcome, ModelReport};
use champion::Champion;
use load::Loaded;
use publish::Publication;
use workspace::Workspace;

/// Trials of a quick training.
const QUICK_TRIALS: usize = 0;

/// Trains the salary models that the options select.
///
/// # Errors
/// `NotFound` if no ad has a vector or a salary; `InvalidInput` if a feature contains the salary; errors of the warehouse
/// and of the store.
pub(crate) async fn run(
    context: &TrainModels,
    invocation: &Invocation<Options>,
    warehouse: &dyn Warehouse,
) -> Result<Vec<ModelReport>> {
    if !invocation.options.trains(ModelFamily::Salary) {
        return Ok(Vec::new());
    }
    let identity = embedding::identity(&context.settings.model)?;
    let loaded = Arc::new(load::load(warehouse, &identity, invocation).await?);
    let salaries = currencies(&loaded.ads);
    let chosen = chosen(&invocation.options, &salaries)?;
    let left_out = salaries.iter().filter(|(currency, _)| !chosen.contains(currency));
    let left_out = left_out.map(|(currency, ads)| (currency.clone(), *ads)).collect();
    let job = Job { context, invocation, identity: &identity, loaded, left_out };
    let mut reports = Vec::new();
    for currency in chosen {
        let report = Box::pin(job.train(&currency)).await?;
        let is_interrupted = report.outcome == ModelOutcome::Interrupted;
        reports.push(report);
        if is_interrupted {
            return Ok(reports);
        }
    }
    if invocation.options.materialise && !invocation.dry_run {
        let folder = |report: &ModelReport| Some((report.currency.clone(), report.report_folder.clone()?));
        let trained = reports.iter().filter_map(folder).collect();
        let rows = materialise::write(warehouse, invocation, &job.loaded, trained).await?;
        tracing::info!(rows, "the features are in ml_features");
    }
    Ok(reports)
}

/// The currencies to train: the one that was asked for, or those with enough salaries.
fn chosen(options: &Options, salaries: &BTreeMap<String, u64>) -> Result<Vec<String>> {
    if let Some(currency) = options.currency()? {
        return Ok(vec![currency.to_owned()]);
    }
    let enough = salaries.iter().filter(|(_, ads)| **ads >= MIN_SALARIES as u64);
    let chosen: Vec<String> = enough.map(|(currency, _)| currency.clone()).collect();
    if chosen.is_empty() {
        let known: Vec<String> =
            salaries.iter().map(|(currency, ads)| format!("{ads} in {currency}")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Error::not_found(format!(
            "too few salaries to train on: expected {MIN_SALARIES} in one currency, found {known}: load more ads with pay, or \
             choose a currency with --currency"
        )));
    }
    Ok(chosen)
}

/// The training of the currencies of one run.
struct Job<'a> {
    context: &'a TrainModels,
    invocation: &'a Invocation<Options>,
    identity: &'a Identity,
    loaded: Arc<Loaded>,
    left_out: BTreeMap<String, u64>,
}

/// What a training thread returns.
struct Outcome {
    /// `None` if the training was stopped.
    trained: Option<Trained>,
    publication: Option<Publication>,
}

impl Job<'_> {
    async fn train(&self, currency: &str) -> Result<ModelReport> {
        let started = Instant::now();
        let model = model_name(currency);
        let models = self.context.models()?;
        let registry = models.registry(&model);
        let champions = models.champions().await?;
        let champion = Champion::load(&models, &model, champions.as_ref()).await?;
        let mut report = ModelReport {
            kind: model.clone(),
            currency: currency.to_owned(),
            outcome: ModelOutcome::Interrupted,
            version: None,
            promoted: false,
            reason: "the run was stopped".to_owned(),
            metrics: BTreeMap::new(),
            trials: Vec::new(),
            report_folder: None,
            seconds: 0.0,
            rows: 0,
            set_aside: BTreeMap::new(),
            left_out_currencies: self.left_out.clone(),
            removed_versions: Vec::new(),
            tracking: TrackingState::Off,
        };
        if self.invocation.dry_run {
            let (loaded, currency) = (Arc::clone(&self.loaded), currency.to_owned());
            let (rows, set_aside) = feed::blocking("reading ads", move || {
                let market = Market::new(&loaded.ads, &currency)?;
                Ok((market.ads.len() as u64, market.set_aside))
            })
            .await?;
            report.outcome = ModelOutcome::WouldTrain;
            "dry run".clone_into(&mut report.reason);
            (report.rows, report.set_aside, report.seconds) =
                (rows, set_aside, started.elapsed().as_secs_f64());
            return Ok(report);
        }
        let folder = &self.context.settings.training.training_dir;
        let workspace = Workspace::open(folder, &model, &self.search_name())?;
        let options = self.options(&workspace)?;
        // Parts of the report that the thread needs, and no borrow of this run.
        let facts = self.facts(&model, champion.as_ref());
        let observer = Watch::new(&self.invocation.progress, &self.invocation.shutdown);
        let recipe: Option<StackRecipe> = champion.as_ref().and_then(|champion| champion.recipe.clone());
        let (loaded, name) = (Arc::clone(&self.loaded), currency.to_owned());
        let folder = self.invocation.options.export_folds.clone();
        let stored = champion.and_then(|champion| champion.predictor);
        let outcome = feed::blocking("training", move || {
            let market = Market::new(&loaded.ads, &name)?;
            let trained = train(&market, &options, recipe.as_ref(), &observer)?;
            let publication = match &trained {
                None => None,
                Some(trained) => {
                    if let Some(folder) = &folder {
                        export::write(folder, &market, trained, &options)?;
                    }
                    Some(publish::prepare(&market, trained, facts, stored.as_ref())?)
                }
            };
            Ok(Outcome { trained, publication })
        })
        .await?;
        let (Some(trained), Some(publication)) = (outcome.trained, outcome.publication) else {
            report.seconds = started.elapsed().as_secs_f64();
            return Ok(report);
        };
        report.rows = publication.rows;
        report.set_aside.clone_from(&publication.set_aside);
        report.metrics.clone_from(&publication.metrics);
        report.trials.clone_from(&trained.chosen.trials);
        publish::publish(self, &models, champions.as_ref(), trained, publication, &mut report).await?;
        workspace.finish();
        report.removed_versions = registry.prune(self.invocation.options.keep()).await?;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Names the search for parameters: a search with the same ads and options has the same name.
    fn search_name(&self) -> String {
        let options = &self.invocation.options;
        self.loaded.fingerprint_of(options.seed(), options.quick)
    }

    fn options(&self, workspace: &Workspace) -> Result<training::Options> {
        let options = &self.invocation.options;
        let trials =
            if options.quick && options.trials.is_none() { QUICK_TRIALS } else { options.trials() as usize };
        Ok(training::Options {
            seed: options.seed(),
            threads: self.context.settings.training.threads.count(),
            trials,
            quick: options.quick,
            ablation: options.ablation,
            xgboost: self.xgboost()?,
            journal: workspace.journal.clone(),
        })
    }

    /// XGBoost, if its library is there. A quick training does not compare with it.
    fn xgboost(&self) -> Result<Option<Xgboost>> {
        if self.invocation.options.quick {
            return Ok(None);
        }
        match Xgboost::load(&self.context.settings.training.xgboost_dir) {
            Ok(library) => Ok(Some(library)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                tracing::info!("no model is compared with XGBoost: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
