//! The model that is published: a pool of two logistic regressions, and a label for which rare classes count more.
//!
//! Probabilities are those of the pool. The label is the class with the largest `ln pool + ln bayes - tau · ln share`, where
//! `bayes` is the probability by naive Bayes on words, and the share that of the class among the training ads: a larger
//! `tau` favours rare classes.

use common_core::Result;
use serde::{Deserialize, Serialize};

use super::bayes::{Bayes, WordBayes};
use super::calibration::TopCalibration;
use super::logistic::{Logistic, LogisticParameters};
use super::pool::Pool;
use super::{ClassWeights, RoleData, RoleModel, RoleRecipe, argmax, vectors};
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
    /// Weights of the logistic regressions; a training fits them.
    pub pool: Pool,
    /// `tau` of the label; a training chooses it.
    pub label_tau: f64,
}

impl Default for MixRecipe {
    /// Parameters that did well on the walk-forward folds of two markets. Those of naive Bayes are not chosen by a training:
    /// its folds have too few ads of rare classes to tell them apart.
    fn default() -> Self {
        Self {
            logistic: LogisticParameters { c: 10.0, weights: ClassWeights::None },
            bayes: Bayes { smoothing: 0.1, text: 0.05, title: 0.2 },
            pool: Pool::EQUAL,
            label_tau: 0.2,
        }
    }
}

/// A fitted mix.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    pub(super) rich: Rich,
    pub(super) text: Logistic,
    pub(super) vectors: Logistic,
    pub(super) bayes: WordBayes,
    pub(super) pool: Pool,
    pub(super) label_tau: f64,
}

/// What each member says about some ads: log probabilities `[rows, classes]` f64, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members {
    /// Logistic regression on n-grams, categories and numbers.
    pub text: Vec<f64>,
    /// Logistic regression on vectors.
    pub vectors: Vec<f64>,
    /// Complement naive Bayes on words.
    pub bayes: Vec<f64>,
    /// Logarithm of the share of the training ads that each class has; 0 for one without training ads.
    pub log_shares: Vec<f64>,
}

impl Members {
    /// The members by their names in reports.
    pub fn named(&self) -> [(&'static str, &[f64]); 3] {
        [("rich_logistic", &self.text), ("vector_logistic", &self.vectors), ("complement_bayes", &self.bayes)]
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.log_shares.len()
    }

    /// Log probabilities of the pool: `[rows, classes]` f64, row-major.
    pub fn pooled(&self, pool: &Pool) -> Vec<f64> {
        pool.logs(&self.text, &self.vectors, self.classes())
    }

    /// The label of each row, from the [`pooled`](Self::pooled) log probabilities.
    pub fn labels(&self, pooled: &[f64], tau: f64) -> Vec<u32> {
        let classes = self.classes().max(1);
        let mut scores = vec![0.0; classes];
        let rows = pooled.chunks_exact(classes).zip(self.bayes.chunks_exact(classes));
        let label = |(pooled, bayes): (&[f64], &[f64])| {
            for (class, score) in scores.iter_mut().enumerate() {
                *score = pooled[class] + bayes[class] - tau * self.log_shares[class];
            }
            argmax(&scores) as u32
        };
        rows.map(label).collect()
    }

    /// Labels and calibrated probabilities.
    pub fn decide(&self, pool: &Pool, label_tau: f64, calibration: TopCalibration) -> Decisions {
        let pooled = self.pooled(pool);
        Decisions {
            labels: self.labels(&pooled, label_tau),
            probabilities: calibration.probabilities(&pooled, self.classes()),
        }
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
        let labels = logs.chunks_exact(classes.max(1)).map(|row| argmax(row) as u32).collect();
        Self { labels, probabilities: logs.iter().map(|log| log.exp()).collect() }
    }

    /// Adds the decisions about other ads.
    pub fn extend(&mut self, other: Self) {
        self.labels.extend(other.labels);
        self.probabilities.extend(other.probabilities);
    }
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
        Ok(Mix {
            text: logistic(&rich.transform(table, rows))?,
            vectors: logistic(&vectors::matrix(table, rows))?,
            bayes: self.bayes.fit(&rich, table, rows, data)?,
            rich,
            pool: self.pool,
            label_tau: self.label_tau,
        })
    }
}

impl Mix {
    /// The log probabilities of each member.
    ///
    /// # Errors
    /// `Internal` if the table has vectors of another length.
    pub fn members(&self, table: &AdTable, rows: &[u32]) -> Result<Members> {
        let present = self.text.present();
        Ok(Members {
            text: self.text.log_proba(&self.rich.transform(table, rows))?,
            vectors: self.vectors.log_proba(&vectors::matrix(table, rows))?,
            bayes: self.bayes.log_proba(&self.rich, table, rows)?,
            log_shares: present.spread(&present.log_shares(), 0.0),
        })
    }

    /// Whether all members have this number of classes.
    pub(super) fn is_of(&self, classes: usize) -> bool {
        let members = [self.text.present(), self.vectors.present(), self.bayes.present()];
        members.iter().all(|present| present.classes == classes && *present == members[0])
    }

    /// Labels and probabilities of what [`members`](Self::members) returns.
    pub fn decide(&self, members: &Members, calibration: TopCalibration) -> Decisions {
        members.decide(&self.pool, self.label_tau, calibration)
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
        Ok(self.members(table, rows)?.pooled(&self.pool))
    }
}
