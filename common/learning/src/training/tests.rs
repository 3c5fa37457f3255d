use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Duration};
use common_core::ErrorKind;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::judge::fit_and_predict;
use super::market::Market;
use super::salary::{Trained, train};
use super::{Observer, Options};
use crate::ads::Ad;
use crate::features::AdTable;
use crate::models::SalaryRecipe;
use crate::models::baselines::Median;
use crate::models::boosted::Boosted;
use crate::models::predictor::SalaryPredictor;
use crate::models::trees::TreeParameters;
use crate::models::xgboost::{Xgboost, XgboostTrees};

/// Stops after a number of questions.
pub(super) struct Watch(pub(super) AtomicUsize);

impl Observer for Watch {
    fn stage(&self, _: &str, _: usize) {}
    fn step(&self) {}
    fn is_stopped(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }
}

const CLASSES: [(&str, f64); 4] = [("Care", 0.0), ("Sales", 0.2), ("Data", 0.5), ("Law", 0.8)];
const LEVELS: [(&str, f64); 3] = [("Junior", -0.3), ("", 0.0), ("Senior", 0.4)];
const TASKS: [&str; 8] = ["plan", "write", "lead", "audit", "sell", "teach", "build", "count"];

/// Ads whose pay follows from class and level, with some noise.
pub(super) fn ads(count: u32) -> Vec<Ad> {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let ad = |n: u32| {
        let (class, base) = CLASSES[random.random_range(0..CLASSES.len())];
        let (level, step) = LEVELS[random.random_range(0..LEVELS.len())];
        let middle = (8.2 + base + step + 0.5 * (random.random::<f64>() - 0.5)).exp();
        let tasks: Vec<&str> = (0..12).map(|_| TASKS[random.random_range(0..TASKS.len())]).collect();
        let mut vector: Vec<f32> = (0..32).map(|_| random.random::<f32>() - 0.5).collect();
        // Vectors that are too much alike would make the ads reposts.
        vector[0] += base as f32;
        vector[1] += step as f32;
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        Ad {
            source: "MCF".into(),
            job_id: format!("{n:05}"),
            title: format!("{level} {class} Officer {}", tasks[0]),
            description: format!("You {} for {class}, group {n}.", tasks.join(" and ")),
            location: ["East", "West, Singapore"][n as usize % 2].into(),
            classification: class.into(),
            work_type: "Permanent".into(),
            company_name: format!("Company {}", random.random_range(0..40)),
            currency: "SGD".into(),
            salary_min_per_month: Some(middle * 0.9),
            salary_max_per_month: Some(middle * 1.1),
            posted: Some(start + Duration::hours(12 * i64::from(n))),
            seen: start + Duration::hours(12 * i64::from(n) + 30),
            content_hash: n.to_string(),
            embedding: vector.into_iter().map(|value| value / length).collect(),
            ..Ad::default()
        }
    };
    (0..count).map(ad).collect()
}

fn options(folder: &Path, threads: usize) -> Options {
    let journal = folder.join("journal.jsonl");
    Options { seed: 1, threads, trials: 0, quick: true, ablation: false, xgboost: None, journal }
}

fn trained(ads: &[Ad], threads: usize) -> Trained {
    let folder = tempfile::tempdir().unwrap();
    let market = Market::new(ads, "SGD").unwrap();
    train(&market, &options(folder.path(), threads), None, &Watch(usize::MAX.into())).unwrap().unwrap()
}

fn refused(ads: &[Ad]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let market = match Market::new(ads, "SGD") {
        Ok(market) => market,
        Err(error) => return error.to_string(),
    };
    let refused = train(&market, &options(folder.path(), 1), None, &Watch(usize::MAX.into()));
    let error = refused.expect_err("the training is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error.to_string()
}

/// The model's files by name.
fn files(predictor: &SalaryPredictor) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    predictor.save(folder.path()).unwrap();
    let entries = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    entries
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect()
}

#[test]
fn a_model_learns_what_pay_follows_from_and_says_how_sure_it_is() {
    let trained = trained(&ads(400), 1);
    let mae = |name: &str| {
        trained
            .test
            .scores
            .iter()
            .find(|scored| scored.model == name)
            .map(|scored| scored.metrics.mae)
            .unwrap()
    };
    assert!(mae("stack") < 0.6 * mae("class_median"), "{} {}", mae("stack"), mae("class_median"));
    let (_, against_median) = &trained.test.against[0];
    assert!(against_median.mae.high < 0.0, "{against_median:?}");
    let judged: Vec<_> = trained.test.rows.iter().zip(&trained.test.intervals).collect();
    let known = judged.iter().filter_map(|(_, prediction)| prediction.as_ref());
    assert!(known.clone().count() == judged.len());
    assert!(known.clone().all(|own| own.low_per_month < own.salary_per_month
        && own.salary_per_month < own.high_per_month
        && (0.0..=1.0).contains(&own.confidence)));
    assert!(trained.evidence.leakage.iter().all(|check| check.passed));
    assert!(!trained.evidence.learning_curve.is_empty() && !trained.evidence.words.is_empty());
}

