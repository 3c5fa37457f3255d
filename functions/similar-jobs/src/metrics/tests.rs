// Counts are integers, and so are the numbers that they are compared with.
#![allow(clippy::float_cmp)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::testing::market;

/// Samples by name with labels; panics on lines that are neither samples nor comments.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut typed = Vec::new();
    let mut samples = BTreeMap::new();
    let text = text.strip_suffix("# EOF\n").expect("the end of the exposition");
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (word, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(is_name(name) && matches!(word, "HELP" | "TYPE"), "{line}");
            if word == "TYPE" {
                assert!(matches!(words.next().unwrap(), "counter" | "gauge" | "histogram"), "{line}");
                typed.push(name.to_owned());
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let bare = name.split('{').next().unwrap();
        assert!(is_name(bare), "{line}");
        assert!(typed.iter().any(|kind| bare.starts_with(kind.as_str())), "no TYPE before {line}");
        assert_eq!(name.contains('{'), name.ends_with('}'), "{line}");
        assert!(samples.insert(name.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    samples
}

#[test]
fn requests_are_counted_by_route_and_status_also_those_whose_client_left() {
    let metrics = Metrics::default();
    metrics.start_request("/v1/similar").answered(200);
    metrics.start_request("/v1/similar").answered(404);
    drop(metrics.start_request("/v1/similar"));
    let held = metrics.start_request("/v1/map");
    let found = samples(&metrics.render(None, 3));
    for status in [200, 404, 499] {
        let labels = format!("route=\"/v1/similar\",status=\"{status}\"");
        assert_eq!(found[&format!("http_requests_total{{{labels}}}")], 1.0);
        assert_eq!(found[&format!("http_request_duration_seconds_count{{{labels}}}")], 1.0);
        assert_eq!(found[&format!("http_request_duration_seconds_bucket{{le=\"+Inf\",{labels}}}")], 1.0);
    }
    assert_eq!(found["http_requests_in_flight"], 1.0);
    assert_eq!(found["similar_jobs_embed_queue"], 3.0);
    drop(held);
    assert_eq!(samples(&metrics.render(None, 0))["http_requests_in_flight"], 0.0);
}

#[test]
fn buckets_add_up_and_hold_what_took_longer_than_all() {
    let metrics = Metrics::default();
    for took in [0, 3, 3000, 20_000] {
        let mut timer = metrics.start_request("/v1/index");
        timer.started -= Duration::from_millis(took);
        timer.answered(200);
    }
    let found = samples(&metrics.render(None, 0));
    let bucket = |le: &str| {
        found[&format!(
            "http_request_duration_seconds_bucket{{le=\"{le}\",route=\"/v1/index\",status=\"200\"}}"
        )]
    };
    let counts: Vec<f64> =
        BUCKETS.iter().map(|le| bucket(&format!("{le:?}"))).chain([bucket("+Inf")]).collect();
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!((bucket("1.0"), bucket("5.0"), bucket("10.0"), bucket("+Inf")), (2.0, 3.0, 3.0, 4.0));
}

#[test]
fn the_index_and_the_texts_are_told_and_a_label_cannot_break_a_line() {
    let metrics = Metrics::default();
    metrics.index_opened(true);
    metrics.index_opened(false);
    metrics.text(Embedded::Dropped);
    let mut manifest = market("v\"3\\\n").manifest().clone();
    manifest.rows = 18_147;
    let found = samples(&metrics.render(Some(&manifest), 0));
    assert_eq!(
        found["similar_jobs_index_info{version=\"v\\\"3\\\\\\n\",model_version=\"words/1/test\"}"],
        1.0
    );
    assert_eq!(found["similar_jobs_index_rows"], 18_147.0);
    assert_eq!(found["similar_jobs_index_opened_total{result=\"failed\"}"], 1.0);
    assert_eq!(found["similar_jobs_embed_texts_total{result=\"dropped\"}"], 1.0);
    assert_eq!(found["similar_jobs_embed_texts_total{result=\"embedded\"}"], 0.0);
}
