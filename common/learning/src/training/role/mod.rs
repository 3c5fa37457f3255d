//! The whole training of a model of roles: from the ads of all currencies to a classifier with its evidence.
//!
//! - [`market`]: the ads that state a classification
//! - [`judge`]: models judged on ads that they were not fitted to
//! - `prior`: the share of the prior in the label, chosen on the walk-forward folds
//! - [`page`]: the report of a training

pub mod judge;
pub mod market;
pub mod page;
mod prior;

use std::time::Instant;

use common_core::Result;
use serde::{Deserialize, Serialize};

use super::Observer;
use super::splits::Splits;
use crate::evaluation::classification::copies::{TextCeiling, text_ceiling};
use crate::evaluation::classification::intervals::PairedClasses;
use crate::evaluation::classification::temperature::fit_temperature;
use crate::evaluation::classification::words::telling_words;
use crate::evaluation::split::Fold;
use crate::models::role::boosted::BoostedRoles;
use crate::models::role::classifier::TrainingRoles;
use crate::models::role::labels::MIN_ADS;
use crate::models::role::logistic::LogisticParameters;
use crate::models::role::majority::Majority;
use crate::models::role::mix::{Decisions, MIX, Members, MixRecipe, Undecided};
use crate::models::role::text::TextLogistic;
use crate::models::role::{ClassWeights, RoleClassifier, RoleRecipe};
use crate::models::trees::TreeParameters;
use judge::{JudgedRoles, RolePredictions, RoleScored};
use market::RoleMarket;
use prior::{Candidates, TAUS, best};

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
    /// Walk-forward predictions before the test. A fold's probabilities are calibrated, and its share of the prior is chosen,
    /// on the other folds.
    pub walk_forward: JudgedRoles,
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
    let temperature = run.temperature(parts.iter())?;
    let mut recipe = options.recipe.clone();
    if let Some(at) = run.prior(parts.iter()) {
        recipe.label_tau = TAUS[at];
    }
    let walk_forward = run.judged_forward(parts)?;
    observer.stage("judging on the test window", 1);
    let part = run.predict(&recipe, &splits.early, &splits.parts.test)?;
    let champion_part = match champion {
        Some(recipe) => Some(run.predict_mix(recipe, &splits.early, &splits.parts.test)?.0),
        None => None,
    };
    let test = run.judged(part.decided(temperature, None))?;
    let champion = champion_part.map(|part| run.against_champion(&part, temperature, &test)).transpose()?;
    let champion = champion.flatten();
    observer.step();
    if observer.is_stopped() {
        return Ok(None);
    }
    observer.stage("fitting to all ads", 1);
    let rows = market.rows();
    let until = market.ads.iter().map(|ad| ad.moment()).max().unwrap_or_default();
    let ads = TrainingRoles { data: &market.data, labels: &market.labels, rows: &rows, until };
    let classifier = RoleClassifier::train(ads, &recipe, temperature)?;
    let texts: Vec<&str> = market.ads.iter().map(|ad| ad.content_hash.as_str()).collect();
    let ceiling = text_ceiling(&texts, &market.data.labels)?;
    let data = &market.data;
    let words = telling_words(&data.table.words, &rows, &data.labels, data.classes, WORDS)?;
    observer.step();
    let folds = splits.folds.clone();
    Ok(Some(TrainedRoles { classifier, folds, splits, walk_forward, test, champion, ceiling, words }))
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

/// What the mix says about one part.
struct MixPart {
    said: Undecided,
    /// Labels by each of [`TAUS`].
    by_tau: Vec<Vec<u32>>,
    fit_seconds: f64,
    predict_seconds: f64,
}

impl MixPart {
    /// The predictions at a temperature, with the labels of a candidate of [`TAUS`] or of the recipe.
    fn decided(&self, temperature: f64, prior: Option<usize>) -> RolePredictions {
        let mut decisions = self.said.at(temperature);
        if let Some(at) = prior {
            decisions.labels.clone_from(&self.by_tau[at]);
        }
        RolePredictions {
            model: MIX.to_owned(),
            decisions,
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
    /// The predictions with those of the mix; see [`MixPart::decided`].
    fn decided(self, temperature: f64, prior: Option<usize>) -> Decided {
        let mut predictions = self.predictions;
        predictions.push(self.mix.decided(temperature, prior));
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
        let (mix, members) = self.predict_mix(recipe, train, rows)?;
        for (name, logs) in members.named() {
            let decisions = Decisions::most_probable(logs, classes);
            predictions.push(RolePredictions { model: name.to_owned(), decisions, ..Default::default() });
        }
        Ok(Part { rows: rows.to_vec(), predictions, mix })
    }

    fn predict_mix(&self, recipe: &MixRecipe, train: &[u32], rows: &[u32]) -> Result<(MixPart, Members)> {
        let data = &self.market.data;
        let clock = Instant::now();
        let mix = recipe.train(data, train)?;
        let fit_seconds = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let members = mix.members(&data.table, rows)?;
        let said = mix.undecided(&members);
        let by_tau = TAUS.iter().map(|tau| mix.labels_at(&members, *tau)).collect();
        let predict_seconds = clock.elapsed().as_secs_f64();
        Ok((MixPart { said, by_tau, fit_seconds, predict_seconds }, members))
    }

    /// The temperature of the mix's predictions for some parts.
    fn temperature<'b>(&self, parts: impl Iterator<Item = &'b Part>) -> Result<f64> {
        let (mut logs, mut actual) = (Vec::new(), Vec::new());
        for part in parts {
            logs.extend_from_slice(&part.mix.said.logs);
            actual.extend(self.market.data.labels_of(&part.rows));
        }
        fit_temperature(&logs, &actual, self.market.data.classes)
    }

    /// The candidate of [`TAUS`] that did best for some parts; `None` without parts.
    fn prior<'b>(&self, parts: impl Iterator<Item = &'b Part>) -> Option<usize> {
        let candidates = |part: &'b Part| Candidates {
            actual: self.market.data.labels_of(&part.rows),
            labels: &part.mix.by_tau,
        };
        best(&parts.map(candidates).collect::<Vec<_>>())
    }

    /// Judges the folds together, each calibrated on the others.
    fn judged_forward(&self, parts: Vec<Part>) -> Result<JudgedRoles> {
        let others =
            |own: usize| parts.iter().enumerate().filter(move |(at, _)| *at != own).map(|(_, part)| part);
        let chosen = |own: usize| Ok((self.temperature(others(own))?, self.prior(others(own))));
        let chosen: Vec<(f64, Option<usize>)> = (0..parts.len()).map(chosen).collect::<Result<_>>()?;
        let mut all: Option<Decided> = None;
        for (part, (temperature, prior)) in parts.into_iter().zip(chosen) {
            let part = part.decided(temperature, prior);
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
        champion: &MixPart,
        temperature: f64,
        test: &JudgedRoles,
    ) -> Result<Option<(RoleScored, PairedClasses)>> {
        let mut predictions = champion.decided(temperature, None);
        "champion".clone_into(&mut predictions.model);
        let new = test.predictions.last().cloned();
        let both: Vec<RolePredictions> = std::iter::once(predictions).chain(new).collect();
        let judged = JudgedRoles::of(self.market, test.rows.clone(), both, self.options.seed)?;
        let paired = judged.against.into_iter().next().map(|(_, paired)| paired);
        Ok(judged.scores.into_iter().next().zip(paired))
    }
}

#[cfg(test)]
mod tests;