#[test]
fn the_same_ads_and_seed_give_the_same_files_whatever_the_threads() {
    let ads = ads(200);
    let (one, two) = (files(&trained(&ads, 1).predictor), files(&trained(&ads, 2).predictor));
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(two[name] == *bytes, "{name} differs");
    }
}

#[test]
fn a_model_is_loaded_as_it_was_saved_and_its_contributions_add_up() {
    let ads = ads(200);
    let predictor = trained(&ads, 1).predictor;
    let folder = tempfile::tempdir().unwrap();
    predictor.save(folder.path()).unwrap();
    let loaded = SalaryPredictor::load(folder.path()).unwrap();
    let some: Vec<&Ad> = ads.iter().take(20).collect();
    let predicted = predictor.predict(&some).unwrap();
    assert_eq!(loaded.predict(&some).unwrap(), predicted);
    // An ad is predicted the same alone and among others.
    assert_eq!(loaded.predict(&some[7..8]).unwrap()[0], predicted[7]);
    let table = AdTable::new(&some, 1);
    let transformed = loaded.stack.transformers.transform(&table, &(0..20).collect::<Vec<_>>()).unwrap();
    let names = loaded.stack.contribution_names();
    let contributions = loaded.stack.contributions(&transformed).unwrap();
    for (own, prediction) in contributions.chunks(names.len()).zip(&predicted) {
        let sum: f64 = own.iter().sum();
        assert!((sum - prediction.salary_per_month.ln()).abs() < 1e-6, "{sum} {prediction:?}");
    }
    let mut shorter = ads[0].clone();
    shorter.embedding.pop();
    let error = loaded.predict(&[&shorter]).unwrap_err().to_string();
    assert!(error.contains("invalid vector of MCF/00000: expected 32 elements, found 31"), "{error}");
    std::fs::remove_file(folder.path().join("transformers.bin")).unwrap();
    assert_eq!(SalaryPredictor::load(folder.path()).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_own_salary_of_a_training_ad_is_not_among_its_neighbours() {
    let ads = ads(200);
    let predictor = trained(&ads, 1).predictor;
    let names = predictor.stack.transformers.names();
    let nearest = names.iter().position(|name| name == "neighbours_cosine_1").unwrap();
    let twin = Ad { job_id: "another".into(), ..ads[3].clone() };
    // Alone, and after other ads.
    let cosines = [&ads[3..4], &ads[..4], &[twin]].map(|ads| {
        let ads: Vec<&Ad> = ads.iter().collect();
        let columns = predictor.transform(&ads).unwrap().columns;
        columns[columns.len() - names.len() + nearest]
    });
    assert!(cosines[0] < 0.99 && cosines[0].to_bits() == cosines[1].to_bits(), "{cosines:?}");
    assert!(cosines[2] > 0.9999, "the pay of an earlier ad is evidence for a new one: {cosines:?}");
}

#[test]
fn a_planted_leak_stops_the_training_and_is_named() {
    let middle = |ad: &Ad| ad.salary_mid_per_month().unwrap();
    let with = |change: &dyn Fn(&mut Ad)| {
        let mut ads = ads(300);
        ads.iter_mut().for_each(change);
        refused(&ads)
    };
    let error = with(&|ad| ad.company_size = format!("{:.0} employees", middle(ad)));
    assert!(error.contains("company_size"), "{error}");
    let error = with(&|ad| ad.work_type = format!("band {}", (middle(ad).ln() * 4.0).floor()));
    assert!(error.contains("work_type"), "{error}");
    let error = with(&|ad| ad.description = format!("{} Reference {:.0}.", ad.description, middle(ad)));
    assert!(error.contains("description"), "{error}");
}

#[test]
fn stated_pay_in_the_text_is_masked_and_is_no_leak() {
    let mut ads = ads(300);
    for ad in &mut ads {
        let pay = ad.salary_mid_per_month().unwrap();
        ad.description = format!("{} Salary ${pay:.0} a month.", ad.description);
        ad.masked_embedding.clone_from(&ad.embedding);
    }
    trained(&ads, 1);
    // Without the vector of the masked text the ad is not trained on.
    ads[0].masked_embedding.clear();
    let market = Market::new(&ads, "SGD").unwrap();
    assert_eq!((market.ads.len(), market.set_aside.values().sum::<u64>()), (299, 1));
}

/// Makes the n-th ad of a market odd.
type Change = fn(usize, &mut Ad);

#[test]
fn odd_markets_are_trained_or_refused_with_a_sentence() {
    assert!(refused(&[]).contains("too few salaries in SGD"), "no ads");
    assert!(refused(&ads(49)).contains("expected at least 50 ads, found 49"), "too few");
    let mut paid_in_pounds = ads(100);
    for ad in &mut paid_in_pounds {
        ad.currency = "GBP".into();
    }
    assert!(refused(&paid_in_pounds).contains("found 0"), "another currency");
    let reposts: Vec<Ad> = ads(80)
        .into_iter()
        .map(|ad| Ad { description: "Same.".into(), title: "Same".into(), company_name: "One".into(), ..ad })
        .collect();
    assert!(refused(&reposts).contains("different"), "{}", refused(&reposts));

    let changes: [(&str, Change); 6] = [
        ("one company", |_, ad| ad.company_name = "One".into()),
        ("empty columns", |_, ad| {
            (ad.location, ad.classification, ad.work_type, ad.company_name) = Default::default();
        }),
        ("one moment", |_, ad| ad.posted = DateTime::from_timestamp(1_700_000_000, 0)),
        ("a class for each ad", |n, ad| ad.classification = format!("Class {n}")),
        ("odd pay", |n, ad| {
            if n % 3 == 0 {
                ad.salary_min_per_month = [None, Some(f64::NAN), Some(f64::INFINITY)][n % 9 / 3];
            }
        }),
        ("a description of 1 MB", |n, ad| {
            if n == 5 {
                ad.description = "plan and write ".repeat(70_000);
            }
        }),
    ];
    for (name, change) in changes {
        let mut ads = ads(120);
        ads.iter_mut().enumerate().for_each(|(n, ad)| change(n, ad));
        let trained = trained(&ads, 1);
        assert!(trained.predictor.calibration.scores() > 0, "{name}");
    }
}

fn xgboost() -> Xgboost {
    let own = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    Xgboost::load(&own.join("../../.cache/xgboost-3.2.0")).unwrap()
}

#[test]
fn a_full_training_compares_every_model_and_measures_every_group() {
    let folder = tempfile::tempdir().unwrap();
    let ads = ads(200);
    let market = Market::new(&ads, "SGD").unwrap();
    let full = Options {
        trials: 2,
        quick: false,
        ablation: true,
        xgboost: Some(xgboost()),
        ..options(folder.path(), 1)
    };
    let trained = train(&market, &full, None, &Watch(usize::MAX.into())).unwrap().unwrap();
    let models: Vec<&str> = trained.test.scores.iter().map(|scored| scored.model.as_str()).collect();
    let peers = ["median", "class_median", "linear", "random_forest", "lightgbm", "xgboost", "tfidf_ridge"];
    assert_eq!(models, [&peers[..], &["stack"]].concat());
    assert_eq!(trained.folds.len(), 5);
    assert_eq!(trained.chosen.trials.len(), 2);
    assert!(trained.evidence.ablation.iter().any(|group| group.columns > 0));
}

#[test]
fn the_trees_of_two_libraries_err_alike() {
    let library = xgboost();
    let ads = ads(400);
    let market = Market::new(&ads, "SGD").unwrap();
    let rows = market.rows();
    let (train, test) = rows.split_at(rows.len() / 2);
    let parameters = TreeParameters { rounds: 100, ..TreeParameters::DEFAULT };
    let mae = |recipe: &dyn SalaryRecipe| {
        let predictions = fit_and_predict(&market, recipe, train, test).unwrap();
        predictions.score(&market, test, 1).unwrap().metrics.mae
    };
    let of_lightgbm = mae(&Boosted { parameters: parameters.clone(), seed: 1, threads: 1 });
    let of_xgboost = mae(&XgboostTrees { library, parameters, seed: 1, threads: 1 });
    assert!((0.8..1.25).contains(&(of_xgboost / of_lightgbm)), "{of_xgboost} {of_lightgbm}");
    assert!(of_xgboost < 0.6 * mae(&Median), "{of_xgboost}");
}

#[test]
fn a_training_that_is_stopped_returns_nothing() {
    let ads = ads(120);
    let market = Market::new(&ads, "SGD").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for questions in 0..4 {
        let stopped = train(&market, &options(folder.path(), 2), None, &Watch(questions.into())).unwrap();
        assert!(stopped.is_none(), "{questions}");
    }
}

#[test]
fn a_champion_is_compared_on_the_same_test_window() {
    let ads = ads(200);
    let market = Market::new(&ads, "SGD").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), 2);
    let watch = Watch(usize::MAX.into());
    let first = train(&market, &options, None, &watch).unwrap().unwrap();
    let again = train(&market, &options, Some(&first.chosen.recipe), &watch).unwrap().unwrap();
    let (scored, paired) = again.champion.expect("a comparison");
    assert_eq!(
        (scored.metrics.mae, paired.mae.estimate),
        (again.test.scores.last().unwrap().metrics.mae, 0.0)
    );
}
