//! Published versions of artifacts: `{prefix}/v1/…`, `{prefix}/v2/…`, each a set of files with a manifest.
//!
//! A version is published by its `manifest.json`, which is written last: without it, the version does not exist for
//! readers. A published version never changes.
//!
//! - [`Registry`]: the versions of one prefix
//! - [`Champion`]: the version that is served
//! - [`champions`]: the models that are served together
//! - `cache`: local copies that versions are opened from
//! - [`list`](fn@list), [`show`]: the versions of a whole store

mod cache;
mod champion;
pub mod champions;
mod list;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common_core::artifact::{Body, Header, Kind, MANIFEST, Manifest};
use common_core::error::OnPath;
use common_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::artifacts::ArtifactStore;
use cache::altered;
pub use champion::Champion;
pub use champions::{ChampionSet, Champions};
pub use list::{Entry, list, show};

/// Age in hours after which a claim counts as abandoned: its publisher was killed.
const CLAIM_HOURS: i64 = 24;

/// The versions of one kind of artifact below one prefix of a store.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn ArtifactStore>,
    kind: Kind,
    prefix: String,
}

#[derive(Serialize, Deserialize)]
struct Claim {
    claimed_at: DateTime<Utc>,
}

impl Registry {
    /// The versions of `kind` in `prefix`, for example `indexes`.
    pub fn new(store: Arc<dyn ArtifactStore>, kind: Kind, prefix: &str) -> Self {
        Self { store, kind, prefix: prefix.to_owned() }
    }

    fn name(&self, version: &str, file: &str) -> String {
        format!("{}/{version}/{file}", self.prefix)
    }

    /// A version's manifest.
    ///
    /// # Errors
    /// `NotFound` if there is no such version; `Corrupt` if the manifest is invalid or of an unsupported format.
    pub async fn manifest<T: Body>(&self, version: &str) -> Result<Manifest<T>> {
        let (name, bytes) = self.manifest_bytes(version).await?;
        Manifest::parse(&bytes, &name)
    }

    /// A version's metrics.
    ///
    /// # Errors
    /// Errors of [`Registry::manifest`].
    pub async fn metrics(&self, version: &str) -> Result<BTreeMap<String, f64>> {
        Ok(self.header(version).await?.1.metrics)
    }

    async fn manifest_bytes(&self, version: &str) -> Result<(String, Bytes)> {
        let name = self.name(version, MANIFEST);
        match self.store.get(&name).await? {
            Some((bytes, _)) => Ok((name, bytes)),
            None => Err(Error::not_found(format!(
                "{name} is not in the store: run {} for a new version, or promote a published one",
                self.kind.built_by
            ))),
        }
    }

    async fn header(&self, version: &str) -> Result<(Bytes, Header)> {
        let (name, bytes) = self.manifest_bytes(version).await?;
        let header = Header::parse_as(&self.kind, &bytes, &name)?;
        Ok((bytes, header))
    }

