//! Converts the rows of our own statements, whose cells are text: moments by `UNIX_MICROS`, vectors by
//! `TO_JSON_STRING`.

use chrono::DateTime;
use common_core::job::{ContentHash, JobAd, JobKey, Timestamp};
use common_core::pay::Pay;
use common_core::{Error, Result};

use crate::batches::ScannedAd;
use crate::warehouse::{
    Candidate, EmbeddingRow, FeatureCount, FilterColumns, IndexState, IndexedAd, JobCount, RunRecord,
    RunStatus, Stored, VectorHit,
};

/// The cells of a row in order; NULL is `None`.
pub(super) type Row = Vec<Option<String>>;

pub(super) fn required(cell: Option<String>) -> Result<String> {
    cell.ok_or_else(|| Error::corrupt("BigQuery sent NULL in a required column"))
}

pub(super) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::internal(format!("BigQuery sent an invalid number {text:?}")))
}

fn moment(micros: &str) -> Result<Timestamp> {
    DateTime::from_timestamp_micros(parsed(micros)?).ok_or_else(|| {
        Error::internal(format!("BigQuery sent an invalid timestamp of {micros} microseconds"))
    })
}

/// A vector as `TO_JSON_STRING` writes it: FLOAT64 elements with all their digits. Our elements were float32, so
/// the conversion is lossless.
fn vector(cell: Option<String>) -> Result<Vec<f32>> {
    let Some(text) = cell else { return Ok(Vec::new()) };
    let elements: Vec<f64> = if let Ok(elements) = serde_json::from_str::<Option<Vec<f64>>>(&text) {
        elements.unwrap_or_default()
    } else {
        let elements: Vec<Element> = serde_json::from_str(&text).map_err(|error| {
            Error::internal("BigQuery sent a vector that is not an array of numbers").caused_by(error)
        })?;
        elements.into_iter().map(Element::value).collect::<Result<_>>()?
    };
    Ok(elements.into_iter().map(|element| element as f32).collect())
}

/// An element of a vector with elements that are not finite.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Element {
    Finite(f64),
    /// `"NaN"`, `"Infinity"` or `"-Infinity"`.
    Name(String),
}

impl Element {
    fn value(self) -> Result<f64> {
        match self {
            Self::Finite(value) => Ok(value),
            Self::Name(name) => parsed(&name),
        }
    }
}

fn filters(cells: &mut impl Iterator<Item = Option<String>>) -> Result<FilterColumns> {
    let columns = filter_columns(cells)?;
    Ok(FilterColumns { salary_mid: number(cells.next().flatten())?, ..columns })
}

/// The columns that filters need, without the pay.
fn filter_columns(cells: &mut impl Iterator<Item = Option<String>>) -> Result<FilterColumns> {
    let mut next = || cells.next().flatten();
    Ok(FilterColumns {
        job_location: next(),
        job_classification: next(),
        job_work_type: next(),
        job_posted_timestamp: next().map(|text| moment(&text)).transpose()?,
        salary_mid: None,
    })
}

fn number(text: Option<String>) -> Result<Option<f64>> {
    text.map(|text| parsed(&text)).transpose()
}

/// The first two cells: the ad's key.
pub(super) fn key(cells: &mut impl Iterator<Item = Option<String>>) -> Result<JobKey> {
    let mut next = || required(cells.next().flatten());
    Ok(JobKey { source: next()?, job_id: next()? })
}

/// A row of `scan_jobs.sql`.
pub(super) fn candidate(row: Row) -> Result<Candidate> {
    let cells = &mut row.into_iter();
    let key = key(cells)?;
    let title = cells.next().flatten();
    let description = cells.next().flatten();
    let mut now = filter_columns(cells)?;
    let mut next = || cells.next().flatten();
    let pay = Pay { min: number(next())?, max: number(next())?, currency: next() };
    now.salary_mid = pay.middle_in_sgd();
    let stored = match cells.next().flatten() {
        Some(content_hash) => Some(Stored {
            content_hash,
            embedding_space: required(cells.next().flatten())?,
            filters: filters(cells)?,
        }),
        None => None,
    };
    Ok(Candidate { key, title, description, filters: now, pay, stored })
}

