//! Evidence beside the scores: the gate against leaks, what the model reads, its learning curve, and what each group of
//! features is worth.

use common_core::Result;
use common_core::mask::mask_pay;
use common_lightgbm::{Importance as ImportanceKind, Matrix};

use super::Options;
use super::judge::fit_and_predict;
use super::market::Market;
use super::salary::Run;
use super::splits::Splits;
use crate::ads::Ad;
use crate::evaluation::bootstrap::paired_difference;
use crate::evaluation::ceiling::{learning_curve_rows, neighbour_ceiling};
use crate::evaluation::leakage::{self, Column, ColumnKind, ColumnValues, Leak, LeakOptions, assess_columns};
use crate::evaluation::metrics::evaluate_regression;
use crate::evaluation::split::salary_strata;
use crate::evaluation::text_leaks::{Salary, find_text_leaks, refuse_text_leaks};
use crate::features::schema::ValueKind;
use crate::models::predictor::SalaryPredictor;
use crate::models::stack::StackRecipe;
use crate::models::text_ridge::TextRidge;
use crate::models::transformers::{STACKED, Sample, Transformers};
use crate::models::trees::{Columns, Fit, Objective};
use crate::report::salary::{
    Ablation, CeilingPoint, Contribution, Estimate, Importance, LeakageCheck, LearningPoint, WordEffect,
};

/// Features that are shown.
const MOST_FEATURES: usize = 25;
/// Words that are shown at each end.
const MOST_WORDS: usize = 20;
/// Ads whose contributions are shown.
const EXAMPLES: usize = 300;
/// Ads that a point of the learning curve needs.
const MIN_CURVE: usize = 20;
/// Shares of the training ads of the learning curve.
const CURVE: [f64; 4] = [0.125, 0.25, 0.5, 1.0];

/// What a training knows besides its scores.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)] // As in the report.
pub struct Evidence {
    pub leakage: Vec<LeakageCheck>,
    pub importance: Vec<Importance>,
    pub contributions: Vec<Contribution>,
    pub words: Vec<WordEffect>,
    pub learning_curve: Vec<LearningPoint>,
    pub neighbour_ceiling: Vec<CeilingPoint>,
    pub ablation: Vec<Ablation>,
}

/// Checks every column that the trees of the stack read, and the masked texts.
///
/// # Errors
/// `InvalidInput`, with the name, if a column or a text contains the salary.
pub fn refuse_leaks(market: &Market<'_>, splits: &Splits, options: &Options) -> Result<Vec<LeakageCheck>> {
    let rows = &splits.parts.train;
    let (targets, families) = (market.data.targets(rows), market.families(rows));
    let limits = LeakOptions { seed: options.seed, ..LeakOptions::default() };
    let weights = vec![1.0; rows.len()];
    let sample = Sample { rows, weights: &weights, seed: options.seed, dated: true, with_kernel: false };
    let (transformers, fitted) = Transformers::fit(&market.data, sample)?;
    // The same columns, learned from salaries that have nothing to do with the ads.
    let mut placebo = market.data.clone();
    let dealt = leakage::placebo_target(&targets, &families, options.seed);
    // Folds are balanced by these salaries, as those of the real ones are: otherwise a column tells the mean of its fold.
    let classes: Vec<&str> =
        rows.iter().map(|row| market.ads[*row as usize].classification.as_str()).collect();
    let strata = salary_strata(&classes, &dealt)?;
    for ((row, log), stratum) in rows.iter().zip(dealt).zip(strata) {
        placebo.log_salaries[*row as usize] = log;
        placebo.strata[*row as usize] = stratum;
    }
    let (_, of_placebo) = Transformers::fit(&placebo, sample)?;
    let names = transformers.names();
    let categorical = transformers.categorical();
    let numbers = |fitted: &[f32]| -> Vec<Vec<f32>> {
        (0..names.len())
            .map(|column| fitted.iter().skip(column).step_by(names.len()).copied().collect())
            .collect()
    };
    let (columns, placebos) =
        (numbers(&fitted.transformed.columns), numbers(&of_placebo.transformed.columns));
    let codes: Vec<Vec<u32>> =
        columns.iter().map(|values| values.iter().map(|value| value.max(0.0) as u32).collect()).collect();
    let column = |at: usize| {
        let name = &names[at];
        let is_learned =
            STACKED.iter().any(|feature| feature.name == name && feature.kind == ValueKind::Learned);
        Column {
            name,
            values: if categorical.contains(&at) {
                ColumnValues::Category(&codes[at])
            } else {
                ColumnValues::Numeric(&columns[at])
            },
            kind: if is_learned {
                ColumnKind::Learned { placebo: Some(&placebos[at]) }
            } else {
                ColumnKind::Raw
            },
        }
    };
    let all: Vec<Column<'_>> = (0..names.len()).map(column).collect();
    let assessed = assess_columns(&all, &targets, &families, &limits)?;
    leakage::refuse_leaks(&assessed)?;
    refuse_texts(market, rows)?;
    let check = |leak: Leak| LeakageCheck {
        feature: leak.name,
        alone: Some(leak.r2),
        limit: leak.limit,
        passed: true,
    };
    Ok(assessed.into_iter().map(check).collect())
}

