//! From a trained model to a published version: its files, metrics and report, and whether it becomes the champion.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::Utc;
use common::artifact::{Decision, FileFacts, Provenance, Window};
use common::learning::manifest::{Cutoffs, KIND, Lineage, Manifest, SalaryBody, metrics};
use common::learning::models::predictor::SalaryPredictor;
use common::learning::models::stack::StackRecipe;
use common::learning::report::salary::{self as page, Estimate, SalaryReport, StoredChampion};
use common::learning::training::judge::IntervalScores;
use common::learning::training::market::Market;
use common::learning::training::page::{Facts, report};
use common::learning::training::salary::Trained;
use common::storage::registry::Champions;
use common::storage::registry::champions::Changes;
use common::storage::staging::StagingFolder;
use common::{Error, ErrorKind, Result, failpoint, feed};
use serde_json::{Value, json};

use super::Job;
use crate::experiments::{Status, Tracking, Trial};
use crate::models::Models;
use crate::report::{ModelOutcome, ModelReport};

const METRICS: &str = "metrics.json";
const REPORT: &str = "report.html";

/// The champion of a model before a run.
pub(super) struct Champion {
    version: String,
    features: Vec<String>,
    /// Its recipe, if this program knows all of it.
    pub(super) recipe: Option<StackRecipe>,
    /// The stored model, if it can be read.
    pub(super) predictor: Option<SalaryPredictor>,
}

impl Champion {
    /// Loads the champion of `model`, if there is one. One that cannot be read counts as none: a damaged champion does not
    /// prevent a new one.
    pub(super) async fn load(
        models: &Models<'_>,
        model: &str,
        champions: Option<&Champions>,
    ) -> Result<Option<Self>> {
        let Some(version) = champions.and_then(|set| set.models.get(model)) else { return Ok(None) };
        let registry = models.registry(model);
        let manifest: Manifest = match registry.manifest(version).await {
            Ok(manifest) => manifest,
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                tracing::warn!(
                    "the champion {model}/{version} cannot be read; training without it: {}",
                    error.chain()
                );
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let predictor = match registry.install(version, models.folder()).await {
            Ok(folder) => {
                feed::blocking("reading the champion", move || SalaryPredictor::load(&folder)).await
            }
            Err(error) => Err(error),
        };
        let predictor = predictor
            .inspect_err(|error| {
                tracing::warn!("the champion {model}/{version} cannot be scored: {}", error.chain());
            })
            .ok();
        Ok(Some(Self {
            version: version.clone(),
            features: manifest.body.features,
            recipe: serde_json::from_value(manifest.body.recipe).ok(),
            predictor,
        }))
    }
}

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
    let intervals = IntervalScores::of(market, &trained.walk_forward)?;
    let scores = json!({
        "walk_forward": trained.walk_forward.scores,
        "walk_forward_against": trained.walk_forward.against,
        "test": trained.test.scores,
        "test_against": trained.test.against,
        "intervals": intervals,
        "chosen": trained.chosen,
        "champion": trained.champion,
        "set_aside": market.set_aside,
    });
    Ok(Publication {
        rows: market.ads.len() as u64,
        set_aside: market.set_aside.clone(),
        metrics: headlines(trained, &intervals),
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

/// The stored champion on ads that were posted after it was trained; `None` without such ads.
fn score_stored(market: &Market<'_>, stored: &SalaryPredictor) -> Result<Option<StoredChampion>> {
    let until = stored.config.trained_until;
    let later: Vec<_> = market.ads.iter().copied().filter(|ad| ad.moment() > until).collect();
    if later.is_empty() {
        return Ok(None);
    }
    let metrics = stored.evaluate(&later)?;
    Ok(Some(StoredChampion {
        trained_until: Some(until.date_naive()),
        ads: later.len() as u64,
        mae: Estimate::of(metrics.mae),
        r2: metrics.r2.map(Estimate::of).unwrap_or_default(),
    }))
}

fn headlines(trained: &Trained, intervals: &IntervalScores) -> BTreeMap<String, f64> {
    let mut named: Vec<(&str, Option<f64>)> = Vec::new();
    if let Some(scored) = trained.walk_forward.scores.last() {
        named.extend([
            (metrics::WALK_FORWARD_MAE, Some(scored.metrics.mae)),
            (metrics::WALK_FORWARD_MAE_LOW, Some(scored.intervals.mae.low)),
            (metrics::WALK_FORWARD_MAE_HIGH, Some(scored.intervals.mae.high)),
            (metrics::WALK_FORWARD_R2, scored.metrics.r2),
        ]);
    }
    if let Some(scored) = trained.test.scores.last() {
        named.extend([
            (metrics::TEST_MAE, Some(scored.metrics.mae)),
            (metrics::TEST_RMSE, Some(scored.metrics.rmse)),
            (metrics::TEST_R2, scored.metrics.r2),
            (metrics::TEST_MAPE, scored.metrics.mape),
            (metrics::TEST_MEDIAN_APE, scored.metrics.median_ape),
        ]);
    }
    named.extend([
        (metrics::COVERAGE_90, intervals.coverage.as_ref().map(|report| report.all.coverage)),
        (metrics::INTERVAL_RATIO, intervals.coverage.as_ref().map(|report| report.all.width_ratio)),
        (metrics::CONFIDENCE_ERROR, intervals.reliability.as_ref().map(|found| found.error)),
    ]);
    let finite = named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|v| v.is_finite())?)));
    finite.collect()
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

fn manifest(job: &Job<'_>, trained: &Trained, publication: &Publication, version: &str) -> Result<Manifest> {
    let config = &trained.predictor.config;
    let recipe = serde_json::to_value(&config.recipe)
        .map_err(|error| Error::internal("cannot serialize a recipe").caused_by(error))?;
    Ok(Manifest {
        kind: KIND.name.to_owned(),
        format: KIND.format,
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
                compared_with: publication.page.champion.as_ref().map(|champion| champion.version.clone()),
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
    tracking.finish(Status::Finished).await;
    report.tracking = tracking.state();
}
