//! The published model of roles: labels and calibrated probabilities, saved and loaded as a folder of files.

use std::path::Path;

use common_core::job::Timestamp;
use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::calibration::TopCalibration;
use super::mix::{Decisions, Mix, MixRecipe};
use super::{Labels, RoleData};
use crate::ads::Ad;
use crate::evaluation::classification::{ClassificationMetrics, Classified, top_classes};
use crate::features::AdTable;
use crate::features::schema::schema_hash;
use crate::models::files::{read_binary, read_json, write_binary, write_json};

/// Format of the files.
const FORMAT: u32 = 2;

const CONFIG: &str = "config.json";
const NAMES: &str = "feature_names.json";
const LABELS: &str = "label_encoder.json";
const TRANSFORMERS: &str = "transformers.bin";
const TEXT: &str = "model.text.bin";
const VECTORS: &str = "model.vectors.bin";
const BAYES: &str = "model.bayes.bin";

/// A class with its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolePrediction {
    /// Index of the class in the [`Labels`].
    pub class: u32,
    /// Its name.
    pub classification: String,
    /// Its calibrated probability.
    pub probability: f64,
}

/// The class of an ad, and other probable classes.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedRoles {
    /// The predicted class.
    pub predicted: RolePrediction,
    /// The most probable other classes, the most probable first.
    pub others: Vec<RolePrediction>,
}

/// What a classifier was trained with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Format of the files.
    pub format: u32,
    /// Parameters of the mix.
    pub recipe: MixRecipe,
    /// What makes probabilities as sure as they are right.
    pub calibration: TopCalibration,
    /// Moment of the newest training ad.
    pub trained_until: Timestamp,
    /// Number of training ads.
    pub ads: usize,
    /// Length of the vectors that it reads.
    pub dimension: usize,
    /// See [`schema_hash`].
    pub feature_schema: String,
}

/// A model of roles with its classes.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleClassifier {
    /// What it was trained with.
    pub config: Config,
    /// The classes.
    pub labels: Labels,
    /// The model.
    pub mix: Mix,
}

/// Ads to train on.
#[derive(Debug, Clone, Copy)]
pub struct TrainingRoles<'a> {
    /// Their columns and classes.
    pub data: &'a RoleData,
    /// The classes.
    pub labels: &'a Labels,
    /// The rows to train on.
    pub rows: &'a [u32],
    /// Moment of the newest of them.
    pub until: Timestamp,
}

impl RoleClassifier {
    /// Fits a mix to ads. `calibration` is that of predictions for ads that were not trained on.
    ///
    /// # Errors
    /// `InvalidInput` without rows; `Internal` if a search fails.
    pub fn train(ads: TrainingRoles<'_>, recipe: &MixRecipe, calibration: TopCalibration) -> Result<Self> {
        let mix = recipe.train(ads.data, ads.rows)?;
        let config = Config {
            format: FORMAT,
            recipe: recipe.clone(),
            calibration,
            trained_until: ads.until,
            ads: ads.rows.len(),
            dimension: ads.data.table.dimension,
            feature_schema: schema_hash(&mix.rich.names()),
        };
        Ok(Self { config, labels: ads.labels.clone(), mix })
    }

    /// The class of each ad, with its probability. Rare classes are favoured, so that it need not be the most probable
    /// one.
    ///
    /// # Errors
    /// `InvalidInput` if an ad's vector has another length than those of the training ads.
    pub fn predict(&self, ads: &[&Ad]) -> Result<Vec<RolePrediction>> {
        let Decisions { labels, probabilities } = self.decide(ads)?;
        let rows = probabilities.chunks_exact(self.labels.len().max(1));
        Ok(labels.into_iter().zip(rows).map(|(class, row)| self.prediction(class, row)).collect())
    }

