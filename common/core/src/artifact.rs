//! Artifacts: files that are published together, and the manifest that describes them.
//!
//! Every kind of artifact has the same header, [`Manifest`]. The part of a manifest that is specific to
//! one kind is its body: a type that implements [`Body`]. Readers ignore members that they do not know, and refuse a
//! format that they cannot read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, OnPath, Result};

/// Name of the file that a manifest is stored in.
pub const MANIFEST: &str = "manifest.json";

/// Bytes that are hashed at a time.
const HASHED_BYTES: usize = 1 << 20;

/// A kind of artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `kind` in its manifests.
    pub name: &'static str,
    /// The format that this program writes; a later one is refused.
    pub format: u32,
    /// The oldest format that this program reads.
    pub oldest_format: u32,
    /// The command that builds a new version.
    pub built_by: &'static str,
}

/// The part of a manifest that is specific to one kind.
pub trait Body: Serialize + DeserializeOwned {
    /// The kind that has this body.
    const KIND: Kind;

    /// Refuses a manifest whose values contradict each other.
    ///
    /// # Errors
    /// `Corrupt`, with the value.
    fn check(manifest: &Manifest<Self>) -> Result<()>;
}

/// The manifest of an artifact: the header that every kind has, and the body of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest<T> {
    /// [`Kind::name`].
    pub kind: String,
    /// Format of the files and of the body; see [`Kind::format`].
    pub format: u32,
    /// `v1`, `v2`, …; empty until it is published.
    pub version: String,
    /// When it was built.
    pub created_at: DateTime<Utc>,
    /// What it was built from.
    pub provenance: Provenance,
    /// Number of ads that it was built from or contains.
    pub rows: u64,
    /// Measurements by name; each is finite.
    pub metrics: BTreeMap<String, f64>,
    /// The promotion decision at publication. `None` before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Every other file of the artifact, by name.
    pub files: BTreeMap<String, FileFacts>,
    /// The part that is specific to the kind.
    pub body: T,
}

/// A manifest of any kind, without its body.
pub type Header = Manifest<IgnoredAny>;

/// What an artifact was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the program that built it.
    pub code_version: String,
    /// The space of the embeddings that it was built from. `None` if it contains no embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding_space: Option<String>,
    /// The time range of its rows, for kinds that choose rows by time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// A range of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first moment.
    pub from: DateTime<Utc>,
    /// The last moment.
    pub to: DateTime<Utc>,
}

/// The promotion decision at publication. The pointer names the current champion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether its builder decided to promote it.
    pub promoted: bool,
    /// Why.
    pub reason: String,
}

/// Length and checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl FileFacts {
    /// Reads the file at `path` to its end.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn of(path: &Path) -> Result<Self> {
        let mut file = File::open(path).on_path("cannot read", path)?;
        let (mut digest, mut part, mut bytes) = (Sha256::new(), vec![0; HASHED_BYTES], 0);
        loop {
            let read = file.read(&mut part).on_path("cannot read", path)?;
            if read == 0 {
                return Ok(Self { bytes, sha256: hex::encode(digest.finalize()) });
            }
            digest.update(&part[..read]);
            bytes += read as u64;
        }
    }
}

impl<T> Manifest<T> {
    /// Length of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    /// A measurement, if the manifest has it.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied()
    }

    fn check_header(&self) -> Result<()> {
        let is_plain =
            |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        if let Some(name) = self.files.keys().find(|name| !is_plain(name)) {
            return Err(Error::corrupt(format!(
                "invalid file name {name:?}: expected a name without folders"
            )));
        }
        if let Some((name, value)) = self.metrics.iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::corrupt(format!(
                "invalid metric {name:?}: expected a finite number, found {value}"
            )));
        }
        Ok(())
    }
}

impl<T: DeserializeOwned> Manifest<T> {
    /// Reads a manifest of `kind` from its JSON text. `origin` names it in errors.
    ///
    /// # Errors
    /// `Corrupt` for another kind, a format that this program cannot read, and text that is not a manifest.
    pub fn parse_as(kind: &Kind, bytes: &[u8], origin: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Tag {
            /// Missing in manifests that predate the common header.
            kind: Option<String>,
            format: u32,
        }
        let Kind { name, format, oldest_format, built_by } = *kind;
        let invalid = |error: serde_json::Error| {
            Error::corrupt(format!(
                "invalid manifest {origin:?}: expected kind {name} of format {format}: run {built_by} for a new version"
            ))
            .caused_by(error)
        };
        let tag: Tag = serde_json::from_slice(bytes).map_err(invalid)?;
        if let Some(found) = tag.kind.filter(|found| found != name) {
            return Err(Error::corrupt(format!(
                "invalid manifest {origin:?}: expected kind {name}, found {found:?}"
            )));
        }
        if tag.format > format {
            return Err(Error::corrupt(format!(
                "{origin} has format {}, and this program reads up to {format}: update the program, or run \
                 {built_by} for a new version",
                tag.format
            )));
        }
        if tag.format < oldest_format {
            return Err(Error::corrupt(format!(
                "{origin} has format {}, and this program reads {oldest_format} and later: run {built_by} for a new \
                 version",
                tag.format
            )));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(invalid)?;
        manifest.check_header().map_err(|error| error.context(origin))?;
        Ok(manifest)
    }
}

impl<T: Body> Manifest<T> {
    /// Reads a manifest from its JSON text. `origin` names it in errors.
    ///
    /// # Errors
    /// Those of [`Manifest::parse_as`], and of [`Body::check`].
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self> {
        let manifest = Self::parse_as(&T::KIND, bytes, origin)?;
        T::check(&manifest).map_err(|error| error.context(origin))?;
        Ok(manifest)
    }

    /// Reads the manifest of the artifact in `folder`.
    ///
    /// # Errors
    /// `NotFound` if there is none; those of [`Manifest::parse`].
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::read(&path).on_path("cannot read", &path)?;
        Self::parse(&bytes, &path.display().to_string())
    }

    /// Writes it to `folder` atomically.
    ///
    /// # Errors
    /// Those of the file system; `Internal` for a metric that is not finite.
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.check_header().map_err(|error| Error::internal(error.to_string()))?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal("cannot serialize a manifest").caused_by(error))?;
        let (staged, path) = (folder.join("manifest.json.tmp"), folder.join(MANIFEST));
        std::fs::write(&staged, text).on_path("cannot write", &staged)?;
        std::fs::rename(staged, &path).on_path("cannot write", &path)
    }
}

#[cfg(test)]
mod tests;
