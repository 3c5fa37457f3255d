//! From a trained model to a published version: its files, manifest, metrics and report, and whether it becomes the champion.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Utc;
use common::artifact::{Body, Decision, FileFacts, Provenance, Window};
use common::error::OnPath;
use common::job::Timestamp;
use common::learning::evaluation::split::TimeSplit;
use common::learning::manifest::{Cutoffs, Lineage, Manifest, TrainingFacts};
use common::learning::models::tuning::TrialResult;
use common::learning::report::salary::{Decision as PageDecision, Lineage as PageLineage};
use common::storage::registry::Champions;
use common::storage::registry::champions::Changes;
use common::storage::staging::StagingFolder;
use common::{Error, Result, failpoint, feed};
use serde_json::Value;

use crate::experiments::{Texts, Tracking, Trial};
use crate::models::Models;
use crate::report::{ModelOutcome, ModelReport};
use crate::training::Job;

const METRICS: &str = "metrics.json";
const REPORT: &str = "report.html";

/// Writes the files of a model to a folder.
pub(crate) type Save = Box<dyn FnOnce(&Path) -> Result<()> + Send>;

/// The report page of a version with its decision.
pub(crate) type Page = Box<dyn FnOnce(&str, &Decision) -> String + Send>;

/// The part of the manifest that is specific to the kind, from what all kinds have.
pub(crate) type MakeBody<T> = Box<dyn FnOnce(TrainingFacts) -> T + Send>;

/// A model that is to be published.
pub(crate) struct Publication<T> {
    pub(crate) body: MakeBody<T>,
    pub(crate) trained: Trained,
    /// Ads that it was fitted to.
    pub(crate) rows: u64,
    /// The time range of these ads.
    pub(crate) window: Window,
    /// Headlines, for the manifest.
    pub(crate) metrics: BTreeMap<String, f64>,
    /// All scores, for `metrics.json`: the same for the same ads and seed.
    pub(crate) scores: Value,
    pub(crate) decision: Decision,
    /// Trials of the search for parameters.
    pub(crate) trials: Vec<TrialResult>,
    pub(crate) save: Save,
    pub(crate) page: Page,
}

/// The limits and the numbers of ads of the parts of a split by time. A part that is missing begins at `newest`.
pub(crate) fn parts_of(parts: &TimeSplit, newest: Timestamp) -> (Cutoffs, BTreeMap<String, u64>) {
    let cutoffs = Cutoffs {
        validation_from: parts.validation_from.unwrap_or(newest),
        test_from: parts.test_from.unwrap_or(newest),
    };
    let rows = [("train", &parts.train), ("validation", &parts.validation), ("test", &parts.test)];
    (cutoffs, rows.into_iter().map(|(name, rows)| (name.to_owned(), rows.len() as u64)).collect())
}

/// What a kind of models knows about its training.
pub(crate) struct Trained {
    pub(crate) recipe: Value,
    pub(crate) features: Vec<String>,
    pub(crate) feature_schema: String,
    pub(crate) cutoffs: Cutoffs,
    pub(crate) rows_by_part: BTreeMap<String, u64>,
    pub(crate) set_aside: BTreeMap<String, u64>,
    pub(crate) compared_with: Option<String>,
}

