//! `SEARCH=warehouse`: the same results as an exact search of the index, and an error while another process writes
//! to the warehouse.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Market, results};

/// Results whose similarities differ by less may be in either order, because the engine sums in another order.
const TIE: f64 = 1e-5;

fn score(job: &Value) -> f64 {
    job["score"].as_f64().unwrap()
}

fn name(job: &Value) -> String {
    format!("{}/{}", job["source"], job["job_id"])
}

/// Panics unless both have the same results in the same order, up to ties.
fn assert_same(index: &[Value], warehouse: &[Value], query: &Value) {
    assert_eq!(index.len(), warehouse.len(), "{query}");
    let scores = |jobs: &[Value]| -> BTreeMap<String, f64> {
        jobs.iter().map(|job| (name(job), score(job))).collect()
    };
    let (of_index, of_warehouse) = (scores(index), scores(warehouse));
    let Some(last) = index.last().map(score) else { return };
    for (here, there) in index.iter().zip(warehouse) {
        assert!((score(here) - score(there)).abs() < TIE, "{query}: {here} and {there}");
        for (job, others) in [(here, &of_warehouse), (there, &of_index)] {
            match others.get(&name(job)) {
                Some(other) => assert!((score(job) - other).abs() < TIE, "{query}: {job}"),
                // Of the ads that tie with the last one, any may be missing.
                None => assert!((score(job) - last).abs() < TIE, "{query}: {job} is in one alone"),
            }
        }
        if name(here) == name(there) {
            assert_eq!((&here["reposts"], &here["why"]), (&there["reposts"], &there["why"]), "{query}");
        }
    }
}

#[test]
fn the_warehouse_finds_what_the_index_finds_exactly() {
    let market = Market::with_vectors(300);
    market.indexed(&["--graph-texts", "50"]);
    let (index, warehouse) = (market.serving(&[]), market.serving(&[("SEARCH", "warehouse")]));
    assert_eq!(warehouse.get("v1/index").json["search"], "warehouse");
    let facts = index.get("v1/index").json["filters"].clone();
    let value = |column: &str, place: usize| facts[column][place]["value"].clone();
    let ads = index.ads(12);
    let company = |ad: &Value| {
        let job = |member: &str| ad[member].as_str().unwrap().to_owned();
        index.get(&format!("v1/jobs/{}/{}", job("source"), job("job_id"))).json["job"]["company_name"].clone()
    };
    let filters = [
        json!({}),
        json!({ "source": [value("source", 1)] }),
        json!({ "classification": [value("classification", 0), value("classification", 2)] }),
        json!({ "location": [value("location", 0).as_str().unwrap().to_uppercase()] }),
        json!({ "work_type": [value("work_type", 0)], "salary_min_sgd_per_month": 4500 }),
        json!({ "company": [company(&ads[0]), company(&ads[1])] }),
        json!({ "posted_after": "2025-06-15" }),
        json!({ "classification": ["there is no such thing"] }),
    ];
    // The warehouse's results change with its rows, so they have no entity tag.
    let path = format!(
        "v1/similar?source={}&job_id={}",
        ads[0]["source"].as_str().unwrap(),
        ads[0]["job_id"].as_str().unwrap()
    );
    assert_eq!((warehouse.get(&path).status, warehouse.get(&path).header("etag")), (200, None));
    assert!(index.get(&path).header("etag").is_some() && warehouse.get("v1/index").header("etag").is_some());
    let mut found = 0;
    for (ad, filter) in ads.iter().zip(filters.iter().cycle()) {
        for more in
            [json!({}), json!({ "include_reposts": true, "top_k": 40 }), json!({ "min_similarity": 0.4 })]
        {
            let mut query =
                json!({ "job": { "source": ad["source"], "job_id": ad["job_id"] }, "exact": true });
            query["filter"] = filter.clone();
            query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (here, there) = (results(&index.similar(&query)), results(&warehouse.similar(&query)));
            assert_same(&here, &there, &query);
            found += here.len();
        }
    }
    assert!(found > 200, "{found} results are too few to compare");
    let text = json!({ "text": "night nurse", "exact": true, "top_k": 100 });
    assert_same(&results(&index.similar(&text)), &results(&warehouse.similar(&text)), &text);
}

#[test]
fn a_locked_warehouse_is_reported() {
    let market = Market::with_vectors(300);
    market.indexed(&[]);
    let mut service = market.serving(&[("SEARCH", "warehouse")]);
    let ad = service.ads(1).remove(0);
    let query = json!({ "job": { "source": ad["source"], "job_id": ad["job_id"] } });
    let before = results(&service.similar(&query));
    let writer = duckdb::Connection::open(market.file()).unwrap();
    let reply = service.similar(&query);
    assert_eq!(reply.status, 503, "{}", reply.json);
    let detail = reply.json["detail"].as_str().unwrap();
    assert!(detail.contains("warehouse") && detail.contains("written to"), "{detail}");
    assert!(reply.header("retry-after").is_some());
    // Only the log names the process, for the operator.
    let said = service.wait_for_message("is held by another process");
    assert!(said["message"].as_str().unwrap().contains(&std::process::id().to_string()), "{said}");
    // Endpoints that need no search still respond.
    assert_eq!(service.get("v1/index").status, 200);
    drop(writer);
    assert_eq!(results(&service.similar(&query)), before);
}