/// Refuses texts that state the pay of their ad although it is masked.
fn refuse_texts(market: &Market<'_>, rows: &[u32]) -> Result<()> {
    let ads: Vec<&Ad> = rows.iter().map(|row| market.ads[*row as usize]).collect();
    let masked = |text: fn(&Ad) -> &String| -> Vec<String> {
        ads.iter().map(|ad| mask_pay(text(ad)).into_owned()).collect()
    };
    let texts = [
        ("title", masked(|ad| &ad.title)),
        ("description", masked(|ad| &ad.description)),
        ("work_type", masked(|ad| &ad.work_type)),
    ];
    let borrowed: Vec<(&str, Vec<&str>)> =
        texts.iter().map(|(name, texts)| (*name, texts.iter().map(String::as_str).collect())).collect();
    let columns: Vec<(&str, &[&str])> =
        borrowed.iter().map(|(name, texts)| (*name, texts.as_slice())).collect();
    let salary = |ad: &&Ad| {
        let middle = ad.salary_mid_per_month().unwrap_or_default();
        let bound = |bound: Option<f64>| bound.filter(|bound| bound.is_finite()).unwrap_or(middle);
        Salary { min: bound(ad.salary_min_per_month), max: bound(ad.salary_max_per_month) }
    };
    let salaries: Vec<Salary> = ads.iter().map(salary).collect();
    refuse_text_leaks(&find_text_leaks(&columns, &salaries)?)
}

/// Gathers the evidence of a trained predictor; `None` if the training was stopped.
///
/// # Errors
/// Errors of the models.
pub(crate) fn gather(
    run: &Run<'_>,
    splits: &Splits,
    predictor: &SalaryPredictor,
    leakage: Vec<LeakageCheck>,
) -> Result<Option<Evidence>> {
    run.observer.stage("gathering evidence", 2);
    let evidence = Evidence {
        leakage,
        importance: importance(predictor)?,
        contributions: contributions(run.market, predictor)?,
        words: words(predictor),
        learning_curve: learning_curve(run, splits)?,
        neighbour_ceiling: ceiling(run.market)?,
        ablation: Vec::new(),
    };
    run.observer.step();
    if run.observer.is_stopped() {
        return Ok(None);
    }
    let ablation = if run.options.ablation { ablation(run, splits)? } else { Vec::new() };
    run.observer.step();
    Ok(Some(Evidence { ablation, ..evidence }))
}

/// The share of each column in the gain of the trees.
fn importance(predictor: &SalaryPredictor) -> Result<Vec<Importance>> {
    let names = predictor.stack.transformers.names();
    let mut shares = vec![0.0; names.len()];
    for booster in &predictor.stack.boosters {
        let gains = booster.importance(ImportanceKind::Gain)?;
        let total: f64 = gains.iter().sum();
        if total > 0.0 {
            let count = predictor.stack.boosters.len() as f64;
            shares.iter_mut().zip(gains).for_each(|(share, gain)| *share += gain / total / count);
        }
    }
    let mut importance: Vec<(f64, String)> = shares.into_iter().zip(names).collect();
    importance.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let of = |(gain, feature)| Importance { feature, gain: Some(gain), permutation: None };
    Ok(importance.into_iter().take(MOST_FEATURES).map(of).collect())
}

