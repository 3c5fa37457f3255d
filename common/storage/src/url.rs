//! The URLs that select the backends for rows and for artifacts.

use std::fmt;
use std::path::PathBuf;

use common_core::settings::Value;
use serde::Serialize;

/// The location of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum WarehouseUrl {
    /// `duckdb:PATH`: one file.
    DuckDb(PathBuf),
    /// `bigquery://PROJECT/DATASET`.
    BigQuery {
        /// The project that contains the dataset and is billed for queries.
        project: String,
        /// The dataset.
        dataset: String,
    },
}

/// The location of artifacts: indexes, models and leases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum ArtifactsUrl {
    /// `file:PATH`: a directory.
    Directory(PathBuf),
    /// `gs://BUCKET/PREFIX`; the prefix may be empty.
    Gcs {
        /// The bucket.
        bucket: String,
        /// The prefix of all object names, without leading and trailing slashes.
        prefix: String,
    },
}

impl Value for WarehouseUrl {
    fn read(value: &str) -> Result<Self, String> {
        if let Some(path) = value.strip_prefix("duckdb:").filter(|path| !path.is_empty()) {
            return Ok(Self::DuckDb(path.into()));
        }
        if let Some((project, dataset)) =
            value.strip_prefix("bigquery://").and_then(|rest| rest.split_once('/'))
            && is_name(project, "-.:_")
            && is_name(dataset, "_")
        {
            return Ok(Self::BigQuery { project: project.into(), dataset: dataset.into() });
        }
        let of_bigquery =
            "bigquery://PROJECT/DATASET, where DATASET has only letters, digits and underscores";
        Err(format!("duckdb:PATH or {of_bigquery}"))
    }
}

/// Whether `text` is one of BigQuery's names: ASCII letters, digits, and `others`.
fn is_name(text: &str, others: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

impl Value for ArtifactsUrl {
    fn read(value: &str) -> Result<Self, String> {
        if let Some(path) = value.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Self::Directory(path.into()));
        }
        if let Some(rest) = value.strip_prefix("gs://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if !bucket.is_empty() {
                return Ok(Self::Gcs { bucket: bucket.into(), prefix: prefix.trim_matches('/').into() });
            }
        }
        Err("file:PATH or gs://BUCKET/PREFIX".to_owned())
    }
}

impl WarehouseUrl {
    /// The Google Cloud project in the URL, if any.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::DuckDb(_) => None,
            Self::BigQuery { project, .. } => Some(project),
        }
    }
}

impl fmt::Display for WarehouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuckDb(path) => write!(f, "duckdb:{}", path.display()),
            Self::BigQuery { project, dataset } => write!(f, "bigquery://{project}/{dataset}"),
        }
    }
}

impl fmt::Display for ArtifactsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file:{}", path.display()),
            Self::Gcs { bucket, prefix } => write!(f, "gs://{bucket}/{prefix}"),
        }
    }
}

impl From<WarehouseUrl> for String {
    fn from(url: WarehouseUrl) -> Self {
        url.to_string()
    }
}

impl From<ArtifactsUrl> for String {
    fn from(url: ArtifactsUrl) -> Self {
        url.to_string()
    }
}
