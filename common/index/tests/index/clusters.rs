//! Clusters and the map of an index that was built with a clustering.

use common_index::market::ValueCount;
use common_index::{Cluster, Placed, Placement};

use super::*;

/// A clustering by the sign of the first element; the point is that of the first two elements.
struct Halves {
    version: &'static str,
    space: &'static str,
    clusters: Vec<Cluster>,
    /// Changes the places of a valid clustering.
    damage: fn(&mut Vec<Placed>),
}

impl Halves {
    fn new(version: &'static str) -> Self {
        let named = |id, name: &str| Cluster {
            id,
            name: name.into(),
            keywords: vec![format!("word{id}")],
            ..Cluster::default()
        };
        let clusters = vec![named(7, "Right side"), named(2, "Left side"), named(9, "Nothing")];
        Self { version, space: "model/weights/t1", clusters, damage: |_| {} }
    }
}

/// The cluster of a vector.
fn half(vector: &[f32]) -> u16 {
    if vector[0] < 0.0 { 2 } else { 7 }
}

impl Placement for Halves {
    fn version(&self) -> &str {
        self.version
    }

    fn embedding_space(&self) -> &str {
        self.space
    }

    fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    fn place(&self, vectors: &[f32]) -> common_core::Result<Vec<Placed>> {
        let rows = vectors.chunks_exact(DIMENSION);
        let mut placed =
            rows.map(|vector| Placed { cluster: half(vector), point: [vector[0], vector[1]] }).collect();
        (self.damage)(&mut placed);
        Ok(placed)
    }
}

fn build_placed(
    folder: &Path,
    ads: Vec<IndexedAd>,
    last: Option<&JobIndex>,
    placement: &Halves,
) -> common_core::Result<Manifest> {
    let mut builder = Builder::new(folder, options(500)).unwrap();
    for ad in ads {
        builder.add(ad).unwrap();
    }
    builder.finish(last, Some(placement))
}

