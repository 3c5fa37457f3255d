//! The tables' shape: made where they are missing, completed by columns that a later version of ours added, refused where a
//! column has another type.

use common_core::{Error, ErrorKind, Result};
use common_google::{Call, segment};
use serde_json::Value;

use super::dataset::Dataset;
use super::execute::text;
use super::statement::Statement;
use crate::shape::{self, Column};
use crate::warehouse::{self, EmbeddingTable};

const CLEANED_JOBS: &str = include_str!("../../../../infra/bigquery/create_cleaned_jobs.sql");
const JOB_EMBEDDINGS: &str = include_str!("../../../../infra/bigquery/create_job_embeddings.sql");
const FORGOTTEN_ADS: &str = include_str!("../../../../infra/bigquery/create_forgotten_ads.sql");
const ML_RUNS: &str = include_str!("../../../../infra/bigquery/create_ml_runs.sql");
const VW_RUNS: &str = include_str!("../../../../infra/bigquery/create_vw_runs.sql");
const ADD_COLUMN: &str = include_str!("../../../../infra/bigquery/add_column.sql");

/// How often to look at a table that another task may be making: four to eight seconds.
const LOOKS: u32 = 5;

impl Dataset {
    pub(super) async fn create_jobs_table(&self) -> Result<()> {
        self.create("cleaned_jobs", CLEANED_JOBS).await?;
        self.create_tombstones().await
    }

    /// Makes the table of those that were taken down.
    pub(super) async fn create_tombstones(&self) -> Result<()> {
        self.create(warehouse::FORGOTTEN_ADS, FORGOTTEN_ADS).await
    }

    pub(super) async fn create_runs(&self) -> Result<()> {
        let jobs = self.table("cleaned_jobs").await?.ok_or_else(|| {
            Error::not_found(format!(
                "{} does not exist: load ads with `jobctl load FILE`, or name the dataset that has them",
                self.name("cleaned_jobs")
            ))
        })?;
        let jobs = self.once_made("cleaned_jobs", jobs).await?;
        if let Some(column) = self.missing("cleaned_jobs", CLEANED_JOBS, &jobs)?.first() {
            return Err(shape::lacks(&self.name("cleaned_jobs"), column));
        }
        self.create_tombstones().await?;
        self.create("ml_runs", ML_RUNS).await?;
        self.create_view("vw_runs", VW_RUNS, "ml_runs").await
    }

    pub(super) async fn create_embedding_tables(&self, table: &EmbeddingTable) -> Result<()> {
        self.create_runs().await?;
        let statement = Statement::new("", JOB_EMBEDDINGS).on(table);
        self.create(&table.name, &statement.sql).await?;
        let found = self.table(&table.name).await?.unwrap_or_default();
        let dimension = text(&found, "/labels/dimension");
        if dimension.is_empty() || dimension == table.dimension.to_string() {
            return Ok(());
        }
        Err(shape::refuse(&format!(
            "{} holds vectors of {dimension} elements, and this model makes {}",
            self.name(&table.name),
            table.dimension
        )))
    }

    async fn create(&self, table: &str, sql: &str) -> Result<()> {
        // Looking first: a statement is a job, and jobs that change a table's metadata are rationed.
        let mut found = self.table(table).await?;
        if found.is_none() {
            let made = self.execute(&Statement::new(format!("making {}", self.name(table)), sql)).await;
            found = self.table(table).await?;
            // Of tasks that make it at once, one may be told that it is there already.
            if found.is_none() {
                made?;
            }
        }
        let found = self.once_made(table, found.unwrap_or_default()).await?;
        for column in shape::addable(&self.name(table), self.missing(table, sql, &found)?)? {
            let sql = ADD_COLUMN
                .replace("job_embeddings", table)
                .replace("{column}", &column.name)
                .replace("{type}", &column.of_type);
            self.execute(&Statement::new(format!("adding a column to {}", self.name(table)), sql)).await?;
        }
        Ok(())
    }

    /// Makes the view `name` of `table` where it is missing.
    async fn create_view(&self, name: &str, sql: &str, table: &str) -> Result<()> {
        let is_view = |found: &Value| text(found, "/type") == "VIEW";
        let Some(found) = self.table(name).await? else {
            // A view is read by requests that name no dataset, and has to do so itself.
            let sql = sql.replace(&format!("FROM {table}"), &format!("FROM `{}`", self.name(table)));
            let statement = Statement::new(format!("making {}", self.name(name)), sql);
            let made = self.execute(&statement).await;
            // As with a table.
            return if self.table(name).await?.is_some() { Ok(()) } else { made.map(|_| ()) };
        };
        // One that another task makes at this moment may not be a view yet.
        if is_view(&self.once(name, found, is_view).await?) {
            return Ok(());
        }
        Err(shape::refuse(&format!("{} is a table, and this program needs a view", self.name(name))))
    }

    /// The shape of a table that is there: one that another task makes at this moment may have no columns yet.
    async fn once_made(&self, table: &str, found: Value) -> Result<Value> {
        self.once(table, found, |found| fields(found).next().is_some()).await
    }

    /// What `table` is, looked at again for a while until `is_made` holds.
    async fn once(&self, table: &str, mut found: Value, is_made: impl Fn(&Value) -> bool) -> Result<Value> {
        for attempt in 1..=LOOKS {
            if is_made(&found) {
                break;
            }
            tokio::time::sleep(self.client.limits().wait(attempt, None)).await;
            found = self.table(table).await?.unwrap_or_default();
        }
        Ok(found)
    }

    /// Columns of `sql` that the table lacks.
    fn missing(&self, table: &str, sql: &str, found: &Value) -> Result<Vec<Column>> {
        if text(found, "/type") == "VIEW" {
            return Err(shape::refuse(&format!(
                "{} is a view, and this program needs a table",
                self.name(table)
            )));
        }
        let unfillable = |field: &&Value| {
            text(field, "/mode") == "REQUIRED"
                && text(field, "/defaultValueExpression").is_empty()
                && !shape::declares(sql, &text(field, "/name"))
        };
        if let Some(field) = fields(found).find(unfillable) {
            return Err(shape::unfillable(&self.name(table), &text(field, "/name")));
        }
        let found: Vec<_> = fields(found).map(|field| (text(field, "/name"), sql_type(field))).collect();
        shape::missing(&self.name(table), sql, &found)
    }

    /// What BigQuery knows of a table, or `None` where there is none.
    pub(super) async fn table(&self, table: &str) -> Result<Option<Value>> {
        let doing = format!("reading the shape of {}", self.name(table));
        let url = self.dataset_url(&format!("tables/{}", segment(table)));
        match self.client.json(&Call::get(&doing, url)).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure.into_error(&doing)),
        }
    }
}

fn fields(table: &Value) -> impl Iterator<Item = &Value> {
    table.pointer("/schema/fields").and_then(Value::as_array).into_iter().flatten()
}

/// A field's type in SQL's words; the interface has words of its own.
fn sql_type(field: &Value) -> String {
    let of_type = match text(field, "/type").as_str() {
        "FLOAT" => "FLOAT64".to_owned(),
        "INTEGER" => "INT64".to_owned(),
        "BOOLEAN" => "BOOL".to_owned(),
        other => other.to_owned(),
    };
    if text(field, "/mode") == "REPEATED" { format!("ARRAY<{of_type}>") } else { of_type }
}
