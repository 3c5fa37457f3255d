//! From a trained model to a published version: its files, metrics and report, and whether it becomes the champion.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Utc;
use common::artifact::{Decision, FileFacts, Provenance, Window};
use common::learning::manifest::{Cutoffs, Lineage, Manifest, SALARY_PREDICTOR, SalaryBody, TrainingFacts};
use common::learning::models::predictor::SalaryPredictor;
use common::learning::report::salary::{self as page, SalaryReport};
use common::learning::training::market::Market;
use common::learning::training::page::{Facts, report};
use common::learning::training::salary::Trained;
use common::storage::registry::Champions;
use common::storage::registry::champions::Changes;
use common::storage::staging::StagingFolder;
use common::{Error, Result, failpoint, feed};
use serde_json::Value;

use super::Job;
use super::champion::{Champion, score_stored};
use super::scores::scores;
use crate::experiments::{Tracking, Trial};
use crate::models::Models;
use crate::report::{ModelOutcome, ModelReport};

const METRICS: &str = "metrics.json";
const REPORT: &str = "report.html";

/// What is published besides the model.
pub(super) struct Publication {
    pub(super) rows: u64,
    pub(super) set_aside: BTreeMap<String, u64>,
    pub(super) metrics: BTreeMap<String, f64>,
    /// All scores, for `metrics.json`: the same for the same ads and seed.
    scores: Value,
    page: SalaryReport,
    cutoffs: Cutoffs,
    window: Window,
    rows_by_part: BTreeMap<String, u64>,
    decision: Decision,
}

impl Job<'_> {
    /// What the report says about this run.
    pub(super) fn facts(&self, model: &str, champion: Option<&Champion>) -> Facts {
        let count = &self.loaded.count;
        let currencies = super::currencies(&self.loaded.ads).into_iter().map(|(currency, ads)| {
            let outcome = if self.left_out.contains_key(&currency) {
                "left out: too few salaries"
            } else if super::model_name(&currency) == model {
                "this model"
            } else {
                "a model of its own"
            };
            (currency, ads, outcome.to_owned())
        });
        Facts {
            kind: model.to_owned(),
            created_at: Utc::now(),
            ads: count.ads + count.without_embedding,
            currencies: currencies.collect(),
            champion: champion.map(|champion| champion.version.clone()),
            champion_features: champion.map(|champion| champion.features.clone()).unwrap_or_default(),
            lineage: page::Lineage {
                embedding_model_version: self.identity.model_version.clone(),
                code_version: crate::FUNCTION.version.to_owned(),
                seed: self.invocation.options.seed(),
                ..page::Lineage::default()
            },
            ..Facts::default()
        }
    }
}

/// Scores of the trained model, its decision and its report.
///
/// # Errors
/// Errors of the stored champion's predictions.
pub(super) fn prepare(
    market: &Market<'_>,
    trained: &Trained,
    mut facts: Facts,
    stored: Option<&SalaryPredictor>,
) -> Result<Publication> {
    let decision = decide(trained, facts.champion.as_deref());
    facts.stored_champion = stored.map(|stored| score_stored(market, stored)).transpose()?.flatten();
    facts.decision = Some((decision.promoted, decision.reason.clone()));
    let moments = || market.ads.iter().map(|ad| ad.moment());
    let (from, to) = (moments().min().unwrap_or_default(), moments().max().unwrap_or_default());
    facts.lineage.trained_on = Some((from.date_naive(), to.date_naive()));
    facts.lineage.training_ads = market.ads.len() as u64;
    facts.lineage.feature_schema_hash.clone_from(&trained.predictor.config.feature_schema);
    let parts = &trained.splits.parts;
    let rows_by_part = [("train", &parts.train), ("validation", &parts.validation), ("test", &parts.test)];
    let (metrics, scores) = scores(market, trained)?;
    Ok(Publication {
        rows: market.ads.len() as u64,
        set_aside: market.set_aside.clone(),
        metrics,
        scores,
        page: report(market, trained, facts),
        cutoffs: Cutoffs {
            validation_from: parts.validation_from.unwrap_or(to),
            test_from: parts.test_from.unwrap_or(to),
        },
        window: Window { from, to },
        rows_by_part: rows_by_part
            .into_iter()
            .map(|(name, rows)| (name.to_owned(), rows.len() as u64))
            .collect(),
        decision,
    })
}

/// Whether the new recipe is better than the champion's on the test window.
fn decide(trained: &Trained, champion: Option<&str>) -> Decision {
    let (promoted, reason) = match (&trained.champion, champion) {
        (_, None) => (true, "there was no champion".to_owned()),
        (None, Some(version)) => {
            (true, format!("the recipe of the champion {version} cannot be fitted by this program"))
        }
        (Some((scored, paired)), Some(version)) => {
            let own = trained.test.scores.last().map_or(f64::NAN, |own| own.metrics.mae);
            let sentence = format!(
                "mean absolute error {own:.0} against {:.0} of the recipe of {version} on {} test ads, difference {:.0} to {:.0}",
                scored.metrics.mae,
                trained.test.rows.len(),
                paired.mae.low,
                paired.mae.high
            );
            (own <= scored.metrics.mae, sentence)
        }
    };
    Decision { promoted, reason }
}

