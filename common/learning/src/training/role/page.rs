//! The report of a training: what [`RoleReport`] is filled with.

use chrono::NaiveDate;
use common_core::job::Timestamp;
use rustc_hash::FxHashSet;

use super::TrainedRoles;
use super::judge::{JudgedRoles, RoleScored};
use super::market::RoleMarket;
use crate::evaluation::bootstrap::Interval;
use crate::evaluation::classification::intervals::PairedClasses;
use crate::evaluation::classification::{ClassificationMetrics, Classified};
use crate::evaluation::families::FamilyFacts;
use crate::models::role::RoleRecipe;
use crate::models::role::labels::Class;
use crate::models::role::majority::Majority;
use crate::models::role::mix::MIX;
use crate::report::role::{
    RoleAds, RoleClass, RoleDifference, RoleEvaluation, RoleFold, RolePart, RoleReport, RoleScores,
};
use crate::report::salary::{ChampionComparison, Decision, Estimate, Lineage, PairedDifference};

/// What the report says that the training does not know.
#[derive(Debug, Clone, Default)]
pub struct RoleFacts {
    /// Kind of the model in the registry.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// When the training ended.
    pub created_at: Timestamp,
    /// Number of ads that were read, with and without a classification.
    pub ads: u64,
    /// Whether the version became champion, and why.
    pub decision: Option<(bool, String)>,
    /// Version of the champion before.
    pub champion: Option<String>,
    /// What the model was made from.
    pub lineage: Lineage,
}

/// The report of a training.
pub fn report(market: &RoleMarket<'_>, trained: &TrainedRoles, facts: RoleFacts) -> RoleReport {
    RoleReport {
        description: "The model names the kind of work of an ad, its classification, from everything else that the ad says but \
                      its pay, with a calibrated probability for each class."
            .to_owned(),
        model: MIX.to_owned(),
        baseline: Majority.name().to_owned(),
        classes: classes(market, trained),
        data: data(market, &facts),
        parts: parts(market, trained),
        folds: folds(market, trained),
        walk_forward: evaluation(
            &trained.walk_forward,
            "Each block of time is predicted by models that were fitted to the ads before it, without the reposts of its ads. \
             The weights, the calibration and the share of the prior for a block are chosen on the other blocks.",
        ),
        test: evaluation(
            &trained.test,
            "The most recent tenth of the ads, predicted once by models that were fitted to the earlier ones.",
        ),
        ceiling: trained.ceiling.clone(),
        champion: champion(trained, &facts),
        limits: limits(),
        kind: facts.kind,
        version: facts.version,
        created_at: facts.created_at,
        decision: facts.decision.map(|(promoted, reason)| Decision { promoted, reason }),
        lineage: facts.lineage,
    }
}

fn classes(market: &RoleMarket<'_>, trained: &TrainedRoles) -> Vec<RoleClass> {
    let class = |(code, class): (usize, &Class)| RoleClass {
        name: class.name.clone(),
        ads: class.ads.into(),
        words: trained.words.get(code).cloned().unwrap_or_default(),
    };
    market.labels.classes.iter().enumerate().map(class).collect()
}

fn data(market: &RoleMarket<'_>, facts: &RoleFacts) -> RoleAds {
    RoleAds {
        ads: facts.ads,
        without_class: market.without_label,
        used: market.ads.len() as u64,
        families: Some(FamilyFacts::of(&market.data.families).families.into()),
        posted: window(market, &market.rows()),
        min_class_ads: market.labels.min_ads,
        other: market.labels.other,
    }
}

/// Dates of the oldest and of the newest ad of `rows`.
fn window(market: &RoleMarket<'_>, rows: &[u32]) -> Option<(NaiveDate, NaiveDate)> {
    let dates = || rows.iter().map(|row| market.ads[*row as usize].moment().date_naive());
    dates().min().zip(dates().max())
}

