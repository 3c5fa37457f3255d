//! Storage of indexes, models and leases: immutable objects, and pointers that are swapped by compare-and-set.

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

/// State of an object as the store names it; only compared, never interpreted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation(pub String);

/// Metadata of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its state.
    pub generation: Generation,
}

/// An object being read as a stream.
pub struct Reading {
    /// Metadata of the state that is read.
    pub facts: Facts,
    /// Its bytes. The stream fails with `Corrupt` if they differ from the bytes that were written, and with
    /// `Conflict` if the object was replaced and its old state is gone.
    pub chunks: BoxStream<'static, Result<Bytes>>,
}

/// Objects by name; `/` separates the parts of a name.
///
/// The contract of every backend: an object is complete or absent; of two writers that expect the same generation,
/// exactly one succeeds, also across processes.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// The object and its generation, or `None` if it does not exist.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is empty, absolute, or leaves the store.
    async fn get(&self, name: &str) -> Result<Option<(Bytes, Generation)>>;

    /// Writes the object if its generation is still `expected` (`None`: the object does not exist); returns the new
    /// generation.
    ///
    /// # Errors
    /// `Conflict` if another process wrote first.
    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation>;

    /// Creates an object from a file of any size.
    ///
    /// # Errors
    /// `Conflict` if the object exists.
    async fn put_new(&self, name: &str, file: &Path) -> Result<Generation>;

    /// Streams the object, or returns `None` if it does not exist.
    async fn read(&self, name: &str) -> Result<Option<Reading>>;

    /// Objects whose names begin with `prefix`, in alphabetical order.
    async fn list(&self, prefix: &str) -> Result<Vec<Facts>>;

    /// Removes the object in any state; succeeds if it does not exist. Only for objects that have no writers left.
    async fn delete(&self, name: &str) -> Result<()>;
}

/// Refuses names that are empty, absolute, leave the store, or are reserved by a store.
fn check_name(name: &str) -> Result<()> {
    // The directory store reserves names that begin with `@` or `.`; all stores refuse the same names.
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
