//! A complete report of generated ads.

use chrono::{Duration, NaiveDate, TimeZone, Utc};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::*;

const CLASSES: [&str; 14] = [
    "Information & Communication Technology",
    "Accounting",
    "Engineering",
    "Sales",
    "Healthcare & Medical",
    "Administration & Office Support",
    "Manufacturing, Transport & Logistics",
    "Hospitality & Tourism",
    "Education & Training",
    "Banking & Financial Services",
    "Construction",
    "Marketing & Communications",
    "Human Resources & Recruitment",
    "Legal",
];
const WORK_TYPES: [&str; 4] = ["Full time", "Contract/Temp", "Part time", ""];
const FEATURES: [&str; 16] = [
    "ridge_prediction",
    "neighbours_15_mean",
    "embedding_ridge_prediction",
    "years_min",
    "company_target",
    "posted_days",
    "seniority_senior",
    "neighbours_5_spread",
    "location_target",
    "svd_3",
    "classification",
    "work_type",
    "title_length",
    "description_length",
    "skill_python",
    "weekend",
];

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// Nearly normal: the sum of twelve uniform numbers.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

fn judged(ads: usize, random: &mut ChaCha8Rng) -> Vec<JudgedAd> {
    let start = Utc.with_ymd_and_hms(2024, 1, 3, 8, 0, 0).unwrap();
    let ad = |n: usize| {
        let class = (random.random::<f64>().powi(2) * CLASSES.len() as f64) as usize;
        let level = 8.3 + 0.12 * ((class * 7) % 5) as f64 + 0.42 * normal(random);
        let spread = 0.13 + 0.02 * (class % 6) as f64;
        let predicted = (level + 0.03).exp();
        let actual = (level + spread * normal(random)).exp();
        let stated = spread * (0.9 + 0.2 * random.random::<f64>());
        JudgedAd {
            actual,
            predicted,
            interval: Some((predicted * (-1.7 * stated).exp(), predicted * (1.7 * stated).exp())),
            confidence: Some((1.05 - 2.1 * stated).clamp(0.05, 0.98)),
            classification: CLASSES[class].to_owned(),
            work_type: WORK_TYPES[(random.random::<f64>().powi(3) * 4.0) as usize].to_owned(),
            posted: Some(start + Duration::hours(i64::try_from(n * 15_000 / ads.max(1)).unwrap())),
        }
    };
    (0..ads).map(ad).collect()
}

fn models(factor: f64) -> Vec<ModelScores> {
    let rows = [
        ("median", 1690.0, 2480.0, -0.04, 0.0, 0.01),
        ("median per class", 1482.0, 2204.0, 0.18, 0.01, 0.01),
        ("linear regression", 1324.0, 1990.0, 0.33, 2.1, 0.05),
        ("random forest", 1218.0, 1870.0, 0.41, 38.0, 0.4),
        ("ridge on TF-IDF", 1105.0, 1722.0, 0.50, 14.0, 0.2),
        ("LightGBM", 1082.0, 1693.0, 0.52, 41.5, 0.1),
        ("XGBoost", 1090.0, 1701.0, 0.51, 66.0, 0.1),
        ("stack", 1040.0, 1468.0, 0.63, 143.0, 1.2),
    ];
    rows.into_iter()
        .map(|(name, mae, rmse, r2, fit, predict)| ModelScores {
            name: name.to_owned(),
            mae: Estimate::within(mae * factor, (mae - 61.0) * factor, (mae + 66.0) * factor),
            rmse: Estimate::within(rmse * factor, (rmse - 130.0) * factor, (rmse + 145.0) * factor),
            r2: Estimate::within(r2, r2 - 0.05, r2 + 0.05),
            mape: Some(mae * factor / 4300.0),
            median_ape: Some(mae * factor / 6900.0),
            fit_seconds: Some(fit),
            predict_seconds: Some(predict),
        })
        .collect()
}

fn evaluation(ads: u64, note: &str, factor: f64) -> Evaluation {
    Evaluation {
        note: note.to_owned(),
        ads,
        models: models(factor),
        narrow: Some(NarrowScores { ads: ads * 9 / 10, models: models(factor * 0.86) }),
    }
}

fn parts() -> Vec<SplitPart> {
    let part = |name: &str, from, to, ads: u64| SplitPart {
        name: name.to_owned(),
        from: Some(from),
        to: Some(to),
        ads,
        families: Some(ads * 4 / 5),
        median_salary: Some(4250.0 + ads as f64 / 100.0),
        strata: CLASSES.iter().zip(1..).map(|(class, n)| ((*class).to_owned(), ads / (n + 3))).collect(),
    };
    vec![
        part("Training", day(2023, 1, 2), day(2025, 3, 31), 8100),
        part("Validation", day(2025, 4, 1), day(2025, 7, 14), 1010),
        part("Test", day(2025, 7, 15), day(2025, 9, 30), 1012),
    ]
}

