//! What the environment and the command line say, parsed once at start and wrong values refused there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::job::Shard;

macro_rules! choices {
    ($type:ident, $variable:literal, $($text:literal => $variant:ident),+) => {
        impl FromStr for $type {
            type Err = Error;
            fn from_str(value: &str) -> Result<Self> {
                match value {
                    $($text => Ok(Self::$variant),)+
                    _ => refuse($variable, value, &[$($text),+].join(", ")),
                }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

mod serving;
mod url;

pub use serving::{Search, Serving, ServingArgs};
pub use url::{ArtifactsUrl, WarehouseUrl};

/// The ONNX Runtime that `scripts/setup` installs and the binaries look for.
pub const ONNXRUNTIME_VERSION: &str = "1.31.1";

/// Tasks that may write to one table of BigQuery: it runs two statements that change a table at once, queues twenty, and fails
/// the next.
const MOST_WRITERS: u32 = 20;

/// Number format of the model's arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Precision {
    Fp32,
    Int8,
    Fp16,
}

/// What the model runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Device {
    Auto,
    Cpu,
    Cuda,
}

/// How log lines look: JSON for Cloud Logging, text for a terminal; `auto` is JSON on Cloud Run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    Auto,
    Json,
    Text,
}

/// Which of the three ways in Cloud Run or a flag chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Run once here; the report goes to stdout.
    Local,
    /// Run once as a task of a Cloud Run job.
    Job,
    /// Serve HTTP on [`Config::port`].
    Http,
}

/// The environment's variables as they are, before any is understood. Read with envy.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Environment {
    warehouse_url: Option<String>,
    artifacts_url: Option<String>,
    bigquery_emulator_host: Option<String>,
    storage_emulator_host: Option<String>,
    bigquery_location: Option<String>,
    max_bytes_billed: Option<String>,
    request_timeout_s: Option<String>,
    vertex_location: Option<String>,
    vertex_emulator_host: Option<String>,
    embedding_model: Option<String>,
    embedding_precision: Option<String>,
    device: Option<String>,
    model_dir: Option<String>,
    index_dir: Option<String>,
    ort_dylib_path: Option<String>,
    threads: Option<String>,
    port: Option<String>,
    k_service: Option<String>,
    cloud_run_job: Option<String>,
    cloud_run_execution: Option<String>,
    cloud_run_task_index: Option<String>,
    cloud_run_task_count: Option<String>,
    cloud_run_task_attempt: Option<String>,
    google_cloud_project: Option<String>,
    search: Option<String>,
    max_concurrent: Option<String>,
    request_deadline_ms: Option<String>,
    cors_allow_origin: Option<String>,
    index_poll_s: Option<String>,
    log_format: Option<String>,
    rust_log: Option<String>,
    xdg_cache_home: Option<String>,
    home: Option<String>,
}

/// Flags that every function has; each overrides the variable of the same name.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonArgs {
    /// Where the rows are: `duckdb:PATH` or `bigquery://PROJECT/DATASET` [default: `duckdb:data/jobs.duckdb`]
    #[arg(long, global = true, value_name = "URL", help_heading = "Where")]
    pub warehouse_url: Option<String>,
    /// Where artifacts are: `file:PATH` or `gs://BUCKET/PREFIX` [default: `file:data/artifacts`]
    #[arg(long, global = true, value_name = "URL", help_heading = "Where")]
    pub artifacts_url: Option<String>,
    /// Format of log lines on stderr: auto, json, text
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Where")]
    pub log_format: Option<String>,
}

/// Flags of the functions that embed text.
#[derive(Debug, Clone, Default, Args)]
pub struct EmbeddingArgs {
    /// Embedding model [default: all-MiniLM-L6-v2]
    #[arg(long, value_name = "NAME", help_heading = "Model")]
    pub model: Option<String>,
    /// Precision of the model: fp32, int8, fp16 [default: fp32]
    #[arg(long, value_name = "PRECISION", help_heading = "Model")]
    pub precision: Option<String>,
    /// Device: auto, cpu, cuda [default: auto]
    #[arg(long, value_name = "DEVICE", help_heading = "Model")]
    pub device: Option<String>,
    /// CPU threads for inference [default: one a core]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub threads: Option<String>,
}

