//! Model versions in the manifest, and invalid pay.

use common_core::job::IndexedAd;
use common_index::{Filter, JobIndex, Manifest};

use super::{ad, ad_of_text, build, ids, query, vector};

#[test]
fn the_manifest_counts_the_model_versions_of_the_vectors() {
    let folder = tempfile::tempdir().unwrap();
    // The configured model version is not that of the vectors.
    let all = build(folder.path(), (0..30).map(ad).collect(), 0, None);
    assert_eq!(all.body.model_version, "model/weights/t1/int8");
    assert_eq!(all.body.model_versions, [("model/weights/t1/int8".to_owned(), 30)].into());

    // Two model versions of one space, and an ad whose text has a vector already.
    let last = JobIndex::open(folder.path()).unwrap();
    let next = tempfile::tempdir().unwrap();
    let mut ads: Vec<IndexedAd> = (0..30).map(ad).collect();
    ads[7].model_version = "model/weights/t1/fp32".into();
    ads.push(IndexedAd { model_version: "another".into(), ..ad_of_text(99, 7) });
    let both = build(next.path(), ads, 0, Some(&last));
    let versions = [("model/weights/t1/fp32".to_owned(), 1), ("model/weights/t1/int8".to_owned(), 29)];
    assert_eq!(
        (both.body.model_version.as_str(), &both.body.model_versions),
        ("model/weights/t1/int8", &versions.into())
    );
    assert!(both.body.grown_from.is_some() && both.body.changed_texts == 0, "{both:?}");
    assert_eq!(Manifest::read(next.path()).unwrap(), both);

    let none = tempfile::tempdir().unwrap();
    let nothing = build(none.path(), Vec::new(), 0, None);
    assert_eq!(nothing.body.model_version, "model/weights/t1/fp32");
    assert!(nothing.body.model_versions.is_empty());
}

#[test]
fn an_index_of_an_older_format_is_refused_with_the_command_that_builds_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), (0..3).map(ad).collect(), 0, None);
    // Written by version 0.1.0, before indexes had the header that all artifacts have.
    let older = r#"{
        "format": 2, "version": "v1", "created_at": "2025-01-02T03:04:05Z", "code_version": "0.1.0",
        "embedding_space": "model/weights/t1", "model_version": "model/weights/t1/fp32",
        "model_versions": {"model/weights/t1/fp32": 3}, "dimension": 24, "ads": 3, "texts": 3,
        "unreadable": 0, "largest_texts": 2000000, "graph": null, "grown_from": null, "changed_texts": 3,
        "quality": {"recall_at_10": 1.0, "queries": 3, "p50_ms": 0.1, "p99_ms": 0.2, "build_seconds": 0.3},
        "origin": {"state": ""}, "files": [{"name": "vectors.f32", "bytes": 288, "sha256": "00"}]
    }"#;
    std::fs::write(folder.path().join("manifest.json"), older).unwrap();
    let error = JobIndex::open(folder.path()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), common_core::ErrorKind::Corrupt);
    let sentence = error.to_string();
    assert!(sentence.contains("has format 2") && sentence.contains("run build-vector-index"), "{sentence}");
}

#[test]
fn invalid_pay_passes_no_filter_and_is_not_returned() {
    let folder = tempfile::tempdir().unwrap();
    let paid = |n: u64, min: f64, max: Option<f64>, currency: &str| IndexedAd {
        salary_min_monthly: Some(min),
        salary_max_monthly: max,
        job_currency: Some(currency.into()),
        ..ad(n)
    };
    let ads = vec![
        paid(0, f64::INFINITY, None, "SGD"),
        paid(1, f64::NAN, Some(f64::INFINITY), "SGD"),
        paid(2, -1.0, None, "SGD"),
        paid(3, f64::NEG_INFINITY, Some(4000.0), "s$"),
        paid(4, 5000.0, Some(3000.0), "SGD "),
        paid(5, 9000.0, None, "$"),
        paid(6, 9000.0, None, "£"),
    ];
    build(folder.path(), ads, 0, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let filter = Filter { salary_min_sgd_per_month: Some(100.0), ..Filter::default() };
    let mut found = ids(&index, &index.search(&query(&vector(3), &filter)));
    found.sort();
    assert_eq!(found, ["job-3", "job-4"]);
    let pay = |n: u64| {
        let source = if n.is_multiple_of(2) { "MCF" } else { "O'Hara 100%" };
        let ad = index.ad(index.row_of(source, &format!("job-{n}")).unwrap());
        (ad.salary_min_monthly, ad.salary_max_monthly)
    };
    assert_eq!([pay(0), pay(1), pay(2)], [(None, None); 3]);
    assert_eq!([pay(3), pay(4)], [(None, Some(4000.0)), (Some(5000.0), Some(3000.0))]);
    // Spellings of one currency are equal.
    let reasons = index.reasons_between(
        index.row_of("O'Hara 100%", "job-3").unwrap(),
        index.row_of("MCF", "job-4").unwrap(),
    );
    let salary = common_index::Reason::Salary { from: 4000.0, to: 4000.0, currency: "SGD".into() };
    assert!(reasons.contains(&salary), "{reasons:?}");
}
