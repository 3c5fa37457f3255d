//! The champion before a run: its recipe is fitted again for a comparison, the stored model is scored on later ads.

use common::learning::manifest::SalaryBody;
use common::learning::models::predictor::SalaryPredictor;
use common::learning::models::stack::StackRecipe;
use common::learning::report::salary::{Estimate, StoredChampion};
use common::learning::training::market::Market;
use common::storage::registry::Champions;
use common::{Result, feed};

use crate::models::Models;

/// The champion of a model before a run. Of a damaged one only the version is known: it does not prevent a new one.
pub(super) struct Champion {
    pub(super) version: String,
    pub(super) features: Vec<String>,
    /// Its recipe, if this program knows all of it.
    pub(super) recipe: Option<StackRecipe>,
    /// The stored model, if it can be read.
    pub(super) predictor: Option<SalaryPredictor>,
}

impl Champion {
    /// Loads the champion of `model`, if there is one.
    pub(super) async fn load(
        models: &Models<'_>,
        model: &str,
        champions: Option<&Champions>,
    ) -> Result<Option<Self>> {
        let Some((version, manifest)) = models.champion::<SalaryBody>(model, champions).await? else {
            return Ok(None);
        };
        let Some(manifest) = manifest else {
            return Ok(Some(Self { version, features: Vec::new(), recipe: None, predictor: None }));
        };
        let predictor = match models.registry(model).install(&version, models.folder()).await {
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
            version,
            features: manifest.body.training.features,
            recipe: serde_json::from_value(manifest.body.training.recipe).ok(),
            predictor,
        }))
    }
}

/// The stored champion on ads that were posted after it was trained; `None` without such ads.
pub(super) fn score_stored(market: &Market<'_>, stored: &SalaryPredictor) -> Result<Option<StoredChampion>> {
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
