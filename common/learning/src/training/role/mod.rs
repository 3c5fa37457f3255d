//! The whole training of a model of roles: from the ads of all currencies to a classifier with its evidence.
//!
//! - [`market`]: the ads that state a classification
//! - [`judge`]: models judged on ads that they were not fitted to
//! - `choice`: what is chosen on the walk-forward folds
//! - [`page`]: the report of a training

mod choice;
pub mod judge;
pub mod market;
pub mod page;

use std::time::Instant;

use common_core::Result;
use serde::{Deserialize, Serialize};

use super::Observer;
use super::splits::Splits;
use crate::evaluation::classification::Classified;
use crate::evaluation::classification::copies::{TextCeiling, text_ceiling};
use crate::evaluation::classification::intervals::PairedClasses;
use crate::evaluation::classification::words::telling_words;
use crate::evaluation::coverage::Reliability;
use crate::evaluation::split::Fold;
use crate::models::role::boosted::BoostedRoles;
use crate::models::role::classifier::TrainingRoles;
use crate::models::role::labels::MIN_ADS;
use crate::models::role::logistic::LogisticParameters;
use crate::models::role::majority::Majority;
use crate::models::role::mix::{Decisions, MIX, Members, MixRecipe};
use crate::models::role::text::TextLogistic;
use crate::models::role::{ClassWeights, RoleClassifier, RoleRecipe};
use crate::models::trees::TreeParameters;
use choice::{Choice, Said};
use judge::{JudgedRoles, RolePredictions, RoleScored};
use market::RoleMarket;

/// Trees of the LightGBM that the model is compared with: one a class in every round.
const TREES: TreeParameters = TreeParameters { rate: 0.1, rounds: 60, ..TreeParameters::DEFAULT };
/// Words of each class in the evidence.
const WORDS: usize = 10;
/// Parameters of the TF-IDF logistic regression that the model is compared with: those of the mix's members.
const PEER_PARAMETERS: LogisticParameters = LogisticParameters { c: 10.0, weights: ClassWeights::None };

/// Parameters of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleOptions {
    /// Seed of every sample.
    pub seed: u64,
    /// CPU threads of LightGBM. The result does not depend on it.
    pub threads: usize,
    /// A quick training: fewer folds and models.
    pub quick: bool,
    /// Ads that a classification needs for a class of its own.
    pub min_class_ads: u32,
    /// The model.
    pub recipe: MixRecipe,
}

impl RoleOptions {
    /// The default options.
    pub fn new(seed: u64, threads: usize) -> Self {
        Self { seed, threads, quick: false, min_class_ads: MIN_ADS, recipe: MixRecipe::default() }
    }
}

/// A trained model of roles.
#[derive(Debug)]
pub struct TrainedRoles {
    /// The model, fitted to all ads.
    pub classifier: RoleClassifier,
    /// Walk-forward folds.
    pub folds: Vec<Fold>,
    /// The splits.
    pub splits: Splits,
    /// Walk-forward predictions before the test. What a training chooses is chosen for each fold on the others.
    pub walk_forward: JudgedRoles,
    /// The published model's probabilities for the folds after the first, each calibrated on the folds before it alone;
    /// `None` with fewer than two folds.
    pub calibrated_before: Option<Reliability>,
    /// Predictions of the test window, made once, calibrated on the walk-forward folds.
    pub test: JudgedRoles,
    /// The champion's recipe on the test window: its scores, and the new recipe against it.
    pub champion: Option<(RoleScored, PairedClasses)>,
    /// How well the other copies of an ad predict its class; `None` if no text has several ads.
    pub ceiling: Option<TextCeiling>,
    /// The most telling words of each class.
    pub words: Vec<Vec<String>>,
}

