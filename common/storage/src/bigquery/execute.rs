//! Jobs: every statement and every load runs as a job. This program chooses the job's id, so a request whose answer
//! was lost can be repeated: the job runs once.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use common_core::{ErrorKind, Result};
use common_google::{Allowance, Body, Call, Failure, Limits};
use gcp_bigquery_client::model::dataset_reference::DatasetReference;
use gcp_bigquery_client::model::get_query_results_parameters::GetQueryResultsParameters;
use gcp_bigquery_client::model::job::Job;
use gcp_bigquery_client::model::job_configuration::JobConfiguration;
use gcp_bigquery_client::model::job_configuration_query::JobConfigurationQuery;
use gcp_bigquery_client::model::job_reference::JobReference;
use gcp_bigquery_client::model::job_statistics::JobStatistics;
use gcp_bigquery_client::model::job_status::JobStatus;
use serde_json::{Value, json};

use super::dataset::Dataset;
use super::statement::Statement;

/// How long a request waits for a running job before it returns without a result.
const LONG_POLL_MS: u64 = 10_000;

/// Maximum wait between two requests of a job's state.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Maximum number of attempts of a job with transient failures, each under a new id: about four minutes, enough for
/// a table's full queue to drain.
const JOB_ATTEMPTS: u32 = 16;

/// How long a load or a query may run, in addition to [`Limits::total`], and still be repeated after a transient
/// failure; also how late the server may answer the upload of a load.
const PATIENCE: Duration = Duration::from_mins(10);

/// A job that has succeeded.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) id: String,
    statistics: JobStatistics,
}

impl Done {
    /// Number of rows that the statement changed.
    pub(super) fn changed_rows(&self) -> u64 {
        let query = self.statistics.query.as_ref();
        number(query.and_then(|query| query.num_dml_affected_rows.as_deref()))
    }

    fn billed_bytes(&self) -> u64 {
        let query = self.statistics.query.as_ref();
        number(query.and_then(|query| query.total_bytes_billed.as_deref()))
    }
}

/// Result of a dry run.
pub(super) struct Estimate {
    pub(super) bytes_processed: u64,
    /// For example `SELECT` or `INSERT`.
    pub(super) statement_type: String,
}

/// What a job does.
enum Work<'a> {
    Query(Box<JobConfiguration>),
    /// A load of a file; the configuration is JSON because the client has no options for Parquet.
    Load(Value, &'a Path),
}

