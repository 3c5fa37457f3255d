//! Champions that are missing, truncated or altered: the error names the file, and they are never served.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::assert_refused;
use crate::support::Market;

const GRAPH: [&str; 2] = ["--graph-texts", "50"];

/// Damages a file in place, and returns its former content. In the directory store, both names of an object are the
/// same file.
fn damage(path: impl AsRef<Path>, change: Change) -> Vec<u8> {
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    match change {
        Change::Cut => bytes.truncate(whole.len() / 2),
        Change::OneBit => bytes[whole.len() / 2] ^= 4,
        Change::Gone => {
            std::fs::remove_file(&path).unwrap();
            return whole;
        }
    }
    std::fs::write(&path, bytes).unwrap();
    whole
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Cut,
    OneBit,
    Gone,
}

#[tokio::test]
async fn a_missing_champion_is_reported_until_it_is_repaired() {
    let market = Market::with_vectors(300);
    market.indexed(&[]);
    market.promote("v77").await;
    let mut service = market.serve(&[]);
    service.wait_for_message("v77/manifest.json is not in the store");
    for path in ["ready", "v1/index", "v1/similar?source=MCF&job_id=1", "v1/jobs?q=x", "v1/map"] {
        let reply = service.get(path);
        assert_eq!(reply.status, 503, "{path}: {}", reply.json);
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains("no index could be opened") && detail.contains("log"), "{path}: {detail}");
        assert!(reply.header("retry-after").is_some(), "{path}");
    }
    assert_eq!(service.get("health").status, 200);
    // Repaired while the service runs.
    market.promote("v1").await;
    service.wait_for_version("v1");
    assert_eq!((service.get("ready").status, service.version()), (200, json!("v1")));
    // Missing again: the previous champion stays served.
    market.promote("v78").await;
    service.wait_for_message("v78/manifest.json is not in the store");
    assert_eq!((service.get("ready").status, service.version()), (200, json!("v1")));
    // An invalid pointer, which the next build finds.
    let store = market.artifacts();
    let (_, generation) = store.get("indexes/champion.json").await.unwrap().unwrap();
    store.compare_and_set("indexes/champion.json", "{}".into(), Some(&generation)).await.unwrap();
    service.wait_for_message("invalid champion");
    assert_eq!(service.version(), "v1");
    assert_eq!(market.indexed(&["--promote", "v1"])["outcome"], "promoted");
    damage(market.artifact_dir().join("indexes/champion.json"), Change::Cut);
    assert_eq!(market.indexed(&[])["champion"], "v2");
    service.wait_for_version("v2");
}

#[tokio::test]
async fn a_version_that_is_complete_only_in_the_local_copy_is_not_promoted_or_extended() {
    let market = Market::with_vectors(300);
    market.indexed(&GRAPH);
    market.indexed(&["--force", "--no-promote"]);
    assert_eq!(market.indexed(&["--promote", "v2"])["champion"], "v2");
    damage(market.artifact_dir().join("indexes/v1/links.u32"), Change::Cut);
    assert_refused(&market.index(&["--promote", "v1"]), 1, &["indexes/v1/links.u32", "bytes instead of"]);
    // Also the champion: no other machine could serve it.
    damage(market.artifact_dir().join("indexes/v2/codes.i8"), Change::Cut);
    let anew = market.indexed(&[]);
    assert_eq!((&anew["outcome"], &anew["champion"]), (&json!("published"), &json!("v3")), "{anew}");
    assert_eq!(anew["index"]["grown_from"], serde_json::Value::Null, "{anew}");
}

#[tokio::test]
async fn a_version_that_is_damaged_in_the_store_is_refused_with_the_files_name() {
    let market = Market::with_vectors(300);
    market.indexed(&GRAPH);
    market.indexed(&["--force", "--no-promote"]);
    let mut service = market.serving(&[]);
    let (like, version) = (service.ads(1).remove(0), market.artifact_dir().join("indexes/v2"));
    for (file, change, words) in [
        ("vectors.f32", Change::Cut, "indexes/v2/vectors.f32 is damaged: it has "),
        ("codes.i8", Change::OneBit, "indexes/v2/codes.i8 is damaged"),
        ("manifest.json", Change::Cut, "invalid manifest \"indexes/v2/manifest.json\""),
    ] {
        let path = version.join(file);
        let whole = damage(&path, change);
        market.promote("v2").await;
        let said = service.wait_for_message(words);
        assert!(said["message"].as_str().unwrap().contains("the previous index is still served"), "{said}");
        assert_eq!(service.like(&like)["index_version"], "v1");
        // A service that starts now has no previous champion.
        let mut late = market.serve(&[]);
        late.wait_for_message(words);
        assert_eq!(late.get("ready").status, 503);
        // The damaged copy is not kept.
        assert_eq!(copy_of(&market, "v2-"), None, "{file}");
        std::fs::write(&path, whole).unwrap();
        late.wait_for_version("v2");
        service.wait_for_version("v2");
        market.promote("v1").await;
        service.wait_until_served("v1");
        std::fs::remove_dir_all(copy_of(&market, "v2-").unwrap()).unwrap();
    }
}

/// The local copy of a version, if there is one.
fn copy_of(market: &Market, prefix: &str) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(market.index_dir()).unwrap().map(|entry| entry.unwrap());
    let is_it = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(prefix) && entry.path().is_dir()
    };
    entries.find(is_it).map(|entry| entry.path())
}

#[test]
fn a_damaged_local_copy_is_installed_again() {
    let market = Market::with_vectors(300);
    market.indexed(&GRAPH);
    let before = market.serving(&[]);
    let ads = before.ads(20);
    let answers: Vec<_> = ads.iter().map(|ad| before.like(ad)["results"].clone()).collect();
    drop(before);
    let not_so = "is damaged";
    for (file, change) in [
        ("links.u32", Change::OneBit),
        ("vectors.f32", Change::OneBit),
        ("ads.arrow", Change::Cut),
        ("manifest.json", Change::Cut),
        // A killed removal leaves a copy without its manifest.
        ("manifest.json", Change::Gone),
    ] {
        damage(copy_of(&market, "v1-").unwrap().join(file), change);
        // A service refuses the damaged copy, with its name, and installs another.
        let mut service = market.serve(&[]);
        let said = service.wait_for_message(&format!("{file} {not_so}"));
        assert_eq!(said["severity"], "WARNING", "{said}");
        service.wait_for_version("v1");
        for (ad, answer) in ads.iter().zip(&answers) {
            assert_eq!(service.like(ad)["results"], *answer);
        }
    }
    // A build does not extend the damaged copy, but installs another.
    damage(copy_of(&market, "v1-").unwrap().join("links.u32"), Change::OneBit);
    let grown = market.index(&["--graph-texts", "50", "--force"]);
    assert_eq!(grown.code, Some(0), "{grown:?}");
    assert!(grown.stderr.contains(&format!("links.u32 {not_so}")), "{}", grown.stderr);
    assert_eq!(grown.answer()["report"]["index"]["grown_from"], "v1", "{grown:?}");
}
