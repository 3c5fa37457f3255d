//! The report of a training: what [`SalaryReport`] is filled with.

use chrono::NaiveDate;
use common_core::job::Timestamp;

use super::judge::Scored;
use super::market::Market;
use super::salary::{Judged, Trained};
use super::splits::window;
use crate::evaluation::bootstrap::{Interval, Paired};
use crate::evaluation::families::FamilyFacts;
use crate::evaluation::implausible::Reason;
use crate::models::predictor::{COVERAGE, SalaryPrediction};
use crate::report::salary::{
    self, ChampionComparison, CurrencyAds, Data, Decision, Estimate, Evaluation, Fold, IntervalFacts,
    JudgedAd, Lineage, ModelScores, NarrowScores, PairedDifference, SalaryReport, SetAside, SplitPart,
    StoredChampion, Trial,
};

/// Strata of a part that are shown; the others are added up.
const STRATA: usize = 8;

/// What the report says that the training does not know.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Kind of the model in the registry.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// When the training ended.
    pub created_at: Timestamp,
    /// Number of ads that were read, in all currencies.
    pub ads: u64,
    /// Number of ads with a salary by currency, and what became of them.
    pub currencies: Vec<(String, u64, String)>,
    /// Whether the version became champion, and why.
    pub decision: Option<(bool, String)>,
    /// Version of the champion before.
    pub champion: Option<String>,
    /// Features of the champion before.
    pub champion_features: Vec<String>,
    /// The stored champion on later ads.
    pub stored_champion: Option<StoredChampion>,
    /// What the model was made from.
    pub lineage: Lineage,
}

/// The report of a training.
pub fn report(market: &Market<'_>, trained: &Trained, facts: Facts) -> SalaryReport {
    let names = trained.predictor.stack.transformers.names();
    let evidence = &trained.evidence;
    SalaryReport {
        description: format!(
            "The model predicts the middle of an ad's monthly pay range in {} from its texts, its company and place, and the \
             pay of similar ads, with a {:.0}% interval and the chance that the prediction is within 20% of the truth.",
            market.currency,
            COVERAGE * 100.0
        ),
        model: "stack".to_owned(),
        baseline: "class_median".to_owned(),
        data: data(market, &facts),
        parts: parts(market, trained),
        folds: folds(market, trained),
        walk_forward: evaluation(
            &trained.walk_forward,
            "Each block of time is predicted by models that were fitted to the ads before it, without the reposts of its ads.",
        ),
        validation: None,
        test: evaluation(
            &trained.test,
            "The most recent tenth of the ads, predicted once by models that were fitted to the earlier ones.",
        ),
        judged: judged(market, &trained.walk_forward),
        interval: Some(IntervalFacts {
            level: COVERAGE,
            accepted: (0.88, 0.92),
            widest_ratio: Some(2.7),
            method: "A second model predicts the size of the error; the interval is that size times a factor that covered 90% of \
                     the last 1,000 ads which were predicted before their pay was known."
                .to_owned(),
        }),
        importance: evidence.importance.clone(),
        contributions: evidence.contributions.clone(),
        words: evidence.words.clone(),
        ablation: evidence.ablation.clone(),
        leakage: evidence.leakage.clone(),
        learning_curve: evidence.learning_curve.clone(),
        neighbour_ceiling: evidence.neighbour_ceiling.clone(),
        champion: champion(trained, &facts, &names),
        trials: trials(trained),
        limits: limits(),
        kind: facts.kind,
        version: facts.version,
        currency: market.currency.clone(),
        created_at: facts.created_at,
        decision: facts.decision.map(|(promoted, reason)| Decision { promoted, reason }),
        lineage: facts.lineage,
    }
}

fn data(market: &Market<'_>, facts: &Facts) -> Data {
    let rows = market.rows();
    let posted = window(market, &rows);
    let currency = |(currency, ads, outcome): &(String, u64, String)| CurrencyAds {
        currency: currency.clone(),
        ads: *ads,
        outcome: outcome.clone(),
    };
    let aside = |(reason, ads): (&String, &u64)| SetAside {
        reason: reason.clone(),
        ads: *ads,
        rule: Reason::named(reason).map(|reason| reason.rule(&market.bounds)).unwrap_or_default(),
    };
    Data {
        ads: facts.ads,
        with_salary: market.with_salary as u64,
        used: rows.len() as u64,
        families: Some(FamilyFacts::of(&market.data.families).families.into()),
        posted: posted.map(|(from, to)| (from.date_naive(), to.date_naive())),
        set_aside: market.set_aside.iter().map(aside).collect(),
        currencies: facts.currencies.iter().map(currency).collect(),
        salaries: market.salaries(&rows),
    }
}

