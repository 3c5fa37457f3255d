use proptest::prelude::*;
use serde_json::json;

use super::parameters::OF_SIMILAR;
use super::*;

/// What the caller is told about a refused body.
fn refused(body: &str) -> String {
    let refusal = read(body.as_bytes()).expect_err(body);
    Problem::from(refusal).members()["detail"].as_str().unwrap().to_owned()
}

fn refused_query(query: &str) -> String {
    let refusal = Parameters::read(Some(query), OF_SIMILAR).and_then(|read| read.similar()).expect_err(query);
    Problem::from(refusal).members()["detail"].as_str().unwrap().to_owned()
}

fn one(body: &serde_json::Value) -> Similar {
    match read(body.to_string().as_bytes()).unwrap() {
        Asked::One(query) => query,
        Asked::Many(_) => panic!("a batch"),
    }
}

#[test]
fn every_member_is_understood() {
    let query = one(&json!({
        "text": "accountant", "top_k": 100, "min_similarity": -0.5, "exact": true, "include_reposts": true,
        "hybrid": true, "filter": {
            "source": "MCF", "location": ["East", "West"], "classification": "O'Neill \"100%\"",
            "work_type": ["Full Time"], "company": "é", "salary_min_sgd_per_month": 0,
            "posted_after": "2025-01-31T08:00:00+08:00",
        },
    }));
    assert_eq!(query.to, To::Text("accountant".into()));
    assert_eq!((query.top_k, query.min_similarity), (100, Some(-0.5)));
    assert!(query.exact && query.include_reposts && query.hybrid);
    assert_eq!(query.filter.location, ["East", "West"]);
    assert_eq!(query.filter.classification, ["O'Neill \"100%\""]);
    assert_eq!(query.filter.salary_min_sgd_per_month, Some(0.0));
    assert_eq!(query.filter.posted_after.unwrap().to_rfc3339(), "2025-01-31T00:00:00+00:00");

    let query = one(&json!({ "job": { "source": "MCF", "job_id": "1" } }));
    assert_eq!((query.top_k, query.filter, query.exact), (10, Filter::default(), false));
    let query = one(&json!({ "embedding": [3, 4.0], "top_k": 5.0 }));
    assert_eq!((query.to, query.top_k), (To::Embedding(vec![0.6, 0.8]), 5));
    for numbers in ["1.7e308, -1.7e308", "5e-324, -5e-324"] {
        let body = format!("{{\"embedding\": [{numbers}]}}");
        let half = 0.5_f32.sqrt();
        let expected = Asked::One(one(&json!({ "embedding": [half, -half] })));
        assert_eq!(read(body.as_bytes()).unwrap(), expected, "{numbers}");
    }
    let Asked::Many(queries) = read(br#"{"queries": [{"text": "a"}, {"text": "b"}]}"#).unwrap() else {
        panic!("one query");
    };
    assert_eq!(queries.len(), 2);
}

