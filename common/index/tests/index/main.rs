//! The public interface of the index: build, open, search, extend, and errors for damaged folders.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

mod clusters;
mod same;
mod values;
mod words;

use std::collections::HashSet;
use std::path::Path;

use chrono::{DateTime, TimeDelta};
use common_core::ErrorKind;
use common_core::job::{ContentHash, IndexedAd, JobKey};
use common_index::ads::Column;
use common_index::{BuildOptions, Builder, Filter, Hit, JobIndex, Manifest, Query};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIMENSION: usize = 24;

fn options(graph_texts: usize) -> BuildOptions {
    BuildOptions {
        embedding_space: "model/weights/t1".into(),
        model_version: "model/weights/t1/fp32".into(),
        dimension: DIMENSION,
        code_version: "1".into(),
        state: "as it was".into(),
        graph_texts,
        most_changed: 0.2,
    }
}

/// A unit vector in one of 20 clusters.
fn vector(seed: u64) -> Vec<f32> {
    let mut centre = ChaCha8Rng::seed_from_u64(seed % 20);
    let mut own = ChaCha8Rng::seed_from_u64(seed + 1000);
    let vector: Vec<f32> =
        (0..DIMENSION).map(|_| centre.random_range(-1.0..1.0f32) + own.random_range(-0.6..0.6f32)).collect();
    let size = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.into_iter().map(|value| value / size).collect()
}

fn ad(n: u64) -> IndexedAd {
    ad_of_text(n, n)
}

fn ad_of_text(n: u64, text: u64) -> IndexedAd {
    let salary = (!n.is_multiple_of(3)).then_some(2000.0 + (n % 50) as f64 * 100.0);
    IndexedAd {
        key: JobKey {
            source: if n.is_multiple_of(2) { "MCF" } else { "O'Hara 100%" }.into(),
            job_id: format!("job-{n}"),
        },
        content_hash: ContentHash::of(&format!("text {text}")),
        model_version: "model/weights/t1/int8".into(),
        embedding: vector(text),
        job_title: Some(format!("Baker level{} of sourdough{}", text % 7, text % 30)),
        job_description: Some(format!("Ferments{} for the bakery", text % 5)),
        company_name: (!n.is_multiple_of(4)).then(|| format!("Company {}", n % 11)),
        job_location: Some(if n.is_multiple_of(5) { "Jurong" } else { "" }.into()),
        job_classification: Some(format!("Class {}", n % 9)),
        job_work_type: None,
        job_currency: [Some("SGD"), None, Some("\t"), Some("GBP")][n as usize % 40 / 10].map(str::to_owned),
        job_url: Some(format!("https://example.com/{n}")),
        salary_min_monthly: salary,
        salary_max_monthly: salary.map(|least| least + 500.0),
        job_posted_timestamp: (!n.is_multiple_of(6))
            .then(|| DateTime::UNIX_EPOCH + TimeDelta::days(n as i64)),
    }
}

fn build(folder: &Path, ads: Vec<IndexedAd>, graph_texts: usize, last: Option<&JobIndex>) -> Manifest {
    let mut builder = Builder::new(folder, options(graph_texts)).unwrap();
    for ad in ads {
        builder.add(ad).unwrap();
    }
    builder.finish(last, None).unwrap()
}

fn query<'a>(vector: &'a [f32], filter: &'a Filter) -> Query<'a> {
    Query {
        vector,
        words: None,
        top_k: 10,
        filter,
        min_similarity: None,
        exact: false,
        not: None,
        include_reposts: false,
    }
}

fn ids(index: &JobIndex, hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| index.ad(hit.row).job_id.to_owned()).collect()
}

/// The similarities of the `k` nearest of the `ads` that pass, one ad per text, by brute force.
fn brute_force(ads: &[IndexedAd], vector: &[f32], k: usize, passes: impl Fn(&IndexedAd) -> bool) -> Vec<f32> {
    let mut texts = HashSet::new();
    let mut all: Vec<f32> = ads
        .iter()
        .filter(|ad| passes(ad) && texts.insert(ad.content_hash))
        .map(|ad| ad.embedding.iter().zip(vector).map(|(a, b)| a * b).sum())
        .collect();
    all.sort_by(|a: &f32, b| b.total_cmp(a));
    all.truncate(k);
    all
}

/// The predicate of a filter for the brute-force search.
type Passes = fn(&IndexedAd) -> bool;

