use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Duration};
use common_core::ErrorKind;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::index::normalise;
use super::*;

const KINDS: [(&str, &str); 9] = [
    ("Staff Nurse", "Healthcare"),
    ("Software Engineer", "IT"),
    ("Data Analyst", "IT"),
    ("Management Accountant", "Accounting / Auditing"),
    ("Sales Executive", "Sales"),
    ("Primary Teacher", "Education"),
    ("Site Manager", "Construction"),
    ("Head Chef", "Hospitality"),
    ("Lorry Driver", "Logistics"),
];

/// Ads of nine kinds: their vectors lie around nine directions.
pub(crate) fn ads(count: u32, seed: u64) -> Vec<Ad> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let ad = |n: u32| {
        let kind = n as usize % KINDS.len();
        let (title, class) = KINDS[kind];
        let mut vector: Vec<f32> = (0..32).map(|_| random.random::<f32>() - 0.5).collect();
        vector[kind] += 2.5;
        normalise(&mut vector);
        Ad {
            source: "MCF".into(),
            job_id: format!("{seed}-{n:05}"),
            title: title.into(),
            classification: class.into(),
            company_name: format!("Company {}", n % 40),
            currency: "SGD".into(),
            salary_min_per_month: Some(3000.0 + 500.0 * kind as f64),
            seen: start + Duration::hours(6 * i64::from(n)),
            content_hash: format!("{seed}-{n}"),
            embedding: vector,
            ..Ad::default()
        }
    };
    (0..count).map(ad).collect()
}

const RECIPE: ClusterRecipe = ClusterRecipe { clusters: 9, with_columns: false, seed: 1 };

fn fitted(ads: &[Ad], older: Option<&JobClusterer>) -> FittedClusters {
    let ads: Vec<&Ad> = ads.iter().collect();
    let families: Vec<u32> = (0..ads.len() as u32).collect();
    JobClusterer::fit(ClusterAds { ads: &ads, families: &families }, RECIPE, older).unwrap()
}

fn views(ads: &[Ad]) -> Vec<&Ad> {
    ads.iter().collect()
}

fn bytes(folder: &Path) -> Vec<Vec<u8>> {
    [CONFIG, LABELS, TRANSFORMERS].iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
}

#[test]
fn kinds_are_found_named_and_placed() {
    let ads = ads(900, 1);
    let FittedClusters { clusterer, places, points, .. } = fitted(&ads, None);
    assert_eq!(clusterer.get_cluster_labels().len(), 9);
    assert_eq!(clusterer.get_cluster_centers().rows, 9);
    for kind in 0..9 {
        let own: BTreeSet<u32> = places.iter().skip(kind).step_by(9).copied().collect();
        assert_eq!(own.len(), 1, "kind {kind}");
    }
    let names: BTreeSet<&str> =
        clusterer.get_cluster_labels().iter().map(|label| label.name.as_str()).collect();
    assert!(names.contains("Healthcare") && names.contains("Data analysts"), "{names:?}");
    assert_eq!(names.len(), 9);
    let placed = clusterer.place(&views(&ads)).unwrap();
    assert!(placed.iter().zip(&places).all(|(at, place)| at.place == *place && at.cluster == *place));
    assert_eq!(clusterer.place(&views(&ads[7..8])).unwrap()[0], placed[7]);
    assert_eq!(clusterer.coordinates(&views(&ads)).unwrap(), points);
    let scores = clusterer.evaluate(&views(&ads)).unwrap();
    assert!(scores.silhouette.unwrap().value > 0.5 && scores.inertia > 0.0, "{scores:?}");
}