fn explained(report: &mut SalaryReport, random: &mut ChaCha8Rng) {
    for (n, feature) in FEATURES.iter().enumerate() {
        let weight = 0.5_f64.powf(n as f64 / 2.2);
        report.importance.push(Importance {
            feature: (*feature).to_owned(),
            gain: Some(0.27 * weight),
            permutation: Some(Estimate::within(240.0 * weight, 210.0 * weight - 4.0, 270.0 * weight + 4.0)),
        });
        let direction = [Some(0.9), Some(0.8), Some(-0.6), None, Some(0.02)][n % 5];
        let mut example = || {
            let rank = random.random::<f64>();
            let slope = direction.unwrap_or(0.5);
            let rank_known = direction.is_some().then_some(rank);
            (0.45 * weight * slope * (2.0 * rank - 1.0) + 0.04 * weight * normal(random), rank_known)
        };
        report.contributions.push(Contribution {
            feature: (*feature).to_owned(),
            mean_absolute: 0.2 * weight,
            direction,
            examples: (0..200).map(|_| example()).collect(),
        });
        report.leakage.push(LeakageCheck {
            feature: (*feature).to_owned(),
            alone: Some(0.58 * weight),
            limit: 0.85,
            passed: true,
        });
    }
    let words = [
        ("director", 0.41, 120),
        ("vp", 0.38, 44),
        ("head of", 0.33, 97),
        ("principal", 0.27, 61),
        ("architect", 0.24, 132),
        ("senior", 0.18, 1480),
        ("lead", 0.15, 702),
        ("machine learning", 0.13, 88),
        ("manager", 0.12, 1622),
        ("intern", -0.52, 140),
        ("part time", -0.31, 260),
        ("junior", -0.21, 318),
        ("cashier", -0.2, 75),
        ("assistant", -0.16, 940),
        ("admin", -0.13, 810),
        ("receptionist", -0.12, 66),
    ];
    let effect = |(word, effect, ads): (&str, f64, u64)| WordEffect { word: word.to_owned(), effect, ads };
    report.words = words.map(effect).to_vec();
    let groups = [
        ("ridge", 2, 81.0),
        ("neighbours", 8, 19.0),
        ("company", 2, 31.0),
        ("location", 2, 5.0),
        ("date", 1, 6.0),
        ("embedding", 384, -2.0),
    ];
    let ablation = |(group, columns, cost): (&str, u64, f64)| Ablation {
        group: group.to_owned(),
        columns,
        mae_change: Estimate::within(cost, cost - 9.0, cost + 9.0),
        r2_change: Some(-cost / 1500.0),
    };
    report.ablation = groups.map(ablation).to_vec();
}

fn evidence(report: &mut SalaryReport) {
    let point = |(ads, mae): (u64, f64)| LearningPoint {
        ads,
        mae: Estimate::within(mae, mae - 40.0, mae + 42.0),
        r2: Some(0.9 - mae / 4000.0),
    };
    report.learning_curve =
        [(500, 1420.0), (1000, 1301.0), (2000, 1210.0), (4000, 1130.0), (8100, 1061.0)].map(point).to_vec();
    let ceiling = |(pairs_of, pairs, mae, r2): (&str, u64, f64, f64)| CeilingPoint {
        pairs_of: pairs_of.to_owned(),
        pairs,
        mae,
        r2: Some(r2),
    };
    report.neighbour_ceiling = [
        ("cosine above 0.97", 212, 240.0, 0.94),
        ("cosine 0.9 to 0.97", 1630, 690.0, 0.71),
        ("cosine 0.8 to 0.9", 9800, 1041.0, 0.48),
    ]
    .map(ceiling)
    .to_vec();
    let difference = |(score, champion, candidate, half, smaller_is_better): (&str, f64, f64, f64, bool)| {
        let difference = candidate - champion;
        PairedDifference {
            score: score.to_owned(),
            champion,
            candidate,
            difference: Estimate::within(difference, difference - half, difference + half),
            smaller_is_better,
        }
    };
    report.champion = Some(ChampionComparison {
        version: "v6".to_owned(),
        ads: 1012,
        differences: [
            ("MAE", 1071.0, 1040.0, 18.0, true),
            ("RMSE", 1490.0, 1468.0, 30.0, true),
            ("R²", 0.611, 0.63, 0.016, false),
        ]
        .map(difference)
        .to_vec(),
        features_added: vec!["neighbours_5_spread".to_owned(), "skill_python".to_owned()],
        features_removed: vec!["pca_9".to_owned()],
        stored: Some(StoredChampion {
            trained_until: Some(day(2025, 6, 30)),
            ads: 1180,
            mae: Estimate::within(1092.0, 1031.0, 1150.0),
            r2: Estimate::within(0.6, 0.55, 0.64),
        }),
    });
    report.trials = (0..30)
        .map(|number: u64| Trial {
            number,
            outcome: if number % 4 == 3 { "pruned" } else { "complete" }.to_owned(),
            loss: Some(0.268 - 0.02 * (number as f64 / 30.0) + 0.01 * ((number * 13) % 7) as f64 / 7.0),
            seconds: Some(18.0 + (number % 5) as f64),
            parameters: vec![
                ("num_leaves".to_owned(), (31 + number * 2).to_string()),
                ("learning_rate".to_owned(), format!("{:.3}", 0.02 + number as f64 / 500.0)),
                ("n_estimators".to_owned(), (200 + number * 20).to_string()),
            ],
        })
        .collect();
}

