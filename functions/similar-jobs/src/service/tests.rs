//! The whole service over HTTP.

mod clusters;
mod errors;
mod load;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::page::{FILES, File};
use crate::testing::{DIMENSION, Running, Store, Words, market, titles, vector};

#[test]
fn ads_like_an_ad_come_with_reasons_and_without_the_ad_and_its_reposts() {
    let service = Running::usual();
    let reply = service.get("/v1/similar?source=MCF&job_id=6&top_k=2");
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(
        (&reply.json["index_version"], &reply.json["model_version"]),
        (&"v1".into(), &"words/1/test".into())
    );
    assert!(reply.json["took_ms"].as_f64().unwrap() >= 0.0);
    let results = reply.json["results"].as_array().unwrap();
    assert!(results.len() == 2 && !reply.titles().contains(&"staff nurse"), "{:?}", reply.titles());
    let best = &results[0];
    assert_eq!((&best["rank"], &best["job_classification"]), (&1.into(), &"nurse".into()), "{best}");
    let why = json!([
        { "kind": "classification", "text": "both in nurse" },
        { "kind": "terms", "text": "both mention nurse", "terms": ["nurse"] },
    ]);
    assert_eq!(best["why"], why);
    assert_eq!(
        (&best["job_location"], &best["job_url"]),
        (&Value::Null, &Value::Null),
        "not a link of the web"
    );
    assert_eq!(best["posted"], "1970-01-01T00:00:00Z");
    assert!(best["salary_min_per_month"].is_number() && best["salary_max_per_month"].is_number(), "{best}");
    assert!(best["currency"] == "SGD" && best.get("salary_min_sgd_per_month").is_none(), "{best}");
    let all = service.get("/v1/similar?source=MCF&job_id=6&include_reposts=true");
    assert_eq!(all.titles()[0], "staff nurse");
    let same = service.post(r#"{"job": {"source": "MCF", "job_id": "6"}, "top_k": 2}"#);
    assert_eq!(same.json["results"], reply.json["results"]);
}

#[test]
fn a_text_and_a_vector_find_what_is_like_them() {
    let service = Running::usual();
    let by_text = service.post(r#"{"text": "night line cook"}"#);
    assert_eq!(by_text.titles()[0], "night shift line cook", "{}", by_text.text);
    assert_eq!(by_text.json["results"][0]["why"][0]["kind"], "terms");
    let nurses = service.post(r#"{"text": "staff nurse", "top_k": 1}"#);
    assert_eq!((nurses.titles(), &nurses.json["results"][0]["reposts"]), (vec!["staff nurse"], &1.into()));
    // The vector's length is ours to mend.
    let scaled: Vec<f32> = vector("night line cook").iter().map(|x| x * 7.0).collect();
    let by_vector = service.post(json!({ "embedding": scaled }).to_string());
    assert_eq!(by_vector.titles(), by_text.titles());
    assert_eq!(by_vector.json["results"][0]["why"], json!([]));
}

#[test]
fn with_hybrid_the_words_of_a_text_count_and_the_score_stays_the_cosine() {
    let service = Running::usual();
    // The vectors know nothing of companies.
    let results = |hybrid: bool| {
        let body = json!({ "text": "nurse gamma", "top_k": 100, "hybrid": hybrid, "include_reposts": true });
        let reply = service.post(body.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json["results"].as_array().unwrap().clone()
    };
    let (by_vector, by_both) = (results(false), results(true));
    let is_by_score = |results: &[Value]| results.is_sorted_by_key(|job| -job["score"].as_f64().unwrap());
    assert!(is_by_score(&by_vector) && !is_by_score(&by_both));
    let (best, company) = (&by_both[0]["job_title"], &by_both[0]["company_name"]);
    assert_eq!((best, company), (&"staff nurse".into(), &"Gamma \"1%\" Pte".into()));
    assert_ne!(by_vector[0]["company_name"], *company);
    let scores = |results: &[Value]| -> BTreeMap<String, String> {
        results.iter().map(|job| (job["job_id"].to_string(), job["score"].to_string())).collect()
    };
    assert_eq!(scores(&by_both), scores(&by_vector));
}

#[test]
fn filters_hold_also_with_quotes_and_percent_signs_and_may_leave_nothing() {
    let service = Running::usual();
    let filtered = |filter: Value| {
        let reply = service.post(json!({ "text": "nurse", "top_k": 100, "filter": filter }).to_string());
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json["results"].as_array().unwrap().clone()
    };
    let of_company = filtered(json!({ "company": "beta \"1%\" pte" }));
    assert!(!of_company.is_empty() && of_company.iter().all(|job| job["company_name"] == "Beta \"1%\" Pte"));
    let encoded = service.get("/v1/similar?source=MCF&job_id=0&company=Beta+%221%25%22+Pte&top_k=100");
    assert_eq!(encoded.json["results"].as_array().unwrap().len(), of_company.len());
    for nothing in [
        json!({ "company": "'; DROP TABLE ads; --" }),
        json!({ "location": ["%", "_"] }),
        json!({ "source": "MCF", "classification": "driver", "company": "Gamma \"1%\" Pte", "posted_after": "2100-01-01" }),
        json!({ "salary_min_sgd_per_month": 1e300 }),
    ] {
        assert!(filtered(nothing.clone()).is_empty(), "{nothing}");
    }
}

#[test]
fn a_batch_is_answered_in_order_with_a_problem_where_one_fails() {
    let service = Running::usual();
    let reply = service.post(
        json!({ "queries": [
            { "text": "bus driver", "top_k": 1 },
            { "job": { "source": "MCF", "job_id": "none" } },
            { "embedding": [1, 2] },
            { "job": { "source": "MCF", "job_id": "0" }, "top_k": 1 },
        ] })
        .to_string(),
    );
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answers = reply.json["answers"].as_array().unwrap();
    assert_eq!(titles(&answers[0]["results"]), ["bus driver"]);
    assert_eq!(answers[1]["problem"]["status"], 404);
    assert_eq!(
        (&answers[2]["problem"]["status"], &answers[2]["problem"]["member"]),
        (&400.into(), &"embedding".into())
    );
    assert_eq!(titles(&answers[3]["results"]).len(), 1);
    let full = json!({ "queries": vec![json!({ "text": "line cook" }); 64] });
    assert_eq!(service.post(full.to_string()).json["answers"].as_array().unwrap().len(), 64);
}

#[test]
fn ads_are_listed_by_words_page_by_page() {
    let service = Running::usual();
    let first = service.get("/v1/jobs?q=nurse&limit=3");
    let mut found = titles(&first.json["jobs"]);
    assert_eq!((found.len(), first.json["next_cursor"].as_str()), (3, Some("3")));
    let last = service.get("/v1/jobs?q=nurse&limit=3&cursor=3");
    assert_eq!(last.json["next_cursor"], Value::Null);
    found.extend(titles(&last.json["jobs"]));
    found.sort_unstable();
    assert_eq!(found, ["staff nurse", "staff nurse", "theatre nurse", "ward nurse"]);
    assert_eq!(service.get("/v1/jobs?q=astronaut").json["jobs"], json!([]));
    let one = service.get("/v1/jobs/MCF/10");
    assert_eq!(one.json["job"]["job_title"], "bus driver", "{}", one.text);
}

#[test]
fn the_index_says_what_it_is_and_the_map_where_ads_are() {
    let service = Running::usual();
    let facts = service.get("/v1/index").json;
    assert_eq!((&facts["jobs"], &facts["dimension"]), (&12.into(), &DIMENSION.into()), "{facts}");
    assert_eq!((&facts["search"], &facts["published_at"]), (&"index".into(), &"1970-01-01T00:00:00Z".into()));
    assert_eq!(facts["filters"]["source"][1], json!({ "value": "MCF", "jobs": 6 }));
    let map = service.get("/v1/map?limit=5").json;
    assert_eq!(map["points"].as_array().unwrap().len(), 5);
    assert!(map["points"][0]["x"].is_number() && map["points"][0]["job_title"].is_string(), "{map}");
}

#[test]
fn an_answer_that_the_client_has_is_not_sent_again() {
    let service = Running::usual();
    for path in
        ["/v1/similar?source=MCF&job_id=0", "/v1/jobs?q=cook", "/v1/jobs/MCF/0", "/v1/index", "/v1/map"]
    {
        let first = service.get(path);
        let etag = first.header("etag").unwrap();
        assert!(first.status == 200 && etag.starts_with("\"v1-0-"), "{path} {etag}");
        for known in [etag, &format!("W/{etag}"), &format!("\"v0-0\", {etag}"), "*"] {
            let again = service.send("GET", path, &[("if-none-match", known)], b"");
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path} {known}");
            assert_eq!(again.header("etag"), Some(etag), "{path} {known}");
        }
        let changed = service.send("GET", path, &[("if-none-match", "\"v1\"")], b"");
        assert_eq!(changed.status, 200);
    }
    let gone = service.send("GET", "/v1/jobs/MCF/none", &[("if-none-match", "*")], b"");
    assert_eq!(gone.status, 404);
    assert_eq!(service.post(r#"{"text": "cook"}"#).header("etag"), None);
}

#[test]
fn the_tag_of_the_index_covers_what_is_searched() {
    let of_index = Running::usual().get("/v1/index");
    let store = Store::with(market("v1"));
    let variables = [("SEARCH", "warehouse"), ("EMBEDDING_MODEL", "vertex:text-embedding-005")];
    let service = Running::start(store, Words::open(Duration::ZERO), &variables);
    let known = [("if-none-match", of_index.header("etag").unwrap())];
    let of_warehouse = service.send("GET", "/v1/index", &known, b"");
    assert_eq!((of_warehouse.status, &of_warehouse.json["search"]), (200, &"warehouse".into()));
}

#[test]
fn an_answer_is_compressed_where_that_is_accepted_and_not_sent_again_to_whoever_has_it() {
    let service = Running::usual();
    let gzip = ("accept-encoding", "gzip");
    for path in ["/v1/map", "/v1/similar?source=MCF&job_id=0", "/openapi.json", "/", "/page/style.css"] {
        let plain = service.get(path);
        assert_eq!(
            (plain.header("content-encoding"), plain.header("vary")),
            (None, Some("accept-encoding")),
            "{path}"
        );
        let (head, bytes) = service.raw("GET", path, &[gzip]);
        assert_eq!(head.get("content-encoding").unwrap(), "gzip", "{path}");
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*bytes), &mut text).unwrap();
        // How long it took differs.
        if !path.contains("similar") {
            assert!(text == plain.text && bytes.len() * 2 < text.len(), "{path}");
        }
        let Some(etag) = head.get("etag") else { continue };
        let etag = etag.to_str().unwrap();
        assert_eq!(etag.strip_suffix("-gzip\""), plain.header("etag").unwrap().strip_suffix('"'), "{path}");
        let again = service.send("GET", path, &[gzip, ("if-none-match", etag)], b"");
        assert_eq!((again.status, again.header("etag")), (304, Some(etag)), "{path}");
        let other = service.send("GET", path, &[("if-none-match", etag)], b"");
        assert_eq!((other.status, other.header("etag")), (200, plain.header("etag")), "{path}");
    }
    let compressed = [("content-encoding", "gzip"), ("content-type", "application/json")];
    let reply = service.send("POST", "/v1/similar", &compressed, b"\x1f\x8b");
    assert_eq!((reply.status, reply.header("accept-encoding")), (415, Some("identity")), "{}", reply.text);
    assert_eq!(reply.detail(), "invalid Content-Encoding \"gzip\": expected a body that is not compressed");
}

#[test]
fn the_page_is_all_ours_and_can_do_nothing_else() {
    let service = Running::usual();
    for File { path, media_type, .. } in FILES {
        let reply = service.get(path);
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), Some(*media_type));
        assert!(
            reply
                .header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'; script-src 'self'")
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        // The namespace of the icon is a name, and nothing asks for it.
        let text = reply.text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
    }
    assert_eq!(service.get("/?text=cook").status, 200, "an address to share");
}

#[test]
fn other_origins_may_call_only_where_they_are_allowed() {
    let service = Running::usual();
    assert!(service.get("/v1/index").header("access-control-allow-origin").is_none());
    let variables = [("CORS_ALLOW_ORIGIN", "https://jobs.example.sg")];
    let open = Running::start(Store::with(market("v1")), Words::open(Duration::ZERO), &variables);
    for reply in [open.get("/v1/index"), open.get("/nowhere"), open.send("OPTIONS", "/v1/similar", &[], b"")]
    {
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://jobs.example.sg"));
    }
    let preflight = open.send("OPTIONS", "/v1/similar", &[], b"");
    assert_eq!((preflight.status, preflight.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
}