impl Job<'_> {
    fn training_facts(&self, trained: Trained, window: &Window) -> TrainingFacts {
        TrainingFacts {
            recipe: trained.recipe,
            features: trained.features,
            feature_schema: trained.feature_schema,
            embedding_model_version: Some(self.identity.model_version.clone()),
            seed: self.invocation.options.seed(),
            trained_until: window.to,
            cutoffs: trained.cutoffs,
            rows_by_part: trained.rows_by_part,
            set_aside: trained.set_aside,
            lineage: Lineage {
                run_id: self.invocation.run_id.clone(),
                warehouse: self.context.storage.settings().warehouse_url.to_string(),
                data: self.loaded.fingerprint.clone(),
                compared_with: trained.compared_with,
            },
        }
    }

    /// What the report says about the origin of a model.
    pub(crate) fn page_lineage(&self) -> PageLineage {
        PageLineage {
            embedding_model_version: self.identity.model_version.clone(),
            code_version: crate::FUNCTION.version.to_owned(),
            seed: self.invocation.options.seed(),
            ..PageLineage::default()
        }
    }

    /// Writes a model's files, publishes them as a new version, and promotes it if the decision says so.
    ///
    /// # Errors
    /// Errors of the file system and of the store; `Conflict` if another run promoted a version of the same model.
    pub(crate) async fn publish<T: Body>(
        &self,
        models: &Models<'_>,
        champions: Option<&Champions>,
        publication: Publication<T>,
        report: &mut ModelReport,
    ) -> Result<()> {
        let registry = models.registry(&report.kind);
        let folder = StagingFolder::create(&self.context.settings.training.training_dir).await?;
        let version = registry.claim().await?;
        let Publication { body, trained, rows, window, metrics, scores, mut decision, trials, save, page } =
            publication;
        let set_aside = trained.set_aside.clone();
        let body = body(self.training_facts(trained, &window));
        if self.invocation.options.no_promote {
            decision = Decision { promoted: false, reason: "--no-promote".to_owned() };
        }
        let path = folder.path().to_owned();
        let (text, of_page) = (metrics_file(&scores)?, (version.clone(), decision.clone()));
        let files = feed::blocking("writing the model", move || {
            failpoint::reach("training::write");
            save(&path)?;
            write(&path, METRICS, &text)?;
            write(&path, REPORT, page(&of_page.0, &of_page.1).as_bytes())?;
            files(&path)
        })
        .await?;
        let manifest = Manifest {
            kind: T::KIND.name.to_owned(),
            format: T::KIND.format,
            version: version.clone(),
            created_at: Utc::now(),
            provenance: Provenance {
                code_version: crate::FUNCTION.version.to_owned(),
                embedding_space: Some(self.identity.embedding_space.clone()),
                window: Some(window),
            },
            rows,
            metrics: metrics.clone(),
            decision: Some(decision.clone()),
            files,
            body,
        };
        manifest.write(folder.path())?;
        failpoint::reach("training::publish");
        registry.publish(&version, folder.path()).await?;
        let installed = registry.install(&version, models.folder()).await?;
        report.outcome = ModelOutcome::Published;
        report.version = Some(version.clone());
        report.reason = decision.reason;
        report.report_folder = Some(installed);
        (report.rows, report.metrics, report.set_aside, report.trials) = (rows, metrics, set_aside, trials);
        if decision.promoted {
            let changes = Changes::from([(report.kind.clone(), Some(version))]);
            models.set().promote(champions, &changes).await?;
            report.promoted = true;
        }
        report.removed_versions = registry.prune(self.invocation.options.keep()).await?;
        self.track(&scores, report).await;
        Ok(())
    }

    /// Logs the training to the MLflow server, if there is one. A failure is only a warning.
    async fn track(&self, scores: &Value, report: &mut ModelReport) {
        let mut tracking = Tracking::new(self.context.settings.training.mlflow_tracking_uri.as_ref());
        let name = format!("{}/{}", report.kind, report.version.as_deref().unwrap_or_default());
        let text = |name: &str, value: String| (name.to_owned(), value);
        let mut params = Texts::from([
            text("seed", self.invocation.options.seed().to_string()),
            text("rows", report.rows.to_string()),
            text("recipe", scores["chosen"]["recipe"].to_string()),
        ]);
        params.extend(report.currency.iter().map(|currency| text("currency", currency.clone())));
        let tags = [
            text("run_id", self.invocation.run_id.clone()),
            text("data", self.loaded.fingerprint.clone()),
            text("promoted", report.promoted.to_string()),
        ];
        tracking.start(&name, &params, &tags.into()).await;
        tracking.metrics(&report.metrics).await;
        for trial in &report.trials {
            tracking.trial(&tracked(trial)).await;
        }
        if let Some(folder) = &report.report_folder {
            for file in [METRICS, REPORT, "config.json"] {
                tracking.artifact(&folder.join(file)).await;
            }
        }
        tracking.finish().await;
        report.tracking = tracking.state();
    }
}

/// A decision as the report pages show it.
pub(crate) fn page_decision(decision: &Decision) -> PageDecision {
    let Decision { promoted, reason } = decision.clone();
    PageDecision { promoted, reason }
}

/// A trial as MLflow shows it.
fn tracked(trial: &TrialResult) -> Trial {
    let parameters = serde_json::to_value(&trial.parameters).unwrap_or_default();
    let params = parameters.as_object().into_iter().flatten();
    Trial {
        name: format!("trial {}", trial.number),
        params: params.map(|(name, value)| (name.clone(), value.to_string())).collect(),
        metrics: trial.value.map(|loss| ("mae_per_month".to_owned(), loss)).into_iter().collect(),
    }
}

fn metrics_file(scores: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(scores)
        .map_err(|error| Error::internal("cannot serialize metrics").caused_by(error))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).on_path("cannot write", &path)
}

/// Length and checksum of every file in `folder`.
fn files(folder: &Path) -> Result<BTreeMap<String, FileFacts>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), FileFacts::of(&entry.path())?);
    }
    Ok(files)
}
