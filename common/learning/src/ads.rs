//! The ad as the models see it, before any feature is computed.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, TimestampMicrosecondType};
use chrono::DateTime;
use common_core::job::{JobKey, Timestamp, embedding_text};
use common_core::pay::{self, Currency};
use common_core::{Error, Result, mask};

/// An ad with its vectors: a row of `vw_ml_features`. Missing texts are empty.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)] // From `title` on: columns of cleaned_jobs under shorter names.
pub struct Ad {
    pub source: String,
    pub job_id: String,
    pub title: String,
    pub description: String,
    pub location: String,
    pub classification: String,
    pub work_type: String,
    pub company_id: String,
    pub company_name: String,
    pub company_industry: String,
    pub company_size: String,
    /// Code of the currency; an unknown one as the ad writes it. See [`pay::Currency::name`].
    pub currency: String,
    pub salary_min_per_month: Option<f64>,
    pub salary_max_per_month: Option<f64>,
    pub posted: Option<Timestamp>,
    /// When the latest sighting was scraped.
    pub seen: Timestamp,
    /// Hash of the embedding text.
    pub content_hash: String,
    /// `[dimension] f32`, L2-normalised; empty if the ad has no vector.
    pub embedding: Vec<f32>,
    /// Vector of the text with stated pay masked; empty if the text states no pay.
    pub masked_embedding: Vec<f32>,
}

impl Ad {
    /// The ads of a batch of the warehouse's `Features::scan_features`. Missing texts are empty, and an ad without a
    /// currency is in SGD.
    ///
    /// # Errors
    /// `Internal` if a column is missing, has another type, or has a NULL where the ad needs a value.
    pub fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>> {
        let columns = Columns(batch);
        (0..batch.num_rows()).map(|row| columns.ad(row)).collect()
    }

    /// The key of the ad.
    pub fn key(&self) -> JobKey {
        JobKey { source: self.source.clone(), job_id: self.job_id.clone() }
    }

    /// The middle of the pay range in the ad's currency, or the only bound that is known.
    pub fn salary_mid_per_month(&self) -> Option<f64> {
        pay::middle(self.salary_min_per_month, self.salary_max_per_month)
    }

    /// When the ad was posted, or else first known: the moment that splits by time compare.
    pub fn moment(&self) -> Timestamp {
        self.posted.unwrap_or(self.seen)
    }

    /// Whether the embedding text states pay and its masked vector is missing: a salary model must not see this ad's
    /// vector. `embed-new-jobs` writes the missing vector.
    pub fn lacks_masked_embedding(&self) -> bool {
        let text = || embedding_text(Some(&self.title), Some(&self.description));
        self.masked_embedding.is_empty() && text().is_some_and(|text| mask::states_pay(&text))
    }

    /// The vector that the salary models see: of the text without stated pay. Empty if there is none.
    pub fn salary_embedding(&self) -> &[f32] {
        if self.masked_embedding.is_empty() { &self.embedding } else { &self.masked_embedding }
    }
}

/// The columns of a batch by name.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn ad(&self, row: usize) -> Result<Ad> {
        Ok(Ad {
            source: self.needed("source", row)?,
            job_id: self.needed("job_id", row)?,
            title: self.text("job_title", row)?,
            description: self.text("job_description", row)?,
            location: self.text("job_location", row)?,
            classification: self.text("job_classification", row)?,
            work_type: self.text("job_work_type", row)?,
            company_id: self.text("company_id", row)?,
            company_name: self.text("company_name", row)?,
            company_industry: self.text("company_industry", row)?,
            company_size: self.text("company_size", row)?,
            currency: Currency::read(Some(&self.text("job_currency", row)?)).name().to_owned(),
            salary_min_per_month: self.number("salary_min", row)?,
            salary_max_per_month: self.number("salary_max", row)?,
            posted: self.moment("job_posted_timestamp", row)?,
            // Sightings of other programs may lack it.
            seen: self.moment("scrape_timestamp", row)?.unwrap_or_default(),
            content_hash: self.needed("content_hash", row)?,
            embedding: self.vector("embedding", row)?,
            masked_embedding: self.vector("embedding_masked", row)?,
        })
    }

    /// The column as `A`, or `None` if its value in `row` is NULL.
    fn value<'b, A: ?Sized>(
        &'b self,
        name: &str,
        row: usize,
        read: impl FnOnce(&'b dyn Array) -> Option<&'b A>,
    ) -> Result<Option<&'b A>> {
        let column = self.0.column_by_name(name).ok_or_else(|| defect(name, "is missing"))?;
        let array = read(column.as_ref()).ok_or_else(|| defect(name, "has another type"))?;
        Ok((!column.is_null(row)).then_some(array))
    }

    fn text(&self, name: &str, row: usize) -> Result<String> {
        let array = self.value(name, row, |array| array.as_string_opt::<i32>())?;
        Ok(array.map(|array| array.value(row).to_owned()).unwrap_or_default())
    }

    fn needed(&self, name: &str, row: usize) -> Result<String> {
        match self.text(name, row)? {
            empty if empty.is_empty() => Err(defect(name, "is NULL")),
            text => Ok(text),
        }
    }

    fn number(&self, name: &str, row: usize) -> Result<Option<f64>> {
        let array = self.value(name, row, |array| array.as_primitive_opt::<Float64Type>())?;
        Ok(array.map(|array| array.value(row)))
    }

    fn moment(&self, name: &str, row: usize) -> Result<Option<Timestamp>> {
        let array = self.value(name, row, |array| array.as_primitive_opt::<TimestampMicrosecondType>())?;
        Ok(array.and_then(|array| DateTime::from_timestamp_micros(array.value(row))))
    }

    fn vector(&self, name: &str, row: usize) -> Result<Vec<f32>> {
        let Some(array) = self.value(name, row, |array| array.as_fixed_size_list_opt())? else {
            return Ok(Vec::new());
        };
        let values = array.value(row);
        let values =
            values.as_primitive_opt::<Float32Type>().ok_or_else(|| defect(name, "has another type"))?;
        Ok(values.values().to_vec())
    }
}

