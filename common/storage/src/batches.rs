//! Converts rows to Arrow batches before they are written to a warehouse. Columns are in the order of the tables in
//! `infra`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use common_core::job::{JobAd, JobKey, Timestamp};
use common_core::{Error, Result, pay};

use crate::warehouse::{EmbeddingRow, FeatureRow, FeatureSet, FilterColumns, PredictionRow, SharedRow};

type Columns = Vec<(&'static str, ArrayRef)>;

pub(crate) fn jobs(rows: &[JobAd]) -> Result<RecordBatch> {
    let text = |get: fn(&JobAd) -> Option<&str>| strings(rows.iter().map(get));
    let number = |get: fn(&JobAd) -> Option<f64>| floats(rows.iter().map(get));
    let moment = |get: fn(&JobAd) -> Option<Timestamp>| timestamps(rows.iter().map(get));
    batch(vec![
        ("source", text(|row| Some(&row.source))),
        ("scrape_timestamp", moment(|row| Some(row.scrape_timestamp))),
        ("bq_timestamp", moment(|row| row.bq_timestamp)),
        ("job_id", text(|row| Some(&row.job_id))),
        ("job_url", text(|row| row.job_url.as_deref())),
        ("job_title", text(|row| row.job_title.as_deref())),
        ("job_description", text(|row| row.job_description.as_deref())),
        ("job_location", text(|row| row.job_location.as_deref())),
        ("job_classification", text(|row| row.job_classification.as_deref())),
        ("job_work_type", text(|row| row.job_work_type.as_deref())),
        ("job_salary_min_sgd_raw", number(|row| row.job_salary_min_sgd_raw)),
        ("job_salary_max_sgd_raw", number(|row| row.job_salary_max_sgd_raw)),
        ("job_salary_type", text(|row| row.job_salary_type.as_deref())),
        ("job_salary_min_sgd_monthly", number(|row| row.job_salary_min_sgd_monthly)),
        ("job_salary_max_sgd_monthly", number(|row| row.job_salary_max_sgd_monthly)),
        ("job_currency", text(|row| row.job_currency.as_deref())),
        ("job_posted_timestamp", moment(|row| row.job_posted_timestamp)),
        ("company_id", text(|row| row.company_id.as_deref())),
        ("company_url", text(|row| row.company_url.as_deref())),
        ("company_name", text(|row| row.company_name.as_deref())),
        ("company_description", text(|row| row.company_description.as_deref())),
        ("company_industry", text(|row| row.company_industry.as_deref())),
        ("company_size", text(|row| row.company_size.as_deref())),
    ])
}

pub(crate) fn embeddings(rows: &[EmbeddingRow], dimension: usize) -> Result<RecordBatch> {
    let vectors = vectors(rows.iter().map(|row| (&row.key, Some(row.embedding.as_slice()))), dimension)?;
    let mut columns: Columns = keyed(rows.iter().map(|row| &row.key));
    columns.extend([
        ("embedding", vectors),
        ("model_name", strings(rows.iter().map(|row| Some(row.model_name.as_str())))),
        ("created_at", timestamps(rows.iter().map(|row| Some(row.created_at)))),
        ("embedding_space", strings(rows.iter().map(|row| Some(row.embedding_space.as_str())))),
        ("model_version", strings(rows.iter().map(|row| Some(row.model_version.as_str())))),
        ("content_hash", strings(rows.iter().map(|row| Some(row.content_hash.to_string())))),
    ]);
    columns.extend(filters(rows.iter().map(|row| &row.filters)));
    batch(columns)
}

pub(crate) fn shared(rows: &[SharedRow]) -> Result<RecordBatch> {
    let mut columns = keyed(rows.iter().map(|row| &row.key));
    columns.push(("content_hash", strings(rows.iter().map(|row| Some(row.content_hash.to_string())))));
    columns.extend(filters(rows.iter().map(|row| &row.filters)));
    batch(columns)
}

/// An ad of a scan of features.
pub(crate) struct ScannedAd {
    /// Its latest sighting.
    pub(crate) ad: JobAd,
    /// When it was scraped, if that is known.
    pub(crate) seen: Option<Timestamp>,
    pub(crate) content_hash: String,
    pub(crate) embedding: Vec<f32>,
    pub(crate) masked: Option<Vec<f32>>,
}

/// The batch of [`crate::warehouse::Features::scan_features`].
pub(crate) fn scanned(rows: &[ScannedAd], dimension: usize) -> Result<RecordBatch> {
    let text = |get: fn(&JobAd) -> Option<&str>| strings(rows.iter().map(|row| get(&row.ad)));
    let amount = |get: fn(&JobAd) -> Option<f64>| floats(rows.iter().map(|row| pay::amount(get(&row.ad))));
    let keys: Vec<JobKey> = rows.iter().map(|row| row.ad.key()).collect();
    let masked = keys.iter().zip(rows).map(|(key, row)| (key, row.masked.as_deref()));
    let plain = keys.iter().zip(rows).map(|(key, row)| (key, Some(row.embedding.as_slice())));
    batch(vec![
        ("source", text(|ad| Some(&ad.source))),
        ("job_id", text(|ad| Some(&ad.job_id))),
        ("job_title", text(|ad| ad.job_title.as_deref())),
        ("job_description", text(|ad| ad.job_description.as_deref())),
        ("job_location", text(|ad| ad.job_location.as_deref())),
        ("job_classification", text(|ad| ad.job_classification.as_deref())),
        ("job_work_type", text(|ad| ad.job_work_type.as_deref())),
        ("company_id", text(|ad| ad.company_id.as_deref())),
        ("company_name", text(|ad| ad.company_name.as_deref())),
        ("company_industry", text(|ad| ad.company_industry.as_deref())),
        ("company_size", text(|ad| ad.company_size.as_deref())),
        ("job_currency", text(|ad| ad.job_currency.as_deref())),
        ("salary_min", amount(|ad| ad.job_salary_min_sgd_monthly)),
        ("salary_max", amount(|ad| ad.job_salary_max_sgd_monthly)),
        ("job_posted_timestamp", timestamps(rows.iter().map(|row| row.ad.job_posted_timestamp))),
        ("scrape_timestamp", timestamps(rows.iter().map(|row| row.seen))),
        ("content_hash", strings(rows.iter().map(|row| Some(row.content_hash.as_str())))),
        ("embedding", vectors(plain, dimension)?),
        ("embedding_masked", vectors(masked, dimension)?),
    ])
}

pub(crate) fn features(set: &FeatureSet, rows: &[FeatureRow]) -> Result<RecordBatch> {
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let values: Float64Array = rows.iter().flat_map(|row| row.features.iter().copied()).collect();
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.features.len()));
    let lists = ListArray::try_new(item, offsets, Arc::new(values), None).map_err(defect)?;
    let mut columns = keyed(rows.iter().map(|row| &row.key));
    columns.extend([
        ("as_of", timestamps(rows.iter().map(|_| Some(set.as_of)))),
        ("feature_schema", strings(rows.iter().map(|_| Some(set.feature_schema.as_str())))),
        ("features", Arc::new(lists) as ArrayRef),
    ]);
    batch(columns)
}

