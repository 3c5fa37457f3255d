//! Jobs: every statement and every load runs as a job. This program chooses the job's id, so a request whose answer
//! was lost can be repeated: the job runs once.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common_core::{ErrorKind, Result};
use common_google::{Body, Call, Failure, segment};
use serde_json::{Value, json};

use super::dataset::Dataset;
use super::statement::Statement;

/// How long a request waits for a running job before it returns without a result.
const LONG_POLL_MS: u64 = 10_000;

/// Maximum number of attempts of a job with transient failures, each under a new id: about four minutes, enough for
/// a table's full queue to drain.
const JOB_ATTEMPTS: u32 = 16;

/// A job that has succeeded.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) id: String,
    /// Its `statistics`.
    pub(super) statistics: Value,
}

impl Done {
    /// Number of rows that the statement changed.
    pub(super) fn changed_rows(&self) -> u64 {
        number(&self.statistics, "/query/numDmlAffectedRows").unwrap_or_default()
    }
}

/// Result of a dry run.
pub(super) struct Estimate {
    pub(super) bytes_processed: u64,
    /// For example `SELECT` or `INSERT`.
    pub(super) statement_type: String,
}

impl Dataset {
    /// Runs one statement to completion.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<Done> {
        let configuration = json!({"query": self.query(statement).await?, "labels": {"app": "job-market"}});
        let done = self.run(&statement.doing, &configuration, None).await?;
        let billed = number(&done.statistics, "/query/totalBytesBilled").unwrap_or_default();
        self.count_billed(billed);
        Ok(done)
    }

    /// Loads a Parquet file into `table`, atomically; `disposition` tells whether to replace or to append to the
    /// table's rows.
    pub(super) async fn load(&self, table: &str, disposition: &str, file: &std::path::Path) -> Result<Done> {
        let configuration = json!({
            "load": {
                "destinationTable": {
                    "projectId": self.project, "datasetId": self.id, "tableId": table,
                },
                "sourceFormat": "PARQUET",
                "parquetOptions": {"enableListInference": true},
                "writeDisposition": disposition,
                "createDisposition": "CREATE_NEVER",
            },
            "labels": {"app": "job-market"},
        });
        let file = file.to_owned();
        self.run(&format!("loading rows into {}", self.name(table)), &configuration, Some(file)).await
    }

    /// Estimates what a statement would read, and returns its type; nothing runs.
    pub(super) async fn estimate(&self, statement: &Statement) -> Result<Estimate> {
        let body = json!({"configuration": {"dryRun": true, "query": self.query(statement).await?},
            "jobReference": {"projectId": self.project, "location": self.location}});
        let call = Call::post(&statement.doing, self.url("jobs"), Body::Json(body));
        let answer = self.client.json(&call).await.map_err(|failure| failure.into_error(&statement.doing))?;
        if let Some(error) = answer.pointer("/status/errorResult") {
            return Err(Failure::of_job(error).into_error(&statement.doing));
        }
        Ok(Estimate {
            bytes_processed: number(&answer, "/statistics/totalBytesProcessed").unwrap_or_default(),
            statement_type: text(&answer, "/statistics/query/statementType"),
        })
    }

    async fn query(&self, statement: &Statement) -> Result<Value> {
        let mut query = json!({
            "query": self.text(statement).await?,
            "useLegacySql": false,
            "defaultDataset": {"projectId": self.project, "datasetId": self.id},
        });
        if !statement.parameters.is_empty() {
            let is_named = statement.parameters.iter().all(|parameter| parameter.get("name").is_some());
            query["parameterMode"] = if is_named { "NAMED" } else { "POSITIONAL" }.into();
            query["queryParameters"] = statement.parameters.clone().into();
        }
        if let Some(most) = self.max_bytes_billed {
            query["maximumBytesBilled"] = most.to_string().into();
        }
        Ok(query)
    }

    /// Runs a job to completion; retries a job with a transient failure until the attempts are used up.
    async fn run(&self, doing: &str, configuration: &Value, file: Option<PathBuf>) -> Result<Done> {
        let limits = self.client.limits();
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut failure = match self.run_once(doing, configuration, file.clone()).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let wait = limits.wait(attempt, failure.retry_after);
            // Only a job that is known to have failed is retried under another id: a job of unknown state may still
            // succeed.
            let is_jobs_own = failure.attempts == 0 && failure.kind() == ErrorKind::Unavailable;
            if !is_jobs_own || attempt >= JOB_ATTEMPTS || started.elapsed() + wait > limits.total {
                failure.attempts = failure.attempts.max(attempt);
                return Err(failure.into_error(doing));
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn run_once(
        &self,
        doing: &str,
        configuration: &Value,
        file: Option<PathBuf>,
    ) -> Result<Done, Failure> {
        let id = format!("job-market-{}", uuid::Uuid::now_v7());
        let body = json!({
            "configuration": configuration,
            "jobReference": {"projectId": self.project, "jobId": id, "location": self.location},
        });
        let is_query = file.is_none();
        let mut call = match file {
            None => Call::post(doing, self.url("jobs"), Body::Json(body)),
            Some(file) => {
                let url = self.upload_url("jobs");
                Call::post(doing, url, Body::Upload(body, file)).with("uploadType", "multipart")
            }
        };
        call.patience = if is_query { Duration::ZERO } else { Duration::from_mins(10) };
        match self.client.json(&call).await {
            Ok(_) => {}
            // The answer to an earlier attempt was lost: the job exists.
            Err(failure) if failure.kind() == ErrorKind::Conflict && failure.attempts > 1 => {}
            Err(failure) => return Err(failure),
        }
        let job = self.wait(doing, &id, is_query).await?;
        Ok(Done { id, statistics: job.get("statistics").cloned().unwrap_or_default() })
    }

    /// Waits for the end of a job; returns an error if the job fails.
    async fn wait(&self, doing: &str, id: &str, is_query: bool) -> Result<Value, Failure> {
        let mut pause = Duration::from_millis(50);
        loop {
            let url = self.url(&format!("jobs/{}", segment(id)));
            let job = self.client.json(&Call::get(doing, url).with("location", &*self.location)).await?;
            if let Some(error) = job.pointer("/status/errorResult") {
                let mut failure = Failure::of_job(error);
                failure.message = with_details(&failure.message, &job);
                return Err(failure);
            }
            if text(&job, "/status/state") == "DONE" {
                return Ok(job);
            }
            if is_query {
                let call = Call::get(doing, self.url(&format!("queries/{}", segment(id))))
                    .with("location", &*self.location)
                    .with(
                        "timeoutMs",
                        LONG_POLL_MS.min(self.client.limits().attempt.as_millis() as u64 / 2).to_string(),
                    )
                    .with("maxResults", "0");
                // A failed job reports its error, in full, at the next request of its state.
                match self.client.send(&call).await {
                    Err(failure) if failure.kind() == ErrorKind::Unavailable => return Err(failure),
                    _ => {}
                }
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }
}

/// A load's error message, with the messages about single rows.
fn with_details(message: &str, job: &Value) -> String {
    let details = job.pointer("/status/errors").and_then(Value::as_array).into_iter().flatten();
    let others = details
        .filter_map(|error| error.get("message")?.as_str())
        .filter(|text| !message.contains(text))
        .take(3);
    others.fold(message.to_owned(), |all, text| format!("{all}; {text}"))
}

/// A number that the API encodes as text.
pub(super) fn number(value: &Value, pointer: &str) -> Option<u64> {
    let found = value.pointer(pointer)?;
    found.as_u64().or_else(|| found.as_str()?.parse().ok())
}

pub(super) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
