//! Published versions of the index: the champion, and what may replace it.

use std::path::Path;

use common::feed;
use common::index::{JobIndex, Manifest};
use common::storage::Registry;
use common::storage::registry::Champion;
use common::{Error, ErrorKind, Result};

/// The champion; an invalid pointer counts as no champion.
pub(crate) async fn champion(registry: &Registry) -> Result<Option<Champion>> {
    match registry.champion().await {
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            tracing::warn!("there is no champion: {}", error.chain());
            Ok(None)
        }
        found => found,
    }
}

/// A manifest, or `None` if it is missing or cannot be read.
pub(crate) fn readable(manifest: Result<Manifest>) -> Result<Option<Manifest>> {
    match manifest {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => Ok(None),
        found => found.map(Some),
    }
}

/// Opens a version that is complete in the store: a local copy alone cannot be served by other machines.
pub(crate) async fn open(registry: &Registry, version: &str, index_dir: &Path) -> Result<JobIndex> {
    registry.check(version).await?;
    let folder = registry.install(version, index_dir).await?;
    feed::blocking("opening an index", move || JobIndex::open(&folder)).await
}

/// Refuses to replace an index that has ads or cannot be read by an empty one; `why` begins the error.
///
/// # Errors
/// `NotFound` if it is refused.
pub(crate) async fn refuse_empty(registry: &Registry, champion: Option<&Champion>, why: &str) -> Result<()> {
    let last = match champion {
        Some(champion) => Some(champion.version.clone()),
        // An invalid pointer may have named any version.
        None => registry.versions().await?.pop(),
    };
    let Some(version) = last else { return Ok(()) };
    let manifest: Option<Manifest> = readable(registry.manifest(&version).await)?;
    let holds = match manifest.map(|manifest| manifest.rows) {
        Some(0) => return Ok(()),
        Some(ads) => format!("has {ads} ads"),
        None => "cannot be read".to_owned(),
    };
    Err(Error::not_found(format!(
        "{why}, and index {version} {holds}: run embed-new-jobs, or publish an empty index with --allow-empty"
    )))
}
