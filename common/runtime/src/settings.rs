//! What a process is told about where it runs, what it logs, and how much it takes on.

use std::fmt;

use common_core::job::Shard;
use common_core::settings::{Value, Whole, invalid};
use common_core::{Error, Result, settings, words};
use common_storage::settings::WarehouseUrl;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// Tasks that may write to one table of BigQuery: it runs two statements that change a table at once, queues twenty, and fails
/// the next.
const MOST_WRITERS: u32 = 20;

words! {
    /// How log lines look.
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
    /// What is logged, under which name.
    pub struct ProcessSettings, "How" {
        /// Format of log lines on stderr: auto, json, text
        pub log_format: LogFormat = "auto", flag "log-format FORMAT";
        /// Lines that are logged: a level, or a list such as info,hyper=debug
        pub rust_log: LogFilter = "info";
        /// Project that completes trace names in the log, and pays for Vertex AI
        pub google_cloud_project: Option<String>;
        /// Name of the Cloud Run service, by which Error Reporting groups
        pub k_service: Option<String>, given_by CloudRun;
        /// Name of the Cloud Run job, by which Error Reporting groups; runs the function once as a task
        pub cloud_run_job: Option<String>, given_by CloudRun;
    }
}

settings! {
    /// Where a server listens.
    pub struct ListenSettings, "How" {
        /// Port to listen on, on every interface
        pub port: Option<Whole<0, 65_535>>, given_by CloudRun;
    }
}

settings! {
    /// Which task of a Cloud Run job a process is.
    pub struct TaskSettings, "How" {
        /// Execution of the job
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
    /// How much a service takes on, and which pages may call it.
    pub struct ServingSettings, "How" {
        /// Requests worked on at once; one more is answered with 503
        pub max_concurrent: Whole<1, 10_000> = "64", flag "max-concurrent N";
        /// The longest that a request is worked on, in milliseconds
        pub request_deadline_ms: Whole<1, 3_600_000> = "10000", flag "request-deadline-ms MS";
        /// Origin whose pages may call from a browser, or * for every origin; none where it is not set
        pub cors_allow_origin: Option<Origin>, flag "cors-allow-origin ORIGIN";
    }
}

impl ProcessSettings {
    /// The name by which Error Reporting groups: that of the Cloud Run service or job.
    pub fn service_name(&self) -> Option<&str> {
        self.k_service.as_deref().or(self.cloud_run_job.as_deref())
    }
}

impl TaskSettings {
    /// The share of the keys that this task works on.
    ///
    /// # Errors
    /// `Configuration` where there is no such task, or more tasks than `warehouse` lets write at once.
    pub fn shard(&self, warehouse: &WarehouseUrl) -> Result<Shard> {
        let [index, count] =
            [self.cloud_run_task_index.get(), self.cloud_run_task_count.get()].map(|n| n as u32);
        if count > MOST_WRITERS && matches!(warehouse, WarehouseUrl::BigQuery { .. }) {
            return Err(Error::configuration(format!(
                "invalid CLOUD_RUN_TASK_COUNT \"{count}\": expected 1 to {MOST_WRITERS}, because BigQuery queues no more than \
                 {MOST_WRITERS} statements that change one table and fails the others: deploy the job with fewer tasks"
            )));
        }
        if index >= count {
            let expected = format!("a whole number from 0 to {}", count - 1);
            return Err(invalid("CLOUD_RUN_TASK_INDEX", &index.to_string(), &expected));
        }
        Ok(Shard { index, count })
    }
}

/// A filter of log lines, as `RUST_LOG` has it.
#[derive(Debug, Clone)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter. `error` is the level of modules that the list leaves out; it keeps the spans that carry trace and labels.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::builder().parse_lossy(format!("error,{}", self.0))
    }
}

impl Value for LogFilter {
    /// A lone word has to be a level: it would else be read as a module's name and silence the rest.
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

/// `*`, or an origin as browsers send it: scheme and host, a port where it is not the scheme's own, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Its text.
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
