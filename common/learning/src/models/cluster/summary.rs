//! What is in a cluster: its size, pay, titles, companies and classifications, and how it grows.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::naming::Label;
use crate::ads::Ad;
use crate::evaluation::metrics::median_of_sorted;
use crate::features::keys::{company_key, title_key};

/// Titles, companies and classifications that are listed.
const LISTED: usize = 5;
/// Months in each of the two spans that growth compares.
const MONTHS: usize = 3;
/// Ads that a cluster needs in each span for its growth to be computed.
const MIN_ADS: u32 = 10;

/// The contents of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterSummary {
    /// Its id, name and keywords.
    pub label: Label,
    /// Number of ads.
    pub ads: u32,
    /// Share of all ads.
    pub share: f64,
    /// Stated pay by currency.
    pub pay: BTreeMap<String, Pay>,
    /// The most frequent titles.
    pub titles: Vec<Listed>,
    /// The companies with most ads.
    pub companies: Vec<Listed>,
    /// The most frequent classifications.
    pub classifications: Vec<Listed>,
    /// Number of ads by the month of their moment, `2026-03`, ascending.
    pub months: BTreeMap<String, u32>,
    /// The cluster's share of the ads of the last three months over its share of the three before, minus 1; the newest
    /// month, which is not over, is left out. `None` if it has fewer than 10 ads in one of the spans.
    pub growth: Option<f64>,
}

/// Stated pay in one currency, per month.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pay {
    /// Number of ads that state pay in it.
    pub ads: u32,
    /// Mean of the midpoints.
    pub mean: f64,
    /// A quarter of the midpoints are below it.
    pub lower_quartile: f64,
    /// Half of the midpoints are below it.
    pub median: f64,
    /// Three quarters of the midpoints are below it.
    pub upper_quartile: f64,
}

/// A value and how many ads have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// As an ad writes it.
    pub value: String,
    /// Number of ads.
    pub ads: u32,
}

/// Summarises the clusters of ads, whose indices into `labels` are `places`.
pub fn summaries(ads: &[&Ad], places: &[u32], labels: &[Label]) -> Vec<ClusterSummary> {
    let spans = Spans::of(ads);
    let all_in_spans = spans.count(ads);
    let summary = |(place, label): (usize, &Label)| {
        let own: Vec<&Ad> = ads
            .iter()
            .zip(places)
            .filter(|(_, other)| **other as usize == place)
            .map(|(ad, _)| *ad)
            .collect();
        let mut months = BTreeMap::new();
        for ad in &own {
            *months.entry(month(ad)).or_default() += 1;
        }
        ClusterSummary {
            label: label.clone(),
            ads: own.len() as u32,
            share: own.len() as f64 / ads.len().max(1) as f64,
            pay: pay(&own),
            titles: listed(&own, |ad| &ad.title, title_key),
            companies: listed(&own, |ad| &ad.company_name, company_key),
            classifications: listed(
                &own,
                |ad| &ad.classification,
                |value| Some(common_core::fold::fold_name(value)).filter(|key| !key.is_empty()),
            ),
            months,
            growth: growth(spans.count(&own), all_in_spans),
        }
    };
    labels.iter().enumerate().map(summary).collect()
}

fn month(ad: &Ad) -> String {
    ad.moment().format("%Y-%m").to_string()
}

fn pay(ads: &[&Ad]) -> BTreeMap<String, Pay> {
    let mut middles: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for ad in ads {
        if let Some(middle) = ad.salary_mid_per_month() {
            middles.entry(ad.currency.clone()).or_default().push(middle);
        }
    }
    let of = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let quantile = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        Pay {
            ads: values.len() as u32,
            mean: values.iter().sum::<f64>() / values.len() as f64,
            lower_quartile: quantile(0.25),
            median: median_of_sorted(&values),
            upper_quartile: quantile(0.75),
        }
    };
    middles.into_iter().map(|(currency, values)| (currency, of(values))).collect()
}