#[test]
fn searches_agree_with_brute_force_with_and_without_filters() {
    let folder = tempfile::tempdir().unwrap();
    let ads: Vec<IndexedAd> = (0..6000).map(ad).collect();
    let manifest = build(folder.path(), ads.clone(), 1000, None);
    assert!(manifest.body.graph.is_some() && manifest.metric("recall_at_10") > Some(0.98), "{manifest:?}");
    let index = JobIndex::open(folder.path()).unwrap();
    let word = |text: &str| vec![text.to_owned()];
    let filters: [(Filter, Passes); 7] = [
        (Filter::default(), |_| true),
        (Filter { source: word("o'hara 100%"), ..Filter::default() }, |ad| ad.key.source != "MCF"),
        (Filter { location: word("JURONG"), ..Filter::default() }, |ad| {
            ad.job_location.as_deref() == Some("Jurong")
        }),
        (Filter { company: vec!["Company 3".into(), "company 5".into()], ..Filter::default() }, |ad| {
            matches!(ad.company_name.as_deref(), Some("Company 3" | "Company 5"))
        }),
        (Filter { salary_min_sgd_per_month: Some(4000.0), ..Filter::default() }, |ad| {
            let is_sgd = ad.job_currency.as_deref() != Some("GBP");
            is_sgd && ad.salary_min_monthly.is_some_and(|least| least + 250.0 >= 4000.0)
        }),
        (
            Filter { posted_after: Some(DateTime::UNIX_EPOCH + TimeDelta::days(5990)), ..Filter::default() },
            |ad| {
                ad.job_posted_timestamp
                    .is_some_and(|posted| posted >= DateTime::UNIX_EPOCH + TimeDelta::days(5990))
            },
        ),
        (Filter { classification: word("Class 1"), location: word("Nowhere"), ..Filter::default() }, |_| {
            false
        }),
    ];
    for (filter, passes) in &filters {
        let (mut found, mut wanted) = (0, 0);
        for seed in 0..40 {
            let vector = vector(seed * 131 + 7);
            let exact = brute_force(&ads, &vector, 10, passes);
            let hits = index.search(&query(&vector, filter));
            assert_eq!(hits.len(), exact.len(), "{filter:?}");
            let all = index.search(&Query { exact: true, ..query(&vector, filter) });
            for (hit, similarity) in all.iter().zip(&exact) {
                assert!((hit.similarity - similarity).abs() < 1e-5, "{filter:?}: {hit:?} {similarity}");
            }
            wanted += exact.len();
            found += hits.iter().filter(|hit| all.iter().any(|other| other.row == hit.row)).count();
        }
        assert!(found as f64 >= 0.97 * wanted as f64, "{filter:?}: {found} of {wanted}");
    }
}

#[test]
fn an_ad_and_its_reposts_are_excluded_unless_reposts_are_included() {
    let folder = tempfile::tempdir().unwrap();
    let mut ads: Vec<IndexedAd> = (0..30).map(ad).collect();
    ads.extend((100..105).map(|n| ad_of_text(n, 3)));
    build(folder.path(), ads, 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    assert_eq!((index.manifest().rows, index.manifest().body.texts), (35, 30));
    let row = index.row_of("MCF", "job-100").unwrap();
    let filter = Filter::default();
    let own = Query { not: Some(row), top_k: 100, ..query(index.vector(row), &filter) };
    let hits = index.search(&own);
    assert_eq!(hits.len(), 29);
    assert!(!ids(&index, &hits).iter().any(|id| id.starts_with("job-10") && id.len() == 7 || id == "job-3"));
    let hits = index.search(&Query { include_reposts: true, ..own });
    assert_eq!(hits.len(), 34);
    assert!(hits[..5].iter().all(|hit| hit.similarity > 0.999));
    assert!(!hits.iter().any(|hit| hit.row == row));
    // A query that excludes no ad returns the text once: its newest ad, with the number of reposts.
    let hits = index.search(&Query { top_k: 1, ..query(index.vector(row), &filter) });
    assert_eq!((ids(&index, &hits), hits[0].reposts), (vec!["job-104".to_owned()], 5));
    // A filter applies to each ad of a text.
    let odd = Filter { source: vec!["O'Hara 100%".into()], ..Filter::default() };
    let hits = index.search(&Query { top_k: 1, ..query(index.vector(row), &odd) });
    assert_eq!((ids(&index, &hits), hits[0].reposts), (vec!["job-103".to_owned()], 2));
}

#[test]
fn indexes_of_zero_and_one_ad_are_searchable() {
    for count in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        build(folder.path(), (0..count).map(ad).collect(), 1, None);
        let index = JobIndex::open(folder.path()).unwrap();
        let filter = Filter::default();
        assert_eq!(index.search(&query(&vector(1), &filter)).len() as u64, count);
        assert_eq!(index.search(&Query { exact: true, ..query(&vector(1), &filter) }).len() as u64, count);
        assert_eq!(index.find("baker", 0, 10).0.len() as u64, count);
        assert_eq!((index.sample(5).len() as u64, index.facets(Column::Source).len() as u64), (count, count));
        assert_eq!(index.row_of("MCF", "job-0").is_some(), count == 1);
        assert_eq!(index.row_of("MCF", "job-7"), None);
        if count == 1 {
            let own = Query { not: Some(0), ..query(index.vector(0), &filter) };
            assert!(index.search(&own).is_empty());
        }
    }
}