/// Everything a function needs to know about where it runs.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// `WAREHOUSE_URL`.
    pub warehouse: WarehouseUrl,
    /// `ARTIFACTS_URL`.
    pub artifacts: ArtifactsUrl,
    /// `BIGQUERY_EMULATOR_HOST`: an emulator to talk to, without credentials.
    pub bigquery_emulator_host: Option<String>,
    /// `STORAGE_EMULATOR_HOST`: an emulator to talk to, without credentials.
    pub storage_emulator_host: Option<String>,
    /// `BIGQUERY_LOCATION`: where a dataset is made when there is none.
    pub bigquery_location: String,
    /// `MAX_BYTES_BILLED`: a query that would read more is refused by BigQuery.
    pub max_bytes_billed: Option<u64>,
    /// `VERTEX_LOCATION`: where Vertex AI embeds.
    pub vertex_location: String,
    /// `VERTEX_EMULATOR_HOST`: a server to talk to instead of Vertex AI, without credentials.
    pub vertex_emulator_host: Option<String>,
    /// `REQUEST_TIMEOUT_S`: the longest that nothing may move within one try of a request to Google.
    pub request_timeout_s: u64,
    /// `EMBEDDING_MODEL`.
    pub embedding_model: String,
    /// `EMBEDDING_PRECISION`.
    pub embedding_precision: Precision,
    /// `DEVICE`.
    pub device: Device,
    /// `MODEL_DIR`: the folder that holds one folder a model.
    pub model_dir: PathBuf,
    /// `INDEX_DIR`: the folder in which indexes are built, and kept once fetched.
    pub index_dir: PathBuf,
    /// `ORT_DYLIB_PATH`: the ONNX Runtime library.
    pub ort_dylib_path: PathBuf,
    /// `THREADS`: CPU threads for inference.
    pub threads: usize,
    /// `PORT`, where it is given.
    pub port: Option<u16>,
    /// `K_SERVICE` or `CLOUD_RUN_JOB`: the name Error Reporting groups by.
    pub service: Option<String>,
    /// Whether `CLOUD_RUN_JOB` is set.
    pub is_cloud_run_job: bool,
    /// `CLOUD_RUN_EXECUTION`: the job execution that this task belongs to.
    pub execution: Option<String>,
    /// `CLOUD_RUN_TASK_INDEX` of `CLOUD_RUN_TASK_COUNT`.
    pub shard: Shard,
    /// `CLOUD_RUN_TASK_ATTEMPT`, from 0.
    pub attempt: u32,
    /// `GOOGLE_CLOUD_PROJECT`: completes trace names in the log.
    pub google_cloud_project: Option<String>,
    /// How a service serves.
    #[serde(flatten)]
    pub serving: Serving,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `RUST_LOG`: which lines are logged. [`crate::telemetry`] refuses what it cannot read.
    pub log_filter: String,
}

impl Config {
    /// Reads the environment, lets the flags override it, and refuses what is out of domain.
    ///
    /// # Errors
    /// `Configuration`: one sentence with variable, value and allowed values.
    pub fn load(common: &CommonArgs, embedding: &EmbeddingArgs) -> Result<Self> {
        Self::from_variables(variables(std::env::vars_os())?.into_iter(), common, embedding)
    }

    /// [`Config::load`] with the flags of a service.
    ///
    /// # Errors
    /// Those of [`Config::load`].
    pub fn load_for_service(
        common: &CommonArgs,
        embedding: &EmbeddingArgs,
        serving: &ServingArgs,
    ) -> Result<Self> {
        let flags: BTreeMap<_, _> = serving.variables().collect();
        let variables = variables(std::env::vars_os())?.into_iter();
        let variables = variables.filter(|(name, _)| !flags.contains_key(name));
        Self::from_variables(variables.chain(flags.clone()), common, embedding)
    }

    /// [`Config::load`] with these variables instead of the environment's.
    ///
    /// # Errors
    /// Those of [`Config::load`].
    pub fn from_variables(
        variables: impl Iterator<Item = (String, String)>,
        common: &CommonArgs,
        embedding: &EmbeddingArgs,
    ) -> Result<Self> {
        // An empty variable is how a shell or a Terraform file says "not set".
        let set = variables.filter(|(_, value)| !value.trim().is_empty());
        let env: Environment =
            envy::from_iter(set).map_err(|error| Error::configuration(error.to_string()))?;
        let pick = |flag: &Option<String>, variable: Option<String>, default: &str| {
            flag.clone().or(variable).unwrap_or_else(|| default.to_owned())
        };
        let cache = cache_dir(env.xdg_cache_home.as_deref(), env.home.as_deref());
        let dylib = cache.join(format!("onnxruntime-{ONNXRUNTIME_VERSION}/libonnxruntime.so"));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let serving = Serving::from_environment(&env)?;
        let threads = embedding.threads.clone().or(env.threads);
        let warehouse = pick(&common.warehouse_url, env.warehouse_url, "duckdb:data/jobs.duckdb").parse()?;
        Ok(Self {
            artifacts: pick(&common.artifacts_url, env.artifacts_url, "file:data/artifacts").parse()?,
            bigquery_emulator_host: env.bigquery_emulator_host,
            storage_emulator_host: env.storage_emulator_host,
            bigquery_location: env.bigquery_location.unwrap_or_else(|| "asia-southeast1".into()),
            max_bytes_billed: env
                .max_bytes_billed
                .map(|value| number("MAX_BYTES_BILLED", &value, 0, i64::MAX as u64))
                .transpose()?,
            vertex_location: env.vertex_location.unwrap_or_else(|| "us-central1".into()),
            vertex_emulator_host: env.vertex_emulator_host,
            request_timeout_s: env
                .request_timeout_s
                .map_or(Ok(60), |value| number("REQUEST_TIMEOUT_S", &value, 1, 3600))?,
            embedding_model: model_name(pick(&embedding.model, env.embedding_model, "all-MiniLM-L6-v2"))?,
            embedding_precision: pick(&embedding.precision, env.embedding_precision, "fp32").parse()?,
            device: pick(&embedding.device, env.device, "auto").parse()?,
            model_dir: env.model_dir.map_or_else(|| cache.join("models"), PathBuf::from),
            index_dir: env.index_dir.map_or_else(|| cache.join("indexes"), PathBuf::from),
            ort_dylib_path: env.ort_dylib_path.map_or(dylib, PathBuf::from),
            threads: threads.map_or(Ok(cores), |value| number("THREADS", &value, 1, 1024))?,
            port: env.port.map(|value| number("PORT", &value, 0, 65535)).transpose()?,
            is_cloud_run_job: env.cloud_run_job.is_some(),
            service: env.k_service.or(env.cloud_run_job),
            execution: env.cloud_run_execution,
            shard: shard(
                env.cloud_run_task_index.as_deref(),
                env.cloud_run_task_count.as_deref(),
                &warehouse,
            )?,
            attempt: env
                .cloud_run_task_attempt
                .map_or(Ok(0), |value| number("CLOUD_RUN_TASK_ATTEMPT", &value, 0, u32::MAX))?,
            google_cloud_project: env.google_cloud_project,
            serving,
            warehouse,
            log_format: pick(&common.log_format, env.log_format, "auto").parse()?,
            log_filter: env.rust_log.unwrap_or_else(|| "info".into()),
        })
    }
}

