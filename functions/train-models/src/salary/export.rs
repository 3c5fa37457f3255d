//! Folds and predictions as files, for other programs that are judged on the same folds.

use std::path::Path;

use common::error::OnPath;
use common::learning::training::market::Market;
use common::learning::training::salary::Trained;
use common::{Error, Result};
use serde_json::{Value, json};

/// Writes `folds-CURRENCY.json` and `predictions-CURRENCY.json` to `folder`: rows are indices into `rows` of the former.
///
/// # Errors
/// Errors of the file system.
pub(super) fn write(folder: &Path, market: &Market<'_>, trained: &Trained) -> Result<()> {
    std::fs::create_dir_all(folder).on_path("cannot create", folder)?;
    let rows: Vec<Value> = market
        .ads
        .iter()
        .zip(&market.data.families)
        .zip(&market.data.log_salaries)
        .map(|((ad, family), log)| {
            json!({ "source": ad.source, "job_id": ad.job_id, "family": family, "salary_per_month": log.exp() })
        })
        .collect();
    let folds: Vec<Value> =
        trained.folds.iter().map(|fold| json!({ "train": fold.train, "test": fold.test })).collect();
    let predictions: Vec<Value> = trained
        .walk_forward
        .predictions
        .iter()
        .map(|own| {
            json!({
                "model": own.model,
                "salaries_per_month": own.salaries(),
                "fit_seconds": own.fit_seconds,
                "predict_seconds": own.predict_seconds,
            })
        })
        .collect();
    let judged = &trained.walk_forward.rows;
    let currency = market.currency.to_lowercase();
    write_json(folder, &format!("folds-{currency}.json"), &json!({ "rows": rows, "folds": folds }))?;
    let document = json!({ "rows": judged, "models": predictions });
    write_json(folder, &format!("predictions-{currency}.json"), &document)
}

fn write_json(folder: &Path, name: &str, value: &Value) -> Result<()> {
    let path = folder.join(name);
    let text = serde_json::to_vec(value)
        .map_err(|error| Error::internal("cannot serialize to JSON").caused_by(error))?;
    std::fs::write(&path, text).on_path("cannot write", &path)
}
