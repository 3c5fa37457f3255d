//! Training: rounds of boosting with a history, early stopping and a way to stop.

use std::ops::ControlFlow;

use common_core::{Error, Result};

use crate::booster::Booster;
use crate::dataset::{Dataset, wrong_columns};
use crate::native::{Entered, Model};
use crate::parameters::{Parameters, Resolved};

/// Parameters that a dataset is made with. LightGBM ignores them in a training.
const OF_DATASETS: [&str; 12] = [
    "bin_construct_sample_cnt",
    "data_random_seed",
    "enable_bundle",
    "feature_pre_filter",
    "is_enable_sparse",
    "max_bin",
    "max_bin_by_feature",
    "max_conflict_rate",
    "min_data_in_bin",
    "pre_partition",
    "use_missing",
    "zero_as_missing",
];

/// Metrics that are better if they are larger; all others are losses. `ndcg@5` is one of `ndcg`.
const LARGER_IS_BETTER: [&str; 5] = ["auc", "auc_mu", "average_precision", "map", "ndcg"];

/// When to stop before all rounds are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlyStopping {
    /// Index into [`Training::validation`].
    pub set: usize,
    /// LightGBM's name of the metric, as in the history: `l1`, `multi_logloss`. It must be among the `metric`s.
    pub metric: String,
    /// Number of rounds without improvement after which training stops, at least 1.
    pub rounds: u32,
}

/// A training: what to do with a dataset.
#[derive(Default)]
pub struct Training<'a> {
    /// Parameters of the objective, the metrics and the trees. Those of the dataset hold too.
    pub parameters: Parameters,
    /// Maximum number of rounds, at least 1. A round adds one tree, or one for each class.
    pub rounds: u32,
    /// Datasets that are measured after each round, with their names, made with [`Dataset::aligned`].
    pub validation: &'a [(&'a str, &'a Dataset)],
    /// Without it all rounds are done, and all are kept.
    pub early_stopping: Option<EarlyStopping>,
    /// Called after each round, and may stop the training, which keeps the rounds that it has.
    pub on_round: Option<&'a mut OnRound<'a>>,
}

/// What is called after each round.
pub type OnRound<'a> = dyn FnMut(&Round<'_>) -> ControlFlow<()> + 'a;

/// A round that has been trained and measured.
#[derive(Debug, Clone, Copy)]
pub struct Round<'a> {
    /// Number of the round, from 1.
    pub round: u32,
    /// One for each validation dataset and metric, in that order.
    pub evaluations: &'a [Evaluation],
}

/// A metric of a validation dataset after a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Number of the round, from 1.
    pub round: u32,
    /// Name of the validation dataset.
    pub set: String,
    /// LightGBM's name of the metric.
    pub metric: String,
    /// The value.
    pub value: f64,
}

/// The result of a training.
#[derive(Debug)]
pub struct Trained {
    /// The model, with the rounds up to the best one.
    pub booster: Booster,
    /// All evaluations, in the order of rounds, datasets and metrics.
    pub history: Vec<Evaluation>,
    /// The round with the best value of the metric of early stopping (the first of equal ones), or else the last round.
    pub best_round: u32,
}

/// Trains a model. The same input gives the same model, whatever the number of threads.
///
/// The result is read back from the model's text, so that it is the same model after it has been stored. A round in
/// which no leaf can be split adds no tree; training goes on, because the next round may sample other columns.
///
/// # Errors
/// A parameter belongs to the dataset and differs from its value there, a validation dataset has other bins, the metric
/// of early stopping is not measured or not a number, or LightGBM refuses the parameters or the labels.
pub fn train(dataset: &Dataset, mut training: Training<'_>) -> Result<Trained> {
    let parameters = parameters(dataset, &training)?;
    // LightGBM's buffers are for this number of threads until the model is dropped.
    let _entered = Entered::new(parameters.threads);
    let mut model = Model::new(&dataset.bins, &parameters.line()?)?;
    for (_, validation) in training.validation {
        if validation.columns() != dataset.columns() {
            return Err(wrong_columns(validation.columns(), dataset.columns()));
        }
        model.add_validation(&validation.bins)?;
    }
    let metrics = model.metrics()?;
    let mut best =
        training.early_stopping.take().map(|rule| Best::new(rule, &training, &metrics)).transpose()?;

    let mut history = Vec::new();
    let mut last = 0;
    for round in 1..=training.rounds {
        last = round;
        model.update()?;
        let start = history.len();
        for (index, (set, _)) in training.validation.iter().enumerate() {
            let values = model.evaluate(index, metrics.len())?;
            history.extend(metrics.iter().zip(values).map(|(metric, value)| Evaluation {
                round,
                set: (*set).to_owned(),
                metric: metric.clone(),
                value,
            }));
        }
        let evaluations = &history[start..];
        let go_on = match &mut best {
            Some(best) => best.see(&evaluations[best.index], model.rounds()?)?,
            None => true,
        };
        let wanted =
            training.on_round.as_mut().is_none_or(|call| call(&Round { round, evaluations }).is_continue());
        if !(go_on && wanted) {
            break;
        }
    }
    let (best_round, trees) = match best {
        Some(best) => (best.round, best.trees),
        None => (last, model.rounds()?),
    };
    let text = model.save(trees)?;
    drop(model);
    let booster = Booster::from_text(&text)?.threads(parameters.threads.unwrap_or(0));
    Ok(Trained { booster, history, best_round })
}