fn date(moment: Option<Timestamp>) -> Option<NaiveDate> {
    moment.map(|moment| moment.date_naive())
}

fn parts(market: &Market<'_>, trained: &Trained) -> Vec<SplitPart> {
    let parts = &trained.splits.parts;
    let classes = frequent_classes(market);
    let part = |(name, rows): (&str, &Vec<u32>)| {
        let posted = window(market, rows);
        let mut salaries = market.salaries(rows);
        salaries.sort_unstable_by(f64::total_cmp);
        let mut strata: Vec<(String, u64)> = classes.iter().map(|class| (class.clone(), 0)).collect();
        strata.push(("Other".to_owned(), 0));
        for row in rows {
            let class = &market.ads[*row as usize].classification;
            let at = classes.iter().position(|known| known == class).unwrap_or(classes.len());
            strata[at].1 += 1;
        }
        SplitPart {
            name: name.to_owned(),
            from: date(posted.map(|(from, _)| from)),
            to: date(posted.map(|(_, to)| to)),
            ads: rows.len() as u64,
            families: Some(FamilyFacts::of(&market.families(rows)).families.into()),
            median_salary: salaries.get(salaries.len() / 2).copied(),
            strata,
        }
    };
    [("train", &parts.train), ("validation", &parts.validation), ("test", &parts.test)].map(part).into()
}

/// The most frequent classifications, most frequent first.
fn frequent_classes(market: &Market<'_>) -> Vec<String> {
    let mut classes: Vec<&str> =
        market.ads.iter().map(|ad| ad.classification.as_str()).filter(|class| !class.is_empty()).collect();
    classes.sort_unstable();
    let mut counted: Vec<(usize, &str)> =
        classes.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])).collect();
    counted.sort_by_key(|(count, class)| (std::cmp::Reverse(*count), *class));
    counted.into_iter().take(STRATA).map(|(_, class)| class.to_owned()).collect()
}

fn folds(market: &Market<'_>, trained: &Trained) -> Vec<Fold> {
    let judged = &trained.walk_forward;
    let mut start = 0;
    let mut folds = Vec::new();
    for fold in &trained.folds {
        let end = start + fold.test.len();
        let actual = market.salaries(&fold.test);
        let error = |model: &str| {
            let of_model = judged.predictions.iter().find(|predictions| predictions.model == model)?;
            let predicted = of_model.logs.get(start..end)?;
            let sum: f64 = actual.iter().zip(predicted).map(|(actual, log)| (actual - log.exp()).abs()).sum();
            (!actual.is_empty()).then(|| sum / actual.len() as f64)
        };
        folds.push(Fold {
            train_to: date(window(market, &fold.train).map(|(_, to)| to)),
            from: Some(fold.from.date_naive()),
            to: Some(fold.until.date_naive()),
            train_ads: fold.train.len() as u64,
            ads: fold.test.len() as u64,
            mae: error("stack"),
            baseline_mae: error("class_median"),
        });
        start = end;
    }
    folds
}

fn within(value: f64, interval: &Interval) -> Estimate {
    Estimate::within(value, interval.low, interval.high)
}

fn evaluation(judged: &Judged, note: &str) -> Option<Evaluation> {
    let first = judged.scores.first()?;
    let seconds = |model: &str| judged.predictions.iter().find(|predictions| predictions.model == model);
    let full = |scored: &Scored| ModelScores {
        name: scored.model.clone(),
        rmse: within(scored.metrics.rmse, &scored.intervals.rmse),
        mae: within(scored.metrics.mae, &scored.intervals.mae),
        r2: estimate(scored.metrics.r2, scored.intervals.r2.as_ref()),
        mape: scored.metrics.mape,
        median_ape: scored.metrics.median_ape,
        fit_seconds: seconds(&scored.model).map(|predictions| predictions.fit_seconds),
        predict_seconds: seconds(&scored.model).map(|predictions| predictions.predict_seconds),
    };
    let narrow = |scored: &Scored| {
        let (metrics, intervals) = (scored.narrow.as_ref()?, scored.narrow_intervals.as_ref()?);
        Some(ModelScores {
            name: scored.model.clone(),
            rmse: within(metrics.rmse, &intervals.rmse),
            mae: within(metrics.mae, &intervals.mae),
            r2: estimate(metrics.r2, intervals.r2.as_ref()),
            mape: metrics.mape,
            median_ape: metrics.median_ape,
            fit_seconds: None,
            predict_seconds: None,
        })
    };
    let narrow_models: Option<Vec<ModelScores>> = judged.scores.iter().map(narrow).collect();
    Some(Evaluation {
        note: note.to_owned(),
        ads: judged.rows.len() as u64,
        models: judged.scores.iter().map(full).collect(),
        narrow: narrow_models
            .zip(first.narrow.as_ref())
            .map(|(models, metrics)| NarrowScores { ads: metrics.rows, models }),
    })
}

