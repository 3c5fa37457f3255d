//! When an index is built, from which rows, and what is refused.

use serde_json::{Value, json};

use super::assert_refused;
use crate::support::{Market, ad};

/// Number of texts from which an index has a graph in these tests.
const GRAPH: [&str; 2] = ["--graph-texts", "50"];

fn ads(ids: std::ops::Range<u32>) -> Vec<Value> {
    ids.map(|id| ad(&format!("new-{id}"), json!(format!("Keeper of lighthouse {id}")), Value::Null, 1))
        .collect()
}

#[tokio::test]
async fn an_index_is_built_after_changes_and_extended_if_they_are_few() {
    let market = Market::with_vectors(300);
    let dry = market.indexed(&["--dry-run"]);
    assert_eq!((&dry["outcome"], &dry["champion"]), (&json!("would_build"), &Value::Null), "{dry}");
    assert_eq!(market.registry().versions().await.unwrap().len(), 0);

    let first = market.indexed(&GRAPH);
    assert_eq!((&first["outcome"], &first["champion"]), (&json!("published"), &json!("v1")), "{first}");
    let index = &first["index"];
    assert_eq!((&index["has_graph"], &index["grown_from"]), (&json!(true), &Value::Null), "{first}");
    assert_eq!(index["ads"], first["embeddings"]["rows"], "{first}");
    assert!(index["recall_at_10"].as_f64().unwrap() >= 0.95, "{first}");
    let mut service = market.serving(&[]);
    let gone = service.ads(1).remove(0);
    let path = format!("v1/jobs/{}/{}", gone["source"].as_str().unwrap(), gone["job_id"].as_str().unwrap());
    assert_eq!(service.get(&path).status, 200);

    let unchanged = market.indexed(&GRAPH);
    assert_eq!((&unchanged["outcome"], &unchanged["published"]), (&json!("unchanged"), &Value::Null));
    assert_eq!(unchanged["index"], first["index"]);
    assert_eq!(market.registry().versions().await.unwrap(), ["v1"]);

    // Five new ads among some three hundred: the graph is extended.
    market.load(&ads(0..5));
    market.embedded(&[]);
    let grown = market.indexed(&GRAPH);
    let index = &grown["index"];
    assert_eq!((&grown["champion"], &index["grown_from"]), (&json!("v2"), &json!("v1")), "{grown}");
    assert_eq!(index["changed_texts"], 5, "{grown}");
    assert_eq!(index["ads"].as_u64().unwrap(), first["index"]["ads"].as_u64().unwrap() + 5);
    service.wait_for_version("v2");
    assert_eq!(service.get("v1/jobs/MCF/new-3").json["job"]["job_title"], "Keeper of lighthouse 3");
    let like = service.like(&json!({ "source": "MCF", "job_id": "new-3" }));
    let keepers = like["results"].as_array().unwrap().iter();
    let keepers = keepers.filter(|job| job["job_id"].as_str().unwrap().starts_with("new-")).count();
    assert_eq!(keepers, 4, "{like}");

    // A takedown: the ad is missing from the next index, although nothing else changed.
    let forget = ["forget", gone["source"].as_str().unwrap(), gone["job_id"].as_str().unwrap()];
    assert_eq!(market.run("jobctl", &forget).code, Some(0));
    let less = market.indexed(&GRAPH);
    assert_eq!((&less["champion"], &less["index"]["grown_from"]), (&json!("v3"), &json!("v2")), "{less}");
    assert_eq!(less["index"]["ads"].as_u64(), index["ads"].as_u64().map(|ads| ads - 1), "{less}");
    service.wait_for_version("v3");
    assert_eq!(service.get(&path).status, 404);

    // Half of the texts are new: built from scratch.
    market.load(&ads(5..155));
    market.embedded(&[]);
    let many = market.indexed(&GRAPH);
    assert_eq!((&many["champion"], &many["index"]["grown_from"]), (&json!("v4"), &Value::Null), "{many}");

    // Forced although nothing changed: extended, or built from scratch.
    let forced = market.indexed(&[&GRAPH[..], &["--force"]].concat());
    let index = &forced["index"];
    assert_eq!((&index["grown_from"], &index["changed_texts"]), (&json!("v4"), &json!(0)), "{forced}");
    let full = market.indexed(&[&GRAPH[..], &["--force", "--full", "--no-promote"]].concat());
    assert_eq!((&full["published"], &full["index"]["grown_from"]), (&json!("v6"), &Value::Null), "{full}");
    // Published and not promoted; the first of six versions is removed.
    assert_eq!((&full["champion"], &full["removed_versions"]), (&json!("v5"), &json!(["v1"])), "{full}");
    let versions = market.registry().versions().await.unwrap();
    assert_eq!(versions, ["v2", "v3", "v4", "v5", "v6"]);
    service.wait_for_version("v5");

    // An operator promotes versions; an unknown version is refused, and the error lists the published ones.
    let dry = market.indexed(&["--promote", "v3", "--dry-run"]);
    assert_eq!((&dry["outcome"], &dry["champion"]), (&json!("would_promote"), &json!("v5")), "{dry}");
    let back = market.indexed(&["--promote", "v3"]);
    assert_eq!((&back["outcome"], &back["champion"]), (&json!("promoted"), &json!("v3")), "{back}");
    assert_eq!(back["index"]["ads"], less["index"]["ads"], "{back}");
    service.wait_for_version("v3");
    assert_eq!(market.indexed(&["--promote", "v3"])["outcome"], "unchanged");
    // The version that was rolled back from is not built again.
    let unchanged = market.indexed(&GRAPH);
    assert_eq!((&unchanged["outcome"], &unchanged["champion"]), (&json!("unchanged"), &json!("v3")));
    assert_refused(&market.index(&["--promote", "v1"]), 1, &["no index \"v1\"", "v2, v3, v4, v5, v6"]);
    assert_refused(&market.index(&["--promote", "v6", "--force"]), 2, &["--promote", "--force"]);
    assert_eq!(market.indexed(&["--promote", "v6"])["champion"], "v6");
    service.wait_for_version("v6");
    // The newest version is always kept; older ones are removed even if nothing is built.
    market.indexed(&["--promote", "v5"]);
    // The promotion succeeds even if the warehouse cannot record the run.
    market.execute("ALTER TABLE cleaned_jobs RENAME TO put_away");
    let recordless = market.indexed(&["--promote", "v6"]);
    assert_eq!((&recordless["outcome"], &recordless["champion"]), (&json!("promoted"), &json!("v6")));
    assert_refused(&market.index(&["--promote", "v1"]), 1, &["no index \"v1\""]);
    market.execute("ALTER TABLE put_away RENAME TO cleaned_jobs");
    market.indexed(&["--promote", "v5"]);
    let swept = market.indexed(&["--keep", "0"]);
    assert_eq!(
        (&swept["outcome"], &swept["removed_versions"]),
        (&json!("unchanged"), &json!(["v2", "v3", "v4"]))
    );
    assert_eq!(market.registry().versions().await.unwrap(), ["v5", "v6"]);
    assert_eq!(market.count("SELECT count(*) FROM vw_runs WHERE function = 'build-vector-index'"), 15);
}