/// A row of `scan_embeddings.sql`.
pub(super) fn embedding(row: Row) -> Result<EmbeddingRow> {
    let cells = &mut row.into_iter();
    let key = key(cells)?;
    let embedding = vector(cells.next().flatten())?;
    let mut text = || required(cells.next().flatten());
    Ok(EmbeddingRow {
        key,
        embedding,
        model_name: text()?,
        created_at: moment(&text()?)?,
        embedding_space: text()?,
        model_version: text()?,
        content_hash: ContentHash::parse(&text()?)?,
        filters: filters(cells)?,
    })
}

/// A row of `scan_ads.sql`.
pub(super) fn indexed_ad(row: Row) -> Result<IndexedAd> {
    let cells = &mut row.into_iter();
    let key = key(cells)?;
    let mut text = || required(cells.next().flatten());
    let (content_hash, model_version) = (ContentHash::parse(&text()?)?, text()?);
    let embedding = vector(cells.next().flatten())?;
    let mut next = || cells.next().flatten();
    Ok(IndexedAd {
        key,
        content_hash,
        model_version,
        embedding,
        job_title: next(),
        job_description: next(),
        company_name: next(),
        job_location: next(),
        job_classification: next(),
        job_work_type: next(),
        job_currency: next(),
        job_url: next(),
        salary_min_monthly: next().map(|text| parsed(&text)).transpose()?,
        salary_max_monthly: next().map(|text| parsed(&text)).transpose()?,
        job_posted_timestamp: next().map(|text| moment(&text)).transpose()?,
    })
}

/// A row of `scan_features.sql`.
pub(super) fn scanned_ad(row: Row) -> Result<ScannedAd> {
    let cells = &mut row.into_iter();
    let JobKey { source, job_id } = key(cells)?;
    let mut next = || cells.next().flatten();
    let ad = JobAd {
        source,
        job_id,
        job_title: next(),
        job_description: next(),
        job_location: next(),
        job_classification: next(),
        job_work_type: next(),
        company_id: next(),
        company_name: next(),
        company_industry: next(),
        company_size: next(),
        job_currency: next(),
        job_salary_min_sgd_monthly: number(next())?,
        job_salary_max_sgd_monthly: number(next())?,
        job_posted_timestamp: next().map(|text| moment(&text)).transpose()?,
        ..JobAd::default()
    };
    Ok(ScannedAd {
        ad,
        seen: next().map(|text| moment(&text)).transpose()?,
        content_hash: required(next())?,
        embedding: vector(next())?,
        masked: next().map(|text| vector(Some(text))).transpose()?,
    })
}

/// The row of `count_features.sql`.
pub(super) fn feature_count(rows: Vec<Row>) -> Result<FeatureCount> {
    let cells = &mut rows.into_iter().flatten();
    let mut next = || parsed(&required(cells.next().flatten())?);
    Ok(FeatureCount { ads: next()?, with_salary: next()?, without_embedding: next()? })
}

/// The row of `count_jobs.sql`.
pub(super) fn job_count(rows: Vec<Row>) -> Result<JobCount> {
    let cells = &mut rows.into_iter().flatten();
    let mut next = || parsed(&required(cells.next().flatten())?);
    // BigQuery timestamps are always within the years 1 to 9999.
    let (ads, nameless_sightings, forgotten_ads) = (next()?, next()?, next()?);
    Ok(JobCount { ads, nameless_sightings, timestamps_out_of_range: 0, forgotten_ads })
}

/// A row of `index_state.sql`.
pub(super) fn index_state(row: Row) -> Result<IndexState> {
    let cells = &mut row.into_iter();
    let mut next = || cells.next().flatten();
    Ok(IndexState {
        rows: next().map(|text| parsed(&text)).transpose()?.unwrap_or_default(),
        newest: next().map(|text| moment(&text)).transpose()?,
        checksum: next().map(|text| parsed::<i64>(&text)).transpose()?.unwrap_or_default() as u64,
        ads: next().map(|text| parsed(&text)).transpose()?.unwrap_or_default(),
        // BigQuery timestamps are always within the years 1 to 9999.
        timestamps_out_of_range: 0,
    })
}

