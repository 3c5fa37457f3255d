//! What is published of a trained salary model.

use chrono::Utc;
use common::artifact::{Decision, Window};
use common::learning::manifest::SalaryBody;
use common::learning::models::predictor::SalaryPredictor;
use common::learning::training::market::Market;
use common::learning::training::page::{Facts, report};
use common::learning::training::salary::Trained;
use common::{Error, Result};

use super::champion::{Champion, score_stored};
use super::scores::scores;
use crate::publish::{self, Publication};
use crate::training::Job;

impl Job<'_> {
    /// What the report says about this run.
    pub(super) fn salary_facts(&self, model: &str, champion: Option<&Champion>) -> Facts {
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
            lineage: self.page_lineage(),
            ..Facts::default()
        }
    }
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

/// A trained model with its scores, its decision and its report.
///
/// # Errors
/// Errors of the stored champion's predictions.
pub(super) fn publication(
    market: &Market<'_>,
    trained: Trained,
    mut facts: Facts,
    stored: Option<&SalaryPredictor>,
) -> Result<Publication<SalaryBody>> {
    let decision = decide(&trained, facts.champion.as_deref());
    facts.stored_champion = stored.map(|stored| score_stored(market, stored)).transpose()?.flatten();
    let moments = || market.ads.iter().map(|ad| ad.moment());
    let (from, to) = (moments().min().unwrap_or_default(), moments().max().unwrap_or_default());
    facts.lineage.trained_on = Some((from.date_naive(), to.date_naive()));
    facts.lineage.training_ads = market.ads.len() as u64;
    facts.lineage.feature_schema_hash.clone_from(&trained.predictor.config.feature_schema);
    let (metrics, scores) = scores(market, &trained)?;
    let config = &trained.predictor.config;
    let recipe = serde_json::to_value(&config.recipe)
        .map_err(|error| Error::internal("cannot serialize a recipe").caused_by(error))?;
    let (cutoffs, rows_by_part) = publish::parts_of(&trained.splits.parts, to);
    let own = publish::Trained {
        recipe,
        features: trained.predictor.stack.transformers.names(),
        feature_schema: config.feature_schema.clone(),
        cutoffs,
        rows_by_part,
        set_aside: market.set_aside.clone(),
        compared_with: trained.champion.as_ref().and(facts.champion.clone()),
    };
    let mut page = report(market, &trained, facts);
    let currency = config.currency.clone();
    let Trained { predictor, chosen, .. } = trained;
    Ok(Publication {
        body: Box::new(move |training| SalaryBody { currency, training }),
        trained: own,
        rows: market.ads.len() as u64,
        window: Window { from, to },
        metrics,
        scores,
        decision,
        trials: chosen.trials,
        save: Box::new(move |folder| predictor.save(folder)),
        page: Box::new(move |version, decision| {
            version.clone_into(&mut page.version);
            page.decision = Some(publish::page_decision(decision));
            page.render()
        }),
    })
}
