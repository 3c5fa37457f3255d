//! A statement and its parameters.

use common_core::Result;
use common_core::job::{JobKey, Shard, Timestamp};
use gcp_bigquery_client::model::query_parameter::QueryParameter;
use gcp_bigquery_client::model::query_parameter_type::QueryParameterType;
use gcp_bigquery_client::model::query_parameter_value::QueryParameterValue;
use serde_json::{Value, json};

use super::sql;
use crate::sql::{Template, Values};
use crate::warehouse::{EmbeddingTable, FilterColumns, Parameter, RunRecord, SharedRow};

/// One statement, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// Description of the statement, for error messages.
    pub(super) doing: String,
    text: Text,
    pub(super) parameters: Vec<QueryParameter>,
}

#[derive(Debug, Clone)]
enum Text {
    /// A statement of a file, and the values of its placeholders.
    Of(Template, Values),
    /// An operator's statement.
    Whole(String),
}

impl Statement {
    pub(super) fn new(doing: impl Into<String>, template: Template) -> Self {
        Self { doing: doing.into(), text: Text::Of(template, Values::default()), parameters: Vec::new() }
    }

    /// An operator's statement.
    pub(super) fn ad_hoc(doing: impl Into<String>, sql: &str) -> Self {
        Self { doing: doing.into(), text: Text::Whole(sql.to_owned()), parameters: Vec::new() }
    }

    /// Inserts the name of a table of embeddings into the text.
    pub(super) fn on(self, table: &EmbeddingTable) -> Self {
        self.valued(|values| values.on(table))
    }

    /// Inserts a name or a part of a statement into the text; values are always parameters. A later call overrides
    /// an earlier one.
    pub(super) fn with_value(self, placeholder: &'static str, value: &str) -> Self {
        self.valued(|values| Values::default().with(placeholder, value).and(&values))
    }

    fn valued(mut self, add: impl FnOnce(Values) -> Values) -> Self {
        if let Text::Of(_, values) = &mut self.text {
            *values = add(std::mem::take(values));
        }
        self
    }

    /// Whether it is an operator's statement, whose result may have any columns.
    pub(super) fn is_operators(&self) -> bool {
        matches!(self.text, Text::Whole(_))
    }

    /// Whether the text depends on the table of tombstones.
    pub(super) fn reads_tombstones(&self) -> bool {
        let Text::Of(template, values) = &self.text else { return false };
        // A statement with a value for the table's name creates the table or a view of it.
        !values.has("forgotten_ads") && sql::reads_tombstones(*template)
    }

    /// The text that is sent to BigQuery.
    pub(super) fn text_of(&self, has_tombstones: bool) -> Result<String> {
        match &self.text {
            Text::Of(template, values) => sql::fill(*template, values, has_tombstones),
            Text::Whole(sql) => Ok(sql.clone()),
        }
    }

    /// A key that is unique for the statement and its parameters.
    pub(super) fn identity(&self) -> String {
        format!("{:?} {:?}", self.text, self.parameters)
    }

    pub(super) fn text(self, name: &str, value: Option<&str>) -> Self {
        self.with(name, "STRING", value)
    }

    pub(super) fn integer(self, name: &str, value: u32) -> Self {
        self.with(name, "INT64", Some(&value.to_string()))
    }

    pub(super) fn moment(self, name: &str, value: Option<Timestamp>) -> Self {
        self.with(name, "TIMESTAMP", value.map(moment).as_deref())
    }

    /// Values for the `?` placeholders of a statement.
    pub(super) fn positional(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend(parameters.iter().map(|given| {
            let (of_type, value) = match given {
                Parameter::Bool(value) => ("BOOL", value.to_string()),
                Parameter::Int(value) => ("INT64", value.to_string()),
                Parameter::Float(value) => ("FLOAT64", value.to_string()),
                Parameter::Text(value) => ("STRING", value.clone()),
                Parameter::Timestamp(value) => ("TIMESTAMP", moment(*value)),
            };
            parameter(None, of_type, Some(value))
        }));
        self
    }

    pub(super) fn number(self, name: &str, value: Option<f64>) -> Self {
        self.with(name, "FLOAT64", value.map(|value| value.to_string()).as_deref())
    }

    pub(super) fn numbers(self, name: &str, values: impl Iterator<Item = f64>) -> Self {
        self.with_array(name, "FLOAT64", values.map(|value| value.to_string()))
    }

    pub(super) fn texts(self, name: &str, values: &[String]) -> Self {
        self.with_array(name, "STRING", values.iter().cloned())
    }

    pub(super) fn share(self, shard: Shard, source: Option<&str>) -> Self {
        self.integer("shards", shard.count).integer("shard", shard.index).text("source", source)
    }

    /// Small rows as one JSON text: a single parameter for any number of rows.
    pub(super) fn ads(self, rows: &[Value]) -> Self {
        self.text("ads", Some(&Value::from(rows).to_string()))
    }

    fn with(mut self, name: &str, of_type: &str, value: Option<&str>) -> Self {
        self.parameters.push(parameter(Some(name), of_type, value.map(ToOwned::to_owned)));
        self
    }

    fn with_array(mut self, name: &str, of_type: &str, values: impl Iterator<Item = String>) -> Self {
        let element = |value| QueryParameterValue { value: Some(value), ..QueryParameterValue::default() };
        let array = QueryParameter {
            parameter_type: Some(QueryParameterType {
                array_type: Some(Box::new(scalar(of_type))),
                ..scalar("ARRAY")
            }),
            parameter_value: Some(QueryParameterValue {
                array_values: Some(values.map(element).collect()),
                ..QueryParameterValue::default()
            }),
            ..parameter(Some(name), of_type, None)
        };
        self.parameters.push(array);
        self
    }
}

fn scalar(of_type: &str) -> QueryParameterType {
    QueryParameterType { r#type: of_type.to_owned(), ..QueryParameterType::default() }
}

/// A parameter; a value without `value` is NULL.
fn parameter(name: Option<&str>, of_type: &str, value: Option<String>) -> QueryParameter {
    QueryParameter {
        name: name.map(ToOwned::to_owned),
        parameter_type: Some(scalar(of_type)),
        parameter_value: Some(QueryParameterValue { value, ..QueryParameterValue::default() }),
    }
}

/// A moment as a parameter's value.
fn moment(moment: Timestamp) -> String {
    moment.format("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string()
}

pub(super) fn key(key: &JobKey) -> Value {
    json!({"source": key.source, "job_id": key.job_id})
}

pub(super) fn shared(row: &SharedRow) -> Value {
    let FilterColumns { job_location, job_classification, job_work_type, job_posted_timestamp, salary_mid } =
        &row.filters;
    json!({
        "source": row.key.source,
        "job_id": row.key.job_id,
        "content_hash": row.content_hash.to_string(),
        "job_location": job_location,
        "job_classification": job_classification,
        "job_work_type": job_work_type,
        "job_posted_timestamp": job_posted_timestamp.map(|moment| moment.timestamp_micros()),
        "salary_mid": salary_mid,
    })
}

pub(super) fn run(run: &RunRecord) -> Value {
    json!({
        "function": run.function,
        "run_id": run.run_id,
        "started_at": run.started_at.timestamp_micros(),
        "finished_at": run.finished_at.map(|moment| moment.timestamp_micros()),
        "status": run.status.as_str(),
        "report": run.report.to_string(),
        "code_version": run.code_version,
        "recorded_at": run.recorded_at.timestamp_micros(),
    })
}