    /// Checks that the store has every file of a version, with the length in the manifest. A complete local copy
    /// does not prove that.
    ///
    /// # Errors
    /// Errors of [`Registry::manifest`]; `Corrupt`, with the file's name, if a file is missing or its length
    /// differs.
    pub async fn check(&self, version: &str) -> Result<()> {
        let (_, header) = self.header(version).await?;
        let objects = self.store.list(&self.name(version, "")).await?;
        for (file, facts) in &header.files {
            let name = self.name(version, file);
            match objects.iter().find(|object| object.name == name) {
                None => return Err(altered(&name, "it is missing")),
                Some(object) if object.size_bytes != facts.bytes => {
                    let found = object.size_bytes;
                    return Err(altered(&name, &format!("it has {found} bytes instead of {}", facts.bytes)));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Reserves the next free version for a publisher; no two publishers get the same version.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn claim(&self) -> Result<String> {
        let mut next = self.numbers().await?.last().map_or(1, |last| last + 1);
        loop {
            let version = format!("v{next}");
            let claim = json(&Claim { claimed_at: Utc::now() })?;
            match self.store.compare_and_set(&self.name(&version, "claim.json"), claim.into(), None).await {
                Ok(_) => return Ok(version),
                Err(error) if error.kind() == ErrorKind::Conflict => next += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Uploads the artifact in `folder` as a claimed version: first the files that its manifest names, then the
    /// manifest, which publishes the version.
    ///
    /// # Errors
    /// `Corrupt` if the manifest is of another kind or version; `Conflict` if the version is already published;
    /// errors of the store.
    pub async fn publish(&self, version: &str, folder: &Path) -> Result<()> {
        let path = folder.join(MANIFEST);
        let bytes = tokio::fs::read(&path).await.on_path("cannot read", &path)?;
        let header = Header::parse_as(&self.kind, &bytes, &path.display().to_string())?;
        if header.version != version {
            let (path, found) = (path.display(), header.version);
            return Err(Error::corrupt(format!("invalid version {found:?} in {path}: expected {version}")));
        }
        for file in header.files.keys().map(String::as_str).chain([MANIFEST]) {
            self.store.put_new(&self.name(version, file), &folder.join(file)).await?;
        }
        Ok(())
    }

    /// Published versions, oldest first.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn versions(&self) -> Result<Vec<String>> {
        let mut published = Vec::new();
        for object in self.store.list(&format!("{}/", self.prefix)).await? {
            if let Some((version, MANIFEST)) = self.parts(&object.name)
                && let Some(number) = version_number(version)
            {
                published.push((number, version.to_owned()));
            }
        }
        published.sort_unstable();
        Ok(published.into_iter().map(|(_, version)| version).collect())
    }

    /// The newest whole version: of the published versions that have every file with the length in the manifest, the
    /// last. Damaged ones are passed over with a warning. `None` if there is none.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn latest(&self) -> Result<Option<String>> {
        for version in self.versions().await?.into_iter().rev() {
            match self.check(&version).await {
                Ok(()) => return Ok(Some(version)),
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                    tracing::warn!("{}/{version} is passed over: {}", self.prefix, error.chain());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn numbers(&self) -> Result<Vec<u64>> {
        let objects = self.store.list(&format!("{}/", self.prefix)).await?;
        let mut numbers: Vec<u64> =
            objects.iter().filter_map(|object| version_number(self.parts(&object.name)?.0)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn parts<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        name.strip_prefix(&self.prefix)?.strip_prefix('/')?.split_once('/')
    }

    /// Removes all published versions except the last `keep` and the champion, and abandoned uploads; returns what
    /// was removed. The newest version is always kept, so that no version number is used twice.
    ///
    /// # Errors
    /// Errors of the store; `Corrupt` if a pointer to a champion cannot be read.
    pub async fn prune(&self, keep: usize) -> Result<Vec<String>> {
        let versions = self.versions().await?;
        let mut old: Vec<String> = versions[..versions.len().saturating_sub(keep.max(1))].to_vec();
        for number in self.numbers().await? {
            let version = format!("v{number}");
            if !versions.contains(&version) && self.is_abandoned(&version).await? {
                old.push(version);
            }
        }
        let mut removed = Vec::new();
        for version in old {
            // Read again for each version: the operator may have rolled back to it in the meantime.
            if self.is_champion(&version).await? {
                continue;
            }
            // The manifest first: from then on the version does not exist for readers.
            self.store.delete(&self.name(&version, MANIFEST)).await?;
            for object in self.store.list(&self.name(&version, "")).await? {
                self.store.delete(&object.name).await?;
            }
            removed.push(version);
        }
        Ok(removed)
    }

    /// Whether `version` is the champion of this prefix or one of [`Champions`].
    async fn is_champion(&self, version: &str) -> Result<bool> {
        if self.champion().await?.is_some_and(|champion| champion.version == version) {
            return Ok(true);
        }
        let Some(model) = self.prefix.strip_prefix(champions::MODELS) else { return Ok(false) };
        let champions = ChampionSet::new(Arc::clone(&self.store)).load().await?;
        Ok(champions.is_some_and(|set| set.models.get(model).is_some_and(|served| served == version)))
    }

    async fn is_abandoned(&self, version: &str) -> Result<bool> {
        let Some((bytes, _)) = self.store.get(&self.name(version, "claim.json")).await? else {
            return Ok(true);
        };
        let claim: Option<Claim> = serde_json::from_slice(&bytes).ok();
        let hours = claim.map(|claim| (Utc::now() - claim.claimed_at).num_hours());
        Ok(hours.is_none_or(|hours| hours >= CLAIM_HOURS))
    }
}

/// `v7` → 7. `None` for other names.
fn version_number(version: &str) -> Option<u64> {
    let digits = version.strip_prefix('v')?;
    (!digits.starts_with(['0', '+'])).then(|| digits.parse().ok())?
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::internal("cannot serialize to JSON").caused_by(error))
}
