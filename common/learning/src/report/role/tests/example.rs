//! A complete report of generated classes.

use chrono::{NaiveDate, TimeZone, Utc};

use super::super::*;
use crate::evaluation::classification::Classified;
use crate::evaluation::classification::confusion::Confusion;
use crate::evaluation::classification::copies::LabelPair;
use crate::evaluation::coverage::{Reliability, ReliabilityBin};
use crate::report::salary::{Estimate, PairedDifference};

const NAMES: [&str; 6] = [
    "Accounting & Finance",
    "Construction",
    "Education & Training",
    "Healthcare",
    "Information Technology",
    "Sales",
];

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn around(value: f64) -> Estimate {
    Estimate::within(value, value - 0.02, value + 0.02)
}

/// Actual and predicted classes: of the ads of a class every eighth has the label of the next class, every twentieth that
/// of the one after.
fn labels(classes: u32) -> (Vec<u32>, Vec<u32>) {
    let (mut actual, mut predicted) = (Vec::new(), Vec::new());
    for class in 0..classes {
        for ad in 0..30 + 2 * (class % 40) {
            let away = if ad.is_multiple_of(8) { 1 } else { 2 * u32::from(ad % 20 == 1) };
            actual.push(class);
            predicted.push((class + away) % classes);
        }
    }
    (actual, predicted)
}

fn models(macro_f1: f64) -> Vec<RoleScores> {
    [("majority", 0.11, 0.3, 0.01), ("tfidf_logistic", 0.6, 0.82, 14.0), ("mix", macro_f1, 0.84, 95.0)]
        .map(|(name, macro_f1, top_3, seconds)| RoleScores {
            name: name.to_owned(),
            macro_f1: around(macro_f1),
            top_3: around(top_3),
            accuracy: around(macro_f1 + 0.06),
            weighted_f1: Some(macro_f1 + 0.05),
            log_loss: Some(1.2),
            calibration_error: Estimate::of(0.06),
            fit_seconds: Some(seconds),
            predict_seconds: Some(seconds / 20.0),
        })
        .to_vec()
}

fn evaluation(classes: u32, macro_f1: f64) -> RoleEvaluation {
    let (actual, predicted) = labels(classes);
    // The metrics of single classes do not depend on probabilities.
    let probabilities = vec![1.0; actual.len()];
    let classified =
        Classified { actual: &actual, predicted: &predicted, probabilities: &probabilities, classes: 1 };
    let bin = |n: u32| {
        let confidence = 0.05 + 0.1 * f64::from(n);
        ReliabilityBin { rows: 120, confidence, share: confidence * 0.9 }
    };
    RoleEvaluation {
        note: "Each block of time is judged by models of older ads.".to_owned(),
        ads: actual.len() as u64,
        models: models(macro_f1),
        differences: vec![RoleDifference {
            other: "majority".to_owned(),
            macro_f1: around(macro_f1 - 0.11),
            top_3: around(0.54),
            accuracy: around(0.53),
        }],
        by_class: classified.by_class().unwrap(),
        confusion: Some(Confusion::of(&actual, &predicted)),
        reliability: Some(Reliability { error: 0.06, bins: (0..10).map(bin).collect() }),
    }
}

/// A report with every section and this number of classes, at least three.
pub(super) fn report(classes: u32) -> RoleReport {
    let class = |n: u32| RoleClass {
        name: NAMES.get(n as usize).map_or_else(|| format!("Kind of work {n}"), |name| (*name).to_owned()),
        ads: u64::from(300 + 20 * n),
        words: vec![format!("word {n}"), format!("other {n}")],
    };
    let part = |(name, from, to, ads): (&str, NaiveDate, NaiveDate, u64)| RolePart {
        name: name.to_owned(),
        from: Some(from),
        to: Some(to),
        ads,
        families: Some(ads * 4 / 5),
        classes: classes.into(),
    };
    let fold = |n: u32| RoleFold {
        train_to: Some(day(2024, 2 * n, 28)),
        from: Some(day(2024, 2 * n + 1, 1)),
        to: Some(day(2024, 2 * n + 2, 28)),
        train_ads: 3000 + u64::from(n) * 1000,
        ads: 1000,
        macro_f1: Some(0.6 + 0.01 * f64::from(n)),
        top_3: Some(0.84),
        accuracy: Some(0.7),
    };
    RoleReport {
        kind: "role_classifier".to_owned(),
        version: "v4".to_owned(),
        created_at: Utc.with_ymd_and_hms(2025, 10, 2, 6, 30, 0).unwrap(),
        description: "The model names the classification of an ad.".to_owned(),
        decision: Some(Decision {
            promoted: false,
            reason: "its macro-F1 is not beyond chance above v3's.".to_owned(),
        }),
        model: "mix".to_owned(),
        baseline: "majority".to_owned(),
        classes: (0..classes).map(class).collect(),
        data: RoleAds {
            ads: 12_000,
            without_class: 900,
            used: 11_100,
            families: Some(9000),
            posted: Some((day(2023, 1, 2), day(2025, 9, 30))),
            min_class_ads: 10,
            other: Some(classes - 1),
        },
        parts: [
            ("train", day(2023, 1, 2), day(2025, 3, 31), 8880),
            ("validation", day(2025, 4, 1), day(2025, 7, 14), 1110),
            ("test", day(2025, 7, 15), day(2025, 9, 30), 1110),
        ]
        .map(part)
        .to_vec(),
        folds: (1..=5).map(fold).collect(),
        walk_forward: Some(evaluation(classes, 0.64)),
        test: Some(evaluation(classes, 0.63)),
        ceiling: Some(TextCeiling {
            rows: 820,
            texts: 340,
            mixed_texts: 71,
            accuracy: 0.81,
            macro_f1: 0.74,
            confused: vec![
                LabelPair { classes: [0, 2], texts: 41 },
                LabelPair { classes: [1, 2], texts: 12 },
            ],
        }),
        champion: Some(ChampionComparison {
            version: "v3".to_owned(),
            ads: 1110,
            differences: vec![PairedDifference {
                score: "Macro-F1".to_owned(),
                champion: 0.62,
                candidate: 0.63,
                difference: Estimate::within(0.01, -0.01, 0.03),
                smaller_is_better: false,
            }],
            ..ChampionComparison::default()
        }),
        lineage: Lineage {
            embedding_model_version: "all-MiniLM-L6-v2/fp32/cpu/1".to_owned(),
            feature_schema_hash: "9f2c41d07be85a36".to_owned(),
            code_version: "0.1.0".to_owned(),
            seed: 42,
            trained_on: Some((day(2023, 1, 2), day(2025, 9, 30))),
            training_ads: 11_100,
            more: Vec::new(),
        },
        limits: vec!["It names one class, also for an ad that fits two.".to_owned()],
    }
}