/// The training's parameters over those of the dataset.
fn parameters(dataset: &Dataset, training: &Training<'_>) -> Result<Resolved> {
    if training.rounds == 0 || training.rounds > i32::MAX as u32 {
        return Err(Error::invalid_input(format!(
            "invalid number of rounds \"{}\": expected from 1 to {}",
            training.rounds,
            i32::MAX
        )));
    }
    let own = training.parameters.resolve()?;
    let mut parameters = dataset.parameters.clone();
    for (name, value) in own.values {
        if OF_DATASETS.contains(&name.as_str()) && parameters.values.get(&name) != Some(&value) {
            return Err(Error::invalid_input(format!(
                "invalid parameter \"{name}\" of a training: expected in the dataset's parameters"
            )));
        }
        parameters.values.insert(name, value);
    }
    let boosting = parameters.values.get("boosting").map_or("", String::as_str);
    if training.early_stopping.is_some() && boosting == "dart" {
        return Err(Error::invalid_input(
            "invalid early stopping with boosting \"dart\": expected none, later rounds change earlier trees",
        ));
    }
    parameters.threads = own.threads.or(parameters.threads);
    parameters.values.insert("num_iterations".to_owned(), training.rounds.to_string());
    Ok(parameters)
}

/// The best round so far.
struct Best {
    rule: EarlyStopping,
    /// Index of the metric among the evaluations of a round.
    index: usize,
    larger_is_better: bool,
    value: f64,
    round: u32,
    /// Number of rounds whose trees the model had.
    trees: usize,
}

impl Best {
    fn new(rule: EarlyStopping, training: &Training<'_>, metrics: &[String]) -> Result<Self> {
        let sets = training.validation.len();
        if rule.set >= sets || rule.rounds == 0 {
            return Err(Error::invalid_input(format!(
                "invalid early stopping after {} rounds on validation dataset {}: expected at least 1 round and one \
                 of {sets} datasets",
                rule.rounds, rule.set
            )));
        }
        let Some(metric) = metrics.iter().position(|metric| *metric == rule.metric) else {
            return Err(Error::invalid_input(format!(
                "invalid metric \"{}\" of early stopping: expected one of {}",
                rule.metric,
                metrics.join(", ")
            )));
        };
        let family = rule.metric.split('@').next().unwrap_or_default();
        Ok(Self {
            index: rule.set * metrics.len() + metric,
            larger_is_better: LARGER_IS_BETTER.contains(&family),
            value: f64::NAN,
            round: 0,
            trees: 0,
            rule,
        })
    }

    /// Takes a round into account, and returns whether to go on.
    fn see(&mut self, evaluation: &Evaluation, trees: usize) -> Result<bool> {
        let Evaluation { round, set, metric, value } = evaluation;
        if value.is_nan() {
            return Err(Error::invalid_input(format!(
                "invalid {metric} of validation dataset \"{set}\" in round {round}: expected a number, found NaN"
            )));
        }
        let better = if self.larger_is_better { *value > self.value } else { *value < self.value };
        if better || self.round == 0 {
            (self.value, self.round, self.trees) = (*value, *round, trees);
        }
        Ok(round - self.round < self.rule.rounds)
    }
}
