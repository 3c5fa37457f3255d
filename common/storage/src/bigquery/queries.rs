//! Ad-hoc queries.

use async_trait::async_trait;
use common_core::{Error, Result};

use super::statement::Statement;
use super::{BigQuery, STAGED};
use crate::warehouse::{OperatorQueries, Parameter, QueryResult};

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
