//! The columns of ads, for answers and for filters: one memory-mapped Arrow file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int32Array, PrimitiveArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float64Type, Int32Type, TimestampMicrosecondType, UInt32Type,
};
use chrono::{DateTime, Utc};
use common_core::fold::fold_name;
use common_core::job::JobKey;
use common_core::{Error, Result, pay};

use crate::files::{Mapped, write_batch};
use crate::market::Cluster;
use crate::postings::Postings;
use crate::{Row, TextId};

/// Name of the file.
pub const FILE: &str = "ads.arrow";

/// The columns of an ad that answers contain.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Ad<'a> {
    pub source: &'a str,
    pub job_id: &'a str,
    pub job_title: Option<&'a str>,
    pub company_name: Option<&'a str>,
    pub job_location: Option<&'a str>,
    pub job_classification: Option<&'a str>,
    pub job_work_type: Option<&'a str>,
    pub currency: Option<&'a str>,
    pub job_url: Option<&'a str>,
    pub salary_min_monthly: Option<f64>,
    pub salary_max_monthly: Option<f64>,
    pub posted: Option<DateTime<Utc>>,
    /// Coordinates on the map of the market, mostly within ±1.
    pub point: [f32; 2],
    /// Its cluster. `None` if the index has no clusters.
    pub cluster: Option<&'a Cluster>,
}

/// The values of an ad while the index is built, without its vector.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) text: TextId,
    /// Number of its employer within the text ([`common_core::job::employer`]): ads with the same text and number are
    /// reposts of each other.
    pub(crate) employer: u32,
    pub(crate) key: JobKey,
    pub(crate) job_title: Option<String>,
    pub(crate) company_name: Option<String>,
    pub(crate) job_location: Option<String>,
    pub(crate) job_classification: Option<String>,
    pub(crate) job_work_type: Option<String>,
    pub(crate) currency: Option<String>,
    pub(crate) job_url: Option<String>,
    pub(crate) salary_min_monthly: Option<f64>,
    pub(crate) salary_max_monthly: Option<f64>,
    pub(crate) posted: Option<DateTime<Utc>>,
}

impl Metadata {
    /// Returns whether the two are reposts of each other.
    pub(crate) fn is_repost_of(&self, other: &Self) -> bool {
        self.text == other.text && self.employer == other.employer
    }

    /// The monthly salary that the salary filter compares.
    pub(crate) fn salary_mid_sgd(&self) -> Option<f64> {
        pay::middle_in_sgd(self.salary_min_monthly, self.salary_max_monthly, self.currency.as_deref())
    }
}

/// A column with few distinct values, which filters and facets use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Column {
    Source,
    Location,
    Classification,
    WorkType,
    Company,
    Currency,
}

/// Names of the dictionary columns, in the order of [`Column`].
const DICTIONARIES: [&str; 6] =
    ["source", "job_location", "job_classification", "job_work_type", "company_name", "currency"];
const TEXTS: [&str; 3] = ["job_id", "job_title", "job_url"];
const SALARIES: [&str; 3] = ["salary_min_monthly", "salary_max_monthly", "salary_mid_monthly"];

/// All ads of an index. Rows of one text are adjacent; within a text, reposts of one ad are adjacent, newest first.
pub struct Ads {
    text: UInt32Array,
    /// For each row, the first row of its group of reposts.
    same: UInt32Array,
    dictionaries: Vec<DictionaryArray<Int32Type>>,
    /// Built when a filter first uses the column: sorting a million rows takes milliseconds.
    postings: [OnceLock<Postings>; DICTIONARIES.len()],
    texts: Vec<StringArray>,
    salaries: Vec<Float64Array>,
    posted: TimestampMicrosecondArray,
    /// Rows sorted by source and id.
    by_key: UInt32Array,
}

impl Ads {
    /// Reads the columns of the mapped file; `path` is used in errors.
    ///
    /// # Errors
    /// `Corrupt` if it is not an Arrow file or a column is missing or has another type.
    pub fn open(mapped: Mapped, path: &Path) -> Result<Self> {
        let batch = mapped.into_batch(path)?;
        Self::from_batch(&batch).ok_or_else(|| {
            Error::corrupt(format!("{}: a column is missing or has another type", path.display()))
        })
    }

    fn from_batch(batch: &RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        Some(Self {
            text: column("text")?.as_primitive_opt::<UInt32Type>()?.clone(),
            same: column("same")?.as_primitive_opt::<UInt32Type>()?.clone(),
            dictionaries: DICTIONARIES
                .iter()
                .map(|name| Some(column(name)?.as_dictionary_opt::<Int32Type>()?.clone()))
                .collect::<Option<_>>()?,
            postings: Default::default(),
            texts: TEXTS
                .iter()
                .map(|name| Some(column(name)?.as_string_opt::<i32>()?.clone()))
                .collect::<Option<_>>()?,
            salaries: SALARIES
                .iter()
                .map(|name| Some(column(name)?.as_primitive_opt::<Float64Type>()?.clone()))
                .collect::<Option<_>>()?,
            posted: column("posted")?.as_primitive_opt::<TimestampMicrosecondType>()?.clone(),
            by_key: column("by_key")?.as_primitive_opt::<UInt32Type>()?.clone(),
        })
    }