/// Contributions to the predictions of ads that are spread over the time of the market.
fn contributions(market: &Market<'_>, predictor: &SalaryPredictor) -> Result<Vec<Contribution>> {
    let stack = &predictor.stack;
    let step = market.ads.len().div_ceil(EXAMPLES).max(1);
    let rows: Vec<u32> = (0..market.ads.len() as u32).step_by(step).collect();
    let transformed = stack.transformers.transform(&market.data.table, &rows)?;
    let names = stack.contribution_names();
    let values = stack.contributions(&transformed)?;
    let (width, categorical) = (stack.transformers.width(), stack.transformers.categorical());
    let mut contributions = Vec::new();
    for (column, name) in names.iter().enumerate().take(width) {
        let own: Vec<f64> = values.iter().skip(column).step_by(names.len()).copied().collect();
        let mean_absolute = own.iter().map(|value| value.abs()).sum::<f64>() / own.len().max(1) as f64;
        let of_ads: Vec<f32> = transformed.columns.iter().skip(column).step_by(width).copied().collect();
        let ranks = if categorical.contains(&column) { vec![None; own.len()] } else { ranks(&of_ads) };
        let direction = correlation(&own, &ranks);
        let examples = own.into_iter().zip(ranks).collect();
        contributions.push(Contribution { feature: name.clone(), mean_absolute, direction, examples });
    }
    contributions
        .sort_by(|a, b| b.mean_absolute.total_cmp(&a.mean_absolute).then_with(|| a.feature.cmp(&b.feature)));
    contributions.truncate(MOST_FEATURES);
    Ok(contributions)
}

/// Rank of each value from 0 to 1; `None` for missing ones.
fn ranks(values: &[f32]) -> Vec<Option<f64>> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let most = sorted.len().saturating_sub(1).max(1) as f64;
    let rank =
        |value: &f32| value.is_finite().then(|| sorted.partition_point(|other| other < value) as f64 / most);
    values.iter().map(rank).collect()
}

/// Correlation of contributions with ranks.
fn correlation(contributions: &[f64], ranks: &[Option<f64>]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> =
        contributions.iter().zip(ranks).filter_map(|(value, rank)| Some((*value, (*rank)?))).collect();
    let count = pairs.len() as f64;
    let (mean_a, mean_b) =
        pairs.iter().fold((0.0, 0.0), |(a, b), (value, rank)| (a + value / count, b + rank / count));
    let (mut both, mut a, mut b) = (0.0, 0.0, 0.0);
    for (value, rank) in pairs {
        both += (value - mean_a) * (rank - mean_b);
        a += (value - mean_a).powi(2);
        b += (rank - mean_b).powi(2);
    }
    (a > 0.0 && b > 0.0).then(|| both / (a * b).sqrt())
}

/// The words with the largest effects in the ridge.
fn words(predictor: &SalaryPredictor) -> Vec<WordEffect> {
    let mut effects: Vec<(f32, String)> = predictor
        .stack
        .transformers
        .rich_weights()
        .into_iter()
        .filter_map(|(name, weight)| Some((weight, name.strip_prefix("word:")?.to_owned())))
        .collect();
    effects.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let low = effects.len().saturating_sub(MOST_WORDS).max(MOST_WORDS.min(effects.len()));
    let shown = effects.iter().take(MOST_WORDS).chain(&effects[low..]);
    shown
        .map(|(effect, word)| WordEffect { word: word.clone(), effect: f64::from(*effect), ads: 0 })
        .collect()
}

/// Errors of the ridge on TF-IDF, fitted to parts of the training ads, on the validation part.
fn learning_curve(run: &Run<'_>, splits: &Splits) -> Result<Vec<LearningPoint>> {
    let validation = &splits.parts.validation;
    if validation.is_empty() {
        return Ok(Vec::new());
    }
    let parts = learning_curve_rows(&splits.parts.train, &run.market.data.families, &CURVE, run.options.seed);
    let mut points = Vec::new();
    for part in parts.iter().filter(|part| part.len() >= MIN_CURVE) {
        let predictions = fit_and_predict(run.market, &TextRidge, part, validation)?;
        let scored = predictions.score(run.market, validation, run.options.seed)?;
        points.push(LearningPoint {
            ads: part.len() as u64,
            mae: Estimate::within(scored.metrics.mae, scored.intervals.mae.low, scored.intervals.mae.high),
            r2: scored.metrics.r2,
        });
    }
    Ok(points)
}

