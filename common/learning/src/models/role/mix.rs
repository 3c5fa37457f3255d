//! The model that is published: the mean of the log probabilities of three models, and a tempered prior.
//!
//! `z = mean of ln p - tau · ln share`, where the share is that of the class among the training ads. A larger `tau`
//! favours rare classes: one is for the label, a smaller one for probabilities and for the best few classes.

use common_core::Result;
use serde::{Deserialize, Serialize};

use super::bayes::{Bayes, ComplementBayes};
use super::logistic::{Logistic, LogisticParameters};
use super::{ClassWeights, RoleData, RoleModel, RoleRecipe, argmax, log_softmax, vectors};
use crate::features::AdTable;
use crate::features::rich::{Rich, Target};

/// Name of the mix in reports and metrics.
pub const MIX: &str = "mix";

/// Parameters of the mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MixRecipe {
    /// The logistic regressions.
    pub logistic: LogisticParameters,
    /// Naive Bayes.
    pub bayes: Bayes,
    /// `tau` of the label; a training chooses it.
    pub label_tau: f64,
    /// `tau` of probabilities and of the best few classes.
    pub shown_tau: f64,
}

impl Default for MixRecipe {
    /// Shares of the prior as they did best with these members before; the temperature of naive Bayes did best on the
    /// walk-forward folds of the larger of two markets, of 1, 3, 10 and 20.
    fn default() -> Self {
        Self {
            logistic: LogisticParameters { c: 10.0, weights: ClassWeights::None },
            bayes: Bayes { smoothing: 1.0, temperature: 10.0 },
            label_tau: 0.4,
            shown_tau: 0.25,
        }
    }
}

/// A fitted mix.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    pub(super) rich: Rich,
    pub(super) text: Logistic,
    pub(super) vectors: Logistic,
    pub(super) bayes: ComplementBayes,
    pub(super) label_tau: f64,
    pub(super) shown_tau: f64,
}

/// Log probabilities of each member, `[rows, classes]` f64, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members {
    /// Logistic regression on n-grams, categories and numbers.
    pub text: Vec<f64>,
    /// Logistic regression on vectors.
    pub vectors: Vec<f64>,
    /// Complement naive Bayes on words.
    pub bayes: Vec<f64>,
}

impl Members {
    /// The members by their names in reports.
    pub fn named(&self) -> [(&'static str, &[f64]); 3] {
        [("rich_logistic", &self.text), ("vector_logistic", &self.vectors), ("complement_bayes", &self.bayes)]
    }
}

/// What a mix says about some ads before its probabilities are calibrated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Undecided {
    /// The predicted class of each ad.
    pub labels: Vec<u32>,
    /// Log probabilities, `[rows, classes]` f64, row-major.
    pub logs: Vec<f64>,
    /// Number of classes.
    pub classes: usize,
}

impl Undecided {
    /// With probabilities that are calibrated by `temperature`: `softmax(log / temperature)`.
    pub fn at(&self, temperature: f64) -> Decisions {
        let mut probabilities: Vec<f64> = self.logs.iter().map(|log| log / temperature).collect();
        probabilities.chunks_exact_mut(self.classes.max(1)).for_each(log_softmax);
        for value in &mut probabilities {
            *value = value.exp();
        }
        Decisions { labels: self.labels.clone(), probabilities }
    }
}

/// What a model says about some ads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decisions {
    /// The predicted class of each ad.
    pub labels: Vec<u32>,
    /// `[rows, classes]` f64, row-major. The label need not have the largest.
    pub probabilities: Vec<f64>,
}

impl Decisions {
    /// The most probable classes by log probabilities.
    pub fn most_probable(logs: &[f64], classes: usize) -> Self {
        Self { labels: labels(logs, classes), probabilities: logs.iter().map(|log| log.exp()).collect() }
    }

    /// Adds the decisions about other ads.
    pub fn extend(&mut self, other: Self) {
        self.labels.extend(other.labels);
        self.probabilities.extend(other.probabilities);
    }
}

/// The class with the largest value of each row.
fn labels(values: &[f64], classes: usize) -> Vec<u32> {
    values.chunks_exact(classes.max(1)).map(|row| argmax(row) as u32).collect()
}

impl MixRecipe {
    /// Fits the members to `rows`.
    ///
    /// # Errors
    /// `InvalidInput` without rows; `Internal` if a search fails.
    pub fn train(&self, data: &RoleData, rows: &[u32]) -> Result<Mix> {
        let (table, labels) = (&data.table, data.labels_of(rows));
        let rich = Rich::fit(table, rows, Target::Role);
        let logistic = |matrix| self.logistic.fit(matrix, &labels, data.classes);
        let counts = rich.words().count(&table.words, rows);
        Ok(Mix {
            text: logistic(&rich.transform(table, rows))?,
            vectors: logistic(&vectors::matrix(table, rows))?,
            bayes: self.bayes.fit_counts(&counts, &labels, data.classes)?,
            rich,
            label_tau: self.label_tau,
            shown_tau: self.shown_tau,
        })
    }
}

impl Mix {
    /// The log probabilities of each member.
    ///
    /// # Errors
    /// `Internal` if the table has vectors of another length.
    pub fn members(&self, table: &AdTable, rows: &[u32]) -> Result<Members> {
        Ok(Members {
            text: self.text.log_proba(&self.rich.transform(table, rows))?,
            vectors: self.vectors.log_proba(&vectors::matrix(table, rows))?,
            bayes: self.bayes.log_proba(&self.rich.words().count(&table.words, rows))?,
        })
    }

    /// Whether all members have this number of classes.
    pub(super) fn is_of(&self, classes: usize) -> bool {
        let members = [self.text.present(), self.vectors.present(), self.bayes.present()];
        members.iter().all(|present| present.classes == classes && *present == members[0])
    }

    /// Log probabilities with the prior divided by its power `tau`: `[rows, classes]` f64, row-major.
    pub fn combine(&self, members: &Members, tau: f64) -> Vec<f64> {
        let present = self.text.present();
        let priors = present.spread(&present.log_shares(), 0.0);
        let mean = |((text, vectors), bayes): ((&f64, &f64), &f64)| (text + vectors + bayes) / 3.0;
        let mut logs: Vec<f64> =
            members.text.iter().zip(&members.vectors).zip(&members.bayes).map(mean).collect();
        for row in logs.chunks_exact_mut(priors.len().max(1)) {
            row.iter_mut().zip(&priors).for_each(|(log, prior)| *log -= tau * prior);
            log_softmax(row);
        }
        logs
    }

    /// Labels with the prior divided by its power `tau`.
    pub fn labels_at(&self, members: &Members, tau: f64) -> Vec<u32> {
        labels(&self.combine(members, tau), self.text.present().classes)
    }

    /// Labels and log probabilities, each with its own `tau`.
    pub fn undecided(&self, members: &Members) -> Undecided {
        let classes = self.text.present().classes;
        Undecided {
            labels: self.labels_at(members, self.label_tau),
            logs: self.combine(members, self.shown_tau),
            classes,
        }
    }
}

impl RoleRecipe for MixRecipe {
    fn name(&self) -> &'static str {
        MIX
    }

    fn fit(&self, data: &RoleData, rows: &[u32]) -> Result<Box<dyn RoleModel>> {
        Ok(Box::new(self.train(data, rows)?))
    }
}

impl RoleModel for Mix {
    fn predict_log_proba(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        Ok(self.combine(&self.members(table, rows)?, self.shown_tau))
    }
}
