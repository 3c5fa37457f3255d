//! Reposts: grouped into one result, and excluded from the neighbours of the ad.

use common_core::job::{ContentHash, IndexedAd};
use common_index::{Filter, JobIndex, Query};

use crate::{ad, build, ids, query, vector};

/// An ad without a description. All ads with this title share text and vector.
fn title_only(n: u64, title: &str, company: Option<&str>) -> IndexedAd {
    IndexedAd {
        content_hash: ContentHash::of(title),
        embedding: vector(title.len() as u64),
        job_title: Some(title.into()),
        job_description: [None, Some(" \n\u{200b}".to_owned()), Some(String::new())][n as usize % 3].clone(),
        company_name: company.map(str::to_owned),
        job_posted_timestamp: None,
        ..ad(n)
    }
}

fn market() -> Vec<IndexedAd> {
    let mut ads = vec![
        title_only(0, "Data Engineer", Some("Alpha")),
        title_only(1, "Data Engineer", Some(" ALPHA ")),
        title_only(2, "Data Engineer", Some("Beta")),
        title_only(3, "Data Engineer", Some("Gamma")),
        title_only(4, "Data Engineer", None),
        title_only(5, "Data Engineer", Some("")),
        title_only(6, "Cashier", Some("Alpha")),
    ];
    // Ads with the same description are reposts even at different companies.
    for (n, company) in [(7, "Alpha"), (8, "Beta")] {
        let text = title_only(n, "Data Engineer, Spark", Some(company));
        ads.push(IndexedAd { job_description: Some("Builds pipelines".into()), ..text });
    }
    ads
}

#[test]
fn equal_titles_of_different_companies_are_not_reposts() {
    // With and without a graph.
    for graph_texts in [1000, 1] {
        let folder = tempfile::tempdir().unwrap();
        let manifest = build(folder.path(), market(), graph_texts, None);
        assert_eq!((manifest.rows, manifest.body.texts), (9, 3), "vectors are shared");
        let index = JobIndex::open(folder.path()).unwrap();
        let row = |n: u64| index.row_of(&ad(n).key.source, &ad(n).key.job_id).unwrap();
        let filter = Filter::default();
        let like = |n: u64, more: Query<'static>| {
            let found = index.search(&Query {
                vector: index.vector(row(n)),
                not: Some(row(n)),
                filter: &filter,
                ..more
            });
            let reposts: Vec<u32> = found.iter().map(|hit| hit.reposts).collect();
            (ids(&index, &found), reposts)
        };
        let plain = query(&[], Box::leak(Box::default()));
        let (found, reposts) = like(0, plain);
        // The other companies come first; the two ads without a company are one group, and the two with a description
        // another.
        assert_eq!(
            found[..3].iter().filter(|id| ["job-2", "job-3", "job-4"].contains(&id.as_str())).count(),
            3,
            "{found:?}"
        );
        assert_eq!((found.len(), reposts.iter().sum::<u32>()), (5, 2), "{found:?} {reposts:?}");
        assert!(!found.contains(&"job-1".to_owned()), "its repost: {found:?}");
        let (found, _) = like(4, plain);
        assert!(!found.contains(&"job-5".to_owned()) && found.len() == 5, "{found:?}");
        let (found, _) = like(7, plain);
        assert!(!found.contains(&"job-8".to_owned()) && found.len() == 5, "{found:?}");
        let (found, _) = like(0, Query { include_reposts: true, ..plain });
        assert!(found.len() == 8 && found.contains(&"job-1".to_owned()), "{found:?}");
        // top_k limits the results, and a filter applies to each ad.
        assert_eq!(like(0, Query { top_k: 2, ..plain }).0.len(), 2);
        let beta = Filter { company: vec!["beta".into()], ..Filter::default() };
        let vector = index.vector(row(0));
        let of_beta = index.search(&Query { not: Some(row(0)), ..query(vector, &beta) });
        assert_eq!(ids(&index, &of_beta), ["job-2", "job-8"]);
        // An ad whose text has no other ads is not its own neighbour.
        assert!(!like(6, plain).0.contains(&"job-6".to_owned()));
    }
}

#[test]
fn words_of_the_company_decide_between_ads_of_one_text() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), market(), 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let (vector, filter) = (vector("Data Engineer".len() as u64), Filter::default());
    for (words, first) in [("data engineer gamma", "job-3"), ("data engineer beta", "job-2")] {
        let hits = index.search(&Query { words: Some(words), ..query(&vector, &filter) });
        assert_eq!(ids(&index, &hits)[0], first, "{words}");
    }
}

#[test]
fn reposts_are_grouped_under_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let posted = |n: u64, company: &str, day: i64| IndexedAd {
        job_posted_timestamp: Some(chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(day)),
        ..title_only(n, "Data Engineer", Some(company))
    };
    let ads = vec![posted(1, "Alpha", 1), posted(2, "Beta", 5), posted(3, "Alpha", 9), posted(4, "Gamma", 7)];
    build(folder.path(), ads, 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let (vector, filter) = (vector("Data Engineer".len() as u64), Filter::default());
    let hits = index.search(&query(&vector, &filter));
    assert_eq!(ids(&index, &hits), ["job-3", "job-4", "job-2"]);
    assert_eq!(hits.iter().map(|hit| hit.reposts).collect::<Vec<_>>(), [1, 0, 0]);
}