fn estimate(value: Option<f64>, interval: Option<&Interval>) -> Estimate {
    match (value, interval) {
        (Some(value), Some(interval)) => within(value, interval),
        (Some(value), None) => Estimate::of(value),
        (None, _) => Estimate::default(),
    }
}

fn judged(market: &Market<'_>, judged: &Judged) -> Option<salary::Judged> {
    let of = |(row, prediction): (&u32, &Option<SalaryPrediction>)| {
        let (prediction, ad) = (prediction.as_ref()?, market.ads[*row as usize]);
        Some(JudgedAd {
            actual: market.data.log_salaries[*row as usize].exp(),
            predicted: prediction.salary_per_month,
            interval: Some((prediction.low_per_month, prediction.high_per_month)),
            confidence: Some(prediction.confidence),
            classification: ad.classification.clone(),
            work_type: ad.work_type.clone(),
            posted: ad.posted,
        })
    };
    let ads: Vec<JudgedAd> = judged.rows.iter().zip(&judged.intervals).filter_map(of).collect();
    (!ads.is_empty()).then(|| salary::Judged {
        part: "the walk-forward folds".to_owned(),
        band_limits: Vec::new(),
        ads,
    })
}

fn champion(trained: &Trained, facts: &Facts, names: &[String]) -> Option<ChampionComparison> {
    let (scored, paired) = trained.champion.as_ref()?;
    let own = trained.test.scores.last()?;
    Some(ChampionComparison {
        version: facts.champion.clone().unwrap_or_default(),
        ads: trained.test.rows.len() as u64,
        differences: differences(scored, own, paired),
        features_added: names
            .iter()
            .filter(|name| !facts.champion_features.contains(name))
            .cloned()
            .collect(),
        features_removed: facts
            .champion_features
            .iter()
            .filter(|name| !names.contains(name))
            .cloned()
            .collect(),
        stored: facts.stored_champion.clone(),
    })
}

fn differences(champion: &Scored, candidate: &Scored, paired: &Paired) -> Vec<PairedDifference> {
    let mut differences = vec![
        PairedDifference {
            score: "MAE".to_owned(),
            champion: champion.metrics.mae,
            candidate: candidate.metrics.mae,
            difference: within(candidate.metrics.mae - champion.metrics.mae, &paired.mae),
            smaller_is_better: true,
        },
        PairedDifference {
            score: "RMSE".to_owned(),
            champion: champion.metrics.rmse,
            candidate: candidate.metrics.rmse,
            difference: within(candidate.metrics.rmse - champion.metrics.rmse, &paired.rmse),
            smaller_is_better: true,
        },
    ];
    if let (Some(old), Some(new)) = (champion.metrics.r2, candidate.metrics.r2) {
        differences.push(PairedDifference {
            score: "R²".to_owned(),
            champion: old,
            candidate: new,
            difference: estimate(Some(new - old), paired.r2.as_ref()),
            smaller_is_better: false,
        });
    }
    differences
}

fn trials(trained: &Trained) -> Vec<Trial> {
    let of = |trial: &crate::models::tuning::TrialResult| Trial {
        number: trial.number,
        outcome: if trial.is_pruned { "pruned" } else { "complete" }.to_owned(),
        loss: trial.value,
        parameters: vec![
            ("num_leaves".to_owned(), trial.parameters.leaves.to_string()),
            ("learning_rate".to_owned(), format!("{:.4}", trial.parameters.rate)),
            ("n_estimators".to_owned(), trial.parameters.rounds.to_string()),
            ("min_child_samples".to_owned(), trial.parameters.min_leaf_ads.to_string()),
        ],
        ..Trial::default()
    };
    trained.chosen.trials.iter().map(of).collect()
}

fn limits() -> Vec<String> {
    [
        "It knows the pay that ads state, not the pay that is agreed.",
        "It does not know benefits, bonuses or shares beside the stated pay.",
        "An ad of a company, a place or a kind of work that is not among the training ads is predicted from its words alone.",
        "It follows the market only as far as the newest training ads: after a year without training its intervals are too narrow.",
    ]
    .map(str::to_owned)
    .into()
}