    /// Calibrated probabilities: `[ads, classes]` f64, row-major, in the order of the labels.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn predict_proba(&self, ads: &[&Ad]) -> Result<Vec<f64>> {
        Ok(self.decide(ads)?.probabilities)
    }

    /// The `k` most probable classes of each ad, the most probable first; equals in the order of the labels.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn top_k(&self, ads: &[&Ad], k: usize) -> Result<Vec<Vec<RolePrediction>>> {
        let probabilities = self.predict_proba(ads)?;
        let best =
            |row: &[f64]| top_classes(row, k).into_iter().map(|class| self.prediction(class, row)).collect();
        Ok(probabilities.chunks_exact(self.labels.len().max(1)).map(best).collect())
    }

    /// The class of each ad, as by [`predict`](Self::predict), and the `count` most probable other classes.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn predict_with_others(&self, ads: &[&Ad], count: usize) -> Result<Vec<RankedRoles>> {
        let Decisions { labels, probabilities } = self.decide(ads)?;
        let rows = probabilities.chunks_exact(self.labels.len().max(1));
        let ranked = |(class, row): (u32, &[f64])| {
            let probable = top_classes(row, count + 1).into_iter();
            let others = probable.filter(|other| *other != class).take(count);
            RankedRoles {
                predicted: self.prediction(class, row),
                others: others.map(|other| self.prediction(other, row)).collect(),
            }
        };
        Ok(labels.into_iter().zip(rows).map(ranked).collect())
    }

    /// Compares predictions with the classifications that `ads` state; ads without one do not count. A classification
    /// that the model does not know counts as one that it never predicts.
    ///
    /// # Errors
    /// `InvalidInput` without any classification; errors of [`predict`](Self::predict).
    pub fn evaluate(&self, ads: &[&Ad]) -> Result<ClassificationMetrics> {
        let unknown = self.labels.len() as u32;
        let actual = |ad: &Ad| match self.labels.code(&ad.classification) {
            None if Labels::is_stated(&ad.classification) => Some(unknown),
            code => code,
        };
        let (labelled, actual): (Vec<&Ad>, Vec<u32>) =
            ads.iter().filter_map(|ad| Some((*ad, actual(ad)?))).unzip();
        let Decisions { labels, probabilities } = self.decide(&labelled)?;
        Classified {
            actual: &actual,
            predicted: &labels,
            probabilities: &probabilities,
            classes: self.labels.len(),
        }
        .metrics()
    }

    fn decide(&self, ads: &[&Ad]) -> Result<Decisions> {
        let expected = self.config.dimension;
        if let Some(ad) = ads.iter().find(|ad| expected > 0 && ad.salary_embedding().len() != expected) {
            let has = ad.salary_embedding().len();
            return Err(Error::invalid_input(format!(
                "invalid vector of {}: expected {expected} elements, found {has}: run embed-new-jobs with the model's embedding \
                 model",
                ad.key()
            )));
        }
        let mut table = AdTable::new(ads, 1);
        if expected == 0 {
            table.forget_vectors();
        }
        let rows: Vec<u32> = (0..ads.len() as u32).collect();
        let members = self.mix.members(&table, &rows)?;
        Ok(self.mix.decide(&members, self.config.calibration))
    }

    fn prediction(&self, class: u32, row: &[f64]) -> RolePrediction {
        let classification = self.labels.name(class).to_owned();
        RolePrediction { class, classification, probability: row[class as usize] }
    }

    /// Names of the features: blocks of columns.
    pub fn feature_names(&self) -> Vec<String> {
        let mut names = self.mix.rich.blocks();
        if self.config.dimension > 0 {
            names.push("vector".to_owned());
        }
        names
    }

    /// Writes the model's files to `folder`, which exists.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join(CONFIG), &self.config)?;
        write_json(&folder.join(NAMES), &self.feature_names())?;
        write_json(&folder.join(LABELS), &self.labels)?;
        write_binary(&folder.join(TRANSFORMERS), &self.mix.rich)?;
        write_binary(&folder.join(TEXT), &self.mix.text)?;
        write_binary(&folder.join(VECTORS), &self.mix.vectors)?;
        write_binary(&folder.join(BAYES), &self.mix.bayes)
    }

    /// Reads the model that [`RoleClassifier::save`] has written.
    ///
    /// # Errors
    /// `NotFound` if a file is missing, `Corrupt` if one is invalid or of a later format.
    pub fn load(folder: &Path) -> Result<Self> {
        let config: Config = read_json(&folder.join(CONFIG))?;
        if config.format != FORMAT {
            return Err(Error::corrupt(format!(
                "{} has format {}, and this program reads {FORMAT}: run train-models for a new version",
                folder.join(CONFIG).display(),
                config.format
            )));
        }
        let labels: Labels = read_json(&folder.join(LABELS))?;
        let mix = Mix {
            rich: read_binary(&folder.join(TRANSFORMERS))?,
            text: read_binary(&folder.join(TEXT))?,
            vectors: read_binary(&folder.join(VECTORS))?,
            bayes: read_binary(&folder.join(BAYES))?,
            pool: config.recipe.pool,
            label_tau: config.recipe.label_tau,
        };
        if schema_hash(&mix.rich.names()) != config.feature_schema || !mix.is_of(labels.len()) {
            return Err(Error::corrupt(format!(
                "the files in {} are of different models: run train-models for a new version",
                folder.display()
            )));
        }
        Ok(Self { config, labels, mix })
    }
}
