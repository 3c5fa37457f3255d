//! Reads a result page by page.

use std::sync::Arc;

use common_core::{Error, Result};
use common_google::Allowance;
use futures::future::{BoxFuture, ready};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use gcp_bigquery_client::model::get_query_results_parameters::GetQueryResultsParameters;
use gcp_bigquery_client::model::table_row::TableRow;
use serde_json::Value;

use super::dataset::Dataset;
use super::rows::Row;
use super::statement::Statement;

/// Rows in a page of ads, and of vectors (about 9 KB of JSON each). BigQuery limits pages to 10 MB.
pub(super) const PAGE_ROWS: u32 = 10_000;
pub(super) const VECTOR_PAGE_ROWS: u32 = 1_000;

/// BigQuery's maximum size of a page. The client does not report the progress of its transfer.
const PAGE: Allowance =
    Allowance { unreported_bytes: 10 << 20, patience: std::time::Duration::ZERO, reported_bytes: 0 };

/// Rows of a result.
pub(super) struct Page<T> {
    pub(super) rows: Vec<T>,
    /// The token of the next page.
    pub(super) next: Option<String>,
    /// Number of rows of the whole result.
    pub(super) total: Option<u64>,
}

/// The result of a query that has run.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) doing: String,
    pub(super) job: String,
    pub(super) page_rows: u32,
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
            let doing = answer.doing.clone();
            let next = move |token| {
                let (this, answer) = (Arc::clone(&this), answer.clone());
                async move { this.page(&answer, Some(token)).await }.boxed()
            };
            Ok::<_, Error>(pages(doing, first, next))
        };
        stream::once(pages).try_flatten().boxed()
    }

    /// All rows of a query with a small result.
    pub(super) async fn collect(self: &Arc<Self>, statement: Statement) -> Result<Vec<Row>> {
        let pages: Vec<Vec<Row>> = self.stream(statement, PAGE_ROWS).try_collect().await?;
        Ok(pages.concat())
    }

    async fn page(&self, answer: &Answer, token: Option<String>) -> Result<Page<Row>> {
        let parameters = GetQueryResultsParameters {
            location: Some(self.location.clone()),
            max_results: Some(answer.page_rows.cast_signed()),
            page_token: token,
            ..GetQueryResultsParameters::default()
        };
        let api = self.google.api.job();
        let send = || api.get_query_results(&self.project, &answer.job, parameters.clone());
        let outcome = self.request_within(PAGE, &answer.doing, send).await;
        let page = outcome.map_err(|failure| failure.into_error(&answer.doing))?;
        Ok(Page {
            rows: page.rows.into_iter().flatten().map(row).collect(),
            next: page.page_token,
            total: page.total_rows.and_then(|total| total.parse().ok()),
        })
    }
}

/// The cells of a row: text, whatever their type.
fn row(row: TableRow) -> Row {
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    row.columns.into_iter().flatten().map(|cell| cell.value.map(text)).collect()
}

/// All pages of a result of `first.total` rows; `fetch` requests one by its token. A result with fewer rows is an
/// error.
pub(super) fn pages<T: Send + 'static>(
    doing: String,
    first: Page<T>,
    fetch: impl Fn(String) -> BoxFuture<'static, Result<Page<T>>> + Send + 'static,
) -> BoxStream<'static, Result<Vec<T>>> {
    let Some(total) = first.total else {
        let error = Error::internal(format!("{doing}: BigQuery did not report the number of rows"));
        return stream::once(ready(Err(error))).boxed();
    };
    let pages = stream::try_unfold((Some(Next::Page(first)), 0), move |(next, seen)| {
        let page = match next {
            Some(Next::Page(page)) => ready(Ok(Some(page))).boxed(),
            Some(Next::Token(token)) => fetch(token).map_ok(Some).boxed(),
            None => ready(check_total(&doing, seen, total).map(|()| None)).boxed(),
        };
        async move {
            let Some(page) = page.await? else { return Ok(None) };
            let seen = seen + page.rows.len() as u64;
            let next = page.next.filter(|token| !token.is_empty());
            Ok(Some((page.rows, (next.map(Next::Token), seen))))
        }
    });
    pages.boxed()
}

/// How to get the next page of a result.
enum Next<T> {
    Page(Page<T>),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_ends_early_is_an_error() {
        let error = check_total("reading ads", 500, 501).unwrap_err();
        assert_eq!(error.to_string(), "reading ads stopped before the end: BigQuery sent 500 of 501 rows");
        assert!(check_total("reading ads", 501, 501).is_ok());
    }
}
