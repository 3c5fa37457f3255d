//! The ads of all currencies that state a classification.

use std::sync::Arc;

use common_core::{Error, Result};

use crate::ads::Ad;
use crate::evaluation::families::{FamilyFacts, families};
use crate::features::AdTable;
use crate::models::role::{Labels, RoleData};
use crate::training::splits::{Divided, Splits};

/// Ads that a model of roles needs at least.
pub const MIN_ADS: usize = 50;
/// Ads that a model of roles needs at least, reposts counted once.
pub const MIN_FAMILIES: usize = 30;
/// Ads that must have an n-gram.
const MIN_TEXTS: u32 = 2;

/// The ads that a model of roles is trained on.
#[derive(Debug)]
pub struct RoleMarket<'a> {
    /// The ads in the order of [`Ad::moment`], then of their key.
    pub ads: Vec<&'a Ad>,
    /// Their columns and classes.
    pub data: RoleData,
    /// The classes.
    pub labels: Labels,
    /// Number of ads that state no classification, which are not trained on.
    pub without_label: u64,
}

impl<'a> RoleMarket<'a> {
    /// Chooses the ads with a classification, and reads their columns. Classifications of fewer than `min_class_ads` ads
    /// are together the class "Other".
    ///
    /// # Errors
    /// `NotFound` if they are fewer than [`MIN_ADS`], or than [`MIN_FAMILIES`] without reposts.
    pub fn new(ads: &'a [Ad], min_class_ads: u32) -> Result<Self> {
        let mut kept: Vec<&Ad> = ads.iter().filter(|ad| Labels::is_stated(&ad.classification)).collect();
        if kept.len() < MIN_ADS {
            return Err(Error::not_found(format!(
                "too few ads with a classification to train on: expected at least {MIN_ADS}, found {} of {} ads: load more ads \
                 with job_classification",
                kept.len(),
                ads.len()
            )));
        }
        kept.sort_by(|a, b| {
            a.moment().cmp(&b.moment()).then_with(|| (&a.source, &a.job_id).cmp(&(&b.source, &b.job_id)))
        });
        let families = families(&kept);
        let different = FamilyFacts::of(&families).families as usize;
        if different < MIN_FAMILIES {
            return Err(Error::not_found(format!(
                "too few different ads with a classification: expected at least {MIN_FAMILIES} besides their reposts, found \
                 {different}: load more ads with job_classification"
            )));
        }
        let labels = Labels::fit(kept.iter().map(|ad| ad.classification.as_str()), min_class_ads);
        let codes = kept.iter().map(|ad| labels.code(&ad.classification).unwrap_or_default()).collect();
        let table = Arc::new(AdTable::new(&kept, MIN_TEXTS));
        let data = RoleData { table, labels: codes, classes: labels.len(), families };
        let without_label = (ads.len() - kept.len()) as u64;
        Ok(Self { ads: kept, data, labels, without_label })
    }

    /// Every row.
    pub fn rows(&self) -> Vec<u32> {
        (0..self.ads.len() as u32).collect()
    }

    /// The families of `rows`.
    pub fn families(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|row| self.data.families[*row as usize]).collect()
    }

    /// Splits the market by time.
    ///
    /// # Errors
    /// Those of the splits.
    pub fn splits(&self, quick: bool) -> Result<Splits> {
        let RoleData { families, labels, .. } = &self.data;
        Splits::of(Divided { ads: &self.ads, families, strata: labels }, quick)
    }
}
