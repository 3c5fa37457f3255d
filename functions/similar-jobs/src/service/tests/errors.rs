//! What is wrong with a request is said in one sentence, and what is wrong with the service too.

use std::sync::Arc;
use std::time::Duration;

use common::Error;
use serde_json::json;

use crate::embed::Open;
use crate::testing::{Reply, Running, Store, Words, index, market};

fn is_problem(reply: &Reply, status: u16, detail: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(reply.json["status"], status);
    assert!(reply.detail().starts_with(detail), "{detail} is not how {} begins", reply.detail());
    assert!(reply.header("x-request-id").is_some());
}

#[test]
fn an_ad_that_is_not_in_the_index_is_404_with_the_remedy() {
    let service = Running::usual();
    let detail = "index v1 has no ad MCF/none; an ad gets into the index by embed-new-jobs and then build-vector-index, unless it has no text or none that the model can read";
    is_problem(&service.get("/v1/similar?source=MCF&job_id=none"), 404, detail);
    is_problem(&service.get("/v1/jobs/MCF/none"), 404, detail);
    is_problem(&service.post(r#"{"job": {"source": "MCF", "job_id": "none"}}"#), 404, detail);
    is_problem(&service.get("/v1/nothing"), 404, "unknown path; see /openapi.json");
}

#[test]
fn what_is_wrong_with_a_request_is_said_by_name() {
    let service = Running::usual();
    is_problem(&service.post(r#"{"text": ""}"#), 400, "invalid text \"\": expected a text of at most 20000");
    let text = |chars| json!({ "text": "x".repeat(chars) }).to_string();
    is_problem(&service.post(text(20_001)), 400, "invalid text of length 20001: expected ");
    assert_eq!(service.post(text(20_000)).status, 200);
    is_problem(
        &service.post("{"),
        400,
        "the body is not JSON: EOF while parsing an object at line 1 column 1",
    );
    is_problem(&service.post([0xff, 0xfe]), 400, "the body is not JSON");
    let length = "invalid embedding of length 3: expected 16 numbers, as the index's vectors have";
    is_problem(&service.post(r#"{"embedding": [1, 2, 3]}"#), 400, length);
    is_problem(&service.post(r#"{"embedding": [NaN]}"#), 400, "the body is not JSON");
    for top_k in ["0", "101", "-1", "1e9", "\"x\""] {
        is_problem(&service.post(format!("{{\"text\": \"a\", \"top_k\": {top_k}}}")), 400, "invalid top_k ");
    }
    for top_k in ["0", "101", "-1", "1e9", "x"] {
        let reply = service.get(&format!("/v1/similar?source=MCF&job_id=0&top_k={top_k}"));
        is_problem(&reply, 400, "invalid top_k ");
        let end = format!("{top_k}: expected a whole number from 1 to 100").replace("1e9:", "1e9\":");
        let end = end.replace("-1:", "-1\":").replace("x:", "x\":");
        assert!(reply.detail().ends_with(&end), "{}", reply.detail());
    }
    let unknown = service.post(r#"{"text": "a", "limt": 5}"#);
    is_problem(&unknown, 400, "invalid member \"limt\": expected one of text, job, embedding");
    assert_eq!(unknown.json["member"], "limt");
    let none = "invalid parameter \"verbose\": expected none";
    is_problem(&service.get("/v1/index?verbose=1"), 400, none);
    is_problem(
        &service.get("/v1/map?limit=5001"),
        400,
        "invalid limit 5001: expected a whole number from 1 to 5000",
    );
    is_problem(&service.get("/v1/jobs"), 400, "missing parameter \"q\": expected a value for it");
    is_problem(
        &service.get("/v1/jobs?q=%20"),
        400,
        "invalid q \" \": expected a text of at most 200 characters that is not blank",
    );
    let long = service.get(&format!("/v1/jobs?q={}", "x".repeat(201)));
    is_problem(&long, 400, "invalid q of length 201: expected a text of at most 200 characters");
    let cursor = "invalid cursor \"-1\": expected a whole number from 1 to 9999";
    is_problem(&service.get("/v1/jobs?q=a&cursor=-1"), 400, cursor);
    // Before the body is looked at.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let twice = service.send("POST", "/v1/similar?top_k=3", &form, b"{}");
    is_problem(&twice, 400, "invalid parameter \"top_k\": expected none");
    is_problem(&service.get("/v1/jobs/MCF/%ff"), 400, "invalid path: expected percent-encoded UTF-8");
}

#[test]
#[cfg(feature = "gcp")]
fn a_warehouse_that_is_searched_by_vectors_alone_refuses_words_by_name() {
    // A model whose name alone says what its vectors are.
    let variables = [("SEARCH", "warehouse"), ("EMBEDDING_MODEL", "vertex:text-embedding-005")];
    let service = Running::start(Store::with(market("v1")), Words::open(Duration::ZERO), &variables);
    let hybrid = service.post(r#"{"text": "a", "hybrid": true}"#);
    is_problem(&hybrid, 400, "hybrid: with SEARCH=warehouse there are vectors alone");
    let cluster = service.post(r#"{"embedding": [1], "filter": {"cluster": "1"}}"#);
    is_problem(&cluster, 400, "cluster: with SEARCH=warehouse there are no clusters to filter by");
    assert_eq!(hybrid.json["member"], "hybrid");
}

/// What the operator has to mend is no fault of the caller's, and says nothing to them of paths and statements.
#[test]
#[cfg(all(feature = "gcp", feature = "duckdb"))]
fn a_missing_warehouse_is_the_servers_fault_and_its_path_stays_inside() {
    let variables = [
        ("SEARCH", "warehouse"),
        ("EMBEDDING_MODEL", "vertex:text-embedding-005"),
        ("WAREHOUSE_URL", "duckdb:/no/such/folder/secret.duckdb"),
    ];
    let service = Running::start(Store::with(market("v1")), Words::open(Duration::ZERO), &variables);
    let reply = service.get("/v1/similar?source=MCF&job_id=0");
    is_problem(&reply, 500, "the request failed; the log has the details");
    assert!(!reply.text.contains("secret") && reply.json["request_id"].is_string(), "{}", reply.text);
    // What the caller named and the index lacks is theirs.
    is_problem(&service.get("/v1/similar?source=MCF&job_id=none"), 404, "index v1 has no ad MCF/none");
}

#[test]
fn the_body_may_have_64_kib_and_has_to_be_json() {
    let service = Running::usual();
    let padded = |bytes: usize| format!("{{\"text\": \"cook\"{}}}", " ".repeat(bytes - 16));
    assert_eq!((padded(1 << 16).len(), service.post(padded(1 << 16)).status), (1 << 16, 200));
    is_problem(&service.post(padded((1 << 16) + 1)), 413, "the body is longer than 65536 bytes");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = service.send("POST", "/v1/similar", &form, b"text=a");
    is_problem(
        &reply,
        415,
        "invalid Content-Type \"application/x-www-form-urlencoded\": expected application/json",
    );
    let charset = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(service.send("POST", "/v1/similar", &charset, br#"{"text": "a"}"#).status, 200);
}

#[test]
fn a_method_that_a_path_does_not_take_is_told_what_it_takes() {
    let service = Running::usual();
    for (method, path, allow) in [
        ("DELETE", "/v1/similar", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/v1/index", "GET, HEAD, OPTIONS"),
        ("PUT", "/", "GET, HEAD, OPTIONS"),
        ("BREW", "/metrics", "GET, HEAD, OPTIONS"),
    ] {
        let reply = service.send(method, path, &[], b"");
        is_problem(&reply, 405, "this path accepts ");
        assert_eq!(reply.header("allow"), Some(allow));
    }
    let head = service.send("HEAD", "/v1/index", &[], b"");
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[test]
fn without_an_index_everything_says_how_to_get_one() {
    let store = Arc::<Store>::default();
    let service = Running::start(store.clone(), Words::open(Duration::ZERO), &[("INDEX_POLL_S", "1")]);
    let remedy = "there is no index yet: run `build-vector-index`";
    for path in ["/v1/similar?source=MCF&job_id=0", "/v1/jobs?q=a", "/v1/jobs/MCF/0", "/v1/index", "/v1/map"]
    {
        is_problem(&service.get(path), 503, remedy);
    }
    is_problem(&service.post(r#"{"text": "cook"}"#), 503, remedy);
    is_problem(&service.get("/ready"), 503, remedy);
    for path in ["/", "/health", "/metrics", "/openapi.json"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    store.publish(market("v1"));
    service.wait_for_metric("similar_jobs_index_rows 12");
    assert_eq!((service.get("/ready").status, service.get("/v1/index").status), (200, 200));
}

#[test]
fn an_index_of_one_ad_or_of_none_is_an_index() {
    let model = || Words::open(Duration::ZERO);
    let one = Running::start(Store::with(index("v1", &["line cook"])), model(), &[]);
    assert_eq!(one.get("/v1/similar?source=MCF&job_id=0").json["results"], json!([]));
    assert_eq!(one.post(r#"{"text": "cook"}"#).titles(), ["line cook"]);
    let none = Running::start(Store::with(index("v1", &[])), model(), &[]);
    assert_eq!(none.post(r#"{"text": "cook"}"#).json["results"], json!([]));
    assert_eq!(none.get("/v1/map").json["points"], json!([]));
    assert_eq!(none.get("/ready").status, 200);
}

#[test]
fn without_a_model_ads_are_found_by_ads() {
    let open: Open = Box::new(|| Err(Error::corrupt("model file /secret is altered")));
    let service = Running::start(Store::with(market("v1")), open, &[]);
    let reply = service.post(r#"{"text": "cook"}"#);
    is_problem(&reply, 503, "search by text is unavailable: the model could not be loaded");
    assert!(!reply.text.contains("secret"));
    assert_eq!(service.get("/v1/similar?source=MCF&job_id=0").status, 200);
    assert_eq!(service.get("/ready").status, 200);
}

#[test]
fn a_model_that_is_still_being_loaded_keeps_only_texts_waiting() {
    let (open, go) = Words::held();
    let service = Running::start(Store::with(market("v1")), open, &[]);
    std::thread::scope(|scope| {
        let text = scope.spawn(|| service.post(r#"{"text": "line cook"}"#));
        assert_eq!(service.get("/v1/similar?source=MCF&job_id=0").status, 200);
        assert!(!text.is_finished());
        drop(go);
        assert_eq!(text.join().unwrap().titles()[0], "line cook");
    });
}
