//! What a registry keeps, on any store.

use std::path::Path;
use std::sync::Arc;

use common_core::ErrorKind;
use sha2::{Digest, Sha256};

use crate::artifacts::ArtifactStore;
use crate::registry::Registry;

fn fill(folder: &Path, text: &str) {
    std::fs::write(folder.join("data.bin"), text).unwrap();
    let manifest = serde_json::json!({
        "kind": "test",
        "files": [{ "name": "data.bin", "bytes": text.len(), "sha256": hex::encode(Sha256::digest(text)) }],
    });
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
}

/// Proves that versions are whole or absent, that one publisher wins, and that what is altered is not placed.
///
/// # Panics
/// Where the store, or the registry on it, does not keep its contract.
pub async fn registry(store: Arc<dyn ArtifactStore>) {
    let registry = Registry::new(Arc::clone(&store), "things/of a kind");
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(registry.champion().await.unwrap(), None);
    assert!(registry.versions().await.unwrap().is_empty());

    // Two publishers at once never have the same version, and a claim is no version.
    let (one, other) = futures::join!(registry.claim(), registry.claim());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one, other);
    assert!(registry.versions().await.unwrap().is_empty());
    fill(folder.path(), "first");
    registry.publish(&one, folder.path(), &["data.bin"]).await.unwrap();
    assert_eq!(registry.versions().await.unwrap(), std::slice::from_ref(&one));
    let again = registry.publish(&one, folder.path(), &["data.bin"]).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);

    // Of two that expect the same champion, one wins.
    registry.promote(&one, None).await.unwrap();
    let champion = registry.champion().await.unwrap().unwrap();
    assert_eq!(champion.version, one);
    assert_eq!(registry.promote(&one, None).await.unwrap_err().kind(), ErrorKind::Conflict);
    fill(folder.path(), "second, and longer");
    registry.publish(&other, folder.path(), &["data.bin"]).await.unwrap();
    registry.promote(&other, Some(&champion)).await.unwrap();
    assert_eq!(registry.promote(&one, Some(&champion)).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(registry.champion().await.unwrap().unwrap().version, other);

    // Placed whole, once.
    let placed = registry.place(&other, cache.path()).await.unwrap();
    assert_eq!(std::fs::read_to_string(placed.join("data.bin")).unwrap(), "second, and longer");
    assert_eq!(registry.place(&other, cache.path()).await.unwrap(), placed);
    // What was altered here since, even without another length, is copied again.
    for written in ["second, AND longer", "sec"] {
        std::fs::write(placed.join("data.bin"), written).unwrap();
        assert_eq!(registry.place(&other, cache.path()).await.unwrap(), placed);
        assert_eq!(std::fs::read_to_string(placed.join("data.bin")).unwrap(), "second, and longer");
    }
    assert_eq!(registry.place("v77", cache.path()).await.unwrap_err().kind(), ErrorKind::NotFound);

    // What is not as the manifest says is named, and leaves nothing behind.
    for (text, written) in [("altered", "alterEd"), ("truncated", "trunc")] {
        let version = registry.claim().await.unwrap();
        fill(folder.path(), text);
        std::fs::write(folder.path().join("data.bin"), written).unwrap();
        registry.publish(&version, folder.path(), &["data.bin"]).await.unwrap();
        let error = registry.place(&version, cache.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("data.bin"), "{error}");
    }
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 1);

    // The last ones stay, and the champion; what is claimed stays for its publisher.
    let claimed = registry.claim().await.unwrap();
    let gone = registry.sweep(1).await.unwrap();
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(!gone.contains(&other) && !gone.contains(&claimed));
    assert_eq!(registry.versions().await.unwrap().len(), 2);
    assert!(registry.place(&one, cache.path()).await.is_err());
    registry.publish(&claimed, folder.path(), &["data.bin"]).await.unwrap();
    assert_eq!(registry.versions().await.unwrap().len(), 3);
}
