use std::collections::BTreeMap;

use common_core::ErrorKind;

use super::*;
use crate::ads::Ad;
use crate::training::tests::{Watch, ads};

fn options() -> RoleOptions {
    RoleOptions { quick: true, ..RoleOptions::new(1, 1) }
}

fn trained_with(ads: &[Ad], options: &RoleOptions) -> TrainedRoles {
    let market = RoleMarket::new(ads, options.min_class_ads).unwrap();
    train(&market, options, None, &Watch(usize::MAX.into())).unwrap().unwrap()
}

fn trained(ads: &[Ad]) -> TrainedRoles {
    trained_with(ads, &options())
}

/// The model's files by name.
fn files(classifier: &RoleClassifier) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    classifier.save(folder.path()).unwrap();
    let entries = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    entries
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect()
}

#[test]
fn a_model_learns_what_classes_follow_from_and_every_model_is_judged() {
    let full = RoleOptions { quick: false, ..options() };
    let trained = trained_with(&ads(400), &full);
    let models: Vec<&str> = trained.test.scores.iter().map(|scored| scored.model.as_str()).collect();
    let members = ["rich_logistic", "vector_logistic", "complement_bayes"];
    assert_eq!(models, [&["majority", "lightgbm", "tfidf_logistic"][..], &members, &["mix"]].concat());
    let f1 = |name: &str| trained.walk_forward.score(name).unwrap().metrics.macro_f1;
    assert!(f1("mix") > 0.95 && f1("majority") < 0.3, "{} {}", f1("mix"), f1("majority"));
    let (name, against) = &trained.walk_forward.against[0];
    assert!(name == "majority" && against.macro_f1.low > 0.0, "{against:?}");
    assert!(trained.walk_forward.score("mix").unwrap().reliability.error < 0.1);
    assert_eq!(trained.walk_forward.by_class.len(), 4);
    assert_eq!(trained.walk_forward.confusion.as_ref().unwrap().classes.len(), 4);
    assert_eq!(trained.folds.len(), 5);
    let law = trained.classifier.labels.code("Law").unwrap();
    assert!(trained.words[law as usize].iter().any(|words| words.contains("law")), "{:?}", trained.words);
}

#[test]
fn the_same_ads_and_seed_give_the_same_files_whatever_the_threads() {
    let ads = ads(700);
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| files(&trained_with(&ads, &RoleOptions { threads, ..options() }).classifier))
    };
    let (one, two) = (of(1), of(2));
    let names = [
        "config.json",
        "feature_names.json",
        "label_encoder.json",
        "model.bayes.bin",
        "model.text.bin",
        "model.vectors.bin",
        "transformers.bin",
    ];
    assert!(one.keys().eq(names) && two.keys().eq(names));
    for (name, bytes) in &one {
        assert!(two[name] == *bytes, "{name} differs");
    }
}