fn defect(column: &str, problem: &str) -> Error {
    Error::internal(format!("column {column} of a batch of ads {problem}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, FixedSizeListArray, Float64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn column(name: &str) -> ArrayRef {
        let vector = |values: Option<[f32; 2]>| {
            let values = values.map(|values| values.map(Some));
            FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([values, None], 2)
        };
        match name {
            "salary_min" => Arc::new(Float64Array::from(vec![Some(3000.5), None])),
            "salary_max" => Arc::new(Float64Array::from(vec![None::<f64>, None])),
            "job_posted_timestamp" => Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None])),
            "scrape_timestamp" => Arc::new(TimestampMicrosecondArray::from(vec![Some(1_000_000), None])),
            "embedding" => Arc::new(vector(Some([0.6, -0.0]))),
            "embedding_masked" => Arc::new(vector(None)),
            "source" | "job_id" | "content_hash" => Arc::new(StringArray::from(vec![name, "other"])),
            "job_currency" => Arc::new(StringArray::from(vec![Some(" s$ "), None])),
            _ => Arc::new(StringArray::from(vec![Some(name), None])),
        }
    }

    const NAMES: [&str; 19] = [
        "source",
        "job_id",
        "job_title",
        "job_description",
        "job_location",
        "job_classification",
        "job_work_type",
        "company_id",
        "company_name",
        "company_industry",
        "company_size",
        "job_currency",
        "salary_min",
        "salary_max",
        "job_posted_timestamp",
        "scrape_timestamp",
        "content_hash",
        "embedding",
        "embedding_masked",
    ];

    fn batch(change: impl Fn(&str) -> Option<ArrayRef>) -> RecordBatch {
        let columns = NAMES.iter().filter_map(|name| Some((*name, change(name)?, true)));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    #[test]
    fn every_column_is_read() {
        let ads = Ad::from_batch(&batch(|name| Some(column(name)))).unwrap();
        let full = Ad {
            source: "source".into(),
            job_id: "job_id".into(),
            title: "job_title".into(),
            description: "job_description".into(),
            location: "job_location".into(),
            classification: "job_classification".into(),
            work_type: "job_work_type".into(),
            company_id: "company_id".into(),
            company_name: "company_name".into(),
            company_industry: "company_industry".into(),
            company_size: "company_size".into(),
            currency: "SGD".into(),
            salary_min_per_month: Some(3000.5),
            posted: DateTime::from_timestamp_micros(-1),
            seen: DateTime::from_timestamp(1, 0).unwrap(),
            content_hash: "content_hash".into(),
            embedding: vec![0.6, -0.0],
            ..Ad::default()
        };
        assert_eq!(ads[0], full);
        let bare = Ad {
            source: "other".into(),
            job_id: "other".into(),
            content_hash: "other".into(),
            currency: "SGD".into(),
            ..Ad::default()
        };
        assert_eq!(ads[1], bare);
    }

    #[test]
    fn a_batch_of_another_kind_is_refused_with_the_column() {
        for name in NAMES {
            let error = Ad::from_batch(&batch(|other| (other != name).then(|| column(other)))).unwrap_err();
            assert_eq!(error.to_string(), format!("column {name} of a batch of ads is missing"));
        }
        let nameless = batch(|name| Some(column(if name == "job_id" { "company_id" } else { name })));
        let error = Ad::from_batch(&nameless).unwrap_err();
        assert_eq!(error.to_string(), "column job_id of a batch of ads is NULL");
        let text = batch(|name| Some(column(if name == "salary_min" { "company_id" } else { name })));
        let error = Ad::from_batch(&text).unwrap_err();
        assert_eq!(error.to_string(), "column salary_min of a batch of ads has another type");
    }

    #[test]
    fn an_ad_that_states_pay_needs_its_masked_vector() {
        let ad = |title: &str, masked: &[f32]| Ad {
            title: title.into(),
            embedding: vec![1.0],
            masked_embedding: masked.to_vec(),
            ..Ad::default()
        };
        assert!(ad("Cook $5,000", &[]).lacks_masked_embedding());
        assert!(!ad("Cook $5,000", &[0.5]).lacks_masked_embedding());
        assert!(!ad("Cook", &[]).lacks_masked_embedding());
        assert_eq!(ad("Cook $5,000", &[0.5]).salary_embedding(), [0.5]);
        assert_eq!(ad("Cook", &[]).salary_embedding(), [1.0]);
    }
}
