//! Clusters of the ads: their list, their summaries, and the filter.

use std::time::Duration;

use serde_json::{Value, json};

use crate::testing::{Running, Store, Words, clustered_market, market, titles};

#[test]
fn clusters_are_listed_and_each_has_the_summary_of_its_ads() {
    let service = Running::clustered();
    let list = service.get("/v1/clusters");
    assert_eq!((list.status, &list.json["clustering_version"]), (200, &json!("v7")), "{}", list.text);
    let clusters = list.json["clusters"].as_array().unwrap();
    let sizes: Vec<(&Value, &Value)> = clusters.iter().map(|one| (&one["name"], &one["ads"])).collect();
    let expected =
        [("Kitchen", 3), ("Software & data", 3), ("Nursing \"1%\"", 4), ("Drivers", 2), ("Space", 0)];
    let expected = expected.map(|(name, ads)| (json!(name), json!(ads)));
    assert_eq!(sizes, expected.iter().map(|(name, ads)| (name, ads)).collect::<Vec<_>>());
    assert_eq!(clusters[2]["keywords"], json!(["nurse"]));

    let nurses = service.get("/v1/clusters/2");
    assert_eq!(nurses.status, 200, "{}", nurses.text);
    let nurses = &nurses.json["cluster"];
    assert_eq!((&nurses["id"], &nurses["ads"], &nurses["x"]), (&json!(2), &json!(4), &json!(2.0)));
    assert!((nurses["share"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9, "{nurses}");
    assert_eq!(nurses["titles"][0], json!({ "value": "staff nurse", "ads": 2 }));
    assert_eq!(nurses["classifications"], json!([{ "value": "nurse", "ads": 4 }]));
    // Ads 6, 7, 8 and 9, of which one has no pay.
    let pay = json!({ "currency": "SGD", "ads": 3, "p25_per_month": 3650.0, "median_per_month": 3700.0,
        "p75_per_month": 3800.0 });
    let mean = nurses["pay"][0]["mean_per_month"].as_f64().unwrap();
    assert!((3733.0..3734.0).contains(&mean), "{mean}");
    for member in ["currency", "ads", "p25_per_month", "median_per_month", "p75_per_month"] {
        assert_eq!(nurses["pay"][0][member], pay[member], "{member}");
    }
    assert_eq!(nurses["months"], json!([{ "month": "1970-01", "ads": 4 }]));
    assert_eq!(nurses["nearest"].as_array().unwrap().len(), 3);
    let space = service.get("/v1/clusters/4").json["cluster"].clone();
    assert_eq!((&space["ads"], &space["pay"], &space["nearest"]), (&json!(0), &json!([]), &json!([])));
}

#[test]
fn results_jobs_points_and_facets_name_the_clusters() {
    let service = Running::clustered();
    let nursing = json!({ "id": 2, "name": "Nursing \"1%\"" });
    assert_eq!(service.get("/v1/jobs/MCF/6").json["job"]["cluster"], nursing);
    assert_eq!(service.get("/v1/jobs?q=nurse").json["jobs"][0]["cluster"], nursing);
    assert_eq!(service.post(r#"{"text": "ward nurse"}"#).json["results"][0]["cluster"], nursing);
    let points = service.get("/v1/map").json["points"].as_array().unwrap().clone();
    let nurse = points.iter().find(|point| point["job_title"] == "ward nurse").unwrap();
    assert_eq!((&nurse["cluster"], &nurse["x"]), (&json!(2), &json!(2.0)));
    let facets = service.get("/v1/index").json["filters"]["cluster"].clone();
    assert_eq!(facets[0], json!({ "value": "Nursing \"1%\"", "jobs": 4 }));
    assert_eq!(facets.as_array().unwrap().len(), 5);
}

#[test]
fn a_filter_by_cluster_takes_ids_and_names() {
    let service = Running::clustered();
    let found = |filter: Value| {
        let body = json!({ "text": "nurse cook", "top_k": 100, "filter": filter, "include_reposts": true });
        let reply = service.post(body.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text);
        let mut titles: Vec<String> = titles(&reply.json["results"]).into_iter().map(str::to_owned).collect();
        titles.sort_unstable();
        titles
    };
    let drivers = ["bus driver", "lorry driver"];
    assert_eq!(found(json!({ "cluster": "3" })), drivers);
    assert_eq!(found(json!({ "cluster": 3 })), drivers);
    assert_eq!(found(json!({ "cluster": ["drivers", " DRIVERS"] })), drivers);
    assert_eq!(found(json!({ "cluster": ["3", "Nursing \"1%\""] })).len(), 6);
    assert_eq!(found(json!({ "cluster": "3", "source": "MCF" })), ["bus driver"]);
    assert!(found(json!({ "cluster": ["99", "space", "%"] })).is_empty());
    let get = service.get("/v1/similar?source=MCF&job_id=10&cluster=Drivers&cluster=2&top_k=100");
    assert_eq!(get.status, 200, "{}", get.text);
    assert_eq!((get.titles().len(), get.titles()[0]), (4, "lorry driver"), "{:?}", get.titles());
}

#[test]
fn an_index_without_clusters_says_how_it_gets_them() {
    let service = Running::usual();
    let list = service.get("/v1/clusters");
    assert_eq!((&list.json["clustering_version"], &list.json["clusters"]), (&Value::Null, &json!([])));
    assert_eq!(service.get("/v1/jobs/MCF/6").json["job"]["cluster"], Value::Null);
    assert_eq!(service.get("/v1/index").json["filters"]["cluster"], json!([]));
    let remedy = "promote a clustering of train-models and run build-vector-index";
    let one = service.get("/v1/clusters/1");
    assert_eq!((one.status, one.detail()), (404, &*format!("index v1 has no clusters: {remedy}")));
    let refused = service.get("/v1/similar?source=MCF&job_id=6&cluster=Drivers");
    let sentence = format!("cluster: index v1 has no clusters; leave it out, or {remedy}");
    assert_eq!((refused.status, refused.detail()), (400, &*sentence));
    assert_eq!(refused.json["member"], "cluster");
    let batch = json!({ "queries": [{ "text": "cook", "filter": { "cluster": "1" } }, { "text": "cook" }] });
    let answers = service.post(batch.to_string()).json["answers"].clone();
    assert_eq!(answers[0]["problem"]["detail"], *sentence);
    assert!(answers[1]["results"].is_array());
}

#[test]
fn unknown_clusters_are_refused_by_id_and_the_tag_changes_with_the_index() {
    let store = Store::with(clustered_market("v1"));
    let service = Running::start(store.clone(), Words::open(Duration::ZERO), &[("INDEX_POLL_S", "1")]);
    let missing = service.get("/v1/clusters/5");
    assert_eq!(
        (missing.status, missing.detail()),
        (404, "index v1 has no cluster 5; /v1/clusters lists its clusters")
    );
    for id in ["drivers", "-1", "+1", "65536", "1.0"] {
        let refused = service.get(&format!("/v1/clusters/{id}"));
        let sentence = format!("invalid id {id:?}: expected a whole number from 0 to 65535");
        assert_eq!((refused.status, refused.detail()), (400, &*sentence));
        assert_eq!(refused.json["member"], "id");
    }
    for path in ["/v1/clusters", "/v1/clusters/1"] {
        let tag = service.get(path).header("etag").unwrap().to_owned();
        assert_eq!(service.send("GET", path, &[("if-none-match", &tag)], b"").status, 304, "{path}");
    }
    let tag = service.get("/v1/clusters").header("etag").unwrap().to_owned();
    store.publish(market("v2"));
    for _ in 0..1000 {
        if service.get("/v1/index").json["index_version"] == "v2" {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let after = service.send("GET", "/v1/clusters", &[("if-none-match", &tag)], b"");
    assert_eq!((after.status, &after.json["clusters"]), (200, &json!([])));
}