impl Dataset {
    /// Runs one statement to completion.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<Done> {
        let configuration = JobConfiguration { labels: Some(labels()), ..self.query(statement).await? };
        let done = self.run(&statement.doing, &Work::Query(Box::new(configuration))).await?;
        self.count_billed(done.billed_bytes());
        Ok(done)
    }

    /// Loads a Parquet file into `table`, atomically; `disposition` tells whether to replace or to append to the
    /// table's rows.
    pub(super) async fn load(&self, table: &str, disposition: &str, file: &Path) -> Result<Done> {
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
            "labels": labels(),
        });
        let doing = format!("loading rows into {}", self.name(table));
        self.run(&doing, &Work::Load(configuration, file)).await
    }

    /// Estimates what a statement would read, and returns its type; nothing runs.
    pub(super) async fn estimate(&self, statement: &Statement) -> Result<Estimate> {
        let doing = &statement.doing;
        let configuration = JobConfiguration { dry_run: Some(true), ..self.query(statement).await? };
        let job = self.job(None, configuration);
        let planned = if statement.is_operators() {
            self.plan(doing, &job).await
        } else {
            self.request(doing, || self.google.api.job().insert(&self.project, job.clone())).await
        };
        let checked = planned.and_then(|job| check(job.status.as_ref()).map(|_| job.statistics));
        let statistics = checked.map_err(|failure| failure.into_error(doing))?.unwrap_or_default();
        Ok(Estimate {
            bytes_processed: number(statistics.total_bytes_processed.as_deref()),
            statement_type: statistics.query.and_then(|query| query.statement_type).unwrap_or_default(),
        })
    }

    /// The dry run of an operator's statement. Its answer has the columns of the result, and the client cannot read
    /// an answer with a type of column that it does not know, such as `RANGE`.
    async fn plan(&self, doing: &str, job: &Job) -> Result<Job, Failure> {
        let call = Call::post(doing, self.url("jobs"), Body::Json(json!(job)));
        let mut answer = self.google.plain.json(&call).await?;
        if let Some(query) = answer.pointer_mut("/statistics/query").and_then(Value::as_object_mut) {
            query.remove("schema");
        }
        serde_json::from_value(answer)
            .map_err(|error| Failure::local("invalidAnswer", format!("the response is not a job: {error}")))
    }

    async fn query(&self, statement: &Statement) -> Result<JobConfiguration> {
        let parameters = &statement.parameters;
        let is_named = parameters.iter().all(|parameter| parameter.name.is_some());
        let mode = if is_named { "NAMED" } else { "POSITIONAL" };
        let query = JobConfigurationQuery {
            query: self.text(statement).await?,
            use_legacy_sql: Some(false),
            default_dataset: Some(DatasetReference {
                project_id: self.project.clone(),
                dataset_id: self.id.clone(),
            }),
            parameter_mode: (!parameters.is_empty()).then(|| mode.to_owned()),
            query_parameters: (!parameters.is_empty()).then(|| parameters.clone()),
            maximum_bytes_billed: self.max_bytes_billed.map(|most| most.to_string()),
            ..JobConfigurationQuery::default()
        };
        Ok(JobConfiguration { query: Some(query), ..JobConfiguration::default() })
    }

    fn job(&self, id: Option<&str>, configuration: JobConfiguration) -> Job {
        let reference = JobReference {
            project_id: Some(self.project.clone()),
            job_id: id.map(ToOwned::to_owned),
            location: Some(self.location.clone()),
        };
        Job { configuration: Some(configuration), job_reference: Some(reference), ..Job::default() }
    }

    /// Runs a job to completion; retries a job with a transient failure until the attempts are used up.
    async fn run(&self, doing: &str, work: &Work<'_>) -> Result<Done> {
        let limits = self.google.session.limits();
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut failure = match self.run_once(doing, work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let wait = limits.wait(attempt, failure.retry_after);
            if !is_repeated(&failure, attempt, started.elapsed().saturating_add(wait), limits) {
                failure.attempts = failure.attempts.max(attempt);
                return Err(failure.into_error(doing));
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn run_once(&self, doing: &str, work: &Work<'_>) -> Result<Done, Failure> {
        let id = format!("job-market-{}", uuid::Uuid::now_v7());
        let inserted = match work {
            Work::Query(configuration) => {
                let job = self.job(Some(&id), JobConfiguration::clone(configuration));
                self.request(doing, || self.google.api.job().insert(&self.project, job.clone()))
                    .await
                    .map(|_| ())
            }
            Work::Load(configuration, file) => {
                let mut body = json!(self.job(Some(&id), JobConfiguration::default()));
                body["configuration"] = configuration.clone();
                let call = Call::post(doing, self.upload_url("jobs"), Body::Upload(body, file.to_path_buf()));
                let call = Call { patience: PATIENCE, ..call.with("uploadType", "multipart") };
                self.google.plain.send(&call).await.map(|_| ())
            }
        };
        let conflict = match inserted {
            Ok(()) => None,
            // The id is new, so that the job was created by an attempt whose answer was lost.
            Err(failure) if failure.kind() == ErrorKind::Conflict => Some(failure),
            Err(failure) => return Err(failure),
        };
        match self.wait(doing, &id, matches!(work, Work::Query(_))).await {
            Ok(statistics) => Ok(Done { id, statistics }),
            // The conflict is about something else: there is no such job.
            Err(failure) if failure.attempts > 0 && failure.kind() == ErrorKind::NotFound => {
                Err(conflict.unwrap_or(failure))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits for the end of a job; returns an error if the job fails.
    async fn wait(&self, doing: &str, id: &str, is_query: bool) -> Result<JobStatistics, Failure> {
        let location = Some(self.location.as_str());
        let mut pause = Duration::from_millis(50);
        loop {
            let job =
                self.request(doing, || self.google.api.job().get_job(&self.project, id, location)).await?;
            if check(job.status.as_ref())? {
                return Ok(job.statistics.unwrap_or_default());
            }
            // If the request fails, or its response has a type of column that the client does not know, the job's
            // state tells what happened.
            if !is_query || self.long_poll(id).await.is_err() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Waits for some time for the end of a query.
    async fn long_poll(&self, id: &str) -> Result<(), Failure> {
        let session = &self.google.session;
        let timeout_ms = LONG_POLL_MS.min(session.limits().attempt.as_millis() as u64 / 2);
        let parameters = GetQueryResultsParameters {
            location: Some(self.location.clone()),
            timeout_ms: Some(timeout_ms as i32),
            max_results: Some(0),
            ..GetQueryResultsParameters::default()
        };
        let polled = self.google.api.job().get_query_results(&self.project, id, parameters);
        session.once(Allowance::default(), |_| async { Ok(polled.await.map(|_| ())?) }).await
    }
}

/// Whether to run a job again under another id after its failure number `attempt`; `elapsed` is the time from the
/// start of the first attempt to the start of the next.
fn is_repeated(failure: &Failure, attempt: u32, elapsed: Duration, limits: Limits) -> bool {
    // Only a job that is known to have failed: a job of unknown state may still succeed.
    let is_jobs_own = failure.attempts == 0 && failure.kind() == ErrorKind::Unavailable;
    is_jobs_own && attempt < JOB_ATTEMPTS && elapsed <= limits.total + PATIENCE
}

/// Whether a job has ended; an error if it failed.
fn check(status: Option<&JobStatus>) -> Result<bool, Failure> {
    let Some(status) = status else { return Ok(false) };
    let Some(error) = &status.error_result else { return Ok(status.state.as_deref() == Some("DONE")) };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut failure = Failure::of_job(&text(&error.reason), &text(&error.message));
    // A load's messages about single rows.
    let details = status.errors.iter().flatten().filter_map(|error| error.message.as_deref());
    let others = details.filter(|text| !failure.message.contains(text)).take(3);
    failure.message = others.fold(failure.message.clone(), |all, text| format!("{all}; {text}"));
    Err(failure)
}

fn labels() -> HashMap<String, String> {
    HashMap::from([("app".to_owned(), "job-market".to_owned())])
}

/// A number that the API encodes as text; 0 if there is none.
fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use gcp_bigquery_client::model::error_proto::ErrorProto;

    use super::*;

    #[test]
    fn a_job_that_failed_is_repeated_within_the_patience() {
        let limits = Limits::default();
        let own = || Failure::of_job("backendError", "busy");
        let last = limits.total + PATIENCE;
        assert!(is_repeated(&own(), 1, Duration::ZERO, limits));
        assert!(is_repeated(&own(), JOB_ATTEMPTS - 1, last, limits), "a load may take longer than a request");
        assert!(!is_repeated(&own(), JOB_ATTEMPTS, Duration::ZERO, limits));
        assert!(!is_repeated(&own(), 1, last + Duration::from_millis(1), limits));
        // The request failed: the job may be running.
        assert!(!is_repeated(&Failure { attempts: 1, ..own() }, 1, Duration::ZERO, limits));
        assert!(!is_repeated(&Failure::of_job("invalidQuery", "no"), 1, Duration::ZERO, limits));
    }

    #[test]
    fn the_failure_of_a_job_has_the_messages_about_single_rows() {
        let error = |message: &str| ErrorProto {
            reason: Some("invalid".into()),
            message: Some(message.into()),
            ..ErrorProto::default()
        };
        let status = |state: &str, error_result| JobStatus {
            state: Some(state.into()),
            error_result,
            errors: Some(vec![error("two bad rows"), error("row 1"), error("row 2")]),
        };
        assert!(!check(None).unwrap());
        assert!(!check(Some(&status("RUNNING", None))).unwrap());
        assert!(check(Some(&status("DONE", None))).unwrap(), "warnings are no failure");
        let failure = check(Some(&status("DONE", Some(error("two bad rows"))))).unwrap_err();
        assert_eq!(failure.message, "two bad rows; row 1; row 2");
        assert_eq!((failure.kind(), failure.attempts), (ErrorKind::InvalidInput, 0));
    }
}