fn parts(market: &RoleMarket<'_>, trained: &TrainedRoles) -> Vec<RolePart> {
    let parts = &trained.splits.parts;
    let part = |(name, rows): (&str, &Vec<u32>)| {
        let (from, to) = window(market, rows).unzip();
        let classes: FxHashSet<u32> = market.data.labels_of(rows).into_iter().collect();
        RolePart {
            name: name.to_owned(),
            from,
            to,
            ads: rows.len() as u64,
            families: Some(FamilyFacts::of(&market.families(rows)).families.into()),
            classes: classes.len() as u64,
        }
    };
    [("train", &parts.train), ("validation", &parts.validation), ("test", &parts.test)].map(part).into()
}

/// The folds, whose predictions follow each other in the walk-forward ones.
fn folds(market: &RoleMarket<'_>, trained: &TrainedRoles) -> Vec<RoleFold> {
    let mut start = 0;
    let mut folds = Vec::new();
    for fold in &trained.folds {
        let end = start + fold.test.len();
        let metrics = fold_metrics(market, &trained.walk_forward, (start, end));
        folds.push(RoleFold {
            train_to: window(market, &fold.train).map(|(_, to)| to),
            from: Some(fold.from.date_naive()),
            to: Some(fold.until.date_naive()),
            train_ads: fold.train.len() as u64,
            ads: fold.test.len() as u64,
            macro_f1: metrics.map(|metrics| metrics.macro_f1),
            top_3: metrics.map(|metrics| metrics.top_3),
            accuracy: metrics.map(|metrics| metrics.accuracy),
        });
        start = end;
    }
    folds
}

/// The published model's metrics on the judged rows from `start` to before `end`; `None` if they were not judged.
fn fold_metrics(
    market: &RoleMarket<'_>,
    judged: &JudgedRoles,
    (start, end): (usize, usize),
) -> Option<ClassificationMetrics> {
    let classes = market.data.classes;
    let actual = market.data.labels_of(judged.rows.get(start..end)?);
    let published = &judged.predictions.last()?.decisions;
    let rows = Classified {
        actual: &actual,
        predicted: published.labels.get(start..end)?,
        probabilities: published.probabilities.get(start * classes..end * classes)?,
        classes,
    };
    rows.metrics().ok()
}

fn within(value: f64, interval: &Interval) -> Estimate {
    Estimate::within(value, interval.low, interval.high)
}

fn difference(interval: &Interval) -> Estimate {
    within(interval.estimate, interval)
}

/// `None` if nothing was judged.
fn evaluation(judged: &JudgedRoles, note: &str) -> Option<RoleEvaluation> {
    let published = judged.scores.last()?;
    let of_model = |scored: &RoleScored| {
        let RoleScored { model, metrics, intervals, reliability } = scored;
        let timed = judged.predictions.iter().find(|predictions| predictions.model == *model);
        // A member of the mix has no time of its own.
        let seconds = |seconds: Option<f64>| seconds.filter(|seconds| *seconds > 0.0);
        RoleScores {
            name: model.clone(),
            macro_f1: within(metrics.macro_f1, &intervals.macro_f1),
            top_3: within(metrics.top_3, &intervals.top_3),
            accuracy: within(metrics.accuracy, &intervals.accuracy),
            weighted_f1: Some(metrics.weighted_f1),
            log_loss: Some(metrics.log_loss),
            calibration_error: Estimate::of(reliability.error),
            fit_seconds: seconds(timed.map(|predictions| predictions.fit_seconds)),
            predict_seconds: seconds(timed.map(|predictions| predictions.predict_seconds)),
        }
    };
    let against = |(other, paired): &(String, PairedClasses)| RoleDifference {
        other: other.clone(),
        macro_f1: difference(&paired.macro_f1),
        top_3: difference(&paired.top_3),
        accuracy: difference(&paired.accuracy),
    };
    Some(RoleEvaluation {
        note: note.to_owned(),
        ads: judged.rows.len() as u64,
        models: judged.scores.iter().map(of_model).collect(),
        differences: judged.against.iter().map(against).collect(),
        by_class: judged.by_class.clone(),
        confusion: judged.confusion.clone(),
        reliability: Some(published.reliability.clone()),
    })
}

