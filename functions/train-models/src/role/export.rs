//! Folds and predictions of roles as files.

use std::path::Path;

use common::Result;
use common::learning::evaluation::classification::{TOP, top_classes};
use common::learning::training::role::TrainedRoles;
use common::learning::training::role::judge::RolePredictions;
use common::learning::training::role::market::RoleMarket;
use serde_json::{Map, Value, json};

use crate::export::{ExportedAds, write_folds, write_json};

/// Writes to `folder`:
/// - what [`write_folds`] writes, with the class of each ad as its classification
/// - `predictions.json`: what each model predicts for the test ads of each fold, and the name of the published one
///
/// # Errors
/// Errors of the file system.
pub(super) fn write(folder: &Path, market: &RoleMarket<'_>, trained: &TrainedRoles) -> Result<()> {
    let classes: Vec<&str> = market.data.labels.iter().map(|label| market.labels.name(*label)).collect();
    let ads = ExportedAds { ads: &market.ads, families: &market.data.families, classifications: &classes };
    write_folds(folder, &ads, &trained.folds)?;
    let predictions = &trained.walk_forward.predictions;
    let models: Map<String, Value> = predictions
        .iter()
        .map(|own| (own.model.clone(), json!({ "folds": folds(own, market, trained) })))
        .collect();
    let published = predictions.last().map(|own| own.model.as_str());
    write_json(&folder.join("predictions.json"), &json!({ "published": published, "models": models }))
}

/// For each fold the `labels` of its test ads, and the `top` classes of each, the most probable first.
fn folds(own: &RolePredictions, market: &RoleMarket<'_>, trained: &TrainedRoles) -> Vec<Value> {
    let name = |class: u32| market.labels.name(class);
    let mut labels = own.decisions.labels.iter();
    let mut rows = own.decisions.probabilities.chunks_exact(market.data.classes.max(1));
    let fold = |test: &Vec<u32>| {
        let labels: Vec<&str> = labels.by_ref().take(test.len()).map(|label| name(*label)).collect();
        let best = |row: &[f64]| top_classes(row, TOP).into_iter().map(name).collect();
        let top: Vec<Vec<&str>> = rows.by_ref().take(test.len()).map(best).collect();
        json!({ "labels": labels, "top": top })
    };
    trained.folds.iter().map(|fold| &fold.test).map(fold).collect()
}
