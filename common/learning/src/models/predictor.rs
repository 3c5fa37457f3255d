//! The published model: predicts salaries with intervals and confidence, and is saved as a folder of files.

use std::path::Path;

use common_core::job::Timestamp;
use common_core::{Error, Result};
use common_lightgbm::Booster;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::files::{read, read_binary, read_json, write, write_binary, write_json};
use super::stack::{BOOSTERS, LogPrediction, SCALES, Stack, StackRecipe};
use super::transformers::{Transformed, Transformers};
use crate::ads::Ad;
use crate::evaluation::conformal::Calibration;
use crate::evaluation::metrics::{RegressionMetrics, evaluate_regression};
use crate::features::AdTable;
use crate::features::schema::schema_hash;
use crate::models::TrainingData;

/// Share of the true salaries that an interval contains.
pub const COVERAGE: f64 = 0.9;

/// Ads that are transformed together.
const PART: usize = 512;

/// Format of the files.
const FORMAT: u32 = 3;

const CONFIG: &str = "config.json";
const CALIBRATION: &str = "calibration.bin";
const NAMES: &str = "feature_names.json";
const TRANSFORMERS: &str = "transformers.bin";
/// Parts in the names of the files of trees.
const TREES: &str = "trees";
const SCALE: &str = "scale";

/// A prediction for one ad, in the currency of the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SalaryPrediction {
    /// The predicted midpoint.
    pub salary_per_month: f64,
    /// Lower bound of the 90% interval.
    pub low_per_month: f64,
    /// Upper bound of the 90% interval.
    pub high_per_month: f64,
    /// Calibrated probability that the true midpoint is within ±20% of the prediction.
    pub confidence: f64,
}

/// What a predictor was trained with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Format of the files.
    pub format: u32,
    /// Code of the currency of its predictions.
    pub currency: String,
    /// Parameters of the stack.
    pub recipe: StackRecipe,
    /// Moment of the newest training ad.
    pub trained_until: Timestamp,
    /// Number of training ads.
    pub ads: usize,
    /// Length of the vectors that it reads.
    pub dimension: usize,
    /// See [`schema_hash`].
    pub feature_schema: String,
}

/// A salary model with its calibration.
#[derive(Debug)]
pub struct SalaryPredictor {
    /// What it was trained with.
    pub config: Config,
    /// The model.
    pub stack: Stack,
    /// Intervals and confidence.
    pub calibration: Calibration,
}

/// Ads to train on.
#[derive(Debug, Clone, Copy)]
pub struct TrainingAds<'a> {
    /// Code of the currency of the salaries.
    pub currency: &'a str,
    /// Their columns.
    pub data: &'a TrainingData,
    /// The rows to train on.
    pub rows: &'a [u32],
    /// Moment of the newest of them.
    pub until: Timestamp,
}

impl SalaryPredictor {
    /// Fits a stack to ads. `calibration` is of predictions for ads that were not trained on.
    ///
    /// # Errors
    /// `InvalidInput` without rows; errors of the libraries.
    pub fn train(ads: TrainingAds<'_>, recipe: &StackRecipe, calibration: Calibration) -> Result<Self> {
        let stack = recipe.train(ads.data, ads.rows)?;
        let config = Config {
            format: FORMAT,
            currency: ads.currency.to_owned(),
            recipe: recipe.clone(),
            trained_until: ads.until,
            ads: ads.rows.len(),
            dimension: ads.data.table.dimension,
            feature_schema: schema_hash(&stack.transformers.names()),
        };
        Ok(Self { config, stack, calibration })
    }

    /// Predicts the salaries of `ads`.
    ///
    /// # Errors
    /// `InvalidInput` if an ad's vector has another length than those of the training ads.
    pub fn predict(&self, ads: &[&Ad]) -> Result<Vec<SalaryPrediction>> {
        self.predict_transformed(&self.transform(ads)?)
    }