    /// The number of ads.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns whether there are no ads.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text of each row.
    pub(crate) fn texts(&self) -> &[TextId] {
        self.text.values()
    }

    /// The text of an ad.
    pub fn text_of(&self, row: Row) -> TextId {
        self.text.value(row as usize)
    }

    /// The first and newest row of the group of reposts of `row`.
    pub fn same(&self, row: Row) -> Row {
        self.same.value(row as usize)
    }

    /// The group of reposts of `row`, including `row`.
    pub(crate) fn reposts_of(&self, row: Row) -> std::ops::Range<Row> {
        let first = self.same(row);
        let length = self.same.values()[first as usize..].iter().take_while(|&&same| same == first).count();
        first..first + length as Row
    }

    /// The values of an ad; `point` are its coordinates on the map.
    pub(crate) fn ad<'a>(&'a self, row: Row, point: [f32; 2], cluster: Option<&'a Cluster>) -> Ad<'a> {
        let text = |n: usize| string_at(&self.texts[n], row);
        let dictionary = |column: Column| self.value(column, row);
        let salary = |n: usize| {
            let column = &self.salaries[n];
            // Earlier versions wrote amounts that are not valid pay.
            pay::amount((!column.is_null(row as usize)).then(|| column.value(row as usize)))
        };
        Ad {
            source: dictionary(Column::Source).unwrap_or_default(),
            job_id: text(0).unwrap_or_default(),
            job_title: text(1),
            job_url: text(2),
            company_name: dictionary(Column::Company),
            job_location: dictionary(Column::Location),
            job_classification: dictionary(Column::Classification),
            job_work_type: dictionary(Column::WorkType),
            currency: dictionary(Column::Currency),
            salary_min_monthly: salary(0),
            salary_max_monthly: salary(1),
            posted: (!self.posted.is_null(row as usize))
                .then(|| DateTime::from_timestamp_micros(self.posted.value(row as usize)))
                .flatten(),
            point,
            cluster,
        }
    }

    /// The value of an ad in a dictionary column.
    pub fn value(&self, column: Column, row: Row) -> Option<&str> {
        let dictionary = &self.dictionaries[column as usize];
        let key = dictionary.key(row as usize)?;
        Some(dictionary.values().as_string::<i32>().value(key))
    }

    /// The row of the ad with this key.
    pub fn row_of(&self, source: &str, job_id: &str) -> Option<Row> {
        let index = self.by_key.values().partition_point(|&row| {
            let ad = (self.value(Column::Source, row).unwrap_or_default(), string_at(&self.texts[0], row));
            ad < (source, Some(job_id))
        });
        let row = *self.by_key.values().get(index)?;
        (self.value(Column::Source, row) == Some(source) && string_at(&self.texts[0], row) == Some(job_id))
            .then_some(row)
    }

    /// The values of a column with their number of ads, most frequent first. Spellings that fold to the same name are
    /// counted together.
    pub fn counts(&self, column: Column) -> Vec<(String, u32)> {
        let dictionary = &self.dictionaries[column as usize];
        let values = dictionary.values().as_string::<i32>();
        let mut counts = vec![0; values.len()];
        for &key in self.keys(column) {
            if let Some(count) = counts.get_mut(key as usize) {
                *count += 1;
            }
        }
        counted(values.iter().map(Option::unwrap_or_default).zip(counts))
    }

    /// The dictionary key of each row; −1 for a missing value.
    fn keys(&self, column: Column) -> &[i32] {
        self.dictionaries[column as usize].keys().values()
    }

    /// The postings of a column.
    pub(crate) fn postings(&self, column: Column) -> &Postings {
        let values = self.dictionaries[column as usize].values().as_string::<i32>();
        self.postings[column as usize].get_or_init(|| Postings::new(self.keys(column), values.iter()))
    }

    /// The midpoint of the monthly salary in SGD of each row; NaN if it is unknown or in another currency.
    pub(crate) fn salary_mid(&self) -> &[f64] {
        self.salaries[2].values()
    }

    /// The posting timestamp of each row in microseconds since 1970; `i64::MIN` if it is unknown.
    pub(crate) fn posted(&self) -> &[i64] {
        self.posted.values()
    }
}

/// Adds the counts of spellings that fold to the same value, because filters fold values. Each value is spelled as most
/// of its ads do; most frequent values first.
pub(crate) fn counted<'a>(spellings: impl IntoIterator<Item = (&'a str, u32)>) -> Vec<(String, u32)> {
    let mut spelled: Vec<(&str, u32)> =
        spellings.into_iter().filter(|(spelling, _)| !spelling.is_empty()).collect();
    spelled.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut counted: HashMap<String, (&str, u32)> = HashMap::new();
    for (spelling, count) in spelled {
        counted.entry(fold_name(spelling)).or_insert((spelling, 0)).1 += count;
    }
    let mut named: Vec<(String, u32)> =
        counted.into_values().map(|(spelling, count)| (spelling.to_owned(), count)).collect();
    named.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    named
}

