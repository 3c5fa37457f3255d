//! Contract of the artifact stores as a test suite: each backend's tests call [`artifacts`] on an empty store.

// A failed unwrap means that the backend breaks the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use common_core::{ErrorKind, Result};
use futures::TryStreamExt;

use super::{ArtifactStore, Generation};

/// Tests the contract of [`ArtifactStore`] on `store`, which must be empty.
pub async fn artifacts(store: Arc<dyn ArtifactStore>) {
    let store = store.as_ref();
    names_cannot_leave_the_store(store).await;
    an_object_is_absent_until_it_is_written(store).await;
    one_writer_wins(store).await;
    concurrent_writes_are_all_kept(store).await;
    a_file_is_written_once_and_streams_back(store).await;
    objects_of_a_prefix_are_listed_in_order_and_removed(store).await;
}

async fn set(
    store: &dyn ArtifactStore,
    name: &str,
    text: &str,
    held: Option<&Generation>,
) -> Result<Generation> {
    store.compare_and_set(name, Bytes::from(text.to_owned()), held).await
}

async fn names_cannot_leave_the_store(store: &dyn ArtifactStore) {
    for name in ["", "/etc/passwd", "a/../../b", "..", "a//b", "a/", ".staging/x", "a/@1", "a\0b", "a\nb"] {
        let error = set(store, name, "x", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}");
        assert_eq!(store.get(name).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
    }
}

async fn an_object_is_absent_until_it_is_written(store: &dyn ArtifactStore) {
    assert_eq!(store.get("nothing/here.json").await.unwrap(), None);
    assert!(store.read("nothing/here.json").await.unwrap().is_none());
    assert!(store.list("").await.unwrap().is_empty());
    store.delete("nothing/here.json").await.unwrap();
}

async fn one_writer_wins(store: &dyn ArtifactStore) {
    let name = "models/a model's näme/champion.json";
    let first = set(store, name, "v1", None).await.unwrap();
    assert_eq!(set(store, name, "x", None).await.unwrap_err().kind(), ErrorKind::Conflict);
    let second = set(store, name, "v2", Some(&first)).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(set(store, name, "x", Some(&first)).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(store.get(name).await.unwrap(), Some((Bytes::from("v2"), second)));
    let unknown = Generation("no generation".into());
    assert_eq!(set(store, name, "x", Some(&unknown)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    store.delete(name).await.unwrap();
    assert_eq!(store.get(name).await.unwrap(), None);
}

async fn concurrent_writes_are_all_kept(store: &dyn ArtifactStore) {
    let add_one = async || loop {
        let (number, generation) = match store.get("counter").await.unwrap() {
            Some((bytes, generation)) => {
                (std::str::from_utf8(&bytes).unwrap().parse::<u32>().unwrap(), Some(generation))
            }
            None => (0, None),
        };
        match set(store, "counter", &(number + 1).to_string(), generation.as_ref()).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{}", error.chain()),
        }
    };
    let writer = async || {
        for _ in 0..10 {
            add_one().await;
        }
    };
    futures::join!(writer(), writer(), writer(), writer());
    assert_eq!(store.get("counter").await.unwrap().unwrap().0, "40");
    store.delete("counter").await.unwrap();
}

async fn a_file_is_written_once_and_streams_back(store: &dyn ArtifactStore) {
    // Longer than the largest part that a store reads at once, and not a multiple of it.
    let bytes: Vec<u8> =
        (0..(17 << 20) + 13_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let name = "indexes/v1/vectors.bin";
    let generation = store.put_new(name, file.path()).await.unwrap();
    assert_eq!(store.put_new(name, file.path()).await.unwrap_err().kind(), ErrorKind::Conflict);
    let reading = store.read(name).await.unwrap().unwrap();
    assert_eq!(reading.facts.size_bytes, bytes.len() as u64);
    assert_eq!(reading.facts.generation, generation);
    let parts: Vec<Bytes> = reading.chunks.try_collect().await.unwrap();
    assert!(parts.concat() == bytes);
    let empty = tempfile::NamedTempFile::new().unwrap();
    store.put_new("indexes/v1/empty", empty.path()).await.unwrap();
    let reading = store.read("indexes/v1/empty").await.unwrap().unwrap();
    assert_eq!(reading.chunks.try_collect::<Vec<_>>().await.unwrap().concat(), b"");
}

async fn objects_of_a_prefix_are_listed_in_order_and_removed(store: &dyn ArtifactStore) {
    for name in ["indexes/v2/manifest.json", "indexes/champion.json", "indexes2/other"] {
        set(store, name, name, None).await.unwrap();
    }
    let names = async |prefix: &str| {
        let found = store.list(prefix).await.unwrap();
        found.into_iter().map(|facts| facts.name).collect::<Vec<_>>()
    };
    let all =
        ["indexes/champion.json", "indexes/v1/empty", "indexes/v1/vectors.bin", "indexes/v2/manifest.json"];
    assert_eq!(names("indexes/").await, all);
    assert_eq!(names("indexes/v").await, all[1..]);
    assert_eq!(
        store.list("indexes/champion").await.unwrap()[0].size_bytes,
        "indexes/champion.json".len() as u64
    );
    for name in all {
        store.delete(name).await.unwrap();
    }
    assert_eq!(names("").await, ["indexes2/other"]);
    // A removed name can be written again.
    set(store, "indexes/champion.json", "again", None).await.unwrap();
    assert_eq!(names("indexes/").await, ["indexes/champion.json"]);
}
