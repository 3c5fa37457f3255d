//! Builds that are killed, and concurrent builds: the champion is always complete.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cloud::World;
use crate::support::{Ended, Market, Running};

const GRAPH: [&str; 3] = ["--force", "--graph-texts", "50"];

/// When to kill: a name, and a condition that has become true.
type Moment<'a> = (&'a str, Box<dyn Fn() -> bool + 'a>);

/// Waits until `is_so`.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether `folder` has an entry whose name begins with `prefix`.
fn has(folder: &Path, prefix: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
}

/// Panics unless every published version can be installed, each file with the checksum in its manifest.
async fn assert_whole(market: &Market) -> Vec<String> {
    let (registry, cache) = (market.registry(), tempfile::tempdir().unwrap());
    let versions = registry.versions().await.unwrap();
    for version in &versions {
        registry.install(version, cache.path()).await.unwrap();
    }
    let champion = registry.champion().await.unwrap().map(|champion| champion.version);
    assert!(champion.is_none_or(|champion| versions.contains(&champion)), "{versions:?}");
    versions
}

#[tokio::test]
async fn a_killed_build_keeps_the_champion_and_the_next_one_succeeds() {
    let market = Market::with_vectors(300);
    market.indexed(&GRAPH);
    let service = market.serving(&[]);
    let artifacts = market.artifact_dir().join("indexes");
    let indexes = market.index_dir();
    // During the build, between the claim and the first file, and with some files but no manifest.
    let moments: [Moment<'_>; 3] = [
        ("a staging folder", Box::new(|| has(&indexes, ".staging-"))),
        ("a claim", Box::new(|| artifacts.join("v2/claim.json").exists() || has(&artifacts, "v3"))),
        ("a file", Box::new(|| artifacts.join("v3/vectors.f32").exists() || has(&artifacts, "v4"))),
    ];
    for (what, is_there) in &moments {
        let build = market.indexing(&GRAPH);
        wait_until(what, is_there);
        drop(build); // kill -9
        assert_whole(&market).await;
        service.like(&service.ads(1)[0]);
    }
    let before = market.registry().versions().await.unwrap();
    let after = market.indexed(&GRAPH);
    assert_eq!(after["outcome"], "published", "{after}");
    let versions = assert_whole(&market).await;
    assert_eq!(versions.len(), before.len() + 1);
    assert_eq!(versions.last(), after["champion"].as_str().map(str::to_owned).as_ref());
    // The remains of killed builds are removed from this machine, and the service has its copy.
    service.wait_until_served(after["champion"].as_str().unwrap());
    assert!(!has(&indexes, ".staging-"), "a staging folder is left");
}

/// Panics unless each of two concurrent builds published its own version or reported that the other was first.
async fn assert_consistent(market: &Market, ended: &[Ended]) {
    let mut published = Vec::new();
    for ended in ended {
        if ended.code == Some(0) {
            let report = &ended.answer()["report"];
            published.extend(report["published"].as_str().map(str::to_owned));
        } else {
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.stderr.contains("another run promoted first"), "{}", ended.stderr);
        }
    }
    assert!(!published.is_empty(), "{ended:?}");
    let versions = assert_whole(market).await;
    assert!(published.iter().all(|version| versions.contains(version)), "{published:?}, {versions:?}");
    let distinct: std::collections::BTreeSet<&String> = published.iter().collect();
    assert_eq!(distinct.len(), published.len(), "one version was published twice: {published:?}");
    let champion = market.registry().champion().await.unwrap().unwrap().version;
    assert!(published.contains(&champion), "{champion} is not of {published:?}");
    assert_eq!(market.indexed(&[])["champion"], champion.as_str());
}

#[tokio::test]
async fn one_of_concurrent_builds_is_champion() {
    let market = Market::with_vectors(300);
    let both = [(); 2].map(|()| market.indexing(&GRAPH));
    assert_consistent(&market, &both.map(Running::end)).await;

    let Some(world) = World::on_emulators() else { return };
    let market = Market::on(&world);
    market.generate(20, &["--titles-only"]);
    market.embedded(&["--threads", "1"]);
    let both = [(); 2].map(|()| market.indexing(&["--force"]));
    assert_consistent(&market, &both.map(Running::end)).await;
}
