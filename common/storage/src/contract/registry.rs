//! Contract of a registry, for any store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use common_core::artifact::{Body, Decision, FileFacts, Kind, Manifest, Provenance};
use common_core::{ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::artifacts::ArtifactStore;
use crate::registry::{Registry, list, show};

/// Body of the suite's artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    text: String,
}

/// Kind of the suite's artifacts.
pub(super) const KIND: Kind = Kind { name: "note", format: 2, oldest_format: 2, built_by: "write-notes" };

impl Body for Note {
    const KIND: Kind = KIND;

    fn check(_: &Manifest<Self>) -> Result<()> {
        Ok(())
    }
}

/// Creates an artifact of one file in `folder`, and returns its manifest.
pub(super) fn build(folder: &Path, version: &str, text: &str, space: Option<&str>) -> Manifest<Note> {
    std::fs::write(folder.join("data.bin"), text).unwrap();
    let manifest = Manifest {
        kind: KIND.name.to_owned(),
        format: KIND.format,
        version: version.to_owned(),
        created_at: Utc::now(),
        provenance: Provenance {
            code_version: "0.1.0".to_owned(),
            embedding_space: space.map(str::to_owned),
            window: None,
        },
        rows: text.len() as u64,
        metrics: BTreeMap::from([("length".to_owned(), text.len() as f64)]),
        decision: Some(Decision { promoted: true, reason: "every note is".to_owned() }),
        files: BTreeMap::from([("data.bin".to_owned(), FileFacts::of(&folder.join("data.bin")).unwrap())]),
        body: Note { text: text.to_owned() },
    };
    manifest.write(folder).unwrap();
    manifest
}

/// Claims a version and publishes an artifact under it.
pub(super) async fn publish(registry: &Registry, text: &str, space: Option<&str>) -> String {
    let (folder, version) = (tempfile::tempdir().unwrap(), registry.claim().await.unwrap());
    build(folder.path(), &version, text, space);
    registry.publish(&version, folder.path()).await.unwrap();
    version
}

/// Overwrites an object in any state.
pub(super) async fn overwrite(store: &dyn ArtifactStore, name: &str, text: &str) {
    let generation = store.get(name).await.unwrap().map(|(_, generation)| generation);
    store.compare_and_set(name, text.to_owned().into(), generation.as_ref()).await.unwrap();
}

/// Tests that versions are complete or absent, that one publisher wins, and that local copies are verified; also
/// runs the suite of the champions.
///
/// # Panics
/// If the store, or the registry on it, breaks the contract.
pub async fn registry(store: Arc<dyn ArtifactStore>) {
    versions_are_published_promoted_and_installed(Arc::clone(&store)).await;
    manifests_of_other_formats_are_refused(Arc::clone(&store)).await;
    versions_are_listed_with_their_champions(Arc::clone(&store)).await;
    copies_are_kept_by_prefix(Arc::clone(&store)).await;
    super::champions::champions(store).await;
}

async fn versions_are_published_promoted_and_installed(store: Arc<dyn ArtifactStore>) {
    let registry = Registry::new(Arc::clone(&store), KIND, "things/of a kind");
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(registry.champion().await.unwrap(), None);
    assert!(registry.versions().await.unwrap().is_empty());
    assert_eq!(registry.latest().await.unwrap(), None);

    // Concurrent publishers never claim the same version, and a claim is not a version.
    let (one, other) = futures::join!(registry.claim(), registry.claim());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one, other);
    assert!(registry.versions().await.unwrap().is_empty());
    let manifest = build(folder.path(), &one, "first", None);
    let wrong = registry.publish(&other, folder.path()).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Corrupt, "{wrong}");
    registry.publish(&one, folder.path()).await.unwrap();
    assert_eq!(registry.versions().await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(registry.manifest::<Note>(&one).await.unwrap(), manifest);
    assert_eq!(registry.metrics(&one).await.unwrap(), manifest.metrics);
    let again = registry.publish(&one, folder.path()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);

    // Of two writers that expect the same champion, one wins.
    registry.promote(&one, None).await.unwrap();
    let champion = registry.champion().await.unwrap().unwrap();
    assert_eq!(champion.version, one);
    assert_eq!(registry.promote(&one, None).await.unwrap_err().kind(), ErrorKind::Conflict);
    build(folder.path(), &other, "second, and longer", None);
    registry.publish(&other, folder.path()).await.unwrap();
    registry.promote(&other, Some(&champion)).await.unwrap();
    assert_eq!(registry.promote(&one, Some(&champion)).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(registry.champion().await.unwrap().unwrap().version, other);

    // Installed completely, once.
    let copy = registry.install(&other, cache.path()).await.unwrap();
    assert_eq!(std::fs::read_to_string(copy.join("data.bin")).unwrap(), "second, and longer");
    assert_eq!(registry.install(&other, cache.path()).await.unwrap(), copy);
    // A copy that was altered is replaced, even if its length is unchanged.
    for written in ["second, AND longer", "sec"] {
        std::fs::write(copy.join("data.bin"), written).unwrap();
        assert_eq!(registry.install(&other, cache.path()).await.unwrap(), copy);
        assert_eq!(std::fs::read_to_string(copy.join("data.bin")).unwrap(), "second, and longer");
    }
    let missing = registry.install("v77", cache.path()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains("run write-notes"), "{missing}");

    // Two publishers claimed them at once: either may be the later one.
    assert_eq!(registry.latest().await.unwrap().as_ref(), [&one, &other].into_iter().max());

    // A file that differs from the manifest is named, and no copy is left.
    let mut whole = other.clone();
    for (text, written) in [("altered", "alterEd"), ("truncated", "trunc")] {
        let version = registry.claim().await.unwrap();
        build(folder.path(), &version, text, None);
        std::fs::write(folder.path().join("data.bin"), written).unwrap();
        registry.publish(&version, folder.path()).await.unwrap();
        let error = registry.install(&version, cache.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("data.bin"), "{error}");
        assert_eq!(registry.check(&version).await.is_err(), text.len() != written.len());
        if text.len() == written.len() {
            whole = version;
        }
        assert_eq!(
            registry.latest().await.unwrap().as_ref(),
            Some(&whole),
            "the truncated one is passed over"
        );
    }
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 1);

    // The newest versions and the champion are kept, and so is a claimed version.
    let claimed = registry.claim().await.unwrap();
    let gone = registry.prune(1).await.unwrap();
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(!gone.contains(&other) && !gone.contains(&claimed));
    assert_eq!(registry.versions().await.unwrap().len(), 2);
    assert!(registry.install(&one, cache.path()).await.is_err());
    build(folder.path(), &claimed, "third", None);
    registry.publish(&claimed, folder.path()).await.unwrap();
    assert_eq!(registry.versions().await.unwrap().len(), 3);
}

