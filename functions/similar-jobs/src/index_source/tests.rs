use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::ErrorKind;
use common::storage::artifacts::{ArtifactStore, Directory, Facts, Generation, Reading};

use super::*;

/// A directory that counts how often a file of it is fetched.
struct Counted {
    store: Directory,
    fetched: AtomicUsize,
}

#[async_trait]
impl ArtifactStore for Counted {
    async fn get(&self, name: &str) -> Result<Option<(Bytes, Generation)>> {
        self.store.get(name).await
    }

    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation> {
        self.store.compare_and_set(name, bytes, expected).await
    }

    async fn put_new(&self, name: &str, file: &Path) -> Result<Generation> {
        self.store.put_new(name, file).await
    }

    async fn read(&self, name: &str) -> Result<Option<Reading>> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        self.store.read(name).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Facts>> {
        self.store.list(prefix).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.store.delete(name).await
    }
}

#[test]
fn waits_for_a_damaged_champion_grow_to_a_bound() {
    let first = Duration::from_secs(10);
    let waits: Vec<u64> = (1..=9).map(|tries| wait(first, tries, LONGEST_WAIT).as_secs()).collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
    assert_eq!(wait(first, u32::MAX, LONGEST_OUTAGE_WAIT), LONGEST_OUTAGE_WAIT);
    let hour = Duration::from_hours(1);
    assert_eq!(wait(hour, 1, LONGEST_WAIT), hour, "never sooner than it is looked for");
}

#[tokio::test]
async fn a_damaged_champion_is_not_fetched_at_every_look_and_another_promotion_is() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    std::fs::create_dir(&made).unwrap();
    std::fs::write(made.join("a.bin"), "altered").unwrap();
    let manifest = r#"{
        "kind": "vector_index", "format": 3, "version": "v1", "created_at": "2025-01-02T03:04:05Z",
        "provenance": {"code_version": "0.1.0"}, "rows": 0, "metrics": {}, "body": {},
        "files": {"a.bin": {"bytes": 7, "sha256": "00"}}
    }"#;
    std::fs::write(made.join("manifest.json"), manifest).unwrap();
    let store = Arc::new(Counted {
        store: Directory::new(&folder.path().join("store")),
        fetched: AtomicUsize::new(0),
    });
    let registry = Registry::new(store.clone(), common::index::manifest::KIND, "indexes");
    let version = registry.claim().await.unwrap();
    registry.publish(&version, &made).await.unwrap();
    registry.promote(&version, None).await.unwrap();
    let mut source = Published {
        registry: registry.clone(),
        index_dir: folder.path().join("indexes"),
        first_wait: Duration::from_hours(1),
        opened: Mutex::default(),
        failed: Mutex::default(),
    };
    let error = source.newest(None).await.err().expect("a damaged champion");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    for _ in 0..10 {
        assert!(matches!(source.newest(None).await, Ok(Newest::Later)));
    }
    assert_eq!(store.fetched.load(Ordering::SeqCst), 1);
    // Somebody has mended it, and says so by another promotion.
    let champion = registry.champion().await.unwrap();
    registry.promote(&version, champion.as_ref()).await.unwrap();
    assert!(source.newest(None).await.is_err());
    assert_eq!(store.fetched.load(Ordering::SeqCst), 2);
    // Or the wait is over.
    source.first_wait = Duration::ZERO;
    *source.failed.lock().unwrap() = None;
    for _ in 0..2 {
        assert!(source.newest(None).await.is_err());
    }
    assert_eq!(store.fetched.load(Ordering::SeqCst), 4);
}
