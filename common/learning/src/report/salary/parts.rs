//! What a [`SalaryReport`](super::SalaryReport) is filled with.

use chrono::NaiveDate;
use serde::Serialize;

use common_core::job::Timestamp;

/// Bounds that a model should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Targets {
    /// Root of the mean squared error, below.
    pub rmse: f64,
    /// Mean absolute error, below.
    pub mae: f64,
    /// Explained share of the variance, above.
    pub r2: f64,
}

/// A measured value with the ends of its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Estimate {
    /// The value.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

impl Estimate {
    /// A value without an interval.
    pub fn of(value: f64) -> Self {
        Self { value: Some(value), low: None, high: None }
    }

    /// A value with its interval.
    pub fn within(value: f64, low: f64, high: f64) -> Self {
        Self { value: Some(value), low: Some(low), high: Some(high) }
    }

    /// The ends of the interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }
}

/// Whether the version became champion, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether it is champion now.
    pub promoted: bool,
    /// The reason, a sentence.
    pub reason: String,
}

/// The ads that the run read.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Data {
    /// Ads read, of all currencies, with and without salary.
    pub ads: u64,
    /// Ads of this currency that state a salary.
    pub with_salary: u64,
    /// Ads that are left after those set aside: the sum of all parts.
    pub used: u64,
    /// Families of reposts among them.
    pub families: Option<u64>,
    /// Date of the oldest and of the newest ad among them.
    pub posted: Option<(NaiveDate, NaiveDate)>,
    /// Ads of this currency with a salary that were not used, by reason.
    pub set_aside: Vec<SetAside>,
    /// All currencies that ads state.
    pub currencies: Vec<CurrencyAds>,
    /// Salaries of the ads used, in any order.
    pub salaries: Vec<f64>,
}

/// Ads that were not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// The reason, for example `annual figure in a monthly column`.
    pub reason: String,
    /// Their number.
    pub ads: u64,
    /// How they are recognised, or an empty text.
    pub rule: String,
}

/// The ads with a salary in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CurrencyAds {
    /// Code of the currency.
    pub currency: String,
    /// Their number.
    pub ads: u64,
    /// What became of them, for example `this model` or `left out: fewer than 500 ads`.
    pub outcome: String,
}

/// A part of the ads: training, validation or test.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SplitPart {
    /// Its name.
    pub name: String,
    /// Date of its oldest ad.
    pub from: Option<NaiveDate>,
    /// Date of its newest ad.
    pub to: Option<NaiveDate>,
    /// Number of ads.
    pub ads: u64,
    /// Number of families of reposts.
    pub families: Option<u64>,
    /// Median salary.
    pub median_salary: Option<f64>,
    /// Ads by stratum, in the same order in each part; a stratum that is absent has none.
    pub strata: Vec<(String, u64)>,
}

/// A fold of the walk-forward evaluation: fitted on what is older, judged on what is newer.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Fold {
    /// Date of the newest ad that models were fitted on.
    pub train_to: Option<NaiveDate>,
    /// Date of the oldest ad that was judged.
    pub from: Option<NaiveDate>,
    /// Date of the newest ad that was judged.
    pub to: Option<NaiveDate>,
    /// Number of ads that models were fitted on.
    pub train_ads: u64,
    /// Number of ads that were judged.
    pub ads: u64,
    /// Mean absolute error of the published model's recipe.
    pub mae: Option<f64>,
    /// Mean absolute error of the baseline.
    pub baseline_mae: Option<f64>,
}

/// The scores of all models on the same ads.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Evaluation {
    /// How the ads were chosen and used, in a sentence.
    pub note: String,
    /// Number of ads.
    pub ads: u64,
    /// Models, baselines first.
    pub models: Vec<ModelScores>,
    /// The same models on the ads whose maximum is at most three times their minimum.
    pub narrow: Option<NarrowScores>,
}

/// Scores on the ads that state a narrow range: maximum at most three times the minimum.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct NarrowScores {
    /// Number of ads.
    pub ads: u64,
    /// Models, in the order of the full set.
    pub models: Vec<ModelScores>,
}

/// The scores of one model.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ModelScores {
    /// Name of the model.
    pub name: String,
    /// Root of the mean squared error.
    pub rmse: Estimate,
    /// Mean absolute error.
    pub mae: Estimate,
    /// Explained share of the variance.
    pub r2: Estimate,
    /// Mean absolute percentage error as share: 0.2 is 20%.
    pub mape: Option<f64>,
    /// Median absolute percentage error as share.
    pub median_ape: Option<f64>,
    /// Seconds to fit.
    pub fit_seconds: Option<f64>,
    /// Seconds to predict all ads.
    pub predict_seconds: Option<f64>,
}

/// Ads that the published model was judged on without having seen them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Judged {
    /// Which ads, for example `the walk-forward folds`; sentences say "on {part}".
    pub part: String,
    /// Inner limits of the salary bands, increasing; quartiles if empty.
    pub band_limits: Vec<f64>,
    /// The ads.
    pub ads: Vec<JudgedAd>,
}

/// An ad that the model was judged on.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct JudgedAd {
    /// Midpoint of the stated salary.
    pub actual: f64,
    /// Predicted midpoint.
    pub predicted: f64,
    /// Ends of the prediction interval.
    pub interval: Option<(f64, f64)>,
    /// `salary_confidence`: the chance that the midpoint lies within ±20% of the prediction.
    pub confidence: Option<f64>,
    /// Classification of the ad.
    pub classification: String,
    /// Work type of the ad.
    pub work_type: String,
    /// When the ad was posted.
    pub posted: Option<Timestamp>,
}

