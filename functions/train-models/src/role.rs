//! Training of the role classifier, on the ads of all currencies that state a classification.
//!
//! - [`export`]: folds and predictions, for other programs

mod export;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use common::artifact::{Decision, Window};
use common::learning::manifest::{ROLE_CLASSIFIER, RoleBody, metrics};
use common::learning::models::role::labels::MIN_ADS;
use common::learning::models::role::mix::MixRecipe;
use common::learning::training::Observer;
use common::learning::training::role::market::RoleMarket;
use common::learning::training::role::page::{RoleFacts, report};
use common::learning::training::role::{RoleOptions, TrainedRoles, train as train_roles};
use common::{Error, Result, feed};
use serde_json::{Value, json};

use crate::load::Loaded;
use crate::publish::{self, Publication};
use crate::report::ModelReport;
use crate::training::Job;

/// Name of the model.
const MODEL: &str = ROLE_CLASSIFIER.name;
/// Folder of the roles inside that of `--export-folds`.
const EXPORTED: &str = "roles";

/// Trains the role classifier.
///
/// # Errors
/// `NotFound` if too few ads state a classification; errors of the models and of the store.
pub(crate) async fn train(job: &Job<'_>) -> Result<ModelReport> {
    if job.invocation.dry_run {
        let loaded = Arc::clone(&job.loaded);
        let rows =
            feed::blocking(
                "reading ads",
                move || Ok(RoleMarket::new(&loaded.ads, MIN_ADS)?.ads.len() as u64),
            )
            .await?;
        return Ok(job.would_train(MODEL, None, rows));
    }
    let target = job.target(MODEL, None).await?;
    let champion = target.models.champion::<RoleBody>(MODEL, target.champions.as_ref()).await?;
    let (version, manifest) = champion.unzip();
    let recipe: Option<MixRecipe> =
        manifest.flatten().and_then(|manifest| serde_json::from_value(manifest.body.training.recipe).ok());
    let options = RoleOptions {
        quick: job.invocation.options.quick,
        ..RoleOptions::new(job.invocation.options.seed(), job.context.settings.training.threads.count())
    };
    let facts = RoleFacts {
        kind: MODEL.to_owned(),
        created_at: Utc::now(),
        ads: job.loaded.count.ads + job.loaded.count.without_embedding,
        champion: version,
        lineage: job.page_lineage(),
        ..RoleFacts::default()
    };
    let folder = job.invocation.options.export_folds.as_ref().map(|folder| folder.join(EXPORTED));
    let train = move |loaded: &Loaded, observer: &dyn Observer| {
        let market = RoleMarket::new(&loaded.ads, options.min_class_ads)?;
        let Some(trained) = train_roles(&market, &options, recipe.as_ref(), observer)? else {
            return Ok(None);
        };
        if let Some(folder) = &folder {
            export::write(folder, &market, &trained)?;
        }
        Ok(Some(publication(&market, trained, facts)?))
    };
    job.train(target, train).await
}

/// Whether the new recipe is better than the champion's on the test window.
fn decide(trained: &TrainedRoles, champion: Option<&str>) -> Decision {
    let own = trained.test.scores.last().map_or(f64::NAN, |own| own.metrics.macro_f1);
    let (promoted, reason) = match (&trained.champion, champion) {
        (_, None) => (true, "there was no champion".to_owned()),
        (None, Some(version)) => {
            (true, format!("the recipe of the champion {version} cannot be fitted by this program"))
        }
        (Some((scored, paired)), Some(version)) => {
            let sentence = format!(
                "macro-F1 {own:.3} against {:.3} of the recipe of {version} on {} test ads, difference {:.3} to {:.3}",
                scored.metrics.macro_f1,
                trained.test.rows.len(),
                paired.macro_f1.low,
                paired.macro_f1.high
            );
            (own >= scored.metrics.macro_f1, sentence)
        }
    };
    Decision { promoted, reason }
}

fn publication(
    market: &RoleMarket<'_>,
    trained: TrainedRoles,
    mut facts: RoleFacts,
) -> Result<Publication<RoleBody>> {
    let decision = decide(&trained, facts.champion.as_deref());
    let moments = || market.ads.iter().map(|ad| ad.moment());
    let (from, to) = (moments().min().unwrap_or_default(), moments().max().unwrap_or_default());
    let (cutoffs, rows_by_part) = publish::parts_of(&trained.splits.parts, to);
    let config = &trained.classifier.config;
    facts.lineage.trained_on = Some((from.date_naive(), to.date_naive()));
    facts.lineage.training_ads = market.ads.len() as u64;
    facts.lineage.feature_schema_hash.clone_from(&config.feature_schema);
    let own = publish::Trained {
        recipe: serde_json::to_value(&config.recipe)
            .map_err(|error| Error::internal("cannot serialize a recipe").caused_by(error))?,
        features: trained.classifier.feature_names(),
        feature_schema: config.feature_schema.clone(),
        cutoffs,
        rows_by_part,
        set_aside: BTreeMap::new(),
        compared_with: trained.champion.as_ref().and(facts.champion.clone()),
    };
    let (metrics, scores) = (headlines(&trained), scores(&trained));
    let mut page = report(market, &trained, facts);
    let (classes, classifier) = (market.labels.names(), trained.classifier);
    Ok(Publication {
        body: Box::new(move |training| RoleBody { classes, training }),
        trained: own,
        rows: market.ads.len() as u64,
        window: Window { from, to },
        metrics,
        scores,
        decision,
        trials: Vec::new(),
        save: Box::new(move |folder| classifier.save(folder)),
        page: Box::new(move |version, decision| {
            version.clone_into(&mut page.version);
            page.decision = Some(publish::page_decision(decision));
            page.render()
        }),
    })
}

fn headlines(trained: &TrainedRoles) -> BTreeMap<String, f64> {
    let mut named: Vec<(&str, f64)> = Vec::new();
    if let Some(scored) = trained.walk_forward.scores.last() {
        named.extend([
            (metrics::WALK_FORWARD_MACRO_F1, scored.metrics.macro_f1),
            (metrics::WALK_FORWARD_TOP_3, scored.metrics.top_3),
            (metrics::ROLE_CALIBRATION_ERROR, scored.reliability.error),
        ]);
    }
    if let Some(scored) = trained.test.scores.last() {
        named.extend([
            (metrics::TEST_MACRO_F1, scored.metrics.macro_f1),
            (metrics::TEST_TOP_3, scored.metrics.top_3),
        ]);
    }
    named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn scores(trained: &TrainedRoles) -> Value {
    let config = &trained.classifier.config;
    json!({
        "walk_forward": trained.walk_forward.scores,
        "walk_forward_calibrated_on_earlier_folds": trained.calibrated_before,
        "walk_forward_against": trained.walk_forward.against,
        "walk_forward_by_class": trained.walk_forward.by_class,
        "walk_forward_confusion": trained.walk_forward.confusion,
        "test": trained.test.scores,
        "test_against": trained.test.against,
        "test_by_class": trained.test.by_class,
        "chosen": { "recipe": config.recipe, "calibration": config.calibration },
        "champion": trained.champion,
        "ceiling_of_identical_texts": trained.ceiling,
        "telling_words": trained.words,
    })
}
