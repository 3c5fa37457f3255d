//! Schema of the tables: creates missing tables, adds missing columns, and refuses columns of another type.

use common_core::{Error, ErrorKind, Result};
use common_google::{Call, segment};
use serde_json::Value;

use super::dataset::Dataset;
use super::sql;
use super::statement::Statement;
use crate::schema::{
    self, CLEANED_JOBS, Column, FORGOTTEN_ADS, JOB_EMBEDDINGS, Kind, ML_FEATURES, ML_PREDICTIONS, ML_RUNS,
    Table,
};
use crate::sql::Template;
use crate::warehouse::EmbeddingTable;

/// BigQuery's type of a kind.
pub(crate) fn type_of(kind: Kind) -> String {
    let name = match kind {
        Kind::Text => "STRING",
        Kind::Moment => "TIMESTAMP",
        Kind::Number => "FLOAT64",
        Kind::Integer => "INT64",
        Kind::Vector | Kind::Numbers => "ARRAY<FLOAT64>",
    };
    name.to_owned()
}

/// How often to check a table that another task may be creating: four to eight seconds in total.
const LOOKS: u32 = 5;

impl Dataset {
    pub(super) async fn create_jobs_table(&self) -> Result<()> {
        let statement = Statement::new(self.making(CLEANED_JOBS.name), sql::CREATE_CLEANED_JOBS);
        self.create(CLEANED_JOBS.name, &CLEANED_JOBS, statement).await?;
        self.create_tombstones().await?;
        self.create_latest_jobs().await
    }

    /// Creates the table of tombstones.
    pub(super) async fn create_tombstones(&self) -> Result<()> {
        let statement = Statement::new(self.making(FORGOTTEN_ADS.name), sql::CREATE_FORGOTTEN_ADS);
        // The statement creates the table and does not read it.
        let statement = statement.with_value("forgotten_ads", FORGOTTEN_ADS.name);
        self.create(FORGOTTEN_ADS.name, &FORGOTTEN_ADS, statement).await
    }

    async fn create_latest_jobs(&self) -> Result<()> {
        let tables = [("cleaned_jobs", "cleaned_jobs"), ("forgotten_ads", "forgotten_ads")];
        self.create_view("vw_latest_jobs", sql::CREATE_VW_LATEST_JOBS, &tables).await
    }