/// Facts about the prediction interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntervalFacts {
    /// Share of the ads that the interval should cover, for example 0.9.
    pub level: f64,
    /// Least and largest share that counts as reached, for example 0.88 and 0.92.
    pub accepted: (f64, f64),
    /// Largest accepted ratio of the upper to the lower end.
    pub widest_ratio: Option<f64>,
    /// How the interval is made, in a sentence.
    pub method: String,
}

/// The importance of a feature.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Importance {
    /// Name of the feature.
    pub feature: String,
    /// Share of the total gain of the trees.
    pub gain: Option<f64>,
    /// Increase of the mean absolute error if the feature is shuffled.
    pub permutation: Option<Estimate>,
}

/// Contributions of a feature (SHAP values) to predictions of the log salary.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Contribution {
    /// Name of the feature.
    pub feature: String,
    /// Mean of the absolute contributions.
    pub mean_absolute: f64,
    /// Rank correlation of contribution and value: positive if larger values raise the prediction; none for
    /// categories.
    pub direction: Option<f64>,
    /// Contributions of some ads, each with the rank of the feature's value among them from 0 to 1.
    pub examples: Vec<(f64, Option<f64>)>,
}

/// The effect of a word on the prediction.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct WordEffect {
    /// The word or words.
    pub word: String,
    /// Effect on the log salary of an ad with the word.
    pub effect: f64,
    /// Number of training ads with the word.
    pub ads: u64,
}

/// What the removal of a group of features costs.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Ablation {
    /// Name of the group.
    pub group: String,
    /// Number of its columns.
    pub columns: u64,
    /// Mean absolute error without the group minus that with it: positive if the group helps.
    pub mae_change: Estimate,
    /// The same of R²: negative if the group helps.
    pub r2_change: Option<f64>,
}

/// How well a feature predicts the salary by itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LeakageCheck {
    /// Name of the feature.
    pub feature: String,
    /// R² of the feature alone.
    pub alone: Option<f64>,
    /// Largest accepted R².
    pub limit: f64,
    /// Whether the gate lets the feature pass.
    pub passed: bool,
}

/// The error of the model when it is fitted on some of the training ads.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LearningPoint {
    /// Number of training ads.
    pub ads: u64,
    /// Mean absolute error.
    pub mae: Estimate,
    /// Explained share of the variance.
    pub r2: Option<f64>,
}

/// How far pairs of similar ads of different families agree on the salary.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CeilingPoint {
    /// Which pairs, for example `cosine above 0.97`.
    pub pairs_of: String,
    /// Number of pairs.
    pub pairs: u64,
    /// Mean absolute difference of their salaries.
    pub mae: f64,
    /// R² of one salary as prediction of the other.
    pub r2: Option<f64>,
}

/// The comparison with the previous champion's recipe, both fitted on the same ads and judged on the same ads.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ChampionComparison {
    /// Version of the previous champion.
    pub version: String,
    /// Number of ads that both recipes were judged on.
    pub ads: u64,
    /// Differences of scores.
    pub differences: Vec<PairedDifference>,
    /// Features that the previous champion lacks.
    pub features_added: Vec<String>,
    /// Features that only the previous champion has.
    pub features_removed: Vec<String>,
    /// Scores of the stored champion on ads posted after its training.
    pub stored: Option<StoredChampion>,
}

/// A score of both recipes, with the difference of paired predictions.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PairedDifference {
    /// Name of the score, for example `MAE`.
    pub score: String,
    /// Of the champion's recipe.
    pub champion: f64,
    /// Of this version's recipe.
    pub candidate: f64,
    /// Candidate minus champion.
    pub difference: Estimate,
    /// Whether a smaller score is better.
    pub smaller_is_better: bool,
}

/// The stored champion on ads that it cannot have seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StoredChampion {
    /// The moment up to which it was trained.
    pub trained_until: Option<NaiveDate>,
    /// Number of ads posted later.
    pub ads: u64,
    /// Its mean absolute error on them.
    pub mae: Estimate,
    /// Its R² on them.
    pub r2: Estimate,
}

/// A trial of the tuning.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Trial {
    /// Its number, from 0.
    pub number: u64,
    /// Its outcome, for example `complete` or `pruned`.
    pub outcome: String,
    /// What is minimised.
    pub loss: Option<f64>,
    /// Seconds it took.
    pub seconds: Option<f64>,
    /// Names and values of the parameters, in the same order in each trial.
    pub parameters: Vec<(String, String)>,
}

/// What a model was made from.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Lineage {
    /// Version of the embedding model.
    pub embedding_model_version: String,
    /// Hash of the feature schema.
    pub feature_schema_hash: String,
    /// Version of the program.
    pub code_version: String,
    /// Seed of all random choices.
    pub seed: u64,
    /// Dates of the oldest and the newest ad that the published model was fitted on.
    pub trained_on: Option<(NaiveDate, NaiveDate)>,
    /// Number of ads that the published model was fitted on.
    pub training_ads: u64,
    /// More facts: names and values.
    pub more: Vec<(String, String)>,
}
