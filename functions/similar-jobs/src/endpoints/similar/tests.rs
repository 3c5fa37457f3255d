use common::index::Filter;
use proptest::prelude::*;
use serde_json::json;

use super::parameters::Parameters;
use super::query::MOST_QUERIES;
use super::*;
use crate::job_key::JobKey;

fn read(body: &[u8]) -> Result<SimilarRequest, Refusal> {
    SimilarRequest::from_json(body)
}

fn read_query(query: &str) -> Result<SimilarQuery, Refusal> {
    request::query::<Parameters>(Some(query)).map(SimilarQuery::from)
}

fn detail_and_member(refusal: Refusal) -> (String, Option<String>) {
    let problem = Problem::from(refusal);
    let member = |name| problem.members().get(name).map(|value| value.as_str().unwrap().to_owned());
    (member("detail").unwrap(), member("member"))
}

/// The error sentence of a refused body.
fn refused(body: &str) -> String {
    detail_and_member(read(body.as_bytes()).expect_err(body)).0
}

fn refused_query(query: &str) -> String {
    detail_and_member(read_query(query).expect_err(query)).0
}

fn one(body: &serde_json::Value) -> SimilarQuery {
    match read(body.to_string().as_bytes()).unwrap() {
        SimilarRequest::One(query) => *query,
        SimilarRequest::Batch(_) => panic!("a batch"),
    }
}