/// Trains a model of roles, and judges it. Returns `None` if the observer stops it.
///
/// # Errors
/// Errors of the models.
pub fn train(
    market: &RoleMarket<'_>,
    options: &RoleOptions,
    champion: Option<&MixRecipe>,
    observer: &dyn Observer,
) -> Result<Option<TrainedRoles>> {
    let splits = market.splits(options.quick)?;
    let run = Run { market, options, observer };
    observer.stage("walking forward", splits.folds.len());
    let Some(parts) = run.walk_forward(&splits)? else { return Ok(None) };
    let choice = run.choice(parts.iter());
    let recipe = MixRecipe { pool: choice.pool, label_tau: choice.label_tau, ..options.recipe.clone() };
    let calibrated_before = run.calibrated_before(&parts)?;
    let walk_forward = run.judged_forward(parts)?;
    observer.stage("judging on the test window", 1);
    let part = run.predict(&recipe, &splits.early, &splits.parts.test)?;
    let champion_part = match champion {
        Some(recipe) => Some((recipe, run.predict_mix(recipe, &splits.early, &splits.parts.test)?)),
        None => None,
    };
    let test = run.judged(part.decided(&choice))?;
    let of_champion = |(recipe, part): (&MixRecipe, MixPart)| {
        let choice = Choice { pool: recipe.pool, label_tau: recipe.label_tau, ..choice };
        run.against_champion(part.decided(&choice), &test)
    };
    let champion = champion_part.map(of_champion).transpose()?.flatten();
    observer.step();
    if observer.is_stopped() {
        return Ok(None);
    }
    observer.stage("fitting to all ads", 1);
    let rows = market.rows();
    let until = market.ads.iter().map(|ad| ad.moment()).max().unwrap_or_default();
    let ads = TrainingRoles { data: &market.data, labels: &market.labels, rows: &rows, until };
    let classifier = RoleClassifier::train(ads, &recipe, choice.calibration)?;
    let texts: Vec<&str> = market.ads.iter().map(|ad| ad.content_hash.as_str()).collect();
    let ceiling = text_ceiling(&texts, &market.data.labels)?;
    let data = &market.data;
    let words = telling_words(&data.table.words, &rows, &data.labels, data.classes, WORDS)?;
    observer.step();
    let folds = splits.folds.clone();
    Ok(Some(TrainedRoles {
        classifier,
        folds,
        splits,
        walk_forward,
        calibrated_before,
        test,
        champion,
        ceiling,
        words,
    }))
}

/// The parameters of one training.
struct Run<'a> {
    market: &'a RoleMarket<'a>,
    options: &'a RoleOptions,
    observer: &'a dyn Observer,
}

/// What all models say about one part.
struct Part {
    rows: Vec<u32>,
    /// Without the mix.
    predictions: Vec<RolePredictions>,
    mix: MixPart,
}

/// What the members of the mix say about one part.
struct MixPart {
    members: Members,
    fit_seconds: f64,
    predict_seconds: f64,
}

impl MixPart {
    fn decided(&self, choice: &Choice) -> RolePredictions {
        RolePredictions {
            model: MIX.to_owned(),
            decisions: choice.decide(&self.members),
            fit_seconds: self.fit_seconds,
            predict_seconds: self.predict_seconds,
        }
    }
}

/// What all models say about some rows, the mix last.
struct Decided {
    rows: Vec<u32>,
    predictions: Vec<RolePredictions>,
}

impl Part {
    /// The predictions with those of the mix.
    fn decided(self, choice: &Choice) -> Decided {
        let mut predictions = self.predictions;
        predictions.push(self.mix.decided(choice));
        Decided { rows: self.rows, predictions }
    }
}

