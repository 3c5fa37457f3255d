//! Ads, folds and predictions as files, for other programs that are judged on the same folds.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Array, Float64Array, Int64Array, ListBuilder, PrimitiveBuilder, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::Float32Type;
use common::error::OnPath;
use common::learning::training::market::Market;
use common::learning::training::salary::Trained;
use common::learning::training::trials::{TrialMatrix, trial_fit};
use common::learning::{Ad, training};

use common::mask::mask_pay;
use common::{Error, Result};
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value, json};

/// Writes to `folder`:
/// - `folds.json`: `rows`, the ads, and `folds`, each with the rows of `train` and `test`
/// - `ads.parquet`: what the models read of each ad, with stated pay masked, its family and its pay
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
    std::fs::create_dir_all(folder).on_path("cannot create", folder)?;
    let rows: Vec<Value> =
        market.ads.iter().map(|ad| json!({ "source": ad.source, "job_id": ad.job_id })).collect();
    let folds: Vec<Value> =
        trained.folds.iter().map(|fold| json!({ "train": fold.train, "test": fold.test })).collect();
    write_json(&folder.join("folds.json"), &json!({ "rows": rows, "folds": folds }))?;
    let published = trained.walk_forward.predictions.last().map(|own| own.model.as_str());
    write_json(
        &folder.join("predictions.json"),
        &json!({ "published": published, "models": predictions(trained) }),
    )?;
    write_ads(&folder.join("ads.parquet"), market)?;
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

fn write_ads(path: &Path, market: &Market<'_>) -> Result<()> {
    let ads = &market.ads;
    let text = |of: fn(&Ad) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(ads.iter().map(|ad| of(ad))))
    };
    let number = |of: fn(&Ad) -> Option<f64>| -> ArrayRef {
        Arc::new(ads.iter().map(|ad| of(ad)).collect::<Float64Array>())
    };
    let families: Int64Array = market.data.families.iter().map(|family| Some(i64::from(*family))).collect();
    let posted: TimestampMicrosecondArray =
        ads.iter().map(|ad| ad.posted.map(|posted| posted.timestamp_micros())).collect();
    let seen: TimestampMicrosecondArray = ads.iter().map(|ad| Some(ad.seen.timestamp_micros())).collect();
    let mut vectors = ListBuilder::new(PrimitiveBuilder::<Float32Type>::new());
    for ad in ads {
        vectors.values().append_slice(ad.salary_embedding());
        vectors.append(true);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("source", text(|ad| ad.source.clone())),
        ("job_id", text(|ad| ad.job_id.clone())),
        ("family", Arc::new(families)),
        ("title", text(|ad| mask_pay(&ad.title).into_owned())),
        ("description", text(|ad| mask_pay(&ad.description).into_owned())),
        ("location", text(|ad| ad.location.clone())),
        ("classification", text(|ad| ad.classification.clone())),
        ("work_type", text(|ad| mask_pay(&ad.work_type).into_owned())),
        ("company_name", text(|ad| ad.company_name.clone())),
        ("company_industry", text(|ad| ad.company_industry.clone())),
        ("company_size", text(|ad| ad.company_size.clone())),
        ("salary_min_per_month", number(|ad| ad.salary_min_per_month)),
        ("salary_max_per_month", number(|ad| ad.salary_max_per_month)),
        ("posted", Arc::new(posted.with_timezone_utc())),
        ("seen", Arc::new(seen.with_timezone_utc())),
        ("embedding", Arc::new(vectors.finish())),
    ];
    write_columns(path, columns)
}

fn write_columns(path: &Path, columns: Vec<(&str, ArrayRef)>) -> Result<()> {
    let failed =
        |error: &dyn std::fmt::Display| Error::internal(format!("cannot write {}: {error}", path.display()));
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .map_err(|error| failed(&error))?;
    let file = File::create(path).on_path("cannot create", path)?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(|error| failed(&error))?;
    writer.write(&batch).map_err(|error| failed(&error))?;
    writer.close().map_err(|error| failed(&error))?;
    Ok(())
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_vec(value)
        .map_err(|error| Error::internal("cannot serialize to JSON").caused_by(error))?;
    std::fs::write(path, text).on_path("cannot write", path)
}