/// Those of `variables` that are text. One of ours that is not would else count as not set.
fn variables(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for (name, value) in variables {
        // A name that is no text is none of ours.
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => texts.push((name, value)),
            Err(value) if is_ours(&name) => return refuse(&name, &value.to_string_lossy(), "text in UTF-8"),
            Err(_) => {}
        }
    }
    Ok(texts)
}

/// Says whether a variable of this name is read, by us or by Google's library for us.
fn is_ours(name: &str) -> bool {
    let alone = envy::from_iter::<_, Environment>([(name.to_owned(), String::from("set"))]);
    name == "GOOGLE_APPLICATION_CREDENTIALS" || alone.is_ok_and(|read| read != Environment::default())
}

/// Where downloads and build products are kept between runs and clones.
fn cache_dir(xdg_cache_home: Option<&str>, home: Option<&str>) -> PathBuf {
    let base = xdg_cache_home
        .map(PathBuf::from)
        .or_else(|| home.map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    base.join("job-market")
}

fn refuse<T>(variable: &str, value: &str, allowed: &str) -> Result<T> {
    Err(Error::configuration(format!("{variable} is {value:?}; allowed is {allowed}")))
}

fn number<N>(variable: &str, value: &str, least: N, most: N) -> Result<N>
where
    N: FromStr + PartialOrd + fmt::Display + Copy,
{
    match value.trim().parse::<N>() {
        Ok(n) if n >= least && n <= most => Ok(n),
        _ => refuse(variable, value, &format!("a whole number from {least} to {most}")),
    }
}

fn shard(index: Option<&str>, count: Option<&str>, warehouse: &WarehouseUrl) -> Result<Shard> {
    let count: u32 = count.map_or(Ok(1), |value| number("CLOUD_RUN_TASK_COUNT", value, 1, 10_000))?;
    if count > MOST_WRITERS && matches!(warehouse, WarehouseUrl::BigQuery { .. }) {
        return Err(Error::configuration(format!(
            "invalid CLOUD_RUN_TASK_COUNT \"{count}\": expected 1 to {MOST_WRITERS}, because BigQuery queues no more than \
             {MOST_WRITERS} statements that change one table and fails the others: deploy the job with fewer tasks"
        )));
    }
    let index = index.map_or(Ok(0), |value| number("CLOUD_RUN_TASK_INDEX", value, 0, count - 1))?;
    Ok(Shard { index, count })
}

/// A model's name becomes part of a path and of a table's name: letters, digits, `.`, `_`, `-` alone.
fn model_name(value: String) -> Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if value.chars().all(is_plain) && value.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Ok(value)
    } else {
        refuse("EMBEDDING_MODEL", &value, "a model's name, such as all-MiniLM-L6-v2")
    }
}

choices!(Precision, "EMBEDDING_PRECISION", "fp32" => Fp32, "int8" => Int8, "fp16" => Fp16);
choices!(Device, "DEVICE", "auto" => Auto, "cpu" => Cpu, "cuda" => Cuda);
choices!(LogFormat, "LOG_FORMAT", "auto" => Auto, "json" => Json, "text" => Text);

#[cfg(test)]
mod tests;