impl Run<'_> {
    /// The models that the published one is compared with, the simplest first; the members of the mix come after them.
    fn peers(&self) -> Vec<Box<dyn RoleRecipe>> {
        let RoleOptions { seed, threads, quick, .. } = *self.options;
        let mut peers: Vec<Box<dyn RoleRecipe>> = vec![Box::new(Majority)];
        if !quick {
            peers.push(Box::new(BoostedRoles { parameters: TREES, seed, threads }));
        }
        peers.push(Box::new(TextLogistic(PEER_PARAMETERS)));
        peers
    }

    /// Predicts each fold from everything before it. Returns `None` if the observer stops it.
    fn walk_forward(&self, splits: &Splits) -> Result<Option<Vec<Part>>> {
        let mut parts = Vec::new();
        for fold in &splits.folds {
            if self.observer.is_stopped() {
                return Ok(None);
            }
            parts.push(self.predict(&self.options.recipe, &fold.train, &fold.test)?);
            self.observer.step();
        }
        Ok(Some(parts))
    }

    /// Fits every model to `train`, and predicts `rows`.
    fn predict(&self, recipe: &MixRecipe, train: &[u32], rows: &[u32]) -> Result<Part> {
        let (data, classes) = (&self.market.data, self.market.data.classes);
        let mut predictions = Vec::new();
        for peer in self.peers() {
            let clock = Instant::now();
            let model = peer.fit(data, train)?;
            let fit_seconds = clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            let logs = model.predict_log_proba(&data.table, rows)?;
            predictions.push(RolePredictions {
                model: peer.name().to_owned(),
                decisions: Decisions::most_probable(&logs, classes),
                fit_seconds,
                predict_seconds: clock.elapsed().as_secs_f64(),
            });
        }
        let mix = self.predict_mix(recipe, train, rows)?;
        for (name, logs) in mix.members.named() {
            let decisions = Decisions::most_probable(logs, classes);
            predictions.push(RolePredictions { model: name.to_owned(), decisions, ..Default::default() });
        }
        Ok(Part { rows: rows.to_vec(), predictions, mix })
    }

    fn predict_mix(&self, recipe: &MixRecipe, train: &[u32], rows: &[u32]) -> Result<MixPart> {
        let data = &self.market.data;
        let clock = Instant::now();
        let mix = recipe.train(data, train)?;
        let fit_seconds = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let members = mix.members(&data.table, rows)?;
        Ok(MixPart { members, fit_seconds, predict_seconds: clock.elapsed().as_secs_f64() })
    }

    /// The best choice for some parts.
    fn choice<'b>(&self, parts: impl Iterator<Item = &'b Part>) -> Choice {
        let said: Vec<Said<'_>> =
            parts.map(|part| Said { rows: &part.rows, members: &part.mix.members }).collect();
        Choice::of(self.market, &said, self.options.recipe.label_tau)
    }

    /// How sure and how right the mix is on the folds after the first, each calibrated on those before it.
    fn calibrated_before(&self, parts: &[Part]) -> Result<Option<Reliability>> {
        let (mut said, mut actual) = (Decisions::default(), Vec::new());
        for (at, part) in parts.iter().enumerate().skip(1) {
            said.extend(self.choice(parts[..at].iter()).decide(&part.mix.members));
            actual.extend(self.market.data.labels_of(&part.rows));
        }
        if actual.is_empty() {
            return Ok(None);
        }
        let Decisions { labels, probabilities } = &said;
        let classes = self.market.data.classes;
        Classified { actual: &actual, predicted: labels, probabilities, classes }.calibration().map(Some)
    }

    /// Judges the folds together, each with what is chosen on the others.
    fn judged_forward(&self, parts: Vec<Part>) -> Result<JudgedRoles> {
        let others =
            |own: usize| parts.iter().enumerate().filter(move |(at, _)| *at != own).map(|(_, part)| part);
        let chosen: Vec<Choice> = (0..parts.len()).map(|own| self.choice(others(own))).collect();
        let mut all: Option<Decided> = None;
        for (part, choice) in parts.into_iter().zip(chosen) {
            let part = part.decided(&choice);
            match &mut all {
                None => all = Some(part),
                Some(all) => {
                    all.rows.extend(part.rows);
                    all.predictions
                        .iter_mut()
                        .zip(part.predictions)
                        .for_each(|(own, other)| own.extend(other));
                }
            }
        }
        self.judged(all.unwrap_or(Decided { rows: Vec::new(), predictions: Vec::new() }))
    }

    fn judged(&self, decided: Decided) -> Result<JudgedRoles> {
        JudgedRoles::of(self.market, decided.rows, decided.predictions, self.options.seed)
    }

    /// The champion's recipe, fitted to the same ads, against the new one on the test window. `None` if the window is
    /// empty.
    fn against_champion(
        &self,
        mut champion: RolePredictions,
        test: &JudgedRoles,
    ) -> Result<Option<(RoleScored, PairedClasses)>> {
        "champion".clone_into(&mut champion.model);
        let new = test.predictions.last().cloned();
        let both: Vec<RolePredictions> = std::iter::once(champion).chain(new).collect();
        let judged = JudgedRoles::of(self.market, test.rows.clone(), both, self.options.seed)?;
        let paired = judged.against.into_iter().next().map(|(_, paired)| paired);
        Ok(judged.scores.into_iter().next().zip(paired))
    }
}

#[cfg(test)]
mod tests;
