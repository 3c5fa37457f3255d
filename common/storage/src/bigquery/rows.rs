//! Reads the rows of a result page by page.

use std::sync::Arc;

use chrono::DateTime;
use common_core::job::{ContentHash, JobKey, Timestamp};
use common_core::pay::Pay;
use common_core::{Error, Result};
use common_google::{Call, segment};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::cells;
use super::dataset::Dataset;
use super::statement::Statement;
use super::wire::{self, Raw};
use crate::warehouse::RunStatus;
use crate::warehouse::{
    Candidate, ColumnType, EmbeddingRow, FilterColumns, IndexState, IndexedAd, JobCount, QueryResult,
    RunRecord, Stored, VectorHit,
};

/// Rows in a page of ads, of vectors (about 9 KB of JSON each), and of ad-hoc queries, where a vector takes 11 KB.
/// BigQuery limits pages to 10 MB.
pub(super) const PAGE_ROWS: u32 = 10_000;
pub(super) const VECTOR_PAGE_ROWS: u32 = 1_000;
const AD_HOC_PAGE_ROWS: u32 = 500;

/// One row: its cells in order.
pub(super) type Row = Vec<Raw>;

struct Page {
    schema: Vec<Value>,
    rows: Vec<Row>,
    next: Option<String>,
    /// Number of rows of the whole result.
    total: Option<u64>,
}

/// The result of a query that has run.
#[derive(Clone)]
struct Answer {
    doing: String,
    job: String,
    page_rows: u32,
}

impl Dataset {
    /// Runs a query and returns its rows in pages of `page_rows`.
    pub(super) fn stream(
        self: &Arc<Self>,
        statement: Statement,
        page_rows: u32,
    ) -> BoxStream<'static, Result<Vec<Row>>> {
        let this = Arc::clone(self);
        let pages = async move {
            let job = this.execute(&statement).await?.id;
            let answer = Answer { doing: statement.doing, job, page_rows };
            let first = this.page(&answer, None).await?;
            Ok::<_, Error>(this.pages(answer, first))
        };
        stream::once(pages).try_flatten().boxed()
    }

    /// All rows of a query with a small result.
    pub(super) async fn collect(self: &Arc<Self>, statement: Statement) -> Result<Vec<Row>> {
        let pages: Vec<Vec<Row>> = self.stream(statement, PAGE_ROWS).try_collect().await?;
        Ok(pages.concat())
    }

    /// Runs an operator's query, which may have any columns.
    pub(super) async fn ad_hoc(self: &Arc<Self>, statement: Statement) -> Result<QueryResult> {
        let job = self.execute(&statement).await?.id;
        let answer = Answer { doing: statement.doing, job, page_rows: AD_HOC_PAGE_ROWS };
        let first = self.page(&answer, None).await?;
        let schema = first.schema.clone();
        let columns: Vec<(String, ColumnType)> = schema.iter().map(cells::column).collect();
        let types: Vec<ColumnType> = columns.iter().map(|(_, of_type)| *of_type).collect();
        let pages = self.pages(answer, first).map(move |page| {
            page?.into_iter().map(|row| cells::cells(row, &types, &schema)).collect::<Result<Vec<_>>>()
        });
        Ok(QueryResult { columns, pages: pages.boxed() })
    }

    /// All pages of a result of `first.total` rows; a result with fewer rows is an error.
    fn pages(self: &Arc<Self>, answer: Answer, first: Page) -> BoxStream<'static, Result<Vec<Row>>> {
        let this = Arc::clone(self);
        let Some(total) = first.total else {
            let error =
                Error::internal(format!("{}: BigQuery did not report the number of rows", answer.doing));
            return stream::once(async { Err(error) }).boxed();
        };
        let pages = stream::try_unfold((Some(Next::Page(first)), 0), move |(next, seen)| {
            let (this, answer) = (Arc::clone(&this), answer.clone());
            async move {
                let page = match next {
                    Some(Next::Page(page)) => page,
                    Some(Next::Token(token)) => this.page(&answer, Some(token)).await?,
                    None => {
                        return check_total(&answer.doing, seen, total).map(|()| None);
                    }
                };
                let seen = seen + page.rows.len() as u64;
                Ok(Some((page.rows, (page.next.map(Next::Token), seen))))
            }
        });
        pages.boxed()
    }

    async fn page(&self, answer: &Answer, token: Option<String>) -> Result<Page> {
        let mut call = Call::get(&answer.doing, self.url(&format!("queries/{}", segment(&answer.job))))
            .with("location", &*self.location)
            .with("maxResults", answer.page_rows.to_string())
            .with("formatOptions.useInt64Timestamp", "true")
            // Indented JSON doubles the size of a vector.
            .with("prettyPrint", "false");
        if let Some(token) = token {
            call = call.with("pageToken", token);
        }
        let body = self.client.send(&call).await.map_err(|failure| failure.into_error(&answer.doing))?;
        let page: wire::Page = serde_json::from_slice(&body).map_err(|error| {
            Error::internal("BigQuery sent rows in an unexpected format").caused_by(error)
        })?;
        Ok(Page {
            schema: page.schema.map(|schema| schema.fields).unwrap_or_default(),
            rows: page
                .rows
                .into_iter()
                .map(|row| row.cells.into_iter().map(|cell| cell.value).collect())
                .collect(),
            next: page.next.filter(|token| !token.is_empty()),
            total: page.total.and_then(|total| total.parse().ok()),
        })
    }
}

