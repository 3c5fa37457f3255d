//! Models of roles judged on ads that they were not fitted to.

use common_core::Result;
use serde::Serialize;

use super::market::RoleMarket;
use crate::evaluation::classification::confusion::Confusion;
use crate::evaluation::classification::intervals::{
    ClassIntervals, PairedClasses, class_intervals, paired_classes,
};
use crate::evaluation::classification::{ClassMetrics, ClassificationMetrics, Classified};
use crate::evaluation::coverage::Reliability;
use crate::models::role::mix::Decisions;

/// What one model says about the judged ads of one or several parts.
#[derive(Debug, Clone, Default)]
pub struct RolePredictions {
    /// Name of the model.
    pub model: String,
    /// Its labels and probabilities.
    pub decisions: Decisions,
    /// Time of all fits; 0 for the members of the mix, whose time is that of the mix.
    pub fit_seconds: f64,
    /// Time of all predictions.
    pub predict_seconds: f64,
}

/// A model's scores on a part.
#[derive(Debug, Clone, Serialize)]
pub struct RoleScored {
    /// Name of the model.
    pub model: String,
    /// Its metrics.
    pub metrics: ClassificationMetrics,
    /// 95% intervals of its metrics.
    pub intervals: ClassIntervals,
    /// Its probabilities against the share of the most probable classes that are right.
    pub reliability: Reliability,
}

/// Judged predictions of all models on the same rows.
#[derive(Debug, Default)]
pub struct JudgedRoles {
    /// The rows, in the order of the predictions.
    pub rows: Vec<u32>,
    /// Each model's predictions, the published one last.
    pub predictions: Vec<RolePredictions>,
    /// Each model's scores.
    pub scores: Vec<RoleScored>,
    /// The published model against each other one.
    pub against: Vec<(String, PairedClasses)>,
    /// The published model by class.
    pub by_class: Vec<ClassMetrics>,
    /// Which classes the published model takes for which; `None` without rows.
    pub confusion: Option<Confusion>,
}

impl RolePredictions {
    /// Adds the predictions of another part.
    pub fn extend(&mut self, other: Self) {
        self.decisions.extend(other.decisions);
        self.fit_seconds += other.fit_seconds;
        self.predict_seconds += other.predict_seconds;
    }

    /// The predictions beside the actual classes of the rows.
    fn beside<'a>(&'a self, actual: &'a [u32], classes: usize) -> Classified<'a> {
        let Decisions { labels, probabilities } = &self.decisions;
        Classified { actual, predicted: labels, probabilities, classes }
    }
}

impl JudgedRoles {
    /// Scores the predictions for `rows`, of which the last are those of the published model.
    ///
    /// # Errors
    /// `Internal` if a prediction is not finite.
    pub fn of(
        market: &RoleMarket<'_>,
        rows: Vec<u32>,
        predictions: Vec<RolePredictions>,
        seed: u64,
    ) -> Result<Self> {
        let mut judged = Self { rows, predictions, ..Self::default() };
        if judged.rows.is_empty() {
            return Ok(judged);
        }
        let actual = market.data.labels_of(&judged.rows);
        let families = market.families(&judged.rows);
        let beside: Vec<Classified<'_>> =
            judged.predictions.iter().map(|own| own.beside(&actual, market.data.classes)).collect();
        for (own, classified) in judged.predictions.iter().zip(&beside) {
            judged.scores.push(RoleScored {
                model: own.model.clone(),
                metrics: classified.metrics()?,
                intervals: class_intervals(classified, &families, seed)?,
                reliability: classified.calibration()?,
            });
        }
        if let Some((published, others)) = beside.split_last() {
            for (other, own) in others.iter().zip(&judged.predictions) {
                let paired = paired_classes(published, other, &families, seed)?;
                judged.against.push((own.model.clone(), paired));
            }
            judged.by_class = published.by_class()?;
            judged.confusion = Some(Confusion::of(published.actual, published.predicted));
        }
        Ok(judged)
    }

    /// The scores of a model by its name.
    pub fn score(&self, model: &str) -> Option<&RoleScored> {
        self.scores.iter().find(|scored| scored.model == model)
    }
}
