//! What a [`RoleReport`](super::RoleReport) is filled with.

use chrono::NaiveDate;
use serde::Serialize;

use crate::evaluation::classification::ClassMetrics;
use crate::evaluation::classification::confusion::Confusion;
use crate::evaluation::coverage::Reliability;
use crate::report::salary::Estimate;

/// Bounds that a role classifier should reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RoleTargets {
    /// Mean F1 of the classes, above.
    pub macro_f1: f64,
    /// Share of the ads whose class is among the three most probable, above.
    pub top_3: f64,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RoleClass {
    /// Its name.
    pub name: String,
    /// Number of ads that the published model was fitted on.
    pub ads: u64,
    /// Its most telling words, the most telling first.
    pub words: Vec<String>,
}

/// The ads that the run read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RoleAds {
    /// Ads read, with and without a classification.
    pub ads: u64,
    /// Ads without a classification, which are not trained on.
    pub without_class: u64,
    /// Ads with a classification: the training ads.
    pub used: u64,
    /// Families of reposts among them.
    pub families: Option<u64>,
    /// Date of the oldest and of the newest ad among them.
    pub posted: Option<(NaiveDate, NaiveDate)>,
    /// Ads that a classification needs for a class of its own.
    pub min_class_ads: u32,
    /// Code of the class of all rarer classifications; `None` if none is rare.
    pub other: Option<u32>,
}

/// A part of the ads: training, validation or test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RolePart {
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
    /// Number of classes that its ads are of.
    pub classes: u64,
}

/// A fold of the walk-forward evaluation: fitted on what is older, judged on what is newer.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RoleFold {
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
    /// Mean F1 of the classes by the published model's recipe.
    pub macro_f1: Option<f64>,
    /// Share of the ads whose class is among its three most probable.
    pub top_3: Option<f64>,
    /// Share of the ads whose predicted class is right.
    pub accuracy: Option<f64>,
}

/// The scores of all models on the same ads, and more about the published one.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RoleEvaluation {
    /// How the ads were chosen and used, in a sentence.
    pub note: String,
    /// Number of ads.
    pub ads: u64,
    /// Models, baselines first.
    pub models: Vec<RoleScores>,
    /// The published model against each other one.
    pub differences: Vec<RoleDifference>,
    /// The published model by class, in any order.
    pub by_class: Vec<ClassMetrics>,
    /// Which classes the published model takes for which.
    pub confusion: Option<Confusion>,
    /// The published model's probabilities against the share of the most probable classes that are right.
    pub reliability: Option<Reliability>,
}

impl RoleEvaluation {
    /// The scores of a model by its name.
    pub fn score(&self, model: &str) -> Option<&RoleScores> {
        self.models.iter().find(|scores| scores.name == model)
    }
}

/// The scores of one model.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RoleScores {
    /// Name of the model.
    pub name: String,
    /// Mean F1 of the classes.
    pub macro_f1: Estimate,
    /// Share of the ads whose class is among the three most probable.
    pub top_3: Estimate,
    /// Share of the ads whose predicted class is right.
    pub accuracy: Estimate,
    /// Mean F1 of the classes, weighted by their ads.
    pub weighted_f1: Option<f64>,
    /// Mean of `-ln` of the actual class's probability.
    pub log_loss: Option<f64>,
    /// Expected calibration error of the largest probability.
    pub calibration_error: Estimate,
    /// Seconds of all fits.
    pub fit_seconds: Option<f64>,
    /// Seconds to predict all ads.
    pub predict_seconds: Option<f64>,
}

/// Differences between the published model and another one on the same ads: published minus other.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RoleDifference {
    /// Name of the other model.
    pub other: String,
    /// Difference of the mean F1.
    pub macro_f1: Estimate,
    /// Difference of top-3.
    pub top_3: Estimate,
    /// Difference of the accuracy.
    pub accuracy: Estimate,
}
