//! The page of an example: complete, quick, empty and hostile.

use std::collections::BTreeMap;

use super::*;
use crate::models::cluster::ClusterScores;
use crate::models::cluster::summary::{Listed, Pay};
use crate::report::markup::check;
use crate::training::cluster::evidence::{Density, HeldOut, Judged, Refit};
use crate::training::cluster::{ByClusters, Space};

const NAMES: [&str; 3] = ["Nurses & carers", "Software engineers", "Chefs"];

/// The addresses of sections, charts and maps.
const PARTS: [&str; 12] = [
    "summary",
    "map",
    "map-flat",
    "map-deep",
    "clusters",
    "number",
    "elbow",
    "silhouettes",
    "spaces",
    "trust",
    "changes",
    "limits",
];

fn silhouette(value: f64) -> Silhouette {
    Silhouette { value, points: 900 }
}

fn label(id: u32, name: &str) -> Label {
    Label { id, name: name.to_owned(), keywords: vec!["ward".to_owned(), "c++".to_owned()] }
}

fn cluster((id, name): (u32, &&str)) -> ClusterSummary {
    let listed = |value: &str| vec![Listed { value: value.to_owned(), ads: 40 }];
    let pay = Pay { ads: 120, mean: 4100.0, lower_quartile: 3000.0, median: 4000.0, upper_quartile: 5000.0 };
    ClusterSummary {
        label: label(id, name),
        ads: 300 + id,
        share: 0.33,
        pay: BTreeMap::from([("GBP".to_owned(), pay), ("SGD".to_owned(), pay)]),
        titles: listed("Staff Nurse"),
        companies: listed("Example Ltd"),
        classifications: Vec::new(),
        months: BTreeMap::new(),
        growth: (id > 0).then_some(0.25),
    }
}

fn by_clusters(clusters: usize) -> ByClusters {
    let unexplained = 1.0 / clusters as f64;
    ByClusters {
        clusters,
        inertia: 400.0 * unexplained,
        unexplained,
        null_unexplained: 0.9,
        left: clusters.min(12),
        silhouette: Some(silhouette(0.4 + 0.01 * clusters as f64)),
        null: (clusters > 3).then(|| silhouette(0.1)),
        kept: (clusters > 7).then_some(0.96),
    }
}

fn evidence() -> Evidence {
    let scores = ClusterScores { silhouette: Some(silhouette(0.5)), inertia: 90.0 };
    let space =
        |with_columns| Space { with_columns, clusters: 9, silhouette: Some(silhouette(0.5)), null: None };
    Evidence {
        by_clusters: (2..=16).map(by_clusters).collect(),
        spaces: vec![space(false), space(true)],
        scores,
        null: Some(silhouette(0.12)),
        is_fresh: false,
        judged: Some(Judged {
            held_out: Some(HeldOut { ads: 90, scores, smallest: 0.2 }),
            refits: vec![Refit { ads: 850, clusters: 3, kept: 0.97 }],
            kept_from_nothing: 0.71,
            density: vec![Density { quantile: 0.5, clusters: 1, noise: 0.3, largest: 0.7, silhouette: None }],
        }),
    }
}

fn example() -> ClusterReport {
    let point = |n: u16| {
        let turn = f32::from(n) / 40.0;
        MapPoint {
            flat: [turn.cos() + f32::from(n % 3) * 4.0, turn.sin()],
            deep: [turn.cos(), turn.sin(), f32::from(n % 3)],
            cluster: u32::from(n % 3),
            title: "Staff Nurse".to_owned(),
        }
    };
    ClusterReport {
        kind: "job_clusterer".to_owned(),
        version: "v2".to_owned(),
        decision: Some(Decision { promoted: true, reason: "its clusters are stable.".to_owned() }),
        ads: 910,
        without_vector: 7,
        recipe: Some(ClusterRecipe { clusters: 9, with_columns: false, seed: 1 }),
        clusters: (0..).zip(&NAMES).map(cluster).collect(),
        points: (0..5000).map(point).collect(),
        evidence: Some(evidence()),
        changes: Some(Changes {
            version: "v1".to_owned(),
            labels: vec![label(0, "Nurses & carers"), label(1, "Engineers"), label(5, "Drivers")],
            kept: 0.93,
            changes: vec![
                Change::Kept { id: 0, share: 0.97 },
                Change::Kept { id: 1, share: 0.4 },
                Change::Split { id: 5, into: vec![(0, 0.5), (1, 0.4)] },
                Change::Merged { id: 1, from: vec![(5, 0.6), (8, 0.3)] },
                Change::Appeared { id: 2, share: 0.33 },
                Change::Vanished { id: 5, share: 0.06 },
            ],
        }),
        ..ClusterReport::default()
    }
}

fn has_part(page: &str, id: &str) -> bool {
    page.contains(&format!("id=\"{id}\""))
}

