//! Converts rows to Arrow batches before they are written to a warehouse. Columns are in the order of the tables in
//! `infra`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use common_core::job::{JobAd, JobKey, Timestamp};
use common_core::{Error, Result};

use crate::warehouse::{EmbeddingRow, FilterColumns, SharedRow};

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
    if let Some(row) = rows.iter().find(|row| row.embedding.len() != dimension) {
        let length = row.embedding.len();
        return Err(Error::internal(format!(
            "the vector of {} has {length} elements, not {dimension}",
            row.key
        )));
    }
    let values: Float32Array = rows.iter().flat_map(|row| row.embedding.iter().copied()).collect();
    let width =
        i32::try_from(dimension).map_err(|error| Error::internal("a vector is too long").caused_by(error))?;
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let vectors = FixedSizeListArray::try_new(item, width, Arc::new(values), None).map_err(defect)?;
    let mut columns: Columns = keyed(rows.iter().map(|row| &row.key));
    columns.extend([
        ("embedding", Arc::new(vectors) as ArrayRef),
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