#[test]
fn a_saved_clusterer_is_the_same_after_loading() {
    let ads = ads(300, 1);
    let FittedClusters { mut clusterer, .. } = fitted(&ads, None);
    let rows = clusterer.transformers.components.averages().sample_size();
    let map = |width: usize| Points::new(width, (0..rows).map(|row| vec![row as f32; width]).collect());
    assert!(clusterer.set_maps(map(3), map(3)).is_err());
    assert_eq!(clusterer.map_flat(&vectors_of(&views(&ads))), Points::default());
    clusterer.set_maps(map(2), map(3)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    clusterer.save(folder.path()).unwrap();
    let loaded = JobClusterer::load(folder.path()).unwrap();
    assert_eq!(loaded, clusterer);
    let vectors = vectors_of(&views(&ads));
    assert_eq!((loaded.map_flat(&vectors).rows, loaded.map_deep(&vectors).width), (300, 3));
    assert_eq!(loaded.predict(&views(&ads)).unwrap(), clusterer.predict(&views(&ads)).unwrap());
    let again = tempfile::tempdir().unwrap();
    loaded.save(again.path()).unwrap();
    assert_eq!(bytes(again.path()), bytes(folder.path()));

    std::fs::write(folder.path().join(TRANSFORMERS), [1, 2]).unwrap();
    assert_eq!(JobClusterer::load(folder.path()).unwrap_err().kind(), ErrorKind::Corrupt);
    std::fs::remove_file(folder.path().join(TRANSFORMERS)).unwrap();
    assert_eq!(JobClusterer::load(folder.path()).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn all_ads_of_one_text_and_few_ads_are_clusters_too() {
    let one = ads(1, 1);
    for count in [1, 2, 40] {
        let same: Vec<Ad> = (0..count).map(|_| one[0].clone()).collect();
        let FittedClusters { clusterer, places, .. } = fitted(&same, None);
        assert_eq!((clusterer.get_cluster_labels().len(), places), (1, vec![0; count]));
        assert!(!clusterer.get_cluster_labels()[0].name.is_empty());
        assert_eq!(clusterer.evaluate(&views(&same)).unwrap().silhouette, None);
        assert_eq!(clusterer.predict(&views(&ads(5, 3))).unwrap(), [0; 5]);
    }
    let few = fitted(&ads(5, 1), None);
    assert!((1..=5).contains(&few.clusterer.get_cluster_labels().len()));
    let none = JobClusterer::fit(ClusterAds { ads: &[], families: &[] }, RECIPE, None).unwrap_err();
    assert_eq!(none.to_string(), "no ads to find clusters in: expected ads with a vector");
}

#[test]
fn ads_without_classifications_have_clusters_with_names() {
    let mut ads = ads(450, 1);
    for ad in &mut ads {
        ad.classification.clear();
    }
    let labels = fitted(&ads, None).clusterer.labels;
    let names: BTreeSet<&str> = labels.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(names.len(), 9);
    assert!(names.contains("Sales executives") && names.contains("Chefs"), "{names:?}");
}

#[test]
fn ids_and_names_stay_when_half_or_twice_the_ads_are_trained_on() {
    let first = fitted(&ads(900, 1), None);
    let name_of = |clusterer: &JobClusterer, ad: &Ad| {
        let at = clusterer.place(&[ad]).unwrap()[0].place as usize;
        (clusterer.labels[at].id, clusterer.labels[at].name.clone())
    };
    let mut twice = ads(900, 1);
    twice.extend(ads(900, 7));
    for others in [ads(450, 1), twice, ads(900, 9)] {
        let second = fitted(&others, Some(&first.clusterer));
        let matched = second.matched.as_ref().unwrap();
        assert!(matched.kept > 0.99 && matched.changes.len() == 9, "{matched:?}");
        for ad in &others[..9] {
            assert_eq!(name_of(&second.clusterer, ad), name_of(&first.clusterer, ad));
        }
    }
}

#[test]
fn a_kind_that_is_gone_is_told_and_its_id_is_not_given_again() {
    let all = ads(900, 1);
    let first = fitted(&all, None).clusterer;
    let nurse = first.predict(&[&all[0]]).unwrap()[0];
    let without: Vec<Ad> = all.iter().filter(|ad| ad.classification != "Healthcare").cloned().collect();
    let second = fitted(&without, Some(&first));
    let matched = second.matched.unwrap();
    assert!(matched.changes.contains(&Change::Vanished { id: nurse, share: 0.0 }), "{:?}", matched.changes);
    assert_eq!((second.clusterer.labels.len(), second.clusterer.config.next_id), (8, 9));
}

#[test]
fn vectors_of_another_length_are_refused() {
    let ads = ads(90, 1);
    let clusterer = fitted(&ads, None).clusterer;
    let other = Ad { embedding: vec![1.0], ..Ad::default() };
    let error = clusterer.predict(&[&other]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("expected 32 elements, found 1"), "{error}");
    let mixed: Vec<&Ad> = ads.iter().chain([&other]).collect();
    let families: Vec<u32> = (0..mixed.len() as u32).collect();
    assert!(JobClusterer::fit(ClusterAds { ads: &mixed, families: &families }, RECIPE, None).is_err());
}