#[test]
fn a_full_report_has_every_part_and_is_well_formed() {
    let page = example().render();
    check(&page);
    for id in PARTS {
        assert!(has_part(&page, id), "{id}");
    }
    assert!(page.contains("910 ads were read, 7 of them without a vector"));
    assert!(page.contains("<dt>Kept by a refit on 95%</dt><dd class=\"value\">97.0%</dd>"));
    assert!(!page.contains("NaN") && !page.contains("inf<"), "a number is not finite");
    for request in ["http://", "https://", "src=", "@import", "url(", "<link", "<img", "<iframe"] {
        assert!(!page.contains(request), "{request}");
    }
    assert_eq!(page, example().render());
}

#[test]
fn the_maps_show_few_ads_and_fewer_titles() {
    let page = example().render();
    let data = page.split("data-points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(data.split(' ').count(), 4 * MOST_POINTS);
    assert_eq!(page.matches("<title>Staff Nurse</title>").count(), 600);
    assert!(page.len() < 400_000, "{} bytes", page.len());
}

#[test]
fn changes_are_told_with_the_names_of_both_versions() {
    let page = example().render();
    for sentence in [
        "Kept: &quot;Nurses &amp; carers&quot;, with 97% of its ads.",
        "Kept: &quot;Engineers&quot; as &quot;Software engineers&quot;, with 40% of its ads.",
        "Split: &quot;Drivers&quot; into 50% &quot;Nurses &amp; carers&quot;, 40% &quot;Software engineers&quot;.",
        "Merged: &quot;Software engineers&quot; from 60% &quot;Drivers&quot;, 30% cluster 8.",
        "Appeared: &quot;Chefs&quot;, with 33.0% of the ads.",
        "Vanished: &quot;Drivers&quot;, which had 6.0% of the ads.",
    ] {
        assert!(page.contains(&format!("<li>{sentence}</li>")), "{sentence}");
    }
}

#[test]
fn each_optional_part_vanishes_with_its_data() {
    type Remove = fn(&mut ClusterReport);
    let parts: [(&str, Remove); 6] = [
        ("trust", |report| report.evidence.iter_mut().for_each(|evidence| evidence.judged = None)),
        ("spaces", |report| report.evidence.iter_mut().for_each(|evidence| evidence.spaces.clear())),
        ("number", |report| report.evidence = None),
        ("changes", |report| report.changes = None),
        ("map", |report| report.points.clear()),
        ("clusters", |report| report.clusters.clear()),
    ];
    for (id, remove) in parts {
        let mut report = example();
        remove(&mut report);
        let page = report.render();
        check(&page);
        assert!(!has_part(&page, id), "{id}");
    }
    let mut quick = example();
    quick.evidence.iter_mut().for_each(|evidence| evidence.judged = None);
    let page = quick.render();
    assert!(!page.contains("Silhouette of held-out ads") && page.contains("This training was quick"));
}

#[test]
fn an_empty_report_is_a_page_without_optional_parts() {
    let page = ClusterReport::default().render();
    check(&page);
    assert!(PARTS.iter().all(|id| *id == "summary" || !has_part(&page, id)));
    assert!(has_part(&page, "lineage") && !page.contains("<svg") && !page.contains("<canvas"));
}

#[test]
fn clusters_no_further_apart_than_points_without_structure_are_told() {
    let mut report = example();
    assert!(!report.render().contains("hardly further apart"));
    report.evidence.iter_mut().for_each(|evidence| evidence.null = Some(silhouette(0.48)));
    assert!(report.render().contains("hardly further apart"));
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = "<script>alert(1)</script>\"'&amp;\u{202e}\u{0}</title></style>\n";
    let mut report = example();
    for text in [&mut report.kind, &mut report.version] {
        *text = hostile.to_owned();
    }
    for cluster in &mut report.clusters {
        (cluster.label.name, cluster.label.keywords) = (hostile.to_owned(), vec![hostile.to_owned()]);
        for listed in cluster.titles.iter_mut().chain(&mut cluster.companies) {
            listed.value = hostile.to_owned();
        }
        cluster.pay = cluster.pay.values().map(|pay| (hostile.to_owned(), *pay)).collect();
    }
    report.points.iter_mut().for_each(|point| point.title = hostile.to_owned());
    if let Some(changes) = &mut report.changes {
        changes.version = hostile.to_owned();
        changes.labels.iter_mut().for_each(|label| label.name = hostile.to_owned());
    }
    let page = report.render();
    check(&page);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn points_of_no_cluster_and_without_a_place_are_left_out() {
    let mut report = example();
    report.points.truncate(3);
    report.points[1].cluster = 9;
    report.points[2].flat = [f32::NAN, 1.0];
    report.points[2].deep = [f32::INFINITY; 3];
    let page = report.render();
    check(&page);
    assert!(page.contains("data-points=\"0 0 0 0\""));
    assert_eq!(page.matches("<title>Staff Nurse</title>").count(), 1);
}