/// The most frequent values, compared by `key` and written as the smallest spelling.
fn listed(ads: &[&Ad], read: fn(&Ad) -> &String, key: fn(&str) -> Option<String>) -> Vec<Listed> {
    let mut counts: FxHashMap<String, (u32, &str)> = FxHashMap::default();
    for ad in ads {
        let value = read(ad).trim();
        if let Some(key) = key(value) {
            let own = counts.entry(key).or_insert((0, value));
            *own = (own.0 + 1, own.1.min(value));
        }
    }
    let mut all: Vec<(u32, &str)> = counts.into_values().collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    all.truncate(LISTED);
    all.into_iter().map(|(ads, value)| Listed { value: value.to_owned(), ads }).collect()
}

/// Two spans of months, the later first.
struct Spans([Vec<String>; 2]);

impl Spans {
    fn of(ads: &[&Ad]) -> Self {
        let mut months: Vec<String> = ads.iter().map(|ad| month(ad)).collect();
        months.sort_unstable_by(|a, b| b.cmp(a));
        months.dedup();
        let span = |skip: usize| months.iter().skip(skip).take(MONTHS).cloned().collect();
        Self([span(1), span(1 + MONTHS)])
    }

    fn count(&self, ads: &[&Ad]) -> [u32; 2] {
        [0, 1].map(|span| ads.iter().filter(|ad| self.0[span].contains(&month(ad))).count() as u32)
    }
}

fn growth(own: [u32; 2], all: [u32; 2]) -> Option<f64> {
    if own.iter().any(|ads| *ads < MIN_ADS) {
        return None;
    }
    let [later, earlier] = [0, 1].map(|span| f64::from(own[span]) / f64::from(all[span]));
    Some(later / earlier - 1.0)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};

    use super::*;

    #[test]
    fn a_cluster_is_summarised_with_its_pay_by_currency_and_its_growth() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let ad = |n: u32| Ad {
            title: if n.is_multiple_of(3) { "Cook" } else { "COOK 2" }.into(),
            company_name: "Kitchen Ltd".into(),
            currency: if n.is_multiple_of(2) { "GBP" } else { "SGD" }.into(),
            salary_min_per_month: (n < 8).then(|| f64::from(n) * 100.0),
            seen: start + Duration::days(i64::from(n)),
            ..Ad::default()
        };
        let ads: Vec<Ad> = (0..240).map(ad).collect();
        let ads: Vec<&Ad> = ads.iter().collect();
        // Every second ad at first, then every third.
        let places: Vec<u32> =
            (0..240).map(|n| u32::from(if n < 120 { n % 2 == 0 } else { n % 3 == 0 })).collect();
        let label = |id| Label { id, name: format!("{id}"), keywords: Vec::new() };
        let found = summaries(&ads, &places, &[label(0), label(1)]);
        assert_eq!(found[0].ads + found[1].ads, 240);
        assert_eq!(found[1].titles[0].value, "COOK 2");
        assert_eq!(found[1].titles.len(), 1, "{:?}", found[1].titles);
        assert_eq!(found[1].companies[0].ads, found[1].ads);
        let pay = found[1].pay["GBP"];
        assert_eq!((pay.ads, pay.mean, pay.median), (4, 300.0, 300.0));
        assert!(found[1].classifications.is_empty());
        assert!(found[1].growth.unwrap() < -0.1, "{:?}", found[1].growth);
        assert!(found[0].growth.unwrap() > 0.1);
        assert_eq!(found[1].months.values().sum::<u32>(), found[1].ads);
    }

    #[test]
    fn empty_clusters_and_no_ads_have_summaries() {
        let label = Label { id: 0, name: "Empty".into(), keywords: Vec::new() };
        let found = summaries(&[], &[], &[label]);
        assert_eq!((found[0].ads, found[0].share, found[0].growth), (0, 0.0, None));
    }
}
