//! The same ads on DuckDB and on Google Cloud: the same results.

use serde_json::{Value, json};

use crate::cloud::World;
use crate::support::{Market, Service, results};

/// Number of ads: enough for every filter to match some and exclude some.
const ADS: u32 = 240;

fn prepare(market: &Market) -> Value {
    market.generate(ADS, &["--titles-only"]);
    let report = market.embedded(&["--threads", "1"]);
    assert_eq!(report["failed"], 0, "{report}");
    market.indexed(&["--graph-texts", "100"])
}

/// Queries of every kind: by ad, by text, by vector, with each filter and each option.
fn queries(service: &Service) -> Vec<Value> {
    let ads = service.ads(40);
    assert_eq!(ads.len(), 40);
    let job = |ad: &Value| json!({ "source": ad["source"], "job_id": ad["job_id"] });
    let mut queries: Vec<Value> = ads.iter().map(|ad| json!({ "job": job(ad) })).collect();
    for text in ["senior accountant", "night shift nurse", "C++ developer, remote", "大学", "x"] {
        queries.push(json!({ "text": text, "top_k": 100 }));
    }
    for seed in 0..3 {
        let vector: Vec<f64> = (0..384).map(|i| f64::from((i * 7 + seed * 13) % 29) - 14.0).collect();
        queries.push(json!({ "embedding": vector }));
    }
    let facts = service.get("v1/index").json;
    let value = |column: &str| facts["filters"][column][0]["value"].clone();
    let company = service.get(&format!(
        "v1/jobs/{}/{}",
        ads[0]["source"].as_str().unwrap(),
        ads[0]["job_id"].as_str().unwrap()
    ));
    let filters = [
        json!({ "source": [value("source")] }),
        json!({ "classification": [value("classification")] }),
        json!({ "location": [value("location")], "work_type": [value("work_type")] }),
        json!({ "company": [company.json["job"]["company_name"]] }),
        json!({ "salary_min_sgd_per_month": 5000 }),
        json!({ "posted_after": "2025-06-01", "classification": [value("classification")] }),
    ];
    for filter in filters {
        for to in [json!({ "job": job(&ads[1]) }), json!({ "text": "manager" })] {
            let mut query = to;
            query["filter"] = filter.clone();
            query["top_k"] = json!(50);
            queries.push(query);
        }
    }
    queries.push(json!({ "job": job(&ads[2]), "include_reposts": true, "top_k": 100, "exact": true }));
    queries.push(json!({ "job": job(&ads[3]), "min_similarity": 0.5 }));
    queries
}

#[test]
fn both_worlds_answer_the_same() {
    let Some(world) = World::on_emulators() else { return };
    let (laptop, cloud) = (Market::empty(), Market::on(&world));
    let (here, there) = (prepare(&laptop), prepare(&cloud));
    for report in [&here, &there] {
        assert_eq!(report["outcome"], "published", "{report}");
        assert_eq!(
            (&report["champion"], &report["index"]["has_graph"]),
            (&json!("v1"), &json!(true)),
            "{report}"
        );
    }
    for member in ["ads", "texts", "bytes", "recall_at_10", "search_width"] {
        assert_eq!(here["index"][member], there["index"][member], "{member}");
    }
    // DuckDB searches exactly and has no vector index; BigQuery builds none for a small table, and reports that.
    assert_eq!(here["warehouse_index"]["state"], "none", "{here}");
    let state = &there["warehouse_index"];
    assert_eq!((&state["state"], &state["needed"]), (&json!("too_few_rows"), &json!(5000)), "{there}");
    assert_eq!(state["rows"], here["embeddings"]["rows"], "{there}");

    let (laptop, cloud) = (laptop.serving(&[]), cloud.serving(&[]));
    assert_eq!(laptop.ads(5000), cloud.ads(5000));
    let mut found = 0;
    for query in queries(&laptop) {
        let (here, there) = (results(&laptop.similar(&query)), results(&cloud.similar(&query)));
        assert_eq!(here, there, "{query}");
        found += usize::from(!here.is_empty());
    }
    assert!(found > 55, "only {found} queries found anything");
    for words in ["manager", "senior eng", "nothing has these words"] {
        let path = format!("v1/jobs?q={}", words.replace(' ', "+"));
        assert_eq!(laptop.get(&path).json["jobs"], cloud.get(&path).json["jobs"], "{words}");
    }
    let facts = |service: &Service| service.get("v1/index").json["filters"].clone();
    assert_eq!(facts(&laptop), facts(&cloud));
}
