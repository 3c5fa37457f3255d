//! The page of a role classifier: what it is, how good it is, which classes it takes for which, and what it cannot do.
//!
//! The training function fills [`RoleReport`] and stores the string of [`RoleReport::render`] beside the model. What is
//! absent (`None`, an empty list) is left out of the page; a number that is not finite is shown as "–".
//!
//! - `parts`: what the report is filled with
//! - `headline`, `data`, `scores`, `classes`, `confusion`, `trust`, `copies`, `limits`: sections

mod classes;
mod confusion;
mod copies;
mod data;
mod headline;
mod limits;
mod parts;
mod scores;
mod trust;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::html::{Page, Section};
use super::salary::{ChampionComparison, Decision, Lineage};
use super::shared::{against_champion, lineage};
use crate::evaluation::classification::copies::TextCeiling;
pub use parts::*;

/// The mission's targets for unseen ads: macro-F1 and top-3 above.
pub const TARGETS: RoleTargets = RoleTargets { macro_f1: 0.6, top_3: 0.85 };

/// Decimals of scores.
const DIGITS: usize = 3;

/// Ads that a class needs to be named in sentences about the best and the worst one.
const NAMED: u64 = 20;

/// Everything that the page of a role classifier says. Codes of classes are places in [`Self::classes`].
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RoleReport {
    /// Kind of the model in the registry, for example `role_classifier`.
    pub kind: String,
    /// Version in the registry, for example `v3`.
    pub version: String,
    /// When the training ended.
    pub created_at: DateTime<Utc>,
    /// What the model does, in one or two sentences.
    pub description: String,
    /// Whether the version became champion.
    pub decision: Option<Decision>,
    /// Name of the published model among [`RoleEvaluation::models`].
    pub model: String,
    /// Name of the baseline that sentences compare it with, among [`RoleEvaluation::models`].
    pub baseline: String,
    /// The classes in the order of their codes.
    pub classes: Vec<RoleClass>,
    /// The ads.
    pub data: RoleAds,
    /// Training, validation and test part, in this order.
    pub parts: Vec<RolePart>,
    /// Folds of the walk-forward evaluation, oldest first.
    pub folds: Vec<RoleFold>,
    /// Scores on ads that each model had not seen, pooled over the walk-forward folds.
    pub walk_forward: Option<RoleEvaluation>,
    /// Scores on the test part, which is scored once.
    pub test: Option<RoleEvaluation>,
    /// What ads with identical texts say about the labels themselves.
    pub ceiling: Option<TextCeiling>,
    /// The comparison with the champion before this run. Its lists of features are not shown.
    pub champion: Option<ChampionComparison>,
    /// What the model was made from.
    pub lineage: Lineage,
    /// What the model cannot do, in sentences; sentences from the measurements are added to them.
    pub limits: Vec<String>,
}

impl RoleReport {
    /// The page: one HTML document that requests nothing. The same report gives the same bytes.
    pub fn render(&self) -> String {
        let mut sections = vec![headline::section(self), data::section(self), data::splits(self)];
        sections.extend([scores::section(self), classes::section(self), confusion::section(self)]);
        sections.extend([trust::section(self), classes::words(self), copies::section(self)]);
        sections.extend([self.champion_section(), lineage(&self.lineage), limits::section(self)]);
        Page {
            title: format!("Role classifier {} {}", self.kind, self.version),
            subtitle: format!(
                "Classifications of job ads; trained {}",
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

    fn champion_section(&self) -> Section {
        let mut section = Section::new("champion", "Changes against the champion");
        if let Some(comparison) = &self.champion {
            against_champion(comparison, &mut section);
        }
        section
    }

    /// The parts that were judged, with their names: walk-forward, then test.
    fn judged(&self) -> Vec<(&'static str, &RoleEvaluation)> {
        [("walk-forward", &self.walk_forward), ("test", &self.test)]
            .into_iter()
            .filter_map(|(part, evaluation)| Some((part, evaluation.as_ref()?)))
            .collect()
    }

    /// The scores of the published model on each judged part, with the part's name.
    fn published(&self) -> Vec<(&'static str, &RoleScores)> {
        self.judged()
            .into_iter()
            .filter_map(|(part, evaluation)| Some((part, evaluation.score(&self.model)?)))
            .collect()
    }

    /// The name of a class; `class 7` if it has none.
    fn class(&self, code: u32) -> String {
        match self.classes.get(code as usize) {
            Some(class) if !class.name.is_empty() => class.name.clone(),
            _ => format!("class {code}"),
        }
    }
}

#[cfg(test)]
mod tests;
