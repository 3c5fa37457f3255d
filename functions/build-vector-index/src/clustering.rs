//! The clustering that places the ads of an index: the champion among the published ones.

mod placement;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::index::Placement;
use common::learning::manifest::CLUSTERING as KIND;
use common::storage::registry::ChampionSet;
use common::storage::registry::champions::MODELS;
use common::storage::{ArtifactStore, Registry};
use common::{Result, feed};

use crate::context::BuildVectorIndex;

/// Opens the clustering in a folder. The other arguments are its version and its embedding space.
pub(crate) type Open = fn(&Path, &str, &str) -> Result<Box<dyn Placement>>;

/// The champion of the clusterings.
pub(crate) struct Clustering {
    /// For example `v3`.
    pub(crate) version: String,
    space: String,
    registry: Registry,
    folder: PathBuf,
    open: Open,
}

/// Where clusterings are published, and how they are read.
pub(crate) struct Source {
    /// The artifact store.
    pub(crate) store: Arc<dyn ArtifactStore>,
    /// Folder for copies of versions on this machine.
    pub(crate) folder: PathBuf,
    /// What opens a version.
    pub(crate) open: Open,
}

/// The champion for an index of `space`, with the places of its ads. `None`, with a line in the log, if there is no
/// champion or if it is of another embedding space: the index then has no clusters.
///
/// # Errors
/// Those of [`Source::champion`].
pub(crate) async fn champion(context: &BuildVectorIndex, space: &str) -> Result<Option<Clustering>> {
    let folder = context.settings.index.index_dir.clone();
    Source { store: context.storage.artifacts()?, folder, open: placement::open }.champion(space).await
}

impl Source {
    /// See [`champion`].
    ///
    /// # Errors
    /// `Corrupt` if the pointer to the champions is invalid, or if this program cannot read the champion; `NotFound` if
    /// the champion is not published.
    pub(crate) async fn champion(self, space: &str) -> Result<Option<Clustering>> {
        let champions = ChampionSet::new(Arc::clone(&self.store)).load().await?;
        let found = champions.and_then(|mut set| Some((set.models.remove(KIND.name)?, set.embedding_space)));
        let Some((version, of)) = found else {
            tracing::info!(
                "no clustering is the champion: the index is built without clusters; run train-models to publish one"
            );
            return Ok(None);
        };
        let name = format!("{}/{version}", KIND.name);
        if of != space {
            tracing::warn!(
                "{name} is of {of}, and the index is of {space}: the index has no clusters until a clustering of its \
                 embedding space is trained and promoted with train-models"
            );
            return Ok(None);
        }
        let registry = Registry::new(self.store, KIND, &format!("{MODELS}{}", KIND.name));
        // Also refuses other kinds and formats.
        registry.check(&version).await?;
        Ok(Some(Clustering { version, space: of, registry, folder: self.folder, open: self.open }))
    }
}

impl Clustering {
    /// Copies the version to this machine and opens it.
    ///
    /// # Errors
    /// Errors of the store, and those of opening it.
    pub(crate) async fn placement(&self) -> Result<Box<dyn Placement>> {
        let folder = self.registry.install(&self.version, &self.folder).await?;
        let (open, version, space) = (self.open, self.version.clone(), self.space.clone());
        feed::blocking("opening a clustering", move || open(&folder, &version, &space))
            .await
            .map_err(|error| error.context(format!("cannot open {}/{}", KIND.name, self.version)))
    }
}

#[cfg(test)]
mod tests;
