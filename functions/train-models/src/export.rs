//! Ads, folds and predictions as files, for other programs that are judged on the same folds.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListBuilder, PrimitiveBuilder, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::Float32Type;
use common::error::OnPath;
use common::learning::Ad;
use common::learning::evaluation::split::Fold;
use common::mask::mask_pay;
use common::{Error, Result};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

/// The ads of a training beside what it knows of them: lists of equal length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExportedAds<'a> {
    pub(crate) ads: &'a [&'a Ad],
    /// Family of reposts of each ad.
    pub(crate) families: &'a [u32],
    /// Classification of each ad.
    pub(crate) classifications: &'a [&'a str],
}

/// Creates `folder`, and writes to it:
/// - `folds.json`: `rows`, the ads, and `folds`, each with the rows of `train` and `test`
/// - `ads.parquet`: what the models read of each ad, with stated pay masked, its family and its pay
///
/// # Errors
/// Errors of the file system.
pub(crate) fn write_folds(folder: &Path, ads: &ExportedAds<'_>, folds: &[Fold]) -> Result<()> {
    std::fs::create_dir_all(folder).on_path("cannot create", folder)?;
    let rows: Vec<Value> =
        ads.ads.iter().map(|ad| json!({ "source": ad.source, "job_id": ad.job_id })).collect();
    let folds: Vec<Value> =
        folds.iter().map(|fold| json!({ "train": fold.train, "test": fold.test })).collect();
    write_json(&folder.join("folds.json"), &json!({ "rows": rows, "folds": folds }))?;
    write_ads(&folder.join("ads.parquet"), ads)
}

fn write_ads(path: &Path, exported: &ExportedAds<'_>) -> Result<()> {
    let ExportedAds { ads, families, classifications } = *exported;
    let text = |of: fn(&Ad) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(ads.iter().map(|ad| of(ad))))
    };
    let number = |of: fn(&Ad) -> Option<f64>| -> ArrayRef {
        Arc::new(ads.iter().map(|ad| of(ad)).collect::<Float64Array>())
    };
    let families: Int64Array = families.iter().map(|family| Some(i64::from(*family))).collect();
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
        ("classification", Arc::new(StringArray::from_iter_values(classifications))),
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

/// Writes columns of equal length to a Parquet file.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn write_columns(path: &Path, columns: Vec<(&str, ArrayRef)>) -> Result<()> {
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

/// Writes a JSON file.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_vec(value)
        .map_err(|error| Error::internal("cannot serialize to JSON").caused_by(error))?;
    std::fs::write(path, text).on_path("cannot write", path)
}
