//! The page of a salary model: what it is, how good it is, what it rests on, and what it cannot do.
//!
//! The training function fills [`SalaryReport`] and stores the string of [`SalaryReport::render`] beside the model.
//! What is absent (`None`, an empty list) is left out of the page; a number that is not finite is shown as "–".
//! Errors by group, coverage and calibration are computed here, from [`SalaryReport::judged`].
//!
//! - `parts`: what the report is filled with
//! - `judged`: groups of judged ads with their errors
//! - `headline`, `data`, `scores`, `errors`, `trust`, `explain`, `evidence`, `history`, `limits`: sections

mod data;
mod errors;
mod evidence;
mod explain;
mod headline;
mod history;
mod judged;
mod limits;
mod parts;
mod scores;
mod trust;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::html::Page;
use super::numbers::number;
use super::shared::{cell, date, estimate, lineage};
pub use parts::*;

/// The mission's targets, in the model's currency per month: RMSE and MAE below, R² above.
pub const TARGETS: Targets = Targets { rmse: 1500.0, mae: 1000.0, r2: 0.7 };

/// Everything that the page of a salary model says. Amounts are per month in [`Self::currency`].
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SalaryReport {
    /// Kind of the model in the registry, for example `salary_predictor_gbp`.
    pub kind: String,
    /// Version in the registry, for example `v3`.
    pub version: String,
    /// Code of the currency.
    pub currency: String,
    /// When the training ended.
    pub created_at: DateTime<Utc>,
    /// What the model does, in one or two sentences.
    pub description: String,
    /// Whether the version became champion.
    pub decision: Option<Decision>,
    /// Name of the published model among [`Evaluation::models`].
    pub model: String,
    /// Name of the baseline that sentences compare it with, among [`Evaluation::models`].
    pub baseline: String,
    /// The ads and what was set aside.
    pub data: Data,
    /// Training, validation and test part, in this order.
    pub parts: Vec<SplitPart>,
    /// Folds of the walk-forward evaluation, oldest first.
    pub folds: Vec<Fold>,
    /// Scores on ads that each model had not seen, pooled over the walk-forward folds.
    pub walk_forward: Option<Evaluation>,
    /// Scores on the validation part.
    pub validation: Option<Evaluation>,
    /// Scores on the test part, which is scored once.
    pub test: Option<Evaluation>,
    /// Ads that the published model was judged on, for errors by group, coverage and calibration.
    pub judged: Option<Judged>,
    /// The prediction interval.
    pub interval: Option<IntervalFacts>,
    /// Features of the published model, the most important first.
    pub importance: Vec<Importance>,
    /// Contributions of features to predictions of single ads, the strongest first.
    pub contributions: Vec<Contribution>,
    /// Words that move the prediction, in any order.
    pub words: Vec<WordEffect>,
    /// What the removal of a group of features costs.
    pub ablation: Vec<Ablation>,
    /// Result of the leakage gate for each feature that was checked, the most suspicious first.
    pub leakage: Vec<LeakageCheck>,
    /// Error against the number of training ads, fewest first.
    pub learning_curve: Vec<LearningPoint>,
    /// How far ads that are nearly alike agree, most alike first: what no model can beat.
    pub neighbour_ceiling: Vec<CeilingPoint>,
    /// The comparison with the champion before this run.
    pub champion: Option<ChampionComparison>,
    /// Trials of the tuning, in any order.
    pub trials: Vec<Trial>,
    /// What the model was made from.
    pub lineage: Lineage,
    /// What the model cannot do, in sentences; sentences from the measurements are added to them.
    pub limits: Vec<String>,
}

impl SalaryReport {
    /// The page: one HTML document that requests nothing. The same report gives the same bytes.
    pub fn render(&self) -> String {
        let judged = self.usable();
        let groups = judged::Groups::of(self, &judged);
        let mut sections = vec![headline::section(self, &judged), data::section(self), data::splits(self)];
        sections.extend([scores::section(self), errors::agreement(self, &judged)]);
        sections.extend([errors::residuals(self, &judged), errors::groups(self, &groups)]);
        sections.extend([trust::intervals(self, &judged, &groups), trust::confidence(&judged)]);
        sections.extend([explain::importance(self), explain::contributions(self), explain::words(self)]);
        sections.extend([explain::ablation(self), explain::leakage(self), evidence::section(self)]);
        sections.extend([history::champion(self), history::trials(self), lineage(&self.lineage)]);
        sections.push(limits::section(self, &judged, &groups));
        Page {
            title: format!("Salary model {} {}", self.kind, self.version),
            subtitle: format!(
                "Monthly salaries in {}; trained {}",
                self.currency,
                self.created_at.format("%-d %B %Y, %H:%M UTC")
            ),
            sections,
            footer: format!(
                "{} {}, code version {}. Intervals of scores are 95% bootstrap intervals unless said otherwise; – is \
                 a number that is missing.",
                self.kind, self.version, self.lineage.code_version
            ),
        }
        .render()
    }

    /// The judged ads whose actual and predicted salaries are finite and positive.
    fn usable(&self) -> Vec<&JudgedAd> {
        let is_usable = |ad: &&JudgedAd| {
            [ad.actual, ad.predicted].iter().all(|amount| amount.is_finite() && *amount > 0.0)
        };
        self.judged.iter().flat_map(|judged| &judged.ads).filter(is_usable).collect()
    }

    /// An amount with the currency.
    fn money(&self, amount: f64) -> String {
        format!("{} {}", self.currency, number(amount, 0))
    }

    /// The evaluation that sentences quote, with its name: test, else walk-forward, else validation.
    fn quoted(&self) -> Option<(&'static str, &Evaluation)> {
        [("test", &self.test), ("walk-forward", &self.walk_forward), ("validation", &self.validation)]
            .into_iter()
            .find_map(|(name, evaluation)| evaluation.as_ref().map(|evaluation| (name, evaluation)))
    }
}

#[cfg(test)]
mod tests;