pub(crate) fn predictions(rows: &[PredictionRow]) -> Result<RecordBatch> {
    let text = |get: fn(&PredictionRow) -> Option<&str>| strings(rows.iter().map(get));
    let number = |get: fn(&PredictionRow) -> Option<f64>| floats(rows.iter().map(get));
    let clusters: Int64Array = rows.iter().map(|row| row.predicted_cluster).collect();
    let mut columns = keyed(rows.iter().map(|row| &row.key));
    columns.extend([
        ("content_hash", text(|row| Some(&row.content_hash))),
        ("variant", text(|row| Some(row.variant.as_str()))),
        ("currency", text(|row| Some(&row.currency))),
        ("predicted_salary", number(|row| row.predicted_salary)),
        ("salary_low", number(|row| row.salary_low)),
        ("salary_high", number(|row| row.salary_high)),
        ("salary_confidence", number(|row| row.salary_confidence)),
        ("predicted_classification", text(|row| row.predicted_classification.as_deref())),
        ("classification_probability", number(|row| row.classification_probability)),
        ("predicted_cluster", Arc::new(clusters) as ArrayRef),
        ("cluster_name", text(|row| row.cluster_name.as_deref())),
        ("salary_model_version", text(|row| row.salary_model_version.as_deref())),
        ("role_model_version", text(|row| row.role_model_version.as_deref())),
        ("cluster_model_version", text(|row| row.cluster_model_version.as_deref())),
        ("predicted_at", timestamps(rows.iter().map(|row| Some(row.predicted_at)))),
    ]);
    batch(columns)
}

/// A column of vectors of `dimension` elements.
fn vectors<'a>(
    rows: impl Iterator<Item = (&'a JobKey, Option<&'a [f32]>)> + Clone,
    dimension: usize,
) -> Result<ArrayRef> {
    let is_wrong = |vector: Option<&[f32]>| vector.is_some_and(|vector| vector.len() != dimension);
    if let Some((key, vector)) = rows.clone().find(|(_, vector)| is_wrong(*vector)) {
        let length = vector.map_or(0, <[f32]>::len);
        return Err(Error::internal(format!("the vector of {key} has {length} elements, not {dimension}")));
    }
    let zeros = vec![0.0; dimension];
    let values: Float32Array =
        rows.clone().flat_map(|(_, vector)| vector.unwrap_or(&zeros).iter().copied()).collect();
    let width =
        i32::try_from(dimension).map_err(|error| Error::internal("a vector is too long").caused_by(error))?;
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let nulls: NullBuffer = rows.map(|(_, vector)| vector.is_some()).collect();
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    let list = FixedSizeListArray::try_new(item, width, Arc::new(values), nulls).map_err(defect)?;
    Ok(Arc::new(list))
}

pub(crate) fn keys(rows: &[JobKey]) -> Result<RecordBatch> {
    batch(keyed(rows.iter()))
}

fn keyed<'a>(keys: impl Iterator<Item = &'a JobKey> + Clone) -> Columns {
    vec![
        ("source", strings(keys.clone().map(|key| Some(key.source.as_str())))),
        ("job_id", strings(keys.map(|key| Some(key.job_id.as_str())))),
    ]
}

fn filters<'a>(rows: impl Iterator<Item = &'a FilterColumns> + Clone) -> Columns {
    vec![
        ("job_location", strings(rows.clone().map(|row| row.job_location.as_deref()))),
        ("job_classification", strings(rows.clone().map(|row| row.job_classification.as_deref()))),
        ("job_work_type", strings(rows.clone().map(|row| row.job_work_type.as_deref()))),
        ("job_posted_timestamp", timestamps(rows.clone().map(|row| row.job_posted_timestamp))),
        ("salary_mid", floats(rows.map(|row| row.salary_mid))),
    ]
}

fn strings<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn timestamps(values: impl Iterator<Item = Option<Timestamp>>) -> ArrayRef {
    let micros = values.map(|moment| moment.map(|moment| moment.timestamp_micros()));
    Arc::new(micros.collect::<TimestampMicrosecondArray>())
}

fn batch(columns: Columns) -> Result<RecordBatch> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .map_err(defect)
}

fn defect(error: ArrowError) -> Error {
    Error::internal("rows do not form an Arrow batch").caused_by(error)
}