fn string_at(column: &StringArray, row: Row) -> Option<&str> {
    (!column.is_null(row as usize)).then(|| column.value(row as usize))
}

/// Writes the ads to `folder`. Reposts must be adjacent.
///
/// # Errors
/// `InvalidInput` if a column of texts is larger than 2 GiB, otherwise I/O errors.
pub(crate) fn write(folder: &Path, ads: &[Metadata]) -> Result<()> {
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    columns.push(("text", Arc::new(UInt32Array::from_iter_values(ads.iter().map(|ad| ad.text)))));
    let mut same: Vec<Row> = Vec::with_capacity(ads.len());
    for (row, ad) in ads.iter().enumerate() {
        let is_repost = row.checked_sub(1).is_some_and(|previous| ads[previous].is_repost_of(ad));
        same.push(if is_repost { same[row - 1] } else { row as Row });
    }
    columns.push(("same", Arc::new(UInt32Array::from(same))));
    let words: [fn(&Metadata) -> Option<&str>; 6] = [
        |ad| Some(&ad.key.source),
        |ad| ad.job_location.as_deref(),
        |ad| ad.job_classification.as_deref(),
        |ad| ad.job_work_type.as_deref(),
        |ad| ad.company_name.as_deref(),
        |ad| ad.currency.as_deref(),
    ];
    for (name, word) in DICTIONARIES.iter().zip(words) {
        columns.push((name, Arc::new(dictionary(ads.iter().map(word))?)));
    }
    let texts: [fn(&Metadata) -> Option<&str>; 3] =
        [|ad| Some(&ad.key.job_id), |ad| ad.job_title.as_deref(), |ad| ad.job_url.as_deref()];
    for (name, text) in TEXTS.iter().zip(texts) {
        let bytes: usize = ads.iter().filter_map(text).map(str::len).sum();
        if bytes > i32::MAX as usize {
            return Err(Error::invalid_input(format!(
                "column {name} has {bytes} bytes; an index holds at most 2 GiB per column: serve with SEARCH=warehouse"
            )));
        }
        columns.push((name, Arc::new(ads.iter().map(text).collect::<StringArray>())));
    }
    let salaries: [fn(&Metadata) -> Option<f64>; 3] = [
        |ad| pay::amount(ad.salary_min_monthly),
        |ad| pay::amount(ad.salary_max_monthly),
        Metadata::salary_mid_sgd,
    ];
    for (name, salary) in SALARIES.iter().zip(salaries) {
        columns.push((name, Arc::new(primitive::<Float64Type>(ads.iter().map(salary), f64::NAN))));
    }
    let posted = ads.iter().map(|ad| ad.posted.map(|moment| moment.timestamp_micros()));
    let posted = primitive::<TimestampMicrosecondType>(posted, i64::MIN)
        .with_data_type(DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into())));
    columns.push(("posted", Arc::new(posted)));
    let mut by_key: Vec<Row> = (0..ads.len() as Row).collect();
    by_key.sort_unstable_by_key(|&row| &ads[row as usize].key);
    columns.push(("by_key", Arc::new(UInt32Array::from(by_key))));
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .map_err(|error| Error::internal("cannot build the table of ads").caused_by(error))?;
    write_batch(&folder.join(FILE), &batch)
}

/// An array in which missing values are null and have the value `missing`, so that filters can ignore the null mask.
fn primitive<T: ArrowPrimitiveType>(
    values: impl Iterator<Item = Option<T::Native>> + Clone,
    missing: T::Native,
) -> PrimitiveArray<T> {
    let mask: NullBuffer = values.clone().map(|value| value.is_some()).collect::<Vec<_>>().into();
    let values: ScalarBuffer<T::Native> = values.map(|value| value.unwrap_or(missing)).collect();
    PrimitiveArray::new(values, Some(mask))
}

fn dictionary<'a>(
    words: impl Iterator<Item = Option<&'a str>> + Clone,
) -> Result<DictionaryArray<Int32Type>> {
    let mut known: HashMap<&str, i32> = HashMap::new();
    let mut values: Vec<&str> = Vec::new();
    let keys = words.map(|word| {
        let word = word?;
        Some(*known.entry(word).or_insert_with(|| {
            values.push(word);
            i32::try_from(values.len() - 1).unwrap_or(i32::MAX)
        }))
    });
    let keys: Vec<Option<i32>> = keys.collect();
    let keys: Int32Array = primitive(keys.into_iter(), -1);
    DictionaryArray::try_new(keys, Arc::new(StringArray::from(values)))
        .map_err(|error| Error::internal("cannot build a dictionary column").caused_by(error))
}
