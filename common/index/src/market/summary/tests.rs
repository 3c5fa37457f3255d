use chrono::{DateTime, Utc};
use common_core::job::JobKey;

use super::*;

fn ad(n: u32, text: TextId) -> Metadata {
    Metadata {
        text,
        employer: 0,
        key: JobKey { source: "MCF".to_owned(), job_id: n.to_string() },
        job_title: Some(["Nurse", "nurse ", "Ward nurse"][n as usize % 3].to_owned()),
        company_name: (!n.is_multiple_of(2)).then(|| "Alpha".to_owned()),
        job_location: None,
        job_classification: Some("Healthcare".to_owned()),
        job_work_type: None,
        currency: None,
        job_url: None,
        salary_min_monthly: None,
        salary_max_monthly: None,
        posted: None,
    }
}

fn day(text: &str) -> DateTime<Utc> {
    format!("{text}T00:00:00Z").parse().unwrap()
}

fn named(ids: &[u16]) -> Vec<Cluster> {
    let one = |id: &u16| Cluster {
        id: *id,
        name: format!("Cluster {id}"),
        ads: 99,
        share: 2.0,
        ..Cluster::default()
    };
    ids.iter().map(one).collect()
}

/// The clusters of `ads`; text `n` is in `of_text[n]`, with a vector of its own direction per cluster.
fn summarized(ads: &[Metadata], of_text: &[u16], ids: &[u16]) -> Vec<Cluster> {
    let placed: Vec<Placed> =
        (0..).zip(of_text).map(|(n, &cluster)| Placed { cluster, point: [n as f32, -(n as f32)] }).collect();
    let vector = |cluster: &u16| match cluster {
        1 => [1.0, 0.0, 0.0],
        2 => [0.9, 0.1, 0.0],
        _ => [0.0, 0.0, 1.0],
    };
    let vectors: Vec<f32> = of_text.iter().flat_map(vector).collect();
    Summary { ads, placed: &placed, vectors: &vectors, dimension: 3 }.clusters(&named(ids))
}

#[test]
fn sizes_and_values_are_those_of_the_ads() {
    let ads: Vec<Metadata> = (0..6).map(|n| ad(n, n / 2)).collect();
    let clusters = summarized(&ads, &[1, 1, 2], &[2, 1, 7]);
    let ids: Vec<u16> = clusters.iter().map(|cluster| cluster.id).collect();
    assert_eq!(ids, [1, 2, 7], "by id");
    assert_eq!(clusters.iter().map(|cluster| cluster.ads).collect::<Vec<_>>(), [4, 2, 0]);
    assert!((clusters[0].share - 4.0 / 6.0).abs() < 1e-12 && clusters[2].share == 0.0);
    let count = |value: &str, ads| ValueCount { value: value.to_owned(), ads };
    // "nurse " is spelled differently and counted with the more frequent spelling.
    assert_eq!(clusters[0].titles, [count("Nurse", 3), count("Ward nurse", 1)]);
    assert_eq!(clusters[0].companies, [count("Alpha", 2)]);
    assert_eq!(clusters[2], Cluster { id: 7, name: "Cluster 7".to_owned(), ..Cluster::default() });
}

#[test]
fn pay_is_by_currency_and_amounts_that_mean_nothing_are_left_out() {
    let pays = [
        (Some(1000.0), None, None),
        (Some(2000.0), Some(4000.0), Some("S$")),
        (None, Some(5000.0), Some("SGD")),
        (Some(0.0), None, None),
        (Some(f64::INFINITY), None, None),
        (Some(9000.0), None, Some("GBP")),
        (Some(9000.0), None, Some("beans")),
    ];
    let ads: Vec<Metadata> = (0..)
        .zip(pays)
        .map(|(n, (min, max, currency))| Metadata {
            salary_min_monthly: min,
            salary_max_monthly: max,
            currency: currency.map(str::to_owned),
            ..ad(n, 0)
        })
        .collect();
    let pay = &summarized(&ads, &[1], &[1])[0].pay;
    assert_eq!(pay.len(), 2, "{pay:?}");
    let sgd = ClusterPay {
        currency: "SGD".to_owned(),
        ads: 3,
        p25_per_month: 2000.0,
        median_per_month: 3000.0,
        p75_per_month: 4000.0,
        mean_per_month: 3000.0,
    };
    assert_eq!((&pay[0], pay[1].currency.as_str(), pay[1].ads), (&sgd, "GBP", 1));
}

#[test]
fn months_have_no_gaps_and_end_with_the_ads() {
    let posted = ["2024-11-30", "2025-01-31", "2025-01-01", "2019-05-01"];
    let mut ads: Vec<Metadata> =
        (0..).zip(posted).map(|(n, posted)| Metadata { posted: Some(day(posted)), ..ad(n, n % 2) }).collect();
    let clusters = summarized(&ads, &[1, 2], &[1, 2]);
    let shown = |cluster: &Cluster| -> Vec<(String, u64)> {
        cluster.months.iter().map(|month| (month.month.clone(), month.ads)).collect()
    };
    let expected = |counts: [u64; 3]| -> Vec<(String, u64)> {
        ["2024-11", "2024-12", "2025-01"].map(str::to_owned).into_iter().zip(counts).collect()
    };
    assert_eq!(shown(&clusters[0]), expected([1, 0, 1]));
    assert_eq!(shown(&clusters[1]), expected([0, 0, 1]));
    // One ad of a thousand with a moment in the far future does not move the months.
    ads.extend((0..2000).map(|n| Metadata { posted: Some(day("2025-01-05")), ..ad(n, 0) }));
    ads[0].posted = Some(day("9999-01-01"));
    assert_eq!(summarized(&ads, &[1, 2], &[1, 2])[0].months.len(), 1);
    assert!(summarized(&[ad(0, 0)], &[1], &[1])[0].months.is_empty(), "no ad has a moment");
}

#[test]
fn the_centre_is_the_point_of_a_text_and_similar_clusters_are_named() {
    let ads: Vec<Metadata> = (0..7).map(|n| ad(n, n)).collect();
    let clusters = summarized(&ads, &[1, 1, 1, 2, 2, 3, 3], &[1, 2, 3]);
    assert_eq!((clusters[0].x, clusters[0].y), (1.0, -1.0));
    let near: Vec<u16> = clusters[0].nearest.iter().map(|near| near.id).collect();
    assert_eq!(near, [2, 3], "{:?}", clusters[0].nearest);
    assert!(clusters[0].nearest[0].similarity > 0.5 && clusters[0].nearest[1].similarity < 0.0);
    assert!(summarized(&ads, &[1; 7], &[1])[0].nearest.is_empty());
}