async fn manifests_of_other_formats_are_refused(store: Arc<dyn ArtifactStore>) {
    let registry = Registry::new(Arc::clone(&store), KIND, "formats");
    let cache = tempfile::tempdir().unwrap();
    let version = publish(&registry, "text", None).await;
    let name = format!("formats/{version}/manifest.json");
    let whole = registry.show(&version).await.unwrap();
    for (member, value, words) in [
        ("format", json!(3), "reads up to 2: update the program, or run write-notes"),
        ("format", json!(1), "reads 2 and later: run write-notes"),
        ("kind", json!("poem"), "expected kind note, found \"poem\""),
        ("rows", json!(null), "expected kind note of format 2"),
        ("files", json!({ "../x": { "bytes": 1, "sha256": "" } }), "invalid file name"),
    ] {
        let mut other = whole.clone();
        other[member] = value;
        overwrite(store.as_ref(), &name, &other.to_string()).await;
        for error in [
            registry.manifest::<Note>(&version).await.err().unwrap(),
            registry.metrics(&version).await.err().unwrap(),
            registry.check(&version).await.err().unwrap(),
            registry.install(&version, cache.path()).await.err().unwrap(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
            assert!(error.to_string().contains(words) && error.to_string().contains(&name), "{error}");
        }
    }
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

async fn versions_are_listed_with_their_champions(store: Arc<dyn ArtifactStore>) {
    let registry = Registry::new(Arc::clone(&store), KIND, "listed/notes");
    assert!(registry.list().await.unwrap().is_empty());
    for text in ["a", "bb", "ccc"] {
        publish(&registry, text, None).await;
    }
    registry.promote("v2", None).await.unwrap();
    overwrite(store.as_ref(), "listed/notes/v3/manifest.json", r#"{"format": 1, "files": []}"#).await;
    overwrite(store.as_ref(), "listed/v1/readme.txt", "no manifest").await;
    for entries in [registry.list().await, list(&store, Some("listed")).await, list(&store, None).await] {
        let entries = entries.unwrap();
        let found: Vec<_> = entries
            .iter()
            .filter(|entry| entry.name.starts_with("listed/"))
            .map(|entry| {
                let facts = entry.header.as_ref().ok().map(|header| (header.rows, header.metric("length")));
                (entry.name.as_str(), entry.is_champion, facts)
            })
            .collect();
        let expected = [
            ("listed/notes/v1", false, Some((1, Some(1.0)))),
            ("listed/notes/v2", true, Some((2, Some(2.0)))),
            ("listed/notes/v3", false, None),
        ];
        assert_eq!(found, expected);
    }
    let shown = show(&store, "listed/notes/v2").await.unwrap();
    assert_eq!((&shown["kind"], &shown["body"]["text"]), (&json!("note"), &json!("bb")));
    assert_eq!(show(&store, "listed/notes/v9").await.unwrap_err().kind(), ErrorKind::NotFound);
    for name in ["", "v1", "listed/notes", "listed/notes/v01"] {
        assert_eq!(show(&store, name).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
    }
}

async fn copies_are_kept_by_prefix(store: Arc<dyn ArtifactStore>) {
    let cache = tempfile::tempdir().unwrap();
    let [one, other] =
        ["copies/one", "copies/other"].map(|prefix| Registry::new(Arc::clone(&store), KIND, prefix));
    let mut copies = Vec::new();
    for _ in 0..4 {
        let version = publish(&one, "text", None).await;
        copies.push(one.install(&version, cache.path()).await.unwrap());
    }
    let version = publish(&other, "text", None).await;
    copies.push(other.install(&version, cache.path()).await.unwrap());
    // The oldest of four copies is removed; the copy of the other prefix does not count.
    let there: Vec<bool> = copies.iter().map(|copy| copy.is_dir()).collect();
    assert_eq!(there, [false, true, true, true, true]);
}
