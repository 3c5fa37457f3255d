//! The ads of one currency whose salaries are believed.

use std::collections::BTreeMap;
use std::sync::Arc;

use common_core::{Error, Result};

use crate::ads::Ad;
use crate::evaluation::families::{FamilyFacts, families};
use crate::evaluation::implausible::{Bounds, assess};
use crate::evaluation::split::salary_strata;
use crate::features::AdTable;
use crate::models::TrainingData;

/// Ads that a salary model needs at least.
pub const MIN_ADS: usize = 50;
/// Ads that a salary model needs at least, reposts counted once.
pub const MIN_FAMILIES: usize = 30;
/// Salaries from which a currency is trained without being asked for.
pub const MIN_SALARIES: usize = 500;
/// Ads that must have an n-gram.
const MIN_TEXTS: u32 = 2;

/// The ads that a salary model is trained on.
#[derive(Debug)]
pub struct Market<'a> {
    /// Code of the currency.
    pub currency: String,
    /// The ads in the order of [`Ad::moment`], then of their key.
    pub ads: Vec<&'a Ad>,
    /// Their columns.
    pub data: TrainingData,
    /// Number of ads with a salary in this currency.
    pub with_salary: usize,
    /// Ads that are not trained on, by reason.
    pub set_aside: BTreeMap<String, u64>,
    /// Plausible salaries.
    pub bounds: Bounds,
}

/// Number of ads with a salary by currency.
pub fn currencies(ads: &[Ad]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for ad in ads.iter().filter(|ad| ad.salary_mid_per_month().is_some()) {
        *counts.entry(ad.currency.clone()).or_default() += 1;
    }
    counts
}

impl<'a> Market<'a> {
    /// Chooses the ads of `currency`, and reads their columns.
    ///
    /// # Errors
    /// `NotFound` if they are fewer than [`MIN_ADS`], or than [`MIN_FAMILIES`] without reposts.
    pub fn new(ads: &'a [Ad], currency: &str) -> Result<Self> {
        let paid: Vec<&Ad> =
            ads.iter().filter(|ad| ad.currency == currency && ad.salary_mid_per_month().is_some()).collect();
        let with_salary = paid.len();
        let middles: Vec<f64> = paid.iter().filter_map(|ad| ad.salary_mid_per_month()).collect();
        let bounds = Bounds::of(currency, &middles);
        let mut set_aside: BTreeMap<String, u64> = BTreeMap::new();
        let mut kept = Vec::new();
        for ad in paid {
            let reason = if ad.salary_embedding().is_empty() {
                Some("no vector".to_owned())
            } else if ad.lacks_masked_embedding() {
                Some("no vector of the text without its pay: run embed-new-jobs".to_owned())
            } else {
                assess(ad, &bounds).map(|reason| reason.name().to_owned())
            };
            match reason {
                Some(reason) => *set_aside.entry(reason).or_default() += 1,
                None => kept.push(ad),
            }
        }
        if kept.len() < MIN_ADS {
            let aside: u64 = set_aside.values().sum();
            return Err(Error::not_found(format!(
                "too few salaries in {currency} to train on: expected at least {MIN_ADS} ads, found {} ({aside} more were set \
                 aside): load more ads with pay",
                kept.len()
            )));
        }
        kept.sort_by(|a, b| {
            a.moment().cmp(&b.moment()).then_with(|| (&a.source, &a.job_id).cmp(&(&b.source, &b.job_id)))
        });
        let log_salaries: Vec<f64> =
            kept.iter().map(|ad| ad.salary_mid_per_month().unwrap_or(1.0).max(1.0).ln()).collect();
        let families = families(&kept);
        let different = FamilyFacts::of(&families).families as usize;
        if different < MIN_FAMILIES {
            return Err(Error::not_found(format!(
                "too few different ads with a salary in {currency}: expected at least {MIN_FAMILIES} besides their reposts, \
                 found {different}: load more ads with pay"
            )));
        }
        let classes: Vec<&str> = kept.iter().map(|ad| ad.classification.as_str()).collect();
        let strata = salary_strata(&classes, &log_salaries)?;
        let days = kept.iter().map(|ad| ad.moment().timestamp() as f64 / 86_400.0).collect();
        let table = Arc::new(AdTable::new(&kept, MIN_TEXTS));
        let data = TrainingData { table, log_salaries, families, strata, days };
        Ok(Self { currency: currency.to_owned(), ads: kept, data, with_salary, set_aside, bounds })
    }

    /// Every row.
    pub fn rows(&self) -> Vec<u32> {
        (0..self.ads.len() as u32).collect()
    }

    /// The salaries per month of `rows`.
    pub fn salaries(&self, rows: &[u32]) -> Vec<f64> {
        rows.iter().map(|row| self.data.log_salaries[*row as usize].exp()).collect()
    }

    /// The families of `rows`.
    pub fn families(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|row| self.data.families[*row as usize]).collect()
    }
}
