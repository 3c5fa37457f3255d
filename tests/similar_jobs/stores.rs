//! A store that is unavailable: status 503 until there is an index, and from then on the index stays served.

use std::time::Duration;

use serde_json::json;

use crate::cloud::World;
use crate::support::proxy::Proxy;
use crate::support::{Market, ad};

/// Longer than the client's timeout of one second.
const LATE: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread")]
async fn an_index_stays_served_while_the_store_is_unavailable() {
    let Some(world) = World::on_emulators() else { return };
    let market = Market::with_vectors(300)
        .with("ARTIFACTS_URL", &world.artifacts_url)
        .with("STORAGE_EMULATOR_HOST", &world.storage);
    market.indexed(&[]);
    let proxy = Proxy::start(&world.storage, 3, 0, LATE).await;
    proxy.cut(true);
    let variables = [("STORAGE_EMULATOR_HOST", proxy.url.as_str()), ("REQUEST_TIMEOUT_S", "1")];
    let mut service = market.serve(&variables);
    service.wait_for_message("nothing is served");
    for path in ["ready", "v1/index", "v1/jobs?q=x"] {
        let reply = service.get(path);
        assert_eq!(reply.status, 503, "{path}: {}", reply.json);
        assert!(
            reply.json["detail"].as_str().unwrap().contains("no index could be opened"),
            "{}",
            reply.json
        );
    }
    proxy.cut(false);
    service.wait_for_version("v1");
    assert_eq!((service.get("ready").status, service.version()), (200, json!("v1")));
    let ad = service.ads(1).remove(0);
    let answer = service.like(&ad);

    // Unavailable again while there is a newer index.
    proxy.cut(true);
    market.indexed(&["--force"]);
    service.wait_for_message("the previous index is still served");
    assert_eq!(service.get("ready").status, 200);
    let again = service.like(&ad);
    assert_eq!((&again["index_version"], &again["results"]), (&json!("v1"), &answer["results"]));
    proxy.cut(false);
    service.wait_for_version("v2");
    assert_eq!(service.like(&ad)["results"], answer["results"]);
}

#[test]
fn the_v1_of_a_new_store_is_another_version() {
    let market = Market::with_vectors(300);
    let first = market.indexed(&[]);
    let mut service = market.serving(&[]);
    let tag = service.get("v1/index").header("etag").unwrap().to_owned();
    std::fs::remove_dir_all(market.artifact_dir()).unwrap();
    market.load(&[ad("new", json!("Keeper of bees"), json!(null), 1)]);
    market.embedded(&[]);
    let second = market.indexed(&[]);
    assert_eq!(second["champion"], "v1", "{second}");
    let ads = first["index"]["ads"].as_u64().unwrap() + 1;
    assert_eq!(second["index"]["ads"].as_u64(), Some(ads), "{second}");
    service.wait_for_ads(ads);
    assert_eq!(service.get("v1/jobs/MCF/new").status, 200);
    assert_ne!(service.get("v1/index").header("etag").unwrap(), tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_installed_completely_from_a_store_that_fails_half_the_time() {
    let Some(world) = World::on_emulators() else { return };
    let market = Market::with_vectors(300)
        .with("ARTIFACTS_URL", &world.artifacts_url)
        .with("STORAGE_EMULATOR_HOST", &world.storage);
    market.indexed(&["--graph-texts", "50"]);
    let direct = market.serving(&[]);
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..3 {
        let proxy = Proxy::start(&world.storage, seed, 2, LATE).await;
        let indexes = folder.path().join(seed.to_string());
        let mut service = market.serve(&[
            ("STORAGE_EMULATOR_HOST", proxy.url.as_str()),
            ("REQUEST_TIMEOUT_S", "1"),
            ("INDEX_DIR", indexes.to_str().unwrap()),
        ]);
        service.wait_for_version("v1");
        assert!(proxy.seen().len() > 3, "{:?}", proxy.seen());
        for ad in direct.ads(10) {
            assert_eq!(service.like(&ad)["results"], direct.like(&ad)["results"]);
        }
    }
}