fn champion(trained: &TrainedRoles, facts: &RoleFacts) -> Option<ChampionComparison> {
    let (scored, paired) = trained.champion.as_ref()?;
    let (old, new) = (&scored.metrics, &trained.test.scores.last()?.metrics);
    let row = |score: &str, champion: f64, candidate: f64, interval: &Interval| PairedDifference {
        score: score.to_owned(),
        champion,
        candidate,
        difference: difference(interval),
        smaller_is_better: false,
    };
    Some(ChampionComparison {
        version: facts.champion.clone().unwrap_or_default(),
        ads: trained.test.rows.len() as u64,
        differences: vec![
            row("Macro-F1", old.macro_f1, new.macro_f1, &paired.macro_f1),
            row("Top-3", old.top_3, new.top_3, &paired.top_3),
            row("Accuracy", old.accuracy, new.accuracy, &paired.accuracy),
        ],
        ..ChampionComparison::default()
    })
}

fn limits() -> Vec<String> {
    [
        "It knows only the classes of its training ads: an ad of another kind of work gets one of these as well, and its \
         probabilities do not say that none fits.",
        "It repeats the labels that ads were given, also where similar ads were given different ones.",
        "It gives an ad one label: of two classes that fit equally well, one is counted as wrong.",
        "An ad of few words, or of words that no training ad has, is classified by little more than its vector.",
        "Its probabilities are calibrated for ads like those it was judged on; for another source of ads they may be off.",
    ]
    .map(str::to_owned)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ads::Ad;
    use crate::models::role::mix::MixRecipe;
    use crate::training::role::{RoleOptions, train};
    use crate::training::tests::{Watch, ads};

    fn reported(ads: &[Ad], champion: Option<&MixRecipe>) -> RoleReport {
        let options = RoleOptions { quick: true, ..RoleOptions::new(1, 1) };
        let market = RoleMarket::new(ads, options.min_class_ads).unwrap();
        let trained = train(&market, &options, champion, &Watch(usize::MAX.into())).unwrap().unwrap();
        let facts = RoleFacts {
            kind: "role_classifier".to_owned(),
            version: "v2".to_owned(),
            ads: ads.len() as u64,
            decision: Some((true, "it is the first.".to_owned())),
            champion: champion.map(|_| "v1".to_owned()),
            ..RoleFacts::default()
        };
        report(&market, &trained, facts)
    }

    #[test]
    fn a_training_fills_the_page() {
        let mut ads = ads(400);
        ads[3].classification.clear();
        ads[5].content_hash = "4".into();
        let report = reported(&ads, Some(&MixRecipe::default()));
        assert_eq!((report.data.ads, report.data.used, report.data.without_class), (400, 399, 1));
        assert_eq!(report.classes.len(), 4);
        assert!(report.classes.iter().all(|class| class.ads > 0 && !class.words.is_empty()));
        assert_eq!(
            report.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(),
            ["train", "validation", "test"]
        );
        let walked = report.walk_forward.as_ref().expect("walk-forward scores");
        let published = walked.score(&report.model).expect("the published model");
        assert!(published.macro_f1.interval().is_some() && published.fit_seconds.is_some());
        assert!(walked.score(&report.baseline).is_some());
        assert_eq!(walked.score("complement_bayes").expect("a member").fit_seconds, None);
        assert_eq!(report.folds.iter().map(|fold| fold.ads).sum::<u64>(), walked.ads);
        assert!(report.folds.iter().all(|fold| fold.macro_f1.is_some()));
        let champion = report.champion.as_ref().expect("a comparison");
        assert_eq!((champion.version.as_str(), champion.differences.len()), ("v1", 3));
        assert_eq!(champion.differences[0].difference.value, Some(0.0));
        assert!(report.ceiling.is_some());
        let page = report.render();
        for id in ["models", "classes", "confusion", "confidence", "words", "ceiling", "champion", "limits"] {
            assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
        }
    }

    #[test]
    fn ads_without_copies_and_a_champion_leave_parts_out() {
        let report = reported(&ads(150), None);
        assert!(report.champion.is_none() && report.ceiling.is_none());
        let page = report.render();
        assert!(!page.contains("<section id=\"champion\"") && !page.contains("<section id=\"ceiling\""));
    }
}