    /// The columns of `ads`, which [`predict_transformed`](Self::predict_transformed) reads. An ad's columns do not depend on
    /// the others.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn transform(&self, ads: &[&Ad]) -> Result<Transformed> {
        self.refuse_other_vectors(ads)?;
        let transform = |ads: &[&Ad]| -> Result<Transformed> {
            let rows: Vec<u32> = (0..ads.len() as u32).collect();
            self.stack.transformers.transform(&AdTable::new(ads, 1), &rows)
        };
        let parts: Vec<Transformed> = ads.par_chunks(PART).map(transform).collect::<Result<_>>()?;
        Ok(Transformed::joined(parts))
    }

    /// Predicts from columns.
    ///
    /// # Errors
    /// Errors of LightGBM.
    pub fn predict_transformed(&self, transformed: &Transformed) -> Result<Vec<SalaryPrediction>> {
        let predictions = self.stack.predict_transformed(transformed)?;
        predictions.into_iter().map(|prediction| in_money(&self.calibration, prediction)).collect()
    }

    fn refuse_other_vectors(&self, ads: &[&Ad]) -> Result<()> {
        if let Some(ad) = ads.iter().find(|ad| ad.salary_embedding().len() != self.config.dimension) {
            let (has, expected) = (ad.salary_embedding().len(), self.config.dimension);
            return Err(Error::invalid_input(format!(
                "invalid vector of {}: expected {expected} elements, found {has}: run embed-new-jobs with the model's embedding \
                 model",
                ad.key()
            )));
        }
        Ok(())
    }

    /// Compares predictions with the stated salaries of `ads`; ads without one do not count.
    ///
    /// # Errors
    /// `InvalidInput` without any salary; errors of [`SalaryPredictor::predict`].
    pub fn evaluate(&self, ads: &[&Ad]) -> Result<RegressionMetrics> {
        let paid: Vec<&Ad> = ads.iter().filter(|ad| ad.salary_mid_per_month().is_some()).copied().collect();
        let actual: Vec<f64> = paid.iter().filter_map(|ad| ad.salary_mid_per_month()).collect();
        let predicted: Vec<f64> =
            self.predict(&paid)?.iter().map(|prediction| prediction.salary_per_month).collect();
        evaluate_regression(&actual, &predicted)
    }

    /// Writes the model's files to `folder`, which exists.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join(CONFIG), &self.config)?;
        write_binary(&folder.join(CALIBRATION), &self.calibration)?;
        write_json(&folder.join(NAMES), &self.stack.transformers.names())?;
        write_binary(&folder.join(TRANSFORMERS), &self.stack.transformers)?;
        for (part, boosters) in [(TREES, &self.stack.boosters), (SCALE, &self.stack.scales)] {
            for (at, booster) in boosters.iter().enumerate() {
                write(&folder.join(trees_file(part, at)), booster.to_text()?.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Reads the model that [`SalaryPredictor::save`] has written.
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
        let calibration = read_binary(&folder.join(CALIBRATION))?;
        let transformers: Transformers = read_binary(&folder.join(TRANSFORMERS))?;
        let booster = |name: &str| -> Result<Booster> {
            let path = folder.join(name);
            let text = String::from_utf8(read(&path)?)
                .map_err(|_| Error::corrupt(format!("invalid model {:?}: expected text", path.display())))?;
            Booster::from_text(&text).map_err(|error| error.context(path.display()))
        };
        let boosters = |part: &str, count: usize| -> Result<Vec<Booster>> {
            (0..count).map(|at| booster(&trees_file(part, at))).collect()
        };
        let (boosters, scales) = (boosters(TREES, BOOSTERS)?, boosters(SCALE, SCALES)?);
        let stack = Stack { transformers, boosters, scales, shares: config.recipe.shares };
        if schema_hash(&stack.transformers.names()) != config.feature_schema {
            return Err(Error::corrupt(format!(
                "the transformers in {} are of other features than its config: run train-models for a new version",
                folder.display()
            )));
        }
        Ok(Self { config, stack, calibration })
    }
}

/// A prediction with its interval and confidence.
///
/// # Errors
/// `Corrupt` if the calibration has no scores.
pub(crate) fn in_money(calibration: &Calibration, prediction: LogPrediction) -> Result<SalaryPrediction> {
    let LogPrediction { center, scale } = prediction;
    let interval = calibration.interval(center, scale, COVERAGE);
    let (Some((low, high)), Some(confidence)) = (interval, calibration.confidence(scale)) else {
        return Err(Error::corrupt(
            "the calibration of the model has no scores: run train-models for a new version",
        ));
    };
    Ok(SalaryPrediction {
        salary_per_month: center.exp(),
        low_per_month: low,
        high_per_month: high,
        confidence,
    })
}

fn trees_file(part: &str, at: usize) -> String {
    format!("model.{part}_{}.txt", at + 1)
}
