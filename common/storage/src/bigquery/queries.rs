//! Ad-hoc queries. The pages of their results are requested by a plain call: the client cannot ask for timestamps as
//! integers, without which they are rounded, and cannot read a type of column that it does not know.

use std::sync::Arc;

use async_trait::async_trait;
use common_core::{Error, Result};
use common_google::{Call, segment};
use futures::{FutureExt, StreamExt};
use serde_json::Value;

use super::dataset::Dataset;
use super::pages::{Answer, Page, pages};
use super::statement::Statement;
use super::wire::{self, Raw};
use super::{BigQuery, STAGED, cells};
use crate::warehouse::{ColumnType, OperatorQueries, Parameter, QueryResult};

/// Rows in a page, where a vector takes 11 KB. BigQuery limits pages to 10 MB.
const PAGE_ROWS: u32 = 500;

#[async_trait]
impl OperatorQueries for BigQuery {
    async fn tables(&self) -> Result<Vec<String>> {
        let names = self.0.table_names().await?;
        Ok(names.into_iter().filter(|name| !name.starts_with(STAGED)).collect())
    }

    async fn query(&self, sql: &str, parameters: &[Parameter]) -> Result<QueryResult> {
        if sql.trim().is_empty() {
            return Err(Error::invalid_input("the statement is empty"));
        }
        let statement = Statement::ad_hoc("the statement", sql).positional(parameters);
        let estimate = self.0.estimate(&statement).await?;
        if estimate.statement_type != "SELECT" {
            let of_type = estimate.statement_type;
            return Err(Error::invalid_input(format!(
                "the statement is {of_type}, and only SELECT is allowed here"
            )));
        }
        self.0.ad_hoc(statement).await
    }
}

impl Dataset {
    /// Runs a query that may have any columns.
    pub(super) async fn ad_hoc(self: &Arc<Self>, statement: Statement) -> Result<QueryResult> {
        let job = self.execute(&statement).await?.id;
        let answer = Answer { doing: statement.doing, job, page_rows: PAGE_ROWS };
        let (schema, first) = self.raw_page(&answer, None).await?;
        let columns: Vec<(String, ColumnType)> = schema.iter().map(cells::column).collect();
        let types: Vec<ColumnType> = columns.iter().map(|(_, of_type)| *of_type).collect();
        let (doing, this) = (answer.doing.clone(), Arc::clone(self));
        let next = move |token| {
            let (this, answer) = (Arc::clone(&this), answer.clone());
            async move { Ok(this.raw_page(&answer, Some(token)).await?.1) }.boxed()
        };
        let pages = pages(doing, first, next).map(move |page| {
            page?.into_iter().map(|row| cells::cells(row, &types, &schema)).collect::<Result<Vec<_>>>()
        });
        Ok(QueryResult { columns, pages: pages.boxed() })
    }

    /// A page, and the columns of the result.
    async fn raw_page(&self, answer: &Answer, token: Option<String>) -> Result<(Vec<Value>, Page<Vec<Raw>>)> {
        let mut call = Call::get(&answer.doing, self.url(&format!("queries/{}", segment(&answer.job))))
            .with("location", &*self.location)
            .with("maxResults", answer.page_rows.to_string())
            .with("formatOptions.useInt64Timestamp", "true")
            // Indented JSON doubles the size of a vector.
            .with("prettyPrint", "false");
        if let Some(token) = token {
            call = call.with("pageToken", token);
        }
        let sent = self.google.plain.send(&call).await;
        let body = sent.map_err(|failure| failure.into_error(&answer.doing))?;
        let page: wire::Page = serde_json::from_slice(&body).map_err(|error| {
            Error::internal("BigQuery sent rows in an unexpected format").caused_by(error)
        })?;
        let cells = |row: wire::Row| row.cells.into_iter().map(|cell| cell.value).collect();
        let rows = page.rows.into_iter().map(cells).collect();
        let total = page.total.and_then(|total| total.parse().ok());
        let schema = page.schema.map(|schema| schema.fields).unwrap_or_default();
        Ok((schema, Page { rows, next: page.next, total }))
    }
}