/// How far the nearest ads of other families agree.
fn ceiling(market: &Market<'_>) -> Result<Vec<CeilingPoint>> {
    let vectors: Vec<&[f32]> = (0..market.ads.len()).map(|row| market.data.table.embedding(row)).collect();
    let rows = market.rows();
    let Some(found) = neighbour_ceiling(&vectors, &market.data.families, &market.salaries(&rows))? else {
        return Ok(Vec::new());
    };
    let mut points = Vec::new();
    if let Some(mae) = found.near_mae {
        let pairs_of = "ads that are nearly alike (cosine of at least 0.95)".to_owned();
        points.push(CeilingPoint { pairs_of, pairs: found.near_rows, mae, r2: None });
    }
    let pairs_of = "ads and their nearest neighbour".to_owned();
    points.push(CeilingPoint { pairs_of, pairs: found.rows, mae: found.mae, r2: None });
    Ok(points)
}

/// Groups of columns by the beginning of their name.
const GROUPS: [(&str, &[&str]); 8] = [
    ("ridge on texts", &["ridge"]),
    ("neighbours", &["neighbours_"]),
    ("company", &["mean_of_company", "company_"]),
    ("location", &["mean_of_location", "location"]),
    ("singular vectors of words", &["svd_"]),
    ("date", &["posted_day", "month", "is_weekend", "age_when_seen"]),
    ("classification, work type, source", &["classification", "work_type", "source", "industry"]),
    (
        "numbers in texts",
        &[
            "title_length",
            "description",
            "has_description",
            "years_",
            "level",
            "degree",
            "skills",
            "is_contract",
            "is_part",
            "is_shift",
        ],
    ),
];

/// What the trees lose on the validation part if a group of columns is missing.
fn ablation(run: &Run<'_>, splits: &Splits) -> Result<Vec<Ablation>> {
    let (train, validation) = (&splits.parts.train, &splits.parts.validation);
    let data = &run.market.data;
    let weights = run.recipe.weights(data, train);
    let dated = run.recipe.dated;
    let sample = Sample { rows: train, weights: &weights, seed: run.options.seed, dated, with_kernel: false };
    let (transformers, fitted) = Transformers::fit(data, sample)?;
    let judged = transformers.transform(&data.table, validation)?.columns;
    let names = transformers.names();
    let without = |hidden: &[usize]| -> Result<Vec<f64>> {
        let hide = |columns: &[f32]| -> Vec<f32> {
            let keep = |(at, value): (usize, &f32)| {
                if hidden.contains(&(at % names.len())) { f32::NAN } else { *value }
            };
            columns.iter().enumerate().map(keep).collect()
        };
        let StackRecipe { trees, seed, threads, .. } = run.recipe;
        let fit = Fit { parameters: trees, objective: Objective::L1, seed: *seed, threads: *threads };
        let values = hide(&fitted.transformed.columns);
        let seen = Columns { values: &values, names: &names, categorical: &transformers.categorical() };
        let booster = fit.train(&seen, &data.targets(train), &weights)?;
        let predicted = booster.predict(Matrix { values: &hide(&judged), columns: names.len() })?;
        Ok(predicted.into_iter().map(f64::exp).collect())
    };
    let (actual, families) = (run.market.salaries(validation), run.market.families(validation));
    let whole = without(&[])?;
    let r2 = evaluate_regression(&actual, &whole)?.r2;
    let mut measured = Vec::new();
    for (group, starts) in GROUPS {
        let is_hidden = |name: &String| starts.iter().any(|start| name.starts_with(start));
        let hidden: Vec<usize> = (0..names.len()).filter(|at| is_hidden(&names[*at])).collect();
        let part = without(&hidden)?;
        let metrics = evaluate_regression(&actual, &part)?;
        let paired = paired_difference(&actual, &part, &whole, &families, run.options.seed)?;
        let error = evaluate_regression(&actual, &whole)?.mae;
        measured.push(Ablation {
            group: group.to_owned(),
            columns: hidden.len() as u64,
            mae_change: Estimate::within(metrics.mae - error, paired.mae.low, paired.mae.high),
            r2_change: metrics.r2.zip(r2).map(|(without, with)| without - with),
        });
    }
    Ok(measured)
}