#[test]
fn every_member_is_understood() {
    let query = one(&json!({
        "text": "accountant", "top_k": 100, "min_similarity": -0.5, "exact": true, "include_reposts": true,
        "hybrid": true, "filter": {
            "source": "MCF", "location": ["East", "West"], "classification": "O'Neill \"100%\"",
            "work_type": ["Full Time"], "company": "é", "salary_min_sgd_per_month": 0,
            "posted_after": "2025-01-31T08:00:00+08:00", "cluster": [4, "Nursing"],
        },
    }));
    assert_eq!(query.input, QueryInput::Text("accountant".into()));
    assert_eq!((query.top_k, query.min_similarity), (100, Some(-0.5)));
    assert!(query.exact && query.include_reposts && query.hybrid);
    assert_eq!(query.filter.location, ["East", "West"]);
    assert_eq!(query.filter.classification, ["O'Neill \"100%\""]);
    assert_eq!(query.filter.cluster, ["4", "Nursing"]);
    assert_eq!(query.filter.salary_min_sgd_per_month, Some(0.0));
    assert_eq!(query.filter.posted_after.unwrap().to_rfc3339(), "2025-01-31T00:00:00+00:00");

    let query = one(&json!({ "job": { "source": "MCF", "job_id": "1" } }));
    assert_eq!((query.top_k, query.filter, query.exact), (10, Filter::default(), false));
    let query = one(&json!({ "embedding": [3, 4.0], "top_k": 5.0 }));
    assert_eq!((query.input, query.top_k), (QueryInput::Embedding(vec![0.6, 0.8]), 5));
    for numbers in ["1.7e308, -1.7e308", "5e-324, -5e-324"] {
        let body = format!("{{\"embedding\": [{numbers}]}}");
        let half = 0.5_f32.sqrt();
        let expected = SimilarRequest::One(Box::new(one(&json!({ "embedding": [half, -half] }))));
        assert_eq!(read(body.as_bytes()).unwrap(), expected, "{numbers}");
    }
    let SimilarRequest::Batch(queries) = read(br#"{"queries": [{"text": "a"}, {"text": "b"}]}"#).unwrap()
    else {
        panic!("one query");
    };
    assert_eq!(queries.len(), 2);
}

#[test]
fn a_refused_body_is_told_in_one_sentence_what_is_wrong_and_where() {
    let count = "expected a whole number from 1 to 100";
    let word = "expected a string that is not blank";
    let text = "expected a text of at most 20000 characters that is not blank";
    let date = "expected a date such as 2025-01-31 or a moment such as 2025-01-31T08:00:00Z";
    let one_input = "expected exactly one of text, job and embedding";
    for (body, sentence) in [
        (r#"{"text": "  \n"}"#, format!(r#"invalid text "  \n": {text}"#)),
        (r#"{"text": 5}"#, format!("invalid text 5: {text}")),
        (r#"{"text": null}"#, format!("invalid text null: {text}")),
        ("{}", format!("invalid query: {one_input}")),
        (r#"{"text": "a", "job": {"source": "MCF", "job_id": "1"}}"#, format!("invalid query: {one_input}")),
        (r#"{"queries": [{"text": "a"}, {}]}"#, format!("invalid queries[1]: {one_input}")),
        (r#"{"job": {"source": "MCF"}}"#, "missing member \"job.job_id\": expected a value for it".into()),
        (r#"{"job": {"source": "", "job_id": "1"}}"#, format!("invalid job.source \"\": {word}")),
        (r#"{"job": "MCF/1"}"#, "invalid job \"MCF/1\": expected a JSON object".into()),
        (r#"{"job": ["MCF", "1"]}"#, "invalid job […]: expected a JSON object".into()),
        (
            r#"{"job": {"source": "MCF", "job_id": "1", "id": 2}}"#,
            "invalid member \"job.id\": expected source or job_id".into(),
        ),
        (r#"{"text": "a", "top_k": 0}"#, format!("invalid top_k 0: {count}")),
        (r#"{"text": "a", "top_k": 101}"#, format!("invalid top_k 101: {count}")),
        (r#"{"text": "a", "top_k": -1}"#, format!("invalid top_k -1: {count}")),
        (r#"{"text": "a", "top_k": 1e9}"#, format!("invalid top_k 1000000000.0: {count}")),
        (r#"{"text": "a", "top_k": 1.5}"#, format!("invalid top_k 1.5: {count}")),
        (r#"{"text": "a", "top_k": "5"}"#, format!("invalid top_k \"5\": {count}")),
        (r#"{"text": "a", "top_k": null}"#, format!("invalid top_k null: {count}")),
        (
            r#"{"text": "a", "min_similarity": 1.01}"#,
            "invalid min_similarity 1.01: expected a number from -1 to 1".into(),
        ),
        (r#"{"text": "a", "exact": "yes"}"#, "invalid exact \"yes\": expected true or false".into()),
        (r#"{"text": "a", "filter": []}"#, "invalid filter […]: expected a JSON object".into()),
        (r#"{"text": "a", "filter": null}"#, "invalid filter null: expected a JSON object".into()),
        (
            r#"{"text": "a", "filter": {"source": []}}"#,
            format!("invalid filter.source of length 0: {word}, or a list of one or more such strings"),
        ),
        (
            r#"{"text": "a", "filter": {"source": ["MCF", " "]}}"#,
            format!("invalid filter.source[1] \" \": {word}"),
        ),
        (
            r#"{"text": "a", "filter": {"company": 7}}"#,
            format!("invalid filter.company 7: {word}, or a list of one or more such strings"),
        ),
        (
            r#"{"text": "a", "filter": {"cluster": [1, -1]}}"#,
            "invalid filter.cluster[1] -1: expected the id or the name of a cluster".into(),
        ),
        (
            r#"{"text": "a", "filter": {"cluster": [["x"]]}}"#,
            "invalid filter.cluster[0] […]: expected the id or the name of a cluster".into(),
        ),
        (
            r#"{"text": "a", "filter": {"cluster": []}}"#,
            "invalid filter.cluster of length 0: expected the id or the name of a cluster, or a list of one or more of them".into(),
        ),
        (
            r#"{"text": "a", "filter": {"posted_after": "tomorrow"}}"#,
            format!("invalid filter.posted_after \"tomorrow\": {date}"),
        ),
        (
            r#"{"text": "a", "filter": {"posted_after": "2025-02-30"}}"#,
            format!("invalid filter.posted_after \"2025-02-30\": {date}"),
        ),
        (
            r#"{"text": "a", "filter": {"salary_min_sgd_per_month": -1}}"#,
            "invalid filter.salary_min_sgd_per_month -1: expected an amount of 0 or more".into(),
        ),
        (
            r#"{"text": "a", "limit": 3}"#,
            "invalid member \"limit\": expected one of text, job, embedding, top_k, filter, min_similarity, exact, \
             include_reposts, hybrid"
                .into(),
        ),
        (
            r#"{"text": "a", "filter": {"salary": 3}}"#,
            "invalid member \"filter.salary\": expected one of source, location, classification, work_type, company, \
             salary_min_sgd_per_month, posted_after, cluster"
                .into(),
        ),
        (
            r#"{"job": {"source": "MCF", "job_id": "1"}, "hybrid": true}"#,
            "invalid hybrid: expected it only beside text, whose words it looks for".into(),
        ),
        (
            r#"{"embedding": []}"#,
            "invalid embedding of length 0: expected a list of numbers that are not all 0".into(),
        ),
        (r#"{"embedding": "x"}"#, "invalid embedding \"x\": expected a list of numbers that are not all 0".into()),
        (r#"{"embedding": [0, -0.0]}"#, "invalid embedding of length 2: expected a list of numbers that are not all 0".into()),
        (r#"{"embedding": [1, null]}"#, "invalid embedding[1] null: expected a number".into()),
    ] {
        assert_eq!(refused(body), sentence, "{body}");
    }
}

#[test]
fn a_body_that_is_not_json_or_has_other_members_is_refused_in_one_sentence() {
    let count = "expected a whole number from 1 to 100";
    for (body, sentence) in [
        (r#"{"embedding": [NaN]}"#, "the body is not JSON: expected value at line 1 column 16".into()),
        (r#"{"embedding": [1e999]}"#, "the body is not JSON: number out of range at line 1 column 20".into()),
        ("{\"text\":\n \"a\"", "the body is not JSON: EOF while parsing an object at line 2 column 4".into()),
        (r#"{"text": "a"} x"#, "the body is not JSON: trailing characters at line 1 column 15".into()),
        (
            r#"{"text": "a", "filter": {"source": "b"}, "filter": {}}"#,
            "invalid member \"filter\": expected it once".into(),
        ),
        (
            r#"{"text": "a", "filter": {"source": "b", "source": "c"}}"#,
            "invalid member \"filter.source\": expected it once".into(),
        ),
        (
            r#"{"queries": [{"text": "a", "text": "b"}]}"#,
            "invalid member \"queries[0].text\": expected it once".into(),
        ),
        (
            r#"{"queries": [{"text": "a"}], "queries": []}"#,
            "invalid member \"queries\": expected it once".into(),
        ),
        ("", "the body is not JSON: EOF while parsing a value at line 1 column 0".into()),
        ("[]", "invalid body […]: expected a JSON object".into()),
        (r#"{"queries": []}"#, "invalid queries of length 0: expected a list of 1 to 64".into()),
        (r#"{"queries": {}}"#, "invalid queries {…}: expected a list of 1 to 64".into()),
        (r#"{"queries": null}"#, "invalid queries null: expected a list of 1 to 64".into()),
        (r#"{"queries": [{"text": "a"}], "top_k": 3}"#, "invalid member \"top_k\": expected queries".into()),
        (
            r#"{"queries": [{"text": "a"}, {"text": "a", "top_k": 0}]}"#,
            format!("invalid queries[1].top_k 0: {count}"),
        ),
        (r#"{"queries": [3]}"#, "invalid queries[0] 3: expected a JSON object".into()),
    ] {
        assert_eq!(refused(body), sentence, "{body}");
    }
    let many = json!({ "queries": vec![json!({ "text": "a" }); 65] });
    assert_eq!(refused(&many.to_string()), "invalid queries of length 65: expected a list of 1 to 64");
    assert_eq!(refused(&"[".repeat(10_000)), "invalid body […]: expected a JSON object");
    let deep = format!("{{\"text\": {}", "[".repeat(10_000));
    assert!(refused(&deep).starts_with("the body is not JSON"), "{}", refused(&deep));
}

#[test]
fn the_member_at_fault_is_named_beside_the_sentence() {
    for (body, member) in [
        (r#"{"text": "a", "limt": 3}"#, Some("limt")),
        (r#"{"text": "a", "text": "b"}"#, Some("text")),
        (r#"{"job": {"source": "MCF"}}"#, Some("job.job_id")),
        (r#"{"text": "a", "filter": {"posted_after": "x"}}"#, Some("filter.posted_after")),
        (r#"{"queries": [{"text": "a"}, {"embedding": [1], "hybrid": true}]}"#, Some("queries[1].hybrid")),
        ("{}", None),
        ("{", None),
    ] {
        let (_, named) = detail_and_member(read(body.as_bytes()).expect_err(body));
        assert_eq!(named.as_deref(), member, "{body}");
    }
}

#[test]
fn a_text_may_have_twenty_thousand_characters_of_any_size() {
    assert!(matches!(one(&json!({ "text": "é".repeat(20_000) })).input, QueryInput::Text(_)));
    let body = json!({ "text": "é".repeat(20_001) }).to_string();
    let sentence =
        "invalid text of length 20001: expected a text of at most 20000 characters that is not blank";
    assert_eq!(refused(&body), sentence);
}

#[test]
fn a_long_value_is_not_repeated_in_full() {
    let body = json!({ "text": "a", "top_k": "9".repeat(5000) }).to_string();
    assert!(refused(&body).len() < 200, "{}", refused(&body));
    let body = json!({ "text": "a", "x".repeat(5000): 1 }).to_string();
    assert!(refused(&body).len() < 400, "{}", refused(&body));
    assert!(refused_query(&format!("{}=1", "x".repeat(5000))).len() < 400);
}

#[test]
fn parameters_are_as_strict_as_members() {
    let count = "expected a whole number from 1 to 100";
    let word = "expected a string that is not blank";
    for (query, sentence) in [
        ("", "missing parameter \"source\": expected a value for it".into()),
        ("source=MCF", "missing parameter \"job_id\": expected a value for it".into()),
        ("source=+&job_id=1", format!("invalid source \" \": {word}")),
        ("source=MCF&job_id=1&job_id=2", "invalid parameter \"job_id\": expected it once".into()),
        ("source=MCF&job_id=1&exact=true&exact=true", "invalid parameter \"exact\": expected it once".into()),
        ("source=MCF&job_id=1&top_k=0", format!("invalid top_k 0: {count}")),
        ("source=MCF&job_id=1&top_k=%2B5", format!("invalid top_k \"+5\": {count}")),
        ("source=MCF&job_id=1&top_k=1e9", format!("invalid top_k \"1e9\": {count}")),
        (
            "source=MCF&job_id=1&top_k=99999999999999999999",
            format!("invalid top_k \"99999999999999999999\": {count}"),
        ),
        (
            "source=MCF&job_id=1&min_similarity=NaN",
            "invalid min_similarity \"NaN\": expected a number from -1 to 1".into(),
        ),
        (
            "source=MCF&job_id=1&salary_min_sgd_per_month=inf",
            "invalid salary_min_sgd_per_month \"inf\": expected an amount of 0 or more".into(),
        ),
        ("source=MCF&job_id=1&exact=1", "invalid exact \"1\": expected true or false".into()),
        ("source=MCF&job_id=1&location=", format!("invalid location \"\": {word}")),
        ("source=MCF&job_id=1&location=East&location=", format!("invalid location \"\": {word}")),
        ("source=%ff&job_id=1", "invalid source: expected percent-encoded UTF-8".into()),
    ] {
        assert_eq!(refused_query(query), sentence, "{query}");
    }
    let unknown = refused_query("source=MCF&job_id=1&limt=5");
    let start = "invalid parameter \"limt\": expected one of source, job_id, top_k, location";
    assert!(unknown.starts_with(start), "{unknown}");
    let query = read_query(
        "source=MCF&job_id=a%26b+c&location=East&location=100%25&filter_source=X&top_k=3&exact=true",
    )
    .unwrap();
    assert_eq!(query.input, QueryInput::Job(JobKey { source: "MCF".into(), job_id: "a&b c".into() }));
    assert_eq!(query.filter.location, ["East", "100%"]);
    assert_eq!((query.filter.source, query.top_k, query.exact), (vec!["X".to_owned()], 3, true));
}

/// Random JSON that often contains our members.
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
        "cluster",
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
            Err(refusal) => prop_assert!(!detail_and_member(refusal).0.is_empty()),
            Ok(SimilarRequest::Batch(queries)) => prop_assert!((1..=MOST_QUERIES).contains(&queries.len())),
            Ok(SimilarRequest::One(query)) => {
                prop_assert!((1..=100).contains(&query.top_k));
                if let QueryInput::Embedding(vector) = query.input {
                    let length = vector.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
                    prop_assert!((length - 1.0).abs() < 1e-3, "{length}");
                }
            }
        }
    }

    #[test]
    fn any_query_string_is_read_or_refused(query in ".{0,80}") {
        let _ = read_query(&query);
    }

    #[test]
    fn parameters_survive_their_encoding(source in "\\PC{1,20}", location in "[!-~]{1,20}") {
        prop_assume!(!source.trim().is_empty());
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let query = format!("source={}&job_id=1&location={}", encode(&source), encode(&location));
        let similar = read_query(&query).unwrap();
        prop_assert_eq!(similar.input, QueryInput::Job(JobKey { source, job_id: "1".into() }));
        prop_assert_eq!(similar.filter.location, [location]);
    }
}