#[tokio::test]
async fn from_no_ads_to_one_and_back() {
    let market = Market::empty();
    assert_refused(&market.index(&[]), 1, &["jobs.duckdb", "jobctl load"]);
    market.load(&[ad("1", json!("Keeper of bees"), Value::Null, 1)]);
    // Nothing is embedded yet: the index is empty and can be served.
    let empty = market.indexed(&[]);
    assert_eq!((&empty["champion"], &empty["index"]["ads"]), (&json!("v1"), &json!(0)), "{empty}");
    let mut service = market.serving(&[]);
    assert_eq!(service.get("v1/index").json["jobs"], 0);
    assert_eq!(service.similar(&json!({ "text": "bees" })).json["results"], json!([]));
    market.embedded(&[]);
    let one = market.indexed(&["--graph-texts", "0"]);
    assert_eq!((&one["champion"], &one["index"]["ads"]), (&json!("v2"), &json!(1)), "{one}");
    service.wait_for_version("v2");
    let found = service.similar(&json!({ "text": "bees" })).json;
    assert_eq!(found["results"][0]["job_id"], "1", "{found}");
    assert_eq!(service.like(&json!({ "source": "MCF", "job_id": "1" }))["results"], json!([]));

    // A table that is suddenly empty does not replace an index with ads.
    market.execute("DELETE FROM job_embeddings");
    assert_refused(&market.index(&[]), 1, &["job_embeddings is empty", "1 ads", "--allow-empty"]);
    assert_eq!(market.registry().champion().await.unwrap().unwrap().version, "v2");
    let emptied = market.indexed(&["--allow-empty"]);
    assert_eq!((&emptied["champion"], &emptied["index"]["ads"]), (&json!("v3"), &json!(0)), "{emptied}");
    service.wait_for_version("v3");
    assert_eq!(service.get("v1/jobs/MCF/1").status, 404);
}

#[tokio::test]
async fn invalid_options_are_refused_before_anything_is_read() {
    let market = Market::with_vectors(300);
    for recall in ["1.01", "-0.1", "NaN"] {
        let refused = market.index(&[&format!("--min-recall={recall}")]);
        assert_refused(&refused, 2, &["--min-recall", "0 to 1"]);
    }
    assert_refused(&market.index(&["--wait-s", "18446744073709551615"]), 2, &["--wait-s", "0 to 86400"]);
    assert_refused(&market.index(&["--promote", "v1"]), 1, &["no index \"v1\"", "published: none"]);
    // Vectors of another model do not go into this model's index.
    market.execute("UPDATE job_embeddings SET embedding_space = 'another/space'");
    let refused = market.index(&[]);
    assert_refused(&refused, 1, &["another/space", "embed-new-jobs", "EMBEDDING_MODEL"]);
    assert!(market.registry().versions().await.unwrap().is_empty());
}

/// The configuration is of fp32, but the vectors are not.
#[tokio::test]
async fn an_index_names_the_model_of_its_vectors() {
    let market = Market::empty();
    market.load(&ads(0..4));
    market.embedded(&["--precision", "int8"]);
    let first = market.indexed(&[]);
    let versions = first["index"]["model_versions"].as_object().unwrap().clone();
    assert!(versions.len() == 1 && versions.keys().all(|version| version.contains("/int8-cpu")), "{first}");
    let service = market.serving(&[]);
    let shown = service.get("v1/index").json["model_version"].clone();
    assert_eq!(shown.as_str(), versions.keys().next().map(String::as_str));

    market.load(&ads(4..5));
    market.embedded(&[]);
    let both = market.indexed(&[]);
    let mut counts: Vec<u64> =
        both["index"]["model_versions"].as_object().unwrap().values().filter_map(Value::as_u64).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 4], "{both}");
    service.wait_until_served("v2");
    let shown = service.get("v1/index").json["model_version"].as_str().unwrap().to_owned();
    assert!(shown.contains("/int8-cpu") && shown.contains(", ") && shown.contains("/fp32-cpu"), "{shown}");
}