/// How to request the next page of a result.
enum Next {
    Page(Page),
    Token(String),
}

/// # Errors
/// `Internal` if the number of rows differs from the announced total: a page without a token for the next page does
/// not prove the end.
fn check_total(doing: &str, seen: u64, total: u64) -> Result<()> {
    if seen == total {
        return Ok(());
    }
    Err(Error::internal(format!("{doing} stopped before the end: BigQuery sent {seen} of {total} rows")))
}

/// A scalar cell: text, or NULL.
pub(super) fn optional(value: Raw) -> Option<String> {
    match value {
        Raw::Null => None,
        Raw::Text(text) => Some(text),
        Raw::List(values) => Some(values.into_iter().filter_map(optional).collect::<Vec<_>>().join(", ")),
        Raw::Other(value) => Some(value.to_string()),
    }
}

pub(super) fn required(value: Raw) -> Result<String> {
    optional(value).ok_or_else(|| Error::corrupt("BigQuery sent NULL in a required column"))
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
/// the conversion is lossless. Non-finite elements are names in quotes.
fn vector(value: Raw) -> Result<Vec<f32>> {
    let Raw::Text(text) = value else { return Ok(Vec::new()) };
    if text == "null" || text == "[]" {
        return Ok(Vec::new());
    }
    let elements = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let elements =
        elements.ok_or_else(|| Error::internal("BigQuery sent a vector that is not a JSON array"))?;
    let mut vector = Vec::with_capacity(1 + elements.bytes().filter(|byte| *byte == b',').count());
    for element in elements.split(',') {
        vector.push(parsed::<f64>(element.trim_matches(|c| c == ' ' || c == '"'))? as f32);
    }
    Ok(vector)
}

fn filters(cells: &mut impl Iterator<Item = Raw>) -> Result<FilterColumns> {
    let columns = filter_columns(cells)?;
    Ok(FilterColumns { salary_mid: number(optional(cells.next().unwrap_or_default()))?, ..columns })
}

/// The columns that filters need, without the pay.
fn filter_columns(cells: &mut impl Iterator<Item = Raw>) -> Result<FilterColumns> {
    let mut next = || optional(cells.next().unwrap_or_default());
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
pub(super) fn key(cells: &mut impl Iterator<Item = Raw>) -> Result<JobKey> {
    let mut next = || required(cells.next().unwrap_or_default());
    Ok(JobKey { source: next()?, job_id: next()? })
}

/// A row of `scan_jobs.sql`.
pub(super) fn candidate(row: Row) -> Result<Candidate> {
    let cells = &mut row.into_iter();
    let key = key(cells)?;
    let title = optional(cells.next().unwrap_or_default());
    let description = optional(cells.next().unwrap_or_default());
    let mut now = filter_columns(cells)?;
    let mut next = || optional(cells.next().unwrap_or_default());
    let pay = Pay { min: number(next())?, max: number(next())?, currency: next() };
    now.salary_mid = pay.middle_in_sgd();
    let stored = match optional(cells.next().unwrap_or_default()) {
        Some(content_hash) => Some(Stored {
            content_hash,
            embedding_space: required(cells.next().unwrap_or_default())?,
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
    let embedding = vector(cells.next().unwrap_or_default())?;
    let mut text = || required(cells.next().unwrap_or_default());
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
    let mut text = || required(cells.next().unwrap_or_default());
    let (content_hash, model_version) = (ContentHash::parse(&text()?)?, text()?);
    let embedding = vector(cells.next().unwrap_or_default())?;
    let mut next = || optional(cells.next().unwrap_or_default());
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

/// The row of `count_jobs.sql`.
pub(super) fn job_count(rows: Vec<Row>) -> Result<JobCount> {
    let cells = &mut rows.into_iter().flatten();
    let mut next = || parsed(&required(cells.next().unwrap_or_default())?);
    // BigQuery timestamps are always within the years 1 to 9999.
    let (ads, nameless_sightings, forgotten_ads) = (next()?, next()?, next()?);
    Ok(JobCount { ads, nameless_sightings, timestamps_out_of_range: 0, forgotten_ads })
}

/// A row of `index_state.sql`.
pub(super) fn index_state(row: Row) -> Result<IndexState> {
    let cells = &mut row.into_iter();
    let mut next = || optional(cells.next().unwrap_or_default());
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
    let mut next = || required(cells.next().unwrap_or_default());
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
    let mut next = || required(cells.next().unwrap_or_default());
    Ok((next()?, parsed(&next()?)?))
}

/// A row of `count_keys.sql`.
pub(super) fn count_of_key(row: Row) -> Result<(JobKey, u64)> {
    let cells = &mut row.into_iter();
    Ok((key(cells)?, parsed(&required(cells.next().unwrap_or_default())?)?))
}

/// The only text of a row.
pub(super) fn text(row: Row) -> Result<String> {
    required(row.into_iter().next().unwrap_or_default())
}

/// A row of a search's result.
pub(super) fn hit(row: Row) -> Result<VectorHit> {
    let cells = &mut row.into_iter();
    let key = key(cells)?;
    let mut next = || required(cells.next().unwrap_or_default());
    let content_hash = ContentHash::parse(&next()?)?;
    Ok(VectorHit { key, content_hash, similarity: parsed::<f64>(&next()?)? as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_ends_early_is_an_error() {
        let error = check_total("reading ads", 500, 501).unwrap_err();
        assert_eq!(error.to_string(), "reading ads stopped before the end: BigQuery sent 500 of 501 rows");
        assert!(check_total("reading ads", 501, 501).is_ok());
    }

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
        let read = vector(Raw::Text(format!("[{}]", json.join(",")))).unwrap();
        assert_eq!(bits(&read), bits(&exact));
        let odd = vector(Raw::Text("[-0, \"-Infinity\",\"NaN\",1e-5]".into())).unwrap();
        assert_eq!(bits(&odd[..2]), bits(&[-0.0, f32::NEG_INFINITY]));
        assert!(odd[2].is_nan());
        assert_eq!(odd[3].to_bits(), 1e-5_f32.to_bits());
        for none in [Raw::Null, Raw::Text("null".into()), Raw::Text("[]".into())] {
            assert!(vector(none).unwrap().is_empty());
        }
        for wrong in ["1,2", "[1,null]", "[1,,2]", "[1", "[x]", "{}"] {
            let error = vector(Raw::Text(wrong.into())).unwrap_err();
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
