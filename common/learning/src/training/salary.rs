//! The whole training: from the ads of one currency to a predictor with its evidence.

use std::time::Instant;

use common_core::Result;
use serde::Serialize;

use super::choose::{self, Change, Choice};
use super::evidence::{self, Evidence};
use super::judge::{Predictions, Scored, fit_and_predict};
use super::market::Market;
use super::splits::Splits;
use super::trials::{Searched, Timed, search_trees};
use super::{Observer, Options};
use crate::evaluation::bootstrap::Paired;
use crate::evaluation::conformal::{Calibration, Residual, replay};
use crate::evaluation::split::Fold;
use crate::models::SalaryRecipe;
use crate::models::baselines::{ClassMedian, Median};
use crate::models::boosted::Boosted;
use crate::models::forest::RandomForest;
use crate::models::linear::LeastSquares;
use crate::models::predictor::{COVERAGE, SalaryPrediction, SalaryPredictor, TrainingAds, in_money};
use crate::models::stack::{LogPrediction, Shares, StackRecipe};
use crate::models::text_ridge::TextRidge;
use crate::models::trees::TreeParameters;
use crate::models::tuning::TrialResult;
use crate::models::xgboost::XgboostTrees;

/// Trees of a quick training: fewer, with a higher rate.
const QUICK_TREES: TreeParameters = TreeParameters { rate: 0.1, rounds: 120, ..TreeParameters::DEFAULT };
/// Trees of the random forest.
const FOREST_TREES: u16 = 60;
/// Share of the first fold's training ads that its calibration is learned without: the newest.
const HELD_FOR_CALIBRATION: f64 = 0.2;

/// What was chosen before the model was judged.
#[derive(Debug, Clone, Serialize)]
pub struct Chosen {
    /// The recipe.
    pub recipe: StackRecipe,
    /// How the model may follow the market, with errors of the rich ridge on walk-forward blocks.
    pub changes: Vec<Choice<Change>>,
    /// Shares of the linear models, with out-of-fold errors.
    pub shares: Vec<Choice<Shares>>,
    /// Trials of the search for the parameters of the trees.
    pub trials: Vec<TrialResult>,
    /// What LightGBM took for the trials of this run.
    #[serde(skip)]
    pub timed: Vec<Timed>,
}

/// Judged predictions of all models on the same rows.
#[derive(Debug)]
pub struct Judged {
    /// The rows, in the order of the predictions.
    pub rows: Vec<u32>,
    /// Each model's predictions, the published one last.
    pub predictions: Vec<Predictions>,
    /// Each model's scores.
    pub scores: Vec<Scored>,
    /// The published model's predictions in money; `None` for the first ads, before which too few salaries were known for
    /// an interval.
    pub intervals: Vec<Option<SalaryPrediction>>,
    /// The published model against each other one.
    pub against: Vec<(String, Paired)>,
}

/// A trained salary model.
#[derive(Debug)]
pub struct Trained {
    /// The model, fitted to all ads.
    pub predictor: SalaryPredictor,
    /// What was chosen.
    pub chosen: Chosen,
    /// Walk-forward folds.
    pub folds: Vec<Fold>,
    /// The splits.
    pub splits: Splits,
    /// Walk-forward predictions before the test.
    pub walk_forward: Judged,
    /// Predictions of the test window, made once.
    pub test: Judged,
    /// The champion's recipe on the test window: its scores, and the new recipe against it.
    pub champion: Option<(Scored, Paired)>,
    /// The gate against leaks, the learning curve, the ablation and what the model reads.
    pub evidence: Evidence,
}

