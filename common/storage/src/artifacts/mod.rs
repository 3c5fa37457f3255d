//! Where index, models and leases are: immutable objects, and pointers that are swapped by compare-and-set.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod directory;
#[cfg(feature = "gcp")]
mod gcs;

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use common_core::{Error, Result};
use futures::stream::BoxStream;

pub use directory::Directory;
#[cfg(feature = "gcp")]
pub use gcs::Gcs;

/// State of an object, as a store names it: compared and never interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation(pub String);

/// What a store knows of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its state.
    pub generation: Generation,
}

/// An object on its way out of the store.
pub struct Reading {
    /// What is read: this state, to the end.
    pub facts: Facts,
    /// Its bytes. `Corrupt` where they are not those that were written, `Conflict` where the object was replaced and its
    /// old state is gone.
    pub chunks: BoxStream<'static, Result<Bytes>>,
}

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
    /// `Conflict` where another process wrote first.
    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation>;

    /// Writes an object that does not exist yet, from a file of any size.
    ///
    /// # Errors
    /// `Conflict` where there is one.
    async fn put_new(&self, name: &str, file: &Path) -> Result<Generation>;

    /// Streams the object, or `None` where there is none.
    async fn read(&self, name: &str) -> Result<Option<Reading>>;

    /// Objects whose names begin with `prefix`, in alphabetical order.
    async fn list(&self, prefix: &str) -> Result<Vec<Facts>>;

    /// Removes the object, whatever its state; it may be gone already. For objects that have no writer any more.
    async fn delete(&self, name: &str) -> Result<()>;
}

/// Refuses names that are empty, absolute, leave the store, or meet a store's own.
fn check_name(name: &str) -> Result<()> {
    // `@` and `.` begin the directory store's own names, and every store refuses the same names.
    let is_plain = |part: &str| {
        !part.is_empty() && !part.starts_with(['.', '@']) && !part.contains(['\0', '\\', '\n', '\r'])
    };
    if name.split('/').all(is_plain) {
        Ok(())
    } else {
        Err(Error::invalid_input(format!(
            "invalid object name {name:?}: expected parts separated by / that do not begin with . or @"
        )))
    }
}