    pub(super) async fn create_runs(&self) -> Result<()> {
        let jobs = self.table("cleaned_jobs").await?.ok_or_else(|| {
            Error::not_found(format!(
                "{} does not exist: load ads with `jobctl load FILE`, or name the dataset that has them",
                self.name("cleaned_jobs")
            ))
        })?;
        let jobs = self.once_made("cleaned_jobs", jobs).await?;
        if let Some(column) = self.missing("cleaned_jobs", &CLEANED_JOBS, &jobs)?.first() {
            return Err(schema::lacks(&self.name("cleaned_jobs"), column));
        }
        self.create_tombstones().await?;
        match self.create_latest_jobs().await {
            // No statement of a run reads the view, and a run may lack the permission to create it.
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                tracing::warn!("{} cannot be created: {}", self.name("vw_latest_jobs"), error.chain());
            }
            outcome => outcome?,
        }
        let statement = Statement::new(self.making(ML_RUNS.name), sql::CREATE_ML_RUNS);
        self.create(ML_RUNS.name, &ML_RUNS, statement).await?;
        self.create_view("vw_runs", sql::CREATE_VW_RUNS, &[("ml_runs", "ml_runs")]).await
    }

    pub(super) async fn create_embedding_tables(&self, table: &EmbeddingTable) -> Result<()> {
        self.create_runs().await?;
        for table in [table, &table.masked()] {
            self.create_embedding_table(table).await?;
        }
        let (view, masked) = (table.features_view(), table.masked().name);
        let tables = [
            ("vw_ml_features", view.as_str()),
            ("vw_latest_jobs", "vw_latest_jobs"),
            ("job_embeddings", &table.name),
            ("job_embeddings_masked", &masked),
        ];
        match self.create_view(&view, sql::CREATE_VW_ML_FEATURES, &tables).await {
            // As for vw_latest_jobs, which this view reads.
            Err(error) if [ErrorKind::Forbidden, ErrorKind::NotFound].contains(&error.kind()) => {
                tracing::warn!("{} cannot be created: {}", self.name(&view), error.chain());
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Creates the table of features.
    pub(super) async fn create_features(&self) -> Result<()> {
        let statement = Statement::new(self.making(ML_FEATURES.name), sql::CREATE_ML_FEATURES);
        self.create(ML_FEATURES.name, &ML_FEATURES, statement).await
    }

    /// Creates the table of predictions and its view.
    pub(super) async fn create_predictions(&self) -> Result<()> {
        self.create_tombstones().await?;
        let statement = Statement::new(self.making(ML_PREDICTIONS.name), sql::CREATE_ML_PREDICTIONS);
        self.create(ML_PREDICTIONS.name, &ML_PREDICTIONS, statement).await?;
        let tables = [("ml_predictions", ML_PREDICTIONS.name), ("forgotten_ads", FORGOTTEN_ADS.name)];
        self.create_view("vw_predictions_latest", sql::CREATE_VW_PREDICTIONS_LATEST, &tables).await
    }

    async fn create_embedding_table(&self, table: &EmbeddingTable) -> Result<()> {
        let statement = Statement::new(self.making(&table.name), sql::CREATE_JOB_EMBEDDINGS).on(table);
        self.create(&table.name, &JOB_EMBEDDINGS, statement).await?;
        let found = self.table(&table.name).await?.unwrap_or_default();
        let dimension = text(&found, "/labels/dimension");
        if dimension.is_empty() || dimension == table.dimension.to_string() {
            return Ok(());
        }
        Err(schema::refuse(&format!(
            "{} holds vectors of {dimension} elements, and this model makes {}",
            self.name(&table.name),
            table.dimension
        )))
    }

    /// Description of creating a table, for error messages.
    fn making(&self, table: &str) -> String {
        format!("making {}", self.name(table))
    }

    async fn create(&self, table: &str, schema: &Table, statement: Statement) -> Result<()> {
        // Check first: statements run as jobs, and BigQuery limits the rate of jobs that change a table's metadata.
        let mut found = self.table(table).await?;
        if found.is_none() {
            let made = self.execute(&statement).await;
            found = self.table(table).await?;
            // If several tasks create it at once, some are told that it already exists.
            if found.is_none() {
                made?;
            }
        }
        let found = self.once_made(table, found.unwrap_or_default()).await?;
        if text(&found, "/type") == "VIEW" {
            let name = self.name(table);
            return Err(schema::refuse(&format!(
                "{name} is a view, and this program needs a table to add to"
            )));
        }
        for column in schema::addable(&self.name(table), self.missing(table, schema, &found)?)? {
            let doing = format!("adding a column to {}", self.name(table));
            let statement = Statement::new(doing, sql::ADD_COLUMN)
                .with_value("table", table)
                .with_value("column", column.name)
                .with_value("type", &column.of_type);
            self.execute(&statement).await?;
        }
        Ok(())
    }

    /// Creates the view `name` if missing; `tables` are the placeholders of its tables with their names.
    async fn create_view(
        &self,
        name: &str,
        template: Template,
        tables: &[(&'static str, &str)],
    ) -> Result<()> {
        let is_view = |found: &Value| text(found, "/type") == "VIEW";
        let Some(found) = self.table(name).await? else {
            // A view must name its dataset itself, because requests that read it name none.
            let statement = Statement::new(self.making(name), template);
            let statement = tables.iter().fold(statement, |statement, (placeholder, table)| {
                statement.with_value(placeholder, &format!("`{}`", self.name(table)))
            });
            let made = self.execute(&statement).await;
            // As for a table.
            return if self.table(name).await?.is_some() { Ok(()) } else { made.map(|_| ()) };
        };
        // While another task creates the view, it may not appear as a view yet.
        if is_view(&self.once(name, found, is_view).await?) {
            return Ok(());
        }
        Err(schema::refuse(&format!("{} is a table, and this program needs a view", self.name(name))))
    }

    /// Schema of an existing table; while another task creates the table, it may have no columns yet.
    async fn once_made(&self, table: &str, found: Value) -> Result<Value> {
        self.once(table, found, |found| fields(found).next().is_some()).await
    }

    /// Metadata of `table`, requested again for some time until `is_made` holds.
    async fn once(&self, table: &str, mut found: Value, is_made: impl Fn(&Value) -> bool) -> Result<Value> {
        for attempt in 1..=LOOKS {
            if is_made(&found) {
                break;
            }
            tokio::time::sleep(self.google.session.limits().wait(attempt, None)).await;
            found = self.table(table).await?.unwrap_or_default();
        }
        Ok(found)
    }

    /// Columns of `schema` that the table does not have.
    fn missing(&self, table: &str, schema: &Table, found: &Value) -> Result<Vec<Column>> {
        let unfillable = |field: &&Value| {
            text(field, "/mode") == "REQUIRED"
                && text(field, "/defaultValueExpression").is_empty()
                && !schema.declares(&text(field, "/name"))
        };
        if let Some(field) = fields(found).find(unfillable) {
            return Err(schema::unfillable(&self.name(table), &text(field, "/name")));
        }
        let found: Vec<_> = fields(found).map(|field| (text(field, "/name"), sql_type(field))).collect();
        let mut missing = schema.missing(&self.name(table), type_of, &found)?;
        // BigQuery arrays are never NULL and cannot be declared NOT NULL.
        for column in &mut missing {
            column.is_required &= column.of_type != type_of(Kind::Vector);
        }
        Ok(missing)
    }

    /// Whether a table exists.
    pub(super) async fn has_table(&self, table: &str) -> Result<bool> {
        Ok(self.table(table).await?.is_some())
    }

    /// Metadata of a table, or `None` if it does not exist; by a plain call. The client cannot read a table without
    /// columns, as while another task creates it, or with a type of column that it does not know, such as `RANGE`; it
    /// leaves out the columns' defaults; and it sends the spaces in a table's name as plus signs.
    pub(super) async fn table(&self, table: &str) -> Result<Option<Value>> {
        let doing = format!("reading the schema of {}", self.name(table));
        let url = self.dataset_url(&format!("tables/{}", segment(table)));
        match self.google.plain.json(&Call::get(&doing, url)).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure.into_error(&doing)),
        }
    }
}

pub(super) fn fields(table: &Value) -> impl Iterator<Item = &Value> {
    table.pointer("/schema/fields").and_then(Value::as_array).into_iter().flatten()
}

/// A field's type in SQL; the API uses other names.
fn sql_type(field: &Value) -> String {
    let of_type = match text(field, "/type").as_str() {
        "FLOAT" => "FLOAT64".to_owned(),
        "INTEGER" => "INT64".to_owned(),
        "BOOLEAN" => "BOOL".to_owned(),
        other => other.to_owned(),
    };
    if text(field, "/mode") == "REPEATED" { format!("ARRAY<{of_type}>") } else { of_type }
}

/// A text of the API's JSON; empty if there is none.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