/// Writes the model's files, publishes them as a new version, and promotes it if the decision says so.
///
/// # Errors
/// Errors of the file system and of the store; `Conflict` if another run promoted a version of the same model.
pub(super) async fn publish(
    job: &Job<'_>,
    models: &Models<'_>,
    champions: Option<&Champions>,
    trained: Trained,
    mut publication: Publication,
    report: &mut ModelReport,
) -> Result<()> {
    let registry = models.registry(&report.kind);
    let folder = StagingFolder::create(&job.context.settings.training.training_dir).await?;
    let version = registry.claim().await?;
    if job.invocation.options.no_promote {
        publication.decision = Decision { promoted: false, reason: "--no-promote".to_owned() };
        publication.page.decision =
            Some(page::Decision { promoted: false, reason: publication.decision.reason.clone() });
    }
    publication.page.version.clone_from(&version);
    let mut manifest = manifest(job, &trained, &publication, &version)?;
    let path = folder.path().to_owned();
    let (scores, html) = (publication.scores.clone(), publication.page.render());
    manifest.files = feed::blocking("writing the model", move || {
        failpoint::reach("training::write");
        trained.predictor.save(&path)?;
        let text = serde_json::to_vec_pretty(&scores)
            .map_err(|error| Error::internal("cannot serialize metrics").caused_by(error))?;
        write(&path, METRICS, &text)?;
        write(&path, REPORT, html.as_bytes())?;
        files(&path)
    })
    .await?;
    manifest.write(folder.path())?;
    failpoint::reach("training::publish");
    registry.publish(&version, folder.path()).await?;
    report.outcome = ModelOutcome::Published;
    report.version = Some(version.clone());
    report.reason.clone_from(&publication.decision.reason);
    let installed = registry.install(&version, models.folder()).await?;
    report.report_folder = Some(installed.clone());
    if publication.decision.promoted {
        let changes = Changes::from([(report.kind.clone(), Some(version.clone()))]);
        models.set().promote(champions, &changes).await?;
        report.promoted = true;
    }
    track(job, &publication, &installed, report).await;
    Ok(())
}

fn manifest(
    job: &Job<'_>,
    trained: &Trained,
    publication: &Publication,
    version: &str,
) -> Result<Manifest<SalaryBody>> {
    let config = &trained.predictor.config;
    let recipe = serde_json::to_value(&config.recipe)
        .map_err(|error| Error::internal("cannot serialize a recipe").caused_by(error))?;
    Ok(Manifest {
        kind: SALARY_PREDICTOR.name.to_owned(),
        format: SALARY_PREDICTOR.format,
        version: version.to_owned(),
        created_at: Utc::now(),
        provenance: Provenance {
            code_version: crate::FUNCTION.version.to_owned(),
            embedding_space: Some(job.identity.embedding_space.clone()),
            window: Some(publication.window.clone()),
        },
        rows: publication.rows,
        metrics: publication.metrics.clone(),
        decision: Some(publication.decision.clone()),
        files: BTreeMap::new(),
        body: SalaryBody {
            currency: config.currency.clone(),
            training: TrainingFacts {
                recipe,
                features: trained.predictor.stack.transformers.names(),
                feature_schema: config.feature_schema.clone(),
                embedding_model_version: Some(job.identity.model_version.clone()),
                seed: config.recipe.seed,
                trained_until: config.trained_until,
                cutoffs: publication.cutoffs,
                rows_by_part: publication.rows_by_part.clone(),
                set_aside: publication.set_aside.clone(),
                lineage: Lineage {
                    run_id: job.invocation.run_id.clone(),
                    warehouse: job.context.storage.settings().warehouse_url.to_string(),
                    data: job.loaded.fingerprint.clone(),
                    compared_with: publication
                        .page
                        .champion
                        .as_ref()
                        .map(|champion| champion.version.clone()),
                },
            },
        },
    })
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, bytes)
        .map_err(|error| Error::from(error).context(format!("cannot write {}", path.display())))
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

/// Logs the training to the MLflow server, if there is one. A failure is only a warning.
async fn track(job: &Job<'_>, publication: &Publication, folder: &Path, report: &mut ModelReport) {
    let mut tracking = Tracking::new(job.context.settings.training.mlflow_tracking_uri.as_ref());
    let name = format!("{}/{}", report.kind, report.version.as_deref().unwrap_or_default());
    let text = |name: &str, value: String| (name.to_owned(), value);
    let params = [
        text("currency", report.currency.clone()),
        text("seed", job.invocation.options.seed().to_string()),
        text("rows", report.rows.to_string()),
        text("recipe", publication.scores["chosen"]["recipe"].to_string()),
    ];
    let tags = [
        text("run_id", job.invocation.run_id.clone()),
        text("data", job.loaded.fingerprint.clone()),
        text("promoted", report.promoted.to_string()),
    ];
    tracking.start(&name, &params.into(), &tags.into()).await;
    tracking.metrics(&report.metrics).await;
    for trial in &publication.page.trials {
        let metrics = trial.loss.map(|loss| ("mae_per_month".to_owned(), loss)).into_iter().collect();
        let name = format!("trial {}", trial.number);
        tracking.trial(&Trial { name, params: trial.parameters.iter().cloned().collect(), metrics }).await;
    }
    for file in [METRICS, REPORT, "config.json"] {
        tracking.artifact(&folder.join(file)).await;
    }
    tracking.finish().await;
    report.tracking = tracking.state();
}
