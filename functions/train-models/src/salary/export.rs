//! Folds, predictions and trials of salaries as files.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, UInt32Array};
use common::Result;
use common::learning::training;
use common::learning::training::market::Market;
use common::learning::training::salary::Trained;
use common::learning::training::trials::{TrialMatrix, trial_fit};
use serde_json::{Map, Value, json};

use crate::export::{ExportedAds, write_columns, write_folds, write_json};

/// Writes to `folder`:
/// - what [`write_folds`] writes
/// - `predictions.json`: what each model predicts for the test rows of each fold, and the name of the published one
/// - after a search, `matrix.parquet`, the columns of its trials with `label`, `weight` and `fold`, and `trials.json`, their
///   parameters with LightGBM's seconds
///
/// # Errors
/// Errors of the file system.
pub(super) fn write(
    folder: &Path,
    market: &Market<'_>,
    trained: &Trained,
    options: &training::Options,
) -> Result<()> {
    let classifications: Vec<&str> = market.ads.iter().map(|ad| ad.classification.as_str()).collect();
    let ads =
        ExportedAds { ads: &market.ads, families: &market.data.families, classifications: &classifications };
    write_folds(folder, &ads, &trained.folds)?;
    let published = trained.walk_forward.predictions.last().map(|own| own.model.as_str());
    write_json(
        &folder.join("predictions.json"),
        &json!({ "published": published, "models": predictions(trained) }),
    )?;
    if trained.chosen.timed.is_empty() {
        return Ok(());
    }
    let matrix = TrialMatrix::new(market, &trained.splits, &trained.chosen.recipe)?;
    write_json(&folder.join("trials.json"), &trials(&matrix, trained, options))?;
    write_matrix(&folder.join("matrix.parquet"), &matrix)
}

/// The trials of this run that saw all folds, as other interfaces of LightGBM read them.
fn trials(matrix: &TrialMatrix, trained: &Trained, options: &training::Options) -> Value {
    let parameters = trained.chosen.timed.iter().map(|timed| {
        let fit = trial_fit(&timed.parameters, options);
        let mut named: Map<String, Value> = fit
            .in_words(matrix.targets.len())
            .values()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        named.insert("num_iterations".to_owned(), json!(timed.parameters.rounds));
        Value::Object(named)
    });
    let categorical: Vec<&String> = matrix.categorical.iter().map(|column| &matrix.names[*column]).collect();
    json!({
        "parameters": parameters.collect::<Vec<_>>(),
        "categorical": categorical,
        "seconds": trained.chosen.timed.iter().map(|timed| timed.seconds).sum::<f64>(),
    })
}

fn write_matrix(path: &Path, matrix: &TrialMatrix) -> Result<()> {
    let width = matrix.names.len();
    let column = |at: usize| -> ArrayRef {
        Arc::new(
            matrix.columns.iter().skip(at).step_by(width).map(|value| Some(*value)).collect::<Float32Array>(),
        )
    };
    let mut columns: Vec<(&str, ArrayRef)> =
        matrix.names.iter().enumerate().map(|(at, name)| (name.as_str(), column(at))).collect();
    columns.push(("label", Arc::new(Float64Array::from(matrix.targets.clone()))));
    columns.push(("weight", Arc::new(Float64Array::from(matrix.weights.clone()))));
    columns.push(("fold", Arc::new(UInt32Array::from(matrix.folds.clone()))));
    write_columns(path, columns)
}

/// Salaries per month by model and fold.
fn predictions(trained: &Trained) -> Map<String, Value> {
    let models = trained.walk_forward.predictions.iter().map(|own| {
        let salaries = own.salaries();
        let mut rest = salaries.as_slice();
        let folds: Vec<Value> = trained
            .folds
            .iter()
            .map(|fold| {
                let (of_fold, after) = rest.split_at(fold.test.len().min(rest.len()));
                rest = after;
                json!(of_fold)
            })
            .collect();
        (own.model.clone(), json!({ "folds": folds }))
    });
    models.collect()
}
