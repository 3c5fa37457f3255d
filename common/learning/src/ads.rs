//! The ad as the models see it, before any feature is computed.

use common_core::job::{JobKey, Timestamp};
use common_core::pay;

/// An ad with its vectors: a row of `vw_ml_features`. Missing texts are empty.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs)] // From `title` on: columns of cleaned_jobs under shorter names.
pub struct Ad {
    pub source: String,
    pub job_id: String,
    pub title: String,
    pub description: String,
    pub location: String,
    pub classification: String,
    pub work_type: String,
    pub company_id: String,
    pub company_name: String,
    pub company_industry: String,
    pub company_size: String,
    /// Code of the currency; an unknown one as the ad writes it. See [`pay::Currency::name`].
    pub currency: String,
    pub salary_min_per_month: Option<f64>,
    pub salary_max_per_month: Option<f64>,
    pub posted: Option<Timestamp>,
    /// When the latest sighting was scraped.
    pub seen: Timestamp,
    /// Hash of the embedding text.
    pub content_hash: String,
    /// `[dimension] f32`, L2-normalised; empty if the ad has no vector.
    pub embedding: Vec<f32>,
    /// Vector of the text with stated pay masked; empty if the text states no pay.
    pub masked_embedding: Vec<f32>,
}

impl Ad {
    /// The key of the ad.
    pub fn key(&self) -> JobKey {
        JobKey { source: self.source.clone(), job_id: self.job_id.clone() }
    }

    /// The middle of the pay range in the ad's currency, or the only bound that is known.
    pub fn salary_mid_per_month(&self) -> Option<f64> {
        pay::middle(self.salary_min_per_month, self.salary_max_per_month)
    }

    /// When the ad was posted, or else first known: the moment that splits by time compare.
    pub fn moment(&self) -> Timestamp {
        self.posted.unwrap_or(self.seen)
    }

    /// The vector that the salary models see: of the text without stated pay. Empty if there is none.
    pub fn salary_embedding(&self) -> &[f32] {
        if self.masked_embedding.is_empty() { &self.embedding } else { &self.masked_embedding }
    }
}
