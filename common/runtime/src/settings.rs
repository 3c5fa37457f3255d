//! The settings of a process: its environment, logging, and the limits of a server.

use std::fmt;

use common_core::job::Shard;
use common_core::settings::{Value, Whole, invalid};
use common_core::{Error, Result, settings, string_enum};
use common_storage::settings::WarehouseUrl;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// Maximum number of tasks that write to one BigQuery table. BigQuery runs two mutating statements per table at a time,
/// queues twenty more, and fails further ones.
const MAX_BIGQUERY_TASKS: u32 = 20;

string_enum! {
    /// The format of log lines.
    pub enum LogFormat {
        /// JSON on Cloud Run, text elsewhere.
        "auto" => Auto,
        /// One JSON object a line, for Cloud Logging.
        "json" => Json,
        /// Text for a terminal.
        "text" => Text,
    }
}

settings! {
    /// Logging, the Google project, and the Cloud Run service or job.
    pub struct ProcessSettings, "How" {
        /// Format of log lines on stderr: auto, json, text
        pub log_format: LogFormat = "auto", flag "log-format FORMAT";
        /// Log filter: a level, or a list such as info,hyper=debug
        pub rust_log: LogFilter = "info";
        /// Google Cloud project of traces in the log, also billed for Vertex AI
        pub google_cloud_project: Option<String>;
        /// Name of the Cloud Run service, used as the service name in Error Reporting
        pub k_service: Option<String>, given_by CloudRun;
        /// Name of the Cloud Run job, used as the service name in Error Reporting; selects job mode
        pub cloud_run_job: Option<String>, given_by CloudRun;
    }
}

settings! {
    /// The port of a server.
    pub struct ListenSettings, "How" {
        /// Port to listen on, on all interfaces
        pub port: Option<Whole<0, 65_535>>, given_by CloudRun;
    }
}

settings! {
    /// The task of a Cloud Run job that the process runs.
    pub struct TaskSettings, "How" {
        /// Id of the execution of the job
        pub cloud_run_execution: Option<String>, given_by CloudRun;
        /// Index of the task, from 0
        pub cloud_run_task_index: Whole<0, 9_999> = "0", given_by CloudRun;
        /// Number of tasks
        pub cloud_run_task_count: Whole<1, 10_000> = "1", given_by CloudRun;
        /// Attempt of the task, from 0
        pub cloud_run_task_attempt: Whole<0, 4_294_967_295> = "0", given_by CloudRun;
    }
}

settings! {
    /// The limits of a service, and the origins that may call it.
    pub struct ServingSettings, "How" {
        /// Maximum number of concurrent requests; further ones get status 503
        pub max_concurrent: Whole<1, 10_000> = "64", flag "max-concurrent N";
        /// Time limit of a request in milliseconds
        pub request_deadline_ms: Whole<1, 3_600_000> = "10000", flag "request-deadline-ms MS";
        /// Origin whose pages may call the service from a browser, or * for any origin; not set: no other origin
        pub cors_allow_origin: Option<Origin>, flag "cors-allow-origin ORIGIN";
    }
}

impl ProcessSettings {
    /// The service name in Error Reporting: the name of the Cloud Run service or job.
    pub fn service_name(&self) -> Option<&str> {
        self.k_service.as_deref().or(self.cloud_run_job.as_deref())
    }
}

impl TaskSettings {
    /// The shard of the keys that this task processes.
    ///
    /// # Errors
    /// `Configuration` if the index is out of range, or there are more tasks than `warehouse` allows to write
    /// concurrently.
    pub fn shard(&self, warehouse: &WarehouseUrl) -> Result<Shard> {
        let [index, count] =
            [self.cloud_run_task_index.get(), self.cloud_run_task_count.get()].map(|n| n as u32);
        if count > MAX_BIGQUERY_TASKS && matches!(warehouse, WarehouseUrl::BigQuery { .. }) {
            return Err(Error::configuration(format!(
                "invalid CLOUD_RUN_TASK_COUNT \"{count}\": expected 1 to {MAX_BIGQUERY_TASKS}, because BigQuery \
                 queues at most {MAX_BIGQUERY_TASKS} statements per table: deploy the job with fewer tasks"
            )));
        }
        if index >= count {
            let expected = format!("a whole number from 0 to {}", count - 1);
            return Err(invalid("CLOUD_RUN_TASK_INDEX", &index.to_string(), &expected));
        }
        Ok(Shard { index, count })
    }
}

/// A log filter in the syntax of `RUST_LOG`.
#[derive(Debug, Clone)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter. Modules that are not listed log at level `error`, which keeps the spans with the trace and the
    /// labels.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::builder().parse_lossy(format!("error,{}", self.0))
    }
}

impl Value for LogFilter {
    /// A single word must be a level: `EnvFilter` would take it for a module and disable all other modules.
    fn read(text: &str) -> Result<Self, String> {
        let is_word = |part: &&str| !part.contains(['=', '[', ']', '{', '}', '"']);
        let are_levels = text.split(',').filter(is_word).all(|word| word.parse::<LevelFilter>().is_ok());
        if are_levels && EnvFilter::builder().parse(format!("error,{text}")).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err("off, error, warn, info, debug, trace, or a list such as info,hyper=debug".to_owned())
        }
    }
}

/// `*`, or an origin as browsers send it: scheme, host, and port if it is not the default of the scheme; no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The text of the origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Origin {
    fn read(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |host: &str| {
            let mut chars = host.chars();
            !host.is_empty() && chars.all(|c| c.is_ascii_graphic() && !"/,*\"?#".contains(c))
        };
        if text == "*" || host.is_some_and(is_host) {
            Ok(Self(text.to_owned()))
        } else {
            Err("* or an origin, such as https://jobs.example.sg".to_owned())
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