/// A report with every section, whose model was judged on `ads` generated ads.
pub(super) fn report(ads: usize) -> SalaryReport {
    let mut random = ChaCha8Rng::seed_from_u64(13);
    let judged = judged(ads, &mut random);
    let aside = |(reason, ads, rule): (&str, u64, &str)| SetAside {
        reason: reason.to_owned(),
        ads,
        rule: rule.to_owned(),
    };
    let currency = |(currency, ads, outcome): (&str, u64, &str)| CurrencyAds {
        currency: currency.to_owned(),
        ads,
        outcome: outcome.to_owned(),
    };
    let fold = |n: u32| Fold {
        train_to: Some(day(2024, 2 * n, 28)),
        from: Some(day(2024, 2 * n + 1, 1)),
        to: Some(day(2024, 2 * n + 2, 28)),
        train_ads: 3000 + u64::from(n) * 1000,
        ads: 1000,
        mae: Some(1120.0 - 15.0 * f64::from(n) + 30.0 * f64::from(n % 2)),
        baseline_mae: Some(1510.0 - 9.0 * f64::from(n)),
    };
    let mut report = SalaryReport {
        kind: "salary_predictor".to_owned(),
        version: "v7".to_owned(),
        currency: "SGD".to_owned(),
        created_at: Utc.with_ymd_and_hms(2025, 10, 2, 6, 30, 0).unwrap(),
        description: "The model predicts the midpoint of the monthly salary that an ad would state, from its text, \
                      its company, its place and the salaries of similar ads."
            .to_owned(),
        decision: Some(Decision {
            promoted: true,
            reason: "on the same test window its error is 31 below that of champion v6 (95% interval 13 to 49)."
                .to_owned(),
        }),
        model: "stack".to_owned(),
        baseline: "median per class".to_owned(),
        data: Data {
            ads: 31_412,
            with_salary: 10_690,
            used: 10_122,
            families: Some(8204),
            posted: Some((day(2023, 1, 2), day(2025, 9, 30))),
            set_aside: [
                ("annual figure in a monthly column", 221, "midpoint above 40,000"),
                ("hourly or daily rate", 164, "midpoint below 500"),
                ("board placeholder", 183, "the same range on more than 50 ads of unlike titles"),
            ]
            .map(aside)
            .to_vec(),
            currencies: [
                ("SGD", 10_690, "this model"),
                ("GBP", 812, "a model of its own"),
                ("USD", 41, "left out: fewer than 500 ads"),
            ]
            .map(currency)
            .to_vec(),
            salaries: judged.iter().map(|ad| ad.actual).collect(),
        },
        parts: parts(),
        folds: (1..=5).map(fold).collect(),
        walk_forward: Some(evaluation(5000, "Five folds in time, each judged by a model of older ads.", 1.03)),
        validation: Some(evaluation(1010, "Choices of parameters and weights were made on these ads.", 1.01)),
        test: Some(evaluation(1012, "The newest tenth, scored once with the final recipe.", 1.0)),
        judged: Some(Judged { part: "the walk-forward folds".to_owned(), band_limits: Vec::new(), ads: judged }),
        interval: Some(IntervalFacts {
            level: 0.9,
            accepted: (0.88, 0.92),
            widest_ratio: Some(2.7),
            method: "A model of the absolute residual sets the width; it is calibrated on the last 1,000 residuals of \
                     the walk-forward folds."
                .to_owned(),
        }),
        lineage: Lineage {
            embedding_model_version: "all-MiniLM-L6-v2/fp32/cpu/1".to_owned(),
            feature_schema_hash: "9f2c41d07be85a36".to_owned(),
            code_version: "0.1.0".to_owned(),
            seed: 42,
            trained_on: Some((day(2023, 1, 2), day(2025, 9, 30))),
            training_ads: 10_122,
            more: vec![("Recency half-life".to_owned(), "150 days".to_owned())],
        },
        limits: vec![
            "It knows only what an ad says: bonuses, equity and negotiation are not in the data.".to_owned(),
            "It must not be used to decide what a person is paid.".to_owned(),
        ],
        ..SalaryReport::default()
    };
    explained(&mut report, &mut random);
    evidence(&mut report);
    report
}
