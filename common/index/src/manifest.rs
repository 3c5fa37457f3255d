//! What an index says of itself: `manifest.json`, the last file to be written and the first to be read.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use common_core::error::OnPath;
use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::search::WIDEST;

/// The file's name.
pub const MANIFEST: &str = "manifest.json";

/// Version of the folder's layout; another one is refused.
pub const FORMAT: u32 = 2;

/// The largest index that one instance is meant to serve; past it, search through the warehouse.
pub const LARGEST_TEXTS: u64 = 2_000_000;

/// What an index is, how good it is, and which files it consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Its name among the published: `v1`, `v2`, …; empty until it is published.
    pub version: String,
    /// When it was built.
    pub created_at: DateTime<Utc>,
    /// The code that built it.
    pub code_version: String,
    /// Vectors of one space may be compared.
    pub embedding_space: String,
    /// Model of the vectors, its precision and device; of several, the one that most have.
    pub model_version: String,
    /// How many vectors each model version made. Of an index by an earlier version of this program, which says one alone: all.
    #[serde(default)]
    pub model_versions: BTreeMap<String, u64>,
    /// Elements a vector.
    pub dimension: usize,
    /// Ads in it.
    pub ads: u64,
    /// Different texts among them: what is searched.
    pub texts: u64,
    /// Ads that are not in it, although they have vectors: the model can read nothing of their text.
    pub unreadable: u64,
    /// The most texts that one instance should serve.
    pub largest_texts: u64,
    /// The graph, where there are enough texts for one.
    pub graph: Option<GraphFacts>,
    /// The version it grew from, where it was not built anew.
    pub grown_from: Option<String>,
    /// Texts put in and taken out since [`Manifest::grown_from`].
    pub changed_texts: u64,
    /// How it compares with exact search.
    pub quality: Quality,
    /// What the warehouse held: tells whether anything has changed since.
    pub origin: Origin,
    /// Every other file of the folder.
    pub files: Vec<FileFacts>,
}

/// How the graph is made and walked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphFacts {
    /// The most links a text.
    pub degree: usize,
    /// How many best a walk keeps: the smallest that reached the wanted recall.
    pub search_width: usize,
}

/// Measured when it was built, against exact search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Share of the ten nearest texts that a search finds.
    pub recall_at_10: f64,
    /// Texts that were searched for.
    pub queries: u64,
    /// Median of a search's time, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of a search's time, in milliseconds.
    pub p99_ms: f64,
    /// Building, in seconds.
    pub build_seconds: f64,
}

/// State of the embeddings that an index was built from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// What the warehouse said of them.
    pub state: String,
}

/// A file and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// Its name, without folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads the manifest of the index in `folder`.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Corrupt` where it is none or of another layout.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::read(&path)
            .map_err(|error| Error::from(error).context(format!("cannot read {}", path.display())))?;
        Self::parse(&bytes).map_err(|error| error.context(path.display().to_string()))
    }

    /// Reads a manifest's text, whoever wrote it.
    ///
    /// # Errors
    /// `Corrupt` where it is no manifest, or one that does not hold together.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Layout {
            format: u32,
        }
        let layout: Layout = serde_json::from_slice(bytes)
            .map_err(|error| Error::corrupt(format!("this is no manifest of an index: {error}")))?;
        if layout.format != FORMAT {
            return Err(Error::corrupt(format!(
                "the index has layout {}, and this program reads layout {FORMAT}: build it anew with build-vector-index --full",
                layout.format
            )));
        }
        let mut manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::corrupt(format!("this is no manifest of an index: {error}")))?;
        if manifest.model_versions.is_empty() && manifest.texts > 0 {
            manifest.model_versions.insert(manifest.model_version.clone(), manifest.texts);
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let is_plain =
            |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        if let Some(file) = self.files.iter().find(|file| !is_plain(&file.name)) {
            return Err(Error::corrupt(format!("{:?} is no name of a file", file.name)));
        }
        if self.dimension == 0 || self.dimension > 65_536 {
            return Err(Error::corrupt(format!("vectors of {} elements", self.dimension)));
        }
        if self.texts > self.ads || self.ads > u64::from(u32::MAX - 1) {
            return Err(Error::corrupt(format!("{} texts of {} ads", self.texts, self.ads)));
        }
        if let Some(graph) = self.graph.filter(|graph| !(1..=WIDEST).contains(&graph.search_width)) {
            return Err(Error::corrupt(format!("a graph walked {} wide", graph.search_width)));
        }
        Ok(())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it to `folder`, whole or not at all.
    ///
    /// # Errors
    /// As the file system says.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal("the manifest has no JSON form").caused_by(error))?;
        let (draft, path) = (folder.join("manifest.json.tmp"), folder.join(MANIFEST));
        std::fs::write(&draft, text).on_path("cannot write", &draft)?;
        std::fs::rename(draft, &path).on_path("cannot write", &path)
    }
}
