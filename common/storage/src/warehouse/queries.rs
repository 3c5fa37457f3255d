//! Ad-hoc queries of an operator or a tool.

use async_trait::async_trait;
use common_core::Result;
use common_core::job::Timestamp;
use futures::stream::BoxStream;

use super::{Cell, ColumnType};

/// Result of an ad-hoc query: its columns, and its rows in pages of bounded size.
pub struct QueryResult {
    /// Name and type of every column.
    pub columns: Vec<(String, ColumnType)>,
    /// Rows, each as long as `columns`.
    pub pages: BoxStream<'static, Result<Vec<Vec<Cell>>>>,
}

/// A value for a `?` placeholder of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A float64.
    Float(f64),
    /// Text.
    Text(String),
    /// A moment within the years 1 to 9999.
    Timestamp(Timestamp),
}

/// Read-only statements in the engine's SQL dialect.
#[async_trait]
pub trait OperatorQueries: Send + Sync {
    /// Names of the tables, in alphabetical order; without views.
    async fn tables(&self) -> Result<Vec<String>>;

    /// Runs one read-only statement; `parameters` replace the `?` placeholders in order.
    ///
    /// # Errors
    /// `InvalidInput` if the statement is invalid, would write, or has another number of parameters.
    async fn query(&self, sql: &str, parameters: &[Parameter]) -> Result<QueryResult>;
}
