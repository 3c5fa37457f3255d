//! The shim's leases, kept in any artifact store.

use std::sync::Arc;

use async_trait::async_trait;
use common_core::Result;
use common_core::shim::LeaseStore;

use super::{ArtifactStore, Generation};

/// Leases as objects of an artifact store.
pub struct Leases(Arc<dyn ArtifactStore>);

impl Leases {
    /// Leases in `store`.
    pub fn new(store: Arc<dyn ArtifactStore>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl LeaseStore for Leases {
    async fn read(&self, name: &str) -> Result<Option<(Vec<u8>, String)>> {
        let object = self.0.get(name).await?;
        Ok(object.map(|(bytes, generation)| (bytes.to_vec(), generation.0)))
    }

    async fn write_if(&self, name: &str, bytes: &[u8], expected: Option<&str>) -> Result<String> {
        let expected = expected.map(|generation| Generation(generation.to_owned()));
        let written = self.0.compare_and_set(name, bytes.to_vec().into(), expected.as_ref()).await?;
        Ok(written.0)
    }

    async fn remove(&self, name: &str) -> Result<()> {
        self.0.delete(name).await
    }
}
