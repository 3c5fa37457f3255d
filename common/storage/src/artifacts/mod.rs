//! Where index, models and leases are: immutable objects, and pointers that are swapped by compare-and-set.

mod directory;
mod leases;

use async_trait::async_trait;
use bytes::Bytes;
use common_core::Result;

pub use directory::Directory;
pub use leases::Leases;

/// Which state of an object a write expects: the store's own word, to be compared and never interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation(pub String);

/// Objects under names with `/` between their parts.
///
/// Contract, the same for every backend: an object is whole or absent, never partly visible; of two writers that
/// expect the same generation exactly one succeeds, also across processes.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// The object and its generation, or `None` where there is none.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is empty, absolute, or leaves the store.
    async fn get(&self, name: &str) -> Result<Option<(Bytes, Generation)>>;

    /// Writes the object if its generation is still `expected` (`None`: if there is none yet); returns the new one.
    ///
    /// # Errors
    /// `Conflict` where somebody else wrote first.
    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation>;
}