/// A row of `running_runs.sql`.
pub(super) fn running_run(row: Row) -> Result<RunRecord> {
    let cells = &mut row.into_iter();
    let mut next = || required(cells.next().flatten());
    Ok(RunRecord {
        function: next()?,
        run_id: next()?,
        started_at: moment(&next()?)?,
        finished_at: None,
        status: RunStatus::Running,
        report: serde_json::from_str(&next()?).unwrap_or_default(),
        code_version: next()?,
        recorded_at: moment(&next()?)?,
    })
}

/// A row of `embedding_spaces.sql`.
pub(super) fn space(row: Row) -> Result<(String, u64)> {
    let cells = &mut row.into_iter();
    let mut next = || required(cells.next().flatten());
    Ok((next()?, parsed(&next()?)?))
}

/// A row of `count_keys.sql`.
pub(super) fn count_of_key(row: Row) -> Result<(JobKey, u64)> {
    let cells = &mut row.into_iter();
    Ok((key(cells)?, parsed(&required(cells.next().flatten())?)?))
}

/// The only text of a row.
pub(super) fn text(row: Row) -> Result<String> {
    required(row.into_iter().next().flatten())
}

/// A row of a search's result.
pub(super) fn hit(row: Row) -> Result<VectorHit> {
    let cells = &mut row.into_iter();
    let key = key(cells)?;
    let mut next = || required(cells.next().flatten());
    let content_hash = ContentHash::parse(&next()?)?;
    Ok(VectorHit { key, content_hash, similarity: parsed::<f64>(&next()?)? as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_read_bit_for_bit() {
        let exact = [f32::MIN_POSITIVE / 4.0, -0.0, 0.1 + 0.2, f32::MAX, 1.0, -7.25e-20, f32::INFINITY];
        let json: Vec<String> = exact
            .iter()
            .map(|&element| match f64::from(element) {
                element if element.is_infinite() => "\"Infinity\"".to_owned(),
                element => format!("{element:?}"),
            })
            .collect();
        let bits = |vector: &[f32]| vector.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let read = vector(Some(format!("[{}]", json.join(",")))).unwrap();
        assert_eq!(bits(&read), bits(&exact));
        let odd = vector(Some("[-0, \"-Infinity\",\"NaN\",1e-5]".into())).unwrap();
        assert_eq!(bits(&odd[..2]), bits(&[-0.0, f32::NEG_INFINITY]));
        assert!(odd[2].is_nan());
        assert_eq!(odd[3].to_bits(), 1e-5_f32.to_bits());
        // Next to the middle of two float32 values, an error of one bit in the double selects the other.
        for low in [0.1_f32, 0.3, 7.0e-4, 123.456, 2.5e20] {
            let middle = f64::midpoint(f64::from(low), f64::from(low.next_up()));
            for double in [middle.next_down(), middle, middle.next_up()] {
                let read = vector(Some(format!("[{double:?}]"))).unwrap();
                assert_eq!(read[0].to_bits(), (double as f32).to_bits(), "{double:?}");
            }
        }
        for none in [None, Some("null".into()), Some("[]".into())] {
            assert!(vector(none).unwrap().is_empty());
        }
        for wrong in ["1,2", "[1,null]", "[1,,2]", "[1", "[x]", "{}"] {
            let error = vector(Some(wrong.into())).unwrap_err();
            assert!(error.to_string().starts_with("BigQuery sent"), "{wrong}: {error}");
        }
    }

    #[test]
    fn moments_before_1970_keep_their_parts_of_a_second() {
        assert_eq!(moment("-1000").unwrap().to_rfc3339(), "1969-12-31T23:59:59.999+00:00");
        assert_eq!(moment("-62135596800000000").unwrap().to_rfc3339(), "0001-01-01T00:00:00+00:00");
        assert_eq!(moment("253402300799999999").unwrap().to_rfc3339(), "9999-12-31T23:59:59.999999+00:00");
    }
}
