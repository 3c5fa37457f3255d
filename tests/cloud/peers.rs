//! Google's Python clients read what the programs wrote.

use std::process::Command;

use serde_json::Value;

use super::World;
use crate::support::{Running, command, left_out, python, tests_dir};

#[tokio::test]
async fn the_clients_of_google_read_the_same_rows_and_objects() {
    let Some(world) = World::on_emulators() else { return };
    let Some(python) = python() else {
        return left_out(
            "the_clients_of_google_read_the_same_rows_and_objects",
            "no Python environment: run scripts/test",
        );
    };
    let mut load = command("jobctl");
    load.envs(world.variables()).args(["generate", "--jobs", "60", "--seed", "5"]);
    assert_eq!(Running::start(&mut load).end().code, Some(0));
    let mut embed = command("embed-new-jobs");
    embed.envs(world.variables()).env("DEVICE", "cpu").arg("--once");
    assert_eq!(Running::start(&mut embed).end().code, Some(0));
    world.artifacts().compare_and_set("models/x.json", b"{\"n\": 1}".to_vec().into(), None).await.unwrap();

    let script = tests_dir().join("cloud/peers.py");
    let output = Command::new(python).arg(script).envs(world.variables()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let warehouse = world.warehouse().await;
    let scan = common::storage::warehouse::JobScan {
        embeddings: common::storage::warehouse::EmbeddingTable::of_model("all-MiniLM-L6-v2", 384),
        shard: common::job::Shard::ALL,
        source: None,
    };
    assert_eq!(found["ads"].as_u64().unwrap(), warehouse.count_jobs(&scan).await.unwrap().ads);
    assert_eq!(found["embeddings"].as_u64(), Some(60));
    assert!((found["norm"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{found}");
    assert_eq!(found["object"], "{\"n\": 1}");
}