#[test]
fn a_model_is_loaded_as_it_was_saved() {
    let ads = ads(200);
    let classifier = trained(&ads).classifier;
    let folder = tempfile::tempdir().unwrap();
    classifier.save(folder.path()).unwrap();
    let loaded = RoleClassifier::load(folder.path()).unwrap();
    assert_eq!(loaded, classifier);
    let some: Vec<&Ad> = ads.iter().take(20).collect();
    let predicted = classifier.predict(&some).unwrap();
    assert_eq!(loaded.predict(&some).unwrap(), predicted);
    // An ad is predicted the same alone and among others.
    assert_eq!(loaded.predict(&some[7..8]).unwrap()[0], predicted[7]);
    let best = loaded.top_k(&some, 3).unwrap();
    assert!(
        best.iter().all(|best| best.len() == 3 && best.is_sorted_by(|a, b| a.probability >= b.probability))
    );
    let probabilities = loaded.predict_proba(&some).unwrap();
    assert!(probabilities.chunks(4).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9));
    assert!(loaded.evaluate(&some).unwrap().accuracy > 0.9);
    assert!(!loaded.feature_names().iter().any(|name| name == "classification" || name == "posted_day"));
    let mut shorter = ads[0].clone();
    shorter.embedding.pop();
    let error = loaded.predict(&[&shorter]).unwrap_err().to_string();
    assert!(error.contains("invalid vector of MCF/00000: expected 32 elements, found 31"), "{error}");
    std::fs::write(folder.path().join("model.text.bin"), [255; 3]).unwrap();
    assert_eq!(RoleClassifier::load(folder.path()).unwrap_err().kind(), ErrorKind::Corrupt);
    std::fs::remove_file(folder.path().join("model.text.bin")).unwrap();
    assert_eq!(RoleClassifier::load(folder.path()).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_stated_class_of_an_ad_does_not_change_its_prediction() {
    let ads = ads(200);
    let classifier = trained(&ads).classifier;
    let mut other = ads[3].clone();
    other.classification = if other.classification == "Law" { "Care" } else { "Law" }.into();
    (other.salary_min_per_month, other.salary_max_per_month) = (None, Some(1.0));
    assert_eq!(classifier.predict_proba(&[&ads[3]]).unwrap(), classifier.predict_proba(&[&other]).unwrap());
}

#[test]
fn case_and_spaces_make_no_class() {
    let mut ads = ads(200);
    for (n, ad) in ads.iter_mut().enumerate().filter(|(n, _)| n % 3 == 0) {
        let class = &ad.classification;
        ad.classification =
            if n % 2 == 0 { format!(" {} ", class.to_uppercase()) } else { class.to_lowercase() };
    }
    assert_eq!(trained(&ads).classifier.labels.names(), ["Care", "Data", "Law", "Sales"]);
}

#[test]
fn ads_without_classes_are_refused_with_a_sentence() {
    let mut none = ads(100);
    for ad in &mut none {
        ad.classification = " ".into();
    }
    let error = RoleMarket::new(&none, 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("expected at least 50, found 0 of 100 ads"), "{error}");
    let mut same = ads(80);
    for ad in &mut same {
        (ad.title, ad.description) =
            ("Cook".into(), "You plan and write and cook every day of the week.".into());
    }
    let error = RoleMarket::new(&same, 10).unwrap_err().to_string();
    assert!(error.contains("besides their reposts, found 1"), "{error}");
}

/// Makes the n-th ad of a market odd.
type Change = fn(usize, &mut Ad);

#[test]
fn odd_markets_are_trained() {
    let changes: [(&str, u32, Change); 7] = [
        ("one class", 10, |_, ad| ad.classification = "Law".into()),
        ("a class for each ad", 10, |n, ad| ad.classification = format!("Class {n}")),
        ("a class with one ad", 1, |n, ad| {
            if n == 5 {
                ad.classification = "Rare".into();
            }
        }),
        ("a class in the test alone", 1, |n, ad| {
            if n >= 110 {
                ad.classification = "New".into();
            }
        }),
        ("one text", 10, |_, ad| (ad.title, ad.description) = ("Cook".into(), String::new())),
        ("no vectors", 10, |_, ad| ad.embedding.clear()),
        ("one moment", 10, |_, ad| ad.posted = chrono::DateTime::from_timestamp(1_700_000_000, 0)),
    ];
    for (name, min_class_ads, change) in changes {
        let mut ads = ads(120);
        ads.iter_mut().enumerate().for_each(|(n, ad)| change(n, ad));
        let trained = trained_with(&ads, &RoleOptions { min_class_ads, ..options() });
        let some: Vec<&Ad> = ads.iter().take(5).collect();
        assert_eq!(trained.classifier.predict(&some).unwrap().len(), 5, "{name}");
        assert!(trained.test.scores.iter().all(|scored| scored.metrics.log_loss.is_finite()), "{name}");
    }
}

#[test]
fn hundreds_of_classes_are_trained() {
    let mut ads = ads(700);
    for (n, ad) in ads.iter_mut().enumerate() {
        ad.classification = format!("Class {}", n % 337);
    }
    let trained = trained_with(&ads, &RoleOptions { min_class_ads: 1, ..options() });
    assert_eq!(trained.classifier.labels.len(), 337);
    assert!(trained.test.score("mix").is_some());
}

#[test]
fn a_class_that_the_model_does_not_know_counts_as_wrong() {
    let ads = ads(200);
    let classifier = trained(&ads).classifier;
    let mut unknown = ads[0].clone();
    unknown.classification = "Beekeeping".into();
    let mut unstated = ads[1].clone();
    unstated.classification.clear();
    let metrics = classifier.evaluate(&[&unknown, &unstated, &ads[2]]).unwrap();
    assert_eq!((metrics.rows, metrics.accuracy, metrics.top_3), (2, 0.5, 0.5));
    assert!(classifier.evaluate(&[&unstated]).is_err());
}

#[test]
fn a_training_that_is_stopped_returns_nothing() {
    let ads = ads(120);
    let market = RoleMarket::new(&ads, 10).unwrap();
    for questions in 0..3 {
        assert!(train(&market, &options(), None, &Watch(questions.into())).unwrap().is_none(), "{questions}");
    }
}

#[test]
fn a_champion_is_compared_on_the_same_test_window() {
    let ads = ads(200);
    let market = RoleMarket::new(&ads, 10).unwrap();
    let watch = Watch(usize::MAX.into());
    let first = train(&market, &options(), None, &watch).unwrap().unwrap();
    let recipe = &first.classifier.config.recipe;
    let again = train(&market, &options(), Some(recipe), &watch).unwrap().unwrap();
    let (scored, paired) = again.champion.expect("a comparison");
    assert_eq!(paired.macro_f1.estimate, 0.0);
    assert_eq!(scored.metrics, again.test.score("mix").unwrap().metrics);
}

#[test]
fn identical_texts_tell_how_far_a_model_can_get() {
    let mut ads = ads(200);
    ads[1].content_hash = "0".into();
    let same = ads[0].classification == ads[1].classification;
    let ceiling = trained(&ads).ceiling.expect("a text with two ads");
    assert_eq!((ceiling.rows, ceiling.mixed_texts), (2, u64::from(!same)));
}
