//! The clustering that places the ads of an index: the champion among the published ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::artifact::Kind;
use common::index::Placement;
use common::storage::registry::ChampionSet;
use common::storage::registry::champions::MODELS;
use common::storage::{ArtifactStore, Registry};
use common::{Error, Result, feed};

use crate::context::BuildVectorIndex;

/// Clusterings among the artifacts; also their name among the models.
const KIND: Kind = Kind { name: "clustering", format: 1, oldest_format: 1, built_by: "train-models" };

/// Opens the clustering in a folder. The second argument is its version.
pub(crate) type Open = fn(&Path, &str) -> Result<Box<dyn Placement>>;

/// What opens a clustering of [`KIND`]. `None`: this program reads no clustering.
const OPEN: Option<Open> = None;

/// The champion of the clusterings.
pub(crate) struct Clustering {
    /// For example `v3`.
    pub(crate) version: String,
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
    /// What opens a version. `None` if none can be read.
    pub(crate) open: Option<Open>,
}

/// The champion for an index of `space`, with the places of its ads. `None`, with a line in the log, if there is no
/// champion or if it is of another embedding space: the index then has no clusters.
///
/// # Errors
/// Those of [`Source::champion`].
pub(crate) async fn champion(context: &BuildVectorIndex, space: &str) -> Result<Option<Clustering>> {
    let folder = context.settings.index.index_dir.clone();
    Source { store: context.storage.artifacts()?, folder, open: OPEN }.champion(space).await
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
            tracing::info!("there is no champion of clustering: the index has no clusters");
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
        let Some(open) = self.open else {
            return Err(Error::corrupt(format!(
                "{name} is the champion of clustering, and this program reads no clustering: update build-vector-index"
            )));
        };
        Ok(Some(Clustering { version, registry, folder: self.folder, open }))
    }
}

impl Clustering {
    /// Copies the version to this machine and opens it.
    ///
    /// # Errors
    /// Errors of the store, and those of opening it.
    pub(crate) async fn placement(&self) -> Result<Box<dyn Placement>> {
        let folder = self.registry.install(&self.version, &self.folder).await?;
        let (open, version) = (self.open, self.version.clone());
        feed::blocking("opening a clustering", move || open(&folder, &version))
            .await
            .map_err(|error| error.context(format!("cannot open {}/{}", KIND.name, self.version)))
    }
}

#[cfg(test)]
mod tests;
