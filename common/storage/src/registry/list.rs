//! Lists the versions of a whole store, for the operator.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use common_core::artifact::{Header, MANIFEST};
use common_core::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::champions::{ChampionSet, MODELS};
use super::{Registry, version_number};
use crate::artifacts::ArtifactStore;

/// Number of manifests that are read concurrently.
const READS: usize = 8;

/// A published version.
#[derive(Debug)]
pub struct Entry {
    /// Its name, for example `indexes/v7`.
    pub name: String,
    /// Whether it is the champion of its prefix or one of [`Champions`](super::Champions).
    pub is_champion: bool,
    /// Header of its manifest, or the error of reading it.
    pub header: Result<Header>,
}

impl Registry {
    /// Published versions with their headers, oldest first.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn list(&self) -> Result<Vec<Entry>> {
        list(&self.store, Some(&self.prefix)).await
    }

    /// A version's manifest as it was published.
    ///
    /// # Errors
    /// Errors of [`show`].
    pub async fn show(&self, version: &str) -> Result<Value> {
        show(&self.store, &format!("{}/{version}", self.prefix)).await
    }
}

/// The published versions of a store, or of `prefix` only: by prefix, oldest first.
///
/// # Errors
/// Errors of the store.
pub async fn list(store: &Arc<dyn ArtifactStore>, prefix: Option<&str>) -> Result<Vec<Entry>> {
    let below = prefix.map(|prefix| format!("{}/", prefix.trim_end_matches('/'))).unwrap_or_default();
    let objects = store.list(&below).await?;
    let mut versions: Vec<(&str, u64)> =
        objects.iter().filter_map(|object| version_of_manifest(&object.name)).collect();
    versions.sort_unstable();
    let champions = champions(store, versions.iter().map(|(prefix, _)| *prefix)).await?;
    let names = versions.into_iter().map(|(prefix, number)| format!("{prefix}/v{number}"));
    let entries = names.collect::<Vec<_>>().into_iter().map(async |name: String| {
        // Removed since it was listed.
        let Some(bytes) = manifest(store, &name).await? else { return Ok::<_, Error>(None) };
        let header = serde_json::from_slice(&bytes).map_err(|error| invalid(&name, error));
        Ok(Some(Entry { is_champion: champions.contains(&name), name, header }))
    });
    let entries: Vec<Option<Entry>> = stream::iter(entries).buffered(READS).try_collect().await?;
    Ok(entries.into_iter().flatten().collect())
}

/// The manifest of a version, for example `indexes/v7`, as it was published.
///
/// # Errors
/// `InvalidInput` if `name` is not of this form; `NotFound` if there is no such version; `Corrupt` if its manifest
/// is not JSON.
pub async fn show(store: &Arc<dyn ArtifactStore>, name: &str) -> Result<Value> {
    let is_version = name.rsplit_once('/').is_some_and(|(_, version)| version_number(version).is_some());
    if !is_version {
        return Err(Error::invalid_input(format!(
            "invalid version {name:?}: expected a prefix and a version, for example indexes/v7"
        )));
    }
    let Some(bytes) = manifest(store, name).await? else {
        return Err(Error::not_found(format!("{name} is not published")));
    };
    serde_json::from_slice(&bytes).map_err(|error| invalid(name, error))
}

async fn manifest(store: &Arc<dyn ArtifactStore>, name: &str) -> Result<Option<bytes::Bytes>> {
    Ok(store.get(&format!("{name}/{MANIFEST}")).await?.map(|(bytes, _)| bytes))
}

fn invalid(name: &str, error: serde_json::Error) -> Error {
    let manifest = format!("{name}/{MANIFEST}");
    Error::corrupt(format!("invalid manifest {manifest:?}: expected the header of an artifact"))
        .caused_by(error)
}

/// `indexes/v7/manifest.json` → (`indexes`, 7).
fn version_of_manifest(name: &str) -> Option<(&str, u64)> {
    let (prefix, version) = name.strip_suffix(MANIFEST)?.strip_suffix('/')?.rsplit_once('/')?;
    Some((prefix, version_number(version)?))
}

/// The champions below `prefixes`. Invalid pointers are ignored.
async fn champions(
    store: &Arc<dyn ArtifactStore>,
    prefixes: impl Iterator<Item = &str>,
) -> Result<HashSet<String>> {
    let mut served = HashSet::new();
    let prefixes: BTreeSet<&str> = prefixes.collect();
    for prefix in &prefixes {
        if let Some(version) = super::champion::served_version(store.as_ref(), prefix).await? {
            served.insert(format!("{prefix}/{version}"));
        }
    }
    if prefixes.iter().any(|prefix| prefix.starts_with(MODELS)) {
        match ChampionSet::new(Arc::clone(store)).load().await {
            Ok(set) => served.extend(
                set.into_iter()
                    .flat_map(|set| set.models)
                    .map(|(model, version)| format!("{MODELS}{model}/{version}")),
            ),
            Err(error) if error.kind() == common_core::ErrorKind::Corrupt => {
                tracing::warn!("models are listed without their champions: {}", error.chain());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(served)
}