/// Trains a salary model, and judges it. Returns `None` if the observer stops it.
///
/// # Errors
/// `InvalidInput` if a feature contains the salary, with its name; errors of the models.
pub fn train(
    market: &Market<'_>,
    options: &Options,
    champion: Option<&StackRecipe>,
    observer: &dyn Observer,
) -> Result<Option<Trained>> {
    let splits = Splits::new(market, options.quick)?;
    observer.stage("looking for leaks", 1);
    let leaks = evidence::refuse_leaks(market, &splits, options)?;
    observer.step();
    let Some(chosen) = choose_recipe(market, &splits, options, observer)? else { return Ok(None) };
    let run = Run { market, options, observer, recipe: &chosen.recipe };
    observer.stage("walking forward", splits.folds.len());
    let Some((walk_forward, residuals)) = run.walk_forward(&splits)? else { return Ok(None) };
    observer.stage("judging on the test window", 1);
    let part = run.predict(&splits.early, &splits.parts.test)?;
    let of_test = part.residuals(market);
    let intervals = match Calibration::fit(&residuals) {
        Ok(calibration) => {
            part.of_stack.iter().map(|log| in_money(&calibration, *log).map(Some)).collect::<Result<_>>()?
        }
        // Without folds there is nothing to calibrate on.
        Err(_) => vec![None; part.rows.len()],
    };
    let test = run.scored(part, intervals)?;
    let champion = match champion {
        Some(recipe) => Some(run.against_champion(recipe, &splits, &test)?),
        None => None,
    };
    observer.step();
    if observer.is_stopped() {
        return Ok(None);
    }
    observer.stage("fitting to all ads", 1);
    let mut known = residuals;
    known.extend(of_test);
    let rows = market.rows();
    let until = market.ads.iter().map(|ad| ad.moment()).max().unwrap_or_default();
    let ads = TrainingAds { currency: &market.currency, data: &market.data, rows: &rows, until };
    let predictor = SalaryPredictor::train(ads, &chosen.recipe, Calibration::fit(&known)?)?;
    observer.step();
    let Some(evidence) = evidence::gather(&run, &splits, &predictor, leaks)? else { return Ok(None) };
    let folds = splits.folds.clone();
    Ok(Some(Trained { predictor, chosen, folds, splits, walk_forward, test, champion, evidence }))
}

fn choose_recipe(
    market: &Market<'_>,
    splits: &Splits,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Option<Chosen>> {
    observer.stage("choosing", 1 + options.trials);
    let (Change { recency, dated }, changes) = choose::change(market, splits, options.seed)?;
    let mut recipe = StackRecipe { recency, dated, ..StackRecipe::new(options.seed, options.threads) };
    let trees = if options.quick { QUICK_TREES } else { TreeParameters::DEFAULT };
    let Searched { parameters, trials, timed } = if options.trials == 0 {
        Searched { parameters: trees, trials: Vec::new(), timed: Vec::new() }
    } else {
        search_trees(market, splits, &recipe, options, observer)?
    };
    recipe.trees = parameters;
    if observer.is_stopped() {
        return Ok(None);
    }
    let (chosen, shares) = choose::shares(market, splits, &recipe, options.quick)?;
    recipe.shares = chosen;
    observer.step();
    Ok(Some(Chosen { recipe, changes, shares, trials, timed }))
}

/// The parameters of one training.
pub(crate) struct Run<'a> {
    pub(crate) market: &'a Market<'a>,
    pub(crate) options: &'a Options,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) recipe: &'a StackRecipe,
}

