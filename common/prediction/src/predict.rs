//! Predictions of ads. An ad's prediction depends on the ad and the models alone, not on the other ads.

use common_core::job::{JobKey, Timestamp};
use common_core::{Error, Result};
use common_learning::Ad;
use common_learning::models::predictor::SalaryPrediction;
use common_learning::models::role::classifier::{RankedRoles, RolePrediction};
use common_storage::warehouse::{PredictionRow, Variant};

use crate::models::PredictionModels;

/// Predictions of ads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predicted {
    /// One row for each ad that was predicted, in the order of the ads.
    pub rows: Vec<PredictionRow>,
    /// Ads that state pay and have no vector of the masked text yet: a salary model must not see the other one.
    pub without_masked_vector: Vec<JobKey>,
}

/// The cluster of an ad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterPrediction {
    /// Id of the cluster.
    pub cluster: u32,
    /// Its name.
    pub name: String,
}

impl PredictionModels {
    /// Predicts everything that the models predict of `ads`, which each have a vector.
    ///
    /// # Errors
    /// `InvalidInput` if a vector has another length than those that a model was trained with.
    pub fn predict(&self, ads: &[Ad], at: Timestamp) -> Result<Predicted> {
        let (waiting, ads): (Vec<&Ad>, Vec<&Ad>) = ads.iter().partition(|ad| self.waits(ad));
        let without_masked_vector = waiting.into_iter().map(Ad::key).collect();
        if ads.is_empty() {
            return Ok(Predicted { rows: Vec::new(), without_masked_vector });
        }
        let salaries = self.salaries(&ads)?;
        let roles = self.predict_role_batch(&ads)?;
        let clusters = self.predict_cluster_batch(&ads)?;
        let rows = ads
            .iter()
            .zip(salaries)
            .zip(roles.into_iter().zip(clusters))
            .map(|((ad, salary), (role, cluster))| self.row(ad, at, salary, role, cluster))
            .collect();
        Ok(Predicted { rows, without_masked_vector })
    }

    /// Predicts the salary of each ad by the model of its currency; `None` if there is no such model.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict); `InvalidInput` for an ad that states pay and has no vector of the masked text.
    pub fn predict_salary_batch(&self, ads: &[&Ad]) -> Result<Vec<Option<SalaryPrediction>>> {
        if let Some(ad) = ads.iter().find(|ad| self.waits(ad)) {
            return Err(Error::invalid_input(format!(
                "{} states pay and has no vector of the text with masked pay: run embed-new-jobs",
                ad.key()
            )));
        }
        self.salaries(ads)
    }

    /// Whether the ad needs a vector of its text with masked pay, and has none.
    fn waits(&self, ad: &Ad) -> bool {
        self.salary.contains_key(&ad.currency) && ad.lacks_masked_embedding()
    }

    fn salaries(&self, ads: &[&Ad]) -> Result<Vec<Option<SalaryPrediction>>> {
        let mut predictions = vec![None; ads.len()];
        for (currency, model) in &self.salary {
            let of_currency: Vec<usize> =
                (0..ads.len()).filter(|row| ads[*row].currency == *currency).collect();
            if of_currency.is_empty() {
                continue;
            }
            let chosen: Vec<&Ad> = of_currency.iter().map(|row| ads[*row]).collect();
            for (row, prediction) in of_currency.into_iter().zip(model.predict(&chosen)?) {
                predictions[row] = Some(prediction);
            }
        }
        Ok(predictions)
    }

    /// Predicts the class of each ad; `None` without a role classifier.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn predict_role_batch(&self, ads: &[&Ad]) -> Result<Vec<Option<RolePrediction>>> {
        let Some(model) = &self.role else { return Ok(vec![None; ads.len()]) };
        Ok(model.predict(ads)?.into_iter().map(Some).collect())
    }

    /// Predicts the class of each ad, with the `count` most probable other classes; `None` without a role classifier.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn predict_role_with_others(&self, ads: &[&Ad], count: usize) -> Result<Vec<Option<RankedRoles>>> {
        let Some(model) = &self.role else { return Ok(vec![None; ads.len()]) };
        Ok(model.predict_with_others(ads, count)?.into_iter().map(Some).collect())
    }

    /// Finds the cluster of each ad; `None` without a clustering.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn predict_cluster_batch(&self, ads: &[&Ad]) -> Result<Vec<Option<ClusterPrediction>>> {
        let Some(model) = &self.cluster else { return Ok(vec![None; ads.len()]) };
        let labels = model.get_cluster_labels();
        let placed = |placement: common_learning::models::cluster::Placement| {
            let name = labels.get(placement.place as usize).map(|label| label.name.clone());
            name.map(|name| ClusterPrediction { cluster: placement.cluster, name })
        };
        Ok(model.place(ads)?.into_iter().map(placed).collect())
    }

    fn row(
        &self,
        ad: &Ad,
        at: Timestamp,
        salary: Option<SalaryPrediction>,
        role: Option<RolePrediction>,
        cluster: Option<ClusterPrediction>,
    ) -> PredictionRow {
        let versions = &self.champions.versions;
        let (predicted_cluster, cluster_name) =
            cluster.map(|cluster| (i64::from(cluster.cluster), cluster.name)).unzip();
        let (predicted_classification, classification_probability) =
            role.map(|role| (role.classification, role.probability)).unzip();
        PredictionRow {
            key: ad.key(),
            content_hash: ad.content_hash.clone(),
            variant: Variant::Champion,
            currency: ad.currency.clone(),
            predicted_salary: salary.map(|salary| salary.salary_per_month),
            salary_low: salary.map(|salary| salary.low_per_month),
            salary_high: salary.map(|salary| salary.high_per_month),
            salary_confidence: salary.map(|salary| salary.confidence),
            predicted_classification,
            classification_probability,
            predicted_cluster,
            cluster_name,
            salary_model_version: versions.salary.get(&ad.currency).cloned(),
            role_model_version: versions.role.clone(),
            cluster_model_version: versions.cluster.clone(),
            predicted_at: at,
        }
    }
}
