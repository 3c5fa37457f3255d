use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::models::cluster::tests::ads;

/// Stops after a number of questions.
struct Watch(AtomicUsize);

impl Observer for Watch {
    fn stage(&self, _: &str, _: usize) {}
    fn step(&self) {}
    fn is_stopped(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

fn trained(ads: &[Ad], quick: bool, older: Option<&JobClusterer>) -> TrainedClusters {
    let options = ClusterOptions { seed: 1, quick };
    train(ads, options, older, &Watch(usize::MAX.into())).unwrap().unwrap()
}

#[test]
fn the_clusters_of_a_market_come_with_their_evidence() {
    let mut ads = ads(600, 1);
    ads.push(Ad { title: "Without a vector".into(), ..Ad::default() });
    let TrainedClusters { clusterer, rows, places, flat, deep, summaries, evidence, .. } =
        trained(&ads, false, None);
    assert_eq!((rows.len(), places.len()), (600, 600));
    assert_eq!((flat.rows, flat.width, deep.rows, deep.width), (600, 2, 600, 3));
    assert_eq!(clusterer.get_cluster_labels().len(), 9);
    assert_eq!(summaries.iter().map(|summary| summary.ads).sum::<u32>(), 600);
    assert!(summaries.iter().all(|summary| summary.share >= 0.05 && summary.pay["SGD"].ads > 0));
    assert_eq!(evidence.by_clusters.len(), 15);
    let (own, null) =
        (evidence.scores.silhouette.unwrap().value, evidence.null.map_or(0.0, |null| null.value));
    assert!(own > null + 0.2, "{own} {null}");
    assert!(evidence.by_clusters.is_sorted_by(|a, b| a.unexplained >= b.unexplained - 0.02));
    let judged = evidence.judged.unwrap();
    let held_out = judged.held_out.unwrap();
    assert!(held_out.ads >= 50 && held_out.scores.silhouette.unwrap().value > 0.5, "{held_out:?}");
    assert!(judged.refits.iter().all(|refit| refit.kept >= 0.94), "{:?}", judged.refits);
    assert!(!judged.density.is_empty());
}

#[test]
fn the_second_training_begins_from_the_first() {
    let first = trained(&ads(450, 1), true, None);
    let second = trained(&ads(540, 1), true, Some(&first.clusterer));
    let names = |clusters: &TrainedClusters| -> BTreeSet<(u32, String)> {
        let labels = clusters.clusterer.get_cluster_labels().iter();
        labels.map(|label| (label.id, label.name.clone())).collect()
    };
    assert_eq!(names(&first), names(&second));
    assert!(!second.evidence.is_fresh && second.matched.unwrap().kept > 0.99);
    assert_eq!(second.evidence.judged, None);
}

#[test]
fn the_same_ads_and_seed_give_the_same_files_whatever_the_threads() {
    // More vectors than a search compares all of.
    let ads = ads(2_100, 2);
    let of = |threads: usize| -> BTreeMap<String, Vec<u8>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        pool.install(|| trained(&ads, true, None)).clusterer.save(folder.path()).unwrap();
        let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| (path.file_name().unwrap().display().to_string(), std::fs::read(&path).unwrap()))
            .collect()
    };
    let (one, two) = (of(1), of(2));
    let names = ["cluster_labels.json", "config.json", "transformers.bin"];
    assert!(one.keys().eq(names) && two.keys().eq(names), "{:?} {:?}", one.keys(), two.keys());
    for (name, bytes) in &one {
        assert!(two[name] == *bytes, "{name} differs");
    }
}

#[test]
fn degenerate_markets_have_clusters() {
    let one = ads(1, 1);
    let same: Vec<Ad> = (0..30).map(|_| one[0].clone()).collect();
    for few in [same, ads(5, 1), one] {
        let found = trained(&few, false, None);
        assert_eq!(found.places.len(), few.len());
        assert!(found.clusterer.get_cluster_labels().iter().all(|label| !label.name.is_empty()));
        assert!(found.flat.values.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn a_training_without_vectors_is_refused_and_one_can_be_stopped() {
    let options = ClusterOptions { seed: 1, quick: false };
    let error = train(&[Ad::default()], options, None, &Watch(usize::MAX.into())).unwrap_err();
    assert!(error.to_string().starts_with("no ads to find clusters in"), "{error}");
    let ads = ads(90, 1);
    for questions in [0, 5, 20, 31, 32, 33] {
        assert!(train(&ads, options, None, &Watch(questions.into())).unwrap().is_none(), "{questions}");
    }
}