#[test]
fn an_extended_graph_has_the_recall_of_a_new_one() {
    let (first, second, third) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(first.path(), (0..4000).map(ad).collect(), 500, None);
    let last = JobIndex::open(first.path()).unwrap();
    // 400 texts are added and 200 removed, which is below the limit.
    let ads: Vec<IndexedAd> = (200..4400).map(ad).collect();
    let grown = build(second.path(), ads.clone(), 500, Some(&last));
    assert_eq!((grown.body.grown_from.as_deref(), grown.body.changed_texts), (Some(""), 600));
    assert!(grown.metric("recall_at_10") > Some(0.98), "{grown:?}");
    let index = JobIndex::open(second.path()).unwrap();
    assert_eq!(index.row_of("MCF", "job-100"), None);
    let row = index.row_of("MCF", "job-4300").unwrap();
    let filter = Filter::default();
    let nearest = index.search(&Query { top_k: 1, ..query(index.vector(row), &filter) });
    assert_eq!(ids(&index, &nearest), ["job-4300"]);
    // Above the limit, the graph is rebuilt.
    let anew = build(third.path(), (3000..7000).map(ad).collect(), 500, Some(&last));
    assert_eq!(anew.body.grown_from, None);
}

#[test]
fn the_index_does_not_depend_on_the_order_of_ads_or_the_number_of_threads() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut ads: Vec<IndexedAd> = (0..1500).map(|n| ad_of_text(n, n / 2)).collect();
    for (n, ad) in ads.iter_mut().enumerate() {
        // Two equally distinctive words; which one is added first depends on the order of the ads.
        let (text, pair) = (n / 2, n / 2 % 40);
        let words = [format!("yeast{pair}"), format!("malt{pair}")];
        let (one, other) = (&words[text / 40 % 2], &words[1 - text / 40 % 2]);
        ad.job_description = Some(format!("With {one} and {other}"));
    }
    let one = build(first.path(), ads.clone(), 100, None);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let other = pool.install(|| build(second.path(), ads.into_iter().rev().collect(), 100, None));
    assert_eq!(one.body.origin, other.body.origin);
    assert_eq!(one.files.len(), 8);
    assert_eq!(one.files, other.files);
}

#[test]
fn errors_name_files_that_are_missing_or_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = build(folder.path(), (0..300).map(ad).collect(), 100, None);
    let assert_corrupt = |name: &str| {
        let error = JobIndex::open(folder.path()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.chain().contains(name), "{name}: {}", error.chain());
    };
    for name in manifest.files.keys() {
        let path = folder.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_corrupt(name);
        std::fs::remove_file(&path).unwrap();
        assert_corrupt(name);
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(JobIndex::open(folder.path()).unwrap().manifest(), &manifest);
}

#[test]
fn a_graph_with_an_invalid_degree_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    build(folder.path(), (0..300).map(ad).collect(), 100, None);
    let whole: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for degree in [0, 1, 1 << 40, 1 << 62, u64::MAX] {
        let mut manifest = whole.clone();
        manifest["body"]["graph"]["degree"] = degree.into();
        std::fs::write(&path, manifest.to_string()).unwrap();
        let error = JobIndex::open(folder.path()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{degree}");
    }
}

#[test]
fn a_graph_with_an_invalid_width_or_entry_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    build(folder.path(), (0..300).map(ad).collect(), 100, None);
    let whole: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for width in [0, 1 << 40, u64::MAX] {
        let mut manifest = whole.clone();
        manifest["body"]["graph"]["search_width"] = width.into();
        std::fs::write(&path, manifest.to_string()).unwrap();
        let error = JobIndex::open(folder.path()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{width}");
    }
    let mut manifest = whole.clone();
    manifest["files"]["entries.u32"]["bytes"] = 5.into();
    std::fs::write(folder.path().join("entries.u32"), "12345").unwrap();
    std::fs::write(&path, manifest.to_string()).unwrap();
    let error = JobIndex::open(folder.path()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("entries.u32"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_parsed_as_a_manifest_without_panicking(text in ".{0,400}") {
        let _ = Manifest::parse(text.as_bytes(), "manifest.json");
    }

    #[test]
    fn a_manifest_with_any_changed_byte_is_opened_without_panicking(index_of_byte in 0usize..2000, byte in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        build(folder.path(), (0..3).map(ad).collect(), 1, None);
        let mut bytes = std::fs::read(&path).unwrap();
        let index_of_byte = index_of_byte % bytes.len();
        bytes[index_of_byte] = byte;
        std::fs::write(&path, bytes).unwrap();
        // An index that opens must be searchable.
        if let Ok(index) = JobIndex::open(folder.path()) {
            index.search(&query(&vector(1)[..index.manifest().body.dimension.min(DIMENSION)], &Filter::default()));
        }
    }
}