impl Run<'_> {
    /// The models that the published one is compared with, the simplest first.
    fn peers(&self) -> Vec<Box<dyn SalaryRecipe>> {
        let Options { seed, threads, quick, .. } = *self.options;
        let mut peers: Vec<Box<dyn SalaryRecipe>> = vec![Box::new(Median), Box::new(ClassMedian)];
        peers.push(Box::new(LeastSquares));
        if !quick {
            peers.push(Box::new(RandomForest { trees: FOREST_TREES, seed }));
            peers.push(Box::new(Boosted { parameters: TreeParameters::DEFAULT, seed, threads }));
            if let Some(library) = self.options.xgboost.clone() {
                let parameters = TreeParameters::DEFAULT;
                peers.push(Box::new(XgboostTrees { library, parameters, seed, threads }));
            }
        }
        peers.push(Box::new(TextRidge));
        peers
    }

    /// Predicts each fold from everything before it. Returns the residuals for the calibration, oldest first.
    fn walk_forward(&self, splits: &Splits) -> Result<Option<(Judged, Vec<Residual>)>> {
        let mut residuals = match splits.folds.first() {
            Some(first) => self.first_residuals(first)?,
            None => Vec::new(),
        };
        let before = residuals.len();
        let mut all: Option<Part> = None;
        for fold in &splits.folds {
            if self.observer.is_stopped() {
                return Ok(None);
            }
            let part = self.predict(&fold.train, &fold.test)?;
            residuals.extend(part.residuals(self.market));
            match &mut all {
                None => all = Some(part),
                Some(all) => all.extend(part),
            }
            self.observer.step();
        }
        let part = all.unwrap_or_default();
        let judged = replay(&residuals, COVERAGE)?.into_iter().skip(before);
        let in_money = |(judged, log): (Option<crate::evaluation::conformal::Judged>, &LogPrediction)| {
            let judged = judged?;
            Some(SalaryPrediction {
                salary_per_month: log.center.exp(),
                low_per_month: judged.low,
                high_per_month: judged.high,
                confidence: judged.confidence,
            })
        };
        let intervals = judged.zip(&part.of_stack).map(in_money).collect();
        Ok(Some((self.scored(part, intervals)?, residuals)))
    }

    /// Residuals of the newest training ads of the first fold, predicted from its older ones.
    fn first_residuals(&self, fold: &Fold) -> Result<Vec<Residual>> {
        let families = &self.market.data.families;
        let held = (fold.train.len() as f64 * HELD_FOR_CALIBRATION) as usize;
        let (older, newest) = fold.train.split_at(fold.train.len() - held);
        let inside: std::collections::HashSet<u32> =
            newest.iter().map(|row| families[*row as usize]).collect();
        let older: Vec<u32> =
            older.iter().filter(|row| !inside.contains(&families[**row as usize])).copied().collect();
        if older.is_empty() || newest.is_empty() {
            return Ok(Vec::new());
        }
        let stack = self.recipe.train(&self.market.data, &older)?;
        let of_stack = stack.predict_with_scale(&self.market.data.table, newest)?;
        Ok(residuals(self.market, newest, &of_stack))
    }

    /// Fits every model to `train`, and predicts `rows`.
    fn predict(&self, train: &[u32], rows: &[u32]) -> Result<Part> {
        let mut predictions = Vec::new();
        for peer in self.peers() {
            predictions.push(fit_and_predict(self.market, peer.as_ref(), train, rows)?);
        }
        let clock = Instant::now();
        let stack = self.recipe.train(&self.market.data, train)?;
        let fit_seconds = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let of_stack = stack.predict_with_scale(&self.market.data.table, rows)?;
        let logs = of_stack.iter().map(|prediction| prediction.center).collect();
        let model = self.recipe.name().to_owned();
        predictions.push(Predictions {
            model,
            logs,
            fit_seconds,
            predict_seconds: clock.elapsed().as_secs_f64(),
        });
        Ok(Part { rows: rows.to_vec(), predictions, of_stack })
    }

    fn scored(&self, part: Part, intervals: Vec<Option<SalaryPrediction>>) -> Result<Judged> {
        let Part { rows, predictions, .. } = part;
        let (market, seed) = (self.market, self.options.seed);
        let mut judged = Judged { rows, predictions, scores: Vec::new(), intervals, against: Vec::new() };
        if judged.rows.is_empty() {
            return Ok(judged);
        }
        for predictions in &judged.predictions {
            judged.scores.push(predictions.score(market, &judged.rows, seed)?);
        }
        if let Some((published, others)) = judged.predictions.split_last() {
            for other in others {
                let paired = published.compare(other, market, &judged.rows, seed)?;
                judged.against.push((other.model.clone(), paired));
            }
        }
        Ok(judged)
    }

    /// The champion's recipe, fitted to the same ads, against the new one on the test window.
    fn against_champion(
        &self,
        champion: &StackRecipe,
        splits: &Splits,
        test: &Judged,
    ) -> Result<(Scored, Paired)> {
        let rows = &splits.parts.test;
        let recipe = StackRecipe { threads: self.options.threads, ..champion.clone() };
        let mut predictions = fit_and_predict(self.market, &recipe, &splits.early, rows)?;
        "champion".clone_into(&mut predictions.model);
        let seed = self.options.seed;
        let scored = predictions.score(self.market, rows, seed)?;
        let new = test.predictions.last().unwrap_or(&predictions);
        Ok((scored, new.compare(&predictions, self.market, rows, seed)?))
    }
}

/// Predictions of one or several folds.
#[derive(Default)]
struct Part {
    rows: Vec<u32>,
    predictions: Vec<Predictions>,
    of_stack: Vec<LogPrediction>,
}

impl Part {
    fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.of_stack.extend(other.of_stack);
        for (own, other) in self.predictions.iter_mut().zip(other.predictions) {
            own.extend(other);
        }
    }

    fn residuals(&self, market: &Market<'_>) -> Vec<Residual> {
        residuals(market, &self.rows, &self.of_stack)
    }
}

fn residuals(market: &Market<'_>, rows: &[u32], predictions: &[LogPrediction]) -> Vec<Residual> {
    let of = |(row, prediction): (&u32, &LogPrediction)| Residual {
        log_actual: market.data.log_salaries[*row as usize],
        log_predicted: prediction.center,
        scale: prediction.scale,
    };
    rows.iter().zip(predictions).map(of).collect()
}