#[test]
fn each_ad_has_the_cluster_and_the_point_of_the_clustering() {
    let folder = tempfile::tempdir().unwrap();
    let ads: Vec<IndexedAd> = (0..300).map(|n| ad_of_text(n, n / 2)).collect();
    let manifest = build_placed(folder.path(), ads.clone(), None, &Halves::new("v3")).unwrap();
    let facts = manifest.body.clustering.as_ref().unwrap();
    assert_eq!((facts.version.as_str(), facts.clusters), ("v3", 3));
    assert_eq!(manifest.body.origin.clustering.as_deref(), Some("v3"));
    let index = JobIndex::open(folder.path()).unwrap();
    for ad in &ads {
        let row = index.row_of(&ad.key.source, &ad.key.job_id).unwrap();
        let shown = index.ad(row);
        let expected = (Some(half(&ad.embedding)), [ad.embedding[0], ad.embedding[1]]);
        assert_eq!((shown.cluster.map(|cluster| cluster.id), shown.point), expected);
    }
    let clusters = index.clusters().unwrap();
    assert_eq!(clusters.clusters.iter().map(|cluster| cluster.id).collect::<Vec<_>>(), [2, 7, 9]);
    for cluster in &clusters.clusters {
        let of_cluster: Vec<&IndexedAd> = ads.iter().filter(|ad| half(&ad.embedding) == cluster.id).collect();
        assert_eq!(cluster.ads as usize, of_cluster.len());
        assert_eq!(cluster.keywords, [format!("word{}", cluster.id)]);
        let count = |company: &str| {
            of_cluster.iter().filter(|ad| ad.company_name.as_deref() == Some(company)).count() as u64
        };
        for ValueCount { value, ads } in &cluster.companies {
            assert_eq!(*ads, count(value), "{value}");
        }
    }
    assert_eq!(clusters.get(9).map(|cluster| cluster.ads), Some(0), "a cluster may have no ads");
    assert!((clusters.clusters.iter().map(|cluster| cluster.share).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn a_filter_by_cluster_takes_ids_and_names() {
    let folder = tempfile::tempdir().unwrap();
    let ads: Vec<IndexedAd> = (0..6000).map(ad).collect();
    build_placed(folder.path(), ads.clone(), None, &Halves::new("v3")).unwrap();
    let index = JobIndex::open(folder.path()).unwrap();
    let filter = |texts: &[&str]| Filter {
        cluster: texts.iter().map(|&text| text.into()).collect(),
        ..Filter::default()
    };
    let vector = vector(17);
    for (texts, wanted) in
        [(&["2"][..], &[2][..]), (&[" RIGHT  side"], &[7]), (&["right side", "2"], &[2, 7]), (&["9"], &[])]
    {
        let filter = filter(texts);
        let hits = index.search(&query(&vector, &filter));
        let exact = brute_force(&ads, &vector, 10, |ad| wanted.contains(&half(&ad.embedding)));
        assert_eq!(hits.len(), exact.len(), "{texts:?}");
        assert!(hits.iter().all(|hit| index.cluster_of(hit.row).is_some_and(|one| wanted.contains(&one.id))));
        let all = index.search(&Query { exact: true, ..query(&vector, &filter) });
        assert!(all.iter().zip(exact).all(|(hit, best)| (hit.similarity - best).abs() < 1e-5), "{texts:?}");
    }
    for unknown in ["3", "side", "70000"] {
        assert!(index.search(&query(&vector, &filter(&[unknown]))).is_empty(), "{unknown}");
    }
    // With another condition, both hold.
    let both = Filter { classification: vec!["class 1".into()], ..filter(&["2"]) };
    let hits = index.search(&query(&vector, &both));
    assert!(
        hits.len() == 10 && hits.iter().all(|hit| index.ad(hit.row).job_classification == Some("Class 1"))
    );
}

#[test]
fn an_extended_index_has_the_places_of_the_new_clustering() {
    let (first, second, third) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(first.path(), (0..1000).map(ad).collect(), 500, None);
    let last = JobIndex::open(first.path()).unwrap();
    assert!(last.clusters().is_none() && last.cluster_of(0).is_none() && last.ad(0).cluster.is_none());
    let grown =
        build_placed(second.path(), (0..1050).map(ad).collect(), Some(&last), &Halves::new("v1")).unwrap();
    assert_eq!((grown.body.grown_from.as_deref(), grown.body.changed_texts), (Some(""), 50));
    assert_ne!(grown.body.origin, last.manifest().body.origin);
    // A later clustering with other names, and no other change.
    let mut later = Halves::new("v2");
    later.clusters[0].name = "East".into();
    let before = JobIndex::open(second.path()).unwrap();
    let grown = build_placed(third.path(), (0..1050).map(ad).collect(), Some(&before), &later).unwrap();
    assert_eq!((grown.body.grown_from.as_deref(), grown.body.changed_texts), (Some(""), 0));
    assert_ne!(grown.body.origin, before.manifest().body.origin);
    let index = JobIndex::open(third.path()).unwrap();
    assert_eq!(index.clusters().map(|clusters| clusters.version.as_str()), Some("v2"));
    for n in [0, 500, 1049] {
        let row = index.row_of(&ad(n).key.source, &ad(n).key.job_id).unwrap();
        assert_eq!(index.cluster_of(row).map(|cluster| cluster.id), Some(half(&vector(n))));
    }
    assert_eq!(index.clusters().unwrap().find("east").map(|cluster| cluster.id), Some(7));
}

#[test]
fn clusterings_that_contradict_themselves_or_are_of_another_space_are_refused() {
    type Change = fn(&mut Halves);
    let build_with = |placement: &Halves, ads: u64| {
        let folder = tempfile::tempdir().unwrap();
        build_placed(folder.path(), (0..ads).map(ad).collect(), None, placement)
    };
    let changes: [(&str, ErrorKind, Change); 6] = [
        ("embedding space model/weights/t1", ErrorKind::InvalidInput, |one| one.space = "other/space"),
        ("distinct ids and names", ErrorKind::Corrupt, |one| one.clusters[1].id = 7),
        ("distinct ids and names", ErrorKind::Corrupt, |one| one.clusters[1].name = "RIGHT side ".into()),
        ("places of 20 texts", ErrorKind::Corrupt, |one| one.damage = |placed| placed.truncate(19)),
        ("a known cluster", ErrorKind::Corrupt, |one| one.damage = |placed| placed[3].cluster = 1),
        ("finite coordinates", ErrorKind::Corrupt, |one| one.damage = |placed| placed[3].point[1] = f32::NAN),
    ];
    for (expected, kind, change) in changes {
        let mut placement = Halves::new("v3");
        change(&mut placement);
        let error = build_with(&placement, 20).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(
            error.to_string().contains(expected) && error.to_string().contains("train-models"),
            "{error}"
        );
    }
    let empty = build_with(&Halves::new("v3"), 0).unwrap();
    assert_eq!(empty.body.clustering.map(|facts| facts.clusters), Some(3), "an index without ads");
}

#[test]
fn the_clusters_do_not_depend_on_the_order_of_ads_and_damage_is_noticed() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ads: Vec<IndexedAd> = (0..700).map(|n| ad_of_text(n, n / 2)).collect();
    let one = build_placed(first.path(), ads.clone(), None, &Halves::new("v3")).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let other = pool.install(|| {
        build_placed(second.path(), ads.into_iter().rev().collect(), None, &Halves::new("v3")).unwrap()
    });
    assert_eq!(one.files, other.files);
    let path = first.path().join("clusters.json");
    let whole = std::fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 1], &vec![b' '; whole.len()]] {
        std::fs::write(&path, damaged).unwrap();
        let error = JobIndex::open(first.path()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.chain().contains("clusters.json"), "{}", error.chain());
    }
    std::fs::write(&path, whole).unwrap();
    // A manifest that no longer mentions the clustering contradicts the column of texts.
    let path = first.path().join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    manifest["body"].as_object_mut().unwrap().remove("clustering");
    std::fs::write(&path, manifest.to_string()).unwrap();
    let error = JobIndex::open(first.path()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("texts.arrow"), "{error}");
}