#[test]
fn a_refused_body_is_told_in_one_sentence_what_is_wrong_and_where() {
    let whole = "is not a whole number from 1 to 100";
    for (body, sentence) in [
        (r#"{"text": "  \n"}"#, "text: it is empty; say in a few words what the job is about"),
        (r#"{"text": 5}"#, "text: 5 is not a string"),
        (r#"{"text": null}"#, "text: null is not a string"),
        ("{}", "a query has one of text, job and embedding, and this has none"),
        (
            r#"{"text": "a", "job": {"source": "MCF", "job_id": "1"}}"#,
            "a query has one of text, job and embedding, not several",
        ),
        (r#"{"job": {"source": "MCF"}}"#, "job.job_id: it is missing"),
        (r#"{"job": {"source": "", "job_id": "1"}}"#, "job.source: it is empty"),
        (r#"{"job": "MCF/1"}"#, r#"job: a job is a JSON object, not "MCF/1""#),
        (
            r#"{"job": {"source": "MCF", "job_id": "1", "id": 2}}"#,
            "job.id: there is no such member; a job has source and job_id",
        ),
        (r#"{"text": "a", "top_k": 0}"#, &format!("top_k: 0 {whole}")),
        (r#"{"text": "a", "top_k": 101}"#, &format!("top_k: 101 {whole}")),
        (r#"{"text": "a", "top_k": -1}"#, &format!("top_k: -1 {whole}")),
        (r#"{"text": "a", "top_k": 1e9}"#, &format!("top_k: 1000000000.0 {whole}")),
        (r#"{"text": "a", "top_k": 1.5}"#, &format!("top_k: 1.5 {whole}")),
        (r#"{"text": "a", "top_k": "x"}"#, &format!("top_k: \"x\" {whole}")),
        (r#"{"text": "a", "min_similarity": 1.01}"#, "min_similarity: 1.01 is not a number from -1 to 1"),
        (r#"{"text": "a", "exact": "yes"}"#, "exact: \"yes\" is not true or false"),
        (r#"{"text": "a", "filter": []}"#, "filter: a filter is a JSON object, not a list"),
        (
            r#"{"text": "a", "filter": {"source": []}}"#,
            "filter.source: the list is empty; leave it out, or name a value",
        ),
        (r#"{"text": "a", "filter": {"source": ["MCF", " "]}}"#, "filter.source: it is empty"),
        (
            r#"{"text": "a", "filter": {"company": 7}}"#,
            "filter.company: 7 is not a string or a list of strings",
        ),
        (
            r#"{"text": "a", "filter": {"posted_after": "tomorrow"}}"#,
            "filter.posted_after: \"tomorrow\" is not a date; write 2025-01-31 or 2025-01-31T08:00:00Z",
        ),
        (
            r#"{"text": "a", "filter": {"posted_after": "2025-02-30"}}"#,
            "filter.posted_after: \"2025-02-30\" is not a date; write 2025-01-31 or 2025-01-31T08:00:00Z",
        ),
        (
            r#"{"text": "a", "filter": {"salary_min_sgd_per_month": -1}}"#,
            "filter.salary_min_sgd_per_month: -1 is not an amount of 0 or more",
        ),
        (
            r#"{"text": "a", "limit": 3}"#,
            "limit: there is no such member; a query has text, job or embedding, and top_k, filter, min_similarity, \
             exact, include_reposts, hybrid",
        ),
        (
            r#"{"text": "a", "filter": {"salary": 3}}"#,
            "filter.salary: there is no such member; a filter has source, location, classification, work_type, company, \
             salary_min_sgd_per_month, posted_after",
        ),
        (
            r#"{"job": {"source": "MCF", "job_id": "1"}, "hybrid": true}"#,
            "hybrid: only a query by text has words to look for",
        ),
        (r#"{"embedding": []}"#, "embedding: the list is empty"),
        (r#"{"embedding": "x"}"#, "embedding: \"x\" is not a list of numbers"),
        (r#"{"embedding": [0, -0.0]}"#, "embedding: every number is 0, and such a vector points nowhere"),
        (r#"{"embedding": [1, null]}"#, "embedding: number 1 is null, which is none"),
        (r#"{"embedding": [NaN]}"#, "the body is not JSON: expected value at line 1 column 16"),
        (r#"{"embedding": [1e999]}"#, "the body is not JSON: number out of range at line 1 column 20"),
        ("{\"text\":\n \"a\"", "the body is not JSON: EOF while parsing an object at line 2 column 4"),
        (
            r#"{"text": "a", "filter": {"source": "b"}, "filter": {}}"#,
            "the body is not taken: filter is given twice at line 1 column 54",
        ),
        (
            r#"{"queries": [{"text": "a", "text": "b"}]}"#,
            "the body is not taken: text is given twice at line 1 column 39",
        ),
        ("", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
        ("[]", "the body is a JSON object, not a list"),
        (r#"{"queries": []}"#, "queries: a batch has 1 to 64, not 0"),
        (r#"{"queries": {}}"#, "queries: an object is not a list"),
        (
            r#"{"queries": [{"text": "a"}], "top_k": 3}"#,
            "top_k: there is no such member; a batch has only queries",
        ),
        (
            r#"{"queries": [{"text": "a"}, {"text": "a", "top_k": 0}]}"#,
            &format!("queries[1].top_k: 0 {whole}"),
        ),
        (r#"{"queries": [3]}"#, "queries[0]: a query is a JSON object, not 3"),
    ] {
        assert_eq!(refused(body), sentence, "{body}");
    }
    let many = json!({ "queries": vec![json!({ "text": "a" }); 65] });
    assert_eq!(refused(&many.to_string()), "queries: a batch has 1 to 64, not 65");
    assert!(refused(&"[".repeat(10_000)).contains("recursion limit exceeded at line 1 column 128"));
}

#[test]
fn a_text_may_have_twenty_thousand_characters_of_any_size() {
    assert!(matches!(one(&json!({ "text": "é".repeat(20_000) })).to, To::Text(_)));
    let body = json!({ "text": "é".repeat(20_001) }).to_string();
    assert_eq!(refused(&body), "text: it has 20001 characters; at most 20000 are taken");
}

#[test]
fn a_long_value_is_not_repeated_in_full() {
    let body = json!({ "text": "a", "top_k": "9".repeat(5000) }).to_string();
    assert!(refused(&body).len() < 200, "{}", refused(&body));
    let body = json!({ "text": "a", "x".repeat(5000): 1 }).to_string();
    assert!(refused(&body).len() < 400, "{}", refused(&body));
}

#[test]
fn parameters_are_as_strict_as_members() {
    let whole = "is not a whole number from 1 to 100";
    for (query, sentence) in [
        ("", "source: it is missing"),
        ("source=MCF", "job_id: it is missing"),
        ("source=+&job_id=1", "source: it is empty"),
        ("source=MCF&job_id=1&job_id=2", "job_id: it is given twice"),
        ("source=MCF&job_id=1&top_k=0", &format!("top_k: \"0\" {whole}")),
        ("source=MCF&job_id=1&top_k=%2B5", &format!("top_k: \"+5\" {whole}")),
        ("source=MCF&job_id=1&top_k=1e9", &format!("top_k: \"1e9\" {whole}")),
        (
            "source=MCF&job_id=1&top_k=99999999999999999999",
            &format!("top_k: \"99999999999999999999\" {whole}"),
        ),
        ("source=MCF&job_id=1&min_similarity=NaN", "min_similarity: \"NaN\" is not a number from -1 to 1"),
        (
            "source=MCF&job_id=1&salary_min_sgd_per_month=inf",
            "salary_min_sgd_per_month: \"inf\" is not an amount of 0 or more",
        ),
        ("source=MCF&job_id=1&exact=1", "exact: \"1\" is not true or false"),
        ("source=MCF&job_id=1&location=", "location: it is empty"),
        ("source=%ff&job_id=1", "source: it is not UTF-8"),
    ] {
        assert_eq!(refused_query(query), sentence, "{query}");
    }
    let unknown = refused_query("source=MCF&job_id=1&limt=5");
    assert!(
        unknown.starts_with("limt: there is no such parameter; this path has source, job_id, top_k"),
        "{unknown}"
    );
    let read = Parameters::read(
        Some("source=MCF&job_id=a%26b+c&location=East&location=100%25&filter_source=X&top_k=3&exact=true"),
        OF_SIMILAR,
    );
    let query = read.unwrap().similar().unwrap();
    assert_eq!(query.to, To::Job(Key { source: "MCF".into(), job_id: "a&b c".into() }));
    assert_eq!(query.filter.location, ["East", "100%"]);
    assert_eq!((query.filter.source, query.top_k, query.exact), (vec!["X".to_owned()], 3, true));
}

/// JSON of any shape, in which our members come up often.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
        Just(json!("2025-01-31")),
    ];
    let name = prop::sample::select(vec![
        "text",
        "job",
        "embedding",
        "queries",
        "top_k",
        "filter",
        "source",
        "job_id",
        "location",
        "company",
        "posted_after",
        "salary_min_sgd_per_month",
        "min_similarity",
        "exact",
        "hybrid",
        "other",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|list| json!(list)),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_json_is_read_or_refused_in_a_sentence(body in any_json()) {
        match read(body.to_string().as_bytes()) {
            Err(refusal) => prop_assert!(!refusal.sentence.is_empty()),
            Ok(Asked::Many(queries)) => prop_assert!((1..=MOST_QUERIES).contains(&queries.len())),
            Ok(Asked::One(query)) => {
                prop_assert!((1..=100).contains(&query.top_k));
                if let To::Embedding(vector) = query.to {
                    let length = vector.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
                    prop_assert!((length - 1.0).abs() < 1e-3, "{length}");
                }
            }
        }
    }

    #[test]
    fn any_query_string_is_read_or_refused(query in ".{0,80}") {
        let _ = Parameters::read(Some(&query), OF_SIMILAR).and_then(|read| read.similar());
    }

    #[test]
    fn parameters_survive_their_encoding(source in "\\PC{1,20}", location in "[!-~]{1,20}") {
        prop_assume!(!source.trim().is_empty());
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let query = format!("source={}&job_id=1&location={}", encode(&source), encode(&location));
        let similar = Parameters::read(Some(&query), OF_SIMILAR).and_then(|read| read.similar()).unwrap();
        prop_assert_eq!(similar.to, To::Job(Key { source, job_id: "1".into() }));
        prop_assert_eq!(similar.filter.location, [location]);
    }
}
