//! Summaries of clusters: what the ads of an index in each cluster have in common.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use chrono::Datelike;
use common_core::pay::{self, Currency};

use super::{Cluster, ClusterPay, MonthCount, NearCluster, Placed, ValueCount};
use crate::TextId;
use crate::ads::{Metadata, counted};

/// Maximum number of values of a kind in a summary.
const TOP: usize = 10;
/// Maximum number of months in a summary.
const MONTHS: i32 = 24;
/// One in this many of the latest ads is ignored when the last month is chosen: some boards write moments in the far
/// future.
const LATEST_IGNORED: usize = 1000;
/// Number of similar clusters in a summary.
const NEAREST: usize = 3;

/// What summaries are computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary<'a> {
    /// The ads, each with the number of its text.
    pub(crate) ads: &'a [Metadata],
    /// One per text.
    pub(crate) placed: &'a [Placed],
    /// `[texts, dimension] f32`.
    pub(crate) vectors: &'a [f32],
    /// Elements of a vector.
    pub(crate) dimension: usize,
}

impl Summary<'_> {
    /// The clusters `named` with the summaries of their ads, by id.
    pub(crate) fn clusters(&self, named: &[Cluster]) -> Vec<Cluster> {
        let mut clusters: Vec<Cluster> = named
            .iter()
            .map(|named| Cluster {
                id: named.id,
                name: named.name.clone(),
                keywords: named.keywords.clone(),
                ..Cluster::default()
            })
            .collect();
        clusters.sort_by_key(|cluster| cluster.id);
        let months = self.months();
        let mut members: BTreeMap<u16, Members<'_>> = BTreeMap::new();
        for (text, placed) in (0..).zip(self.placed) {
            members.entry(placed.cluster).or_default().texts.push(text);
        }
        for ad in self.ads {
            members.entry(self.placed[ad.text as usize].cluster).or_default().ads.push(ad);
        }
        for cluster in &mut clusters {
            let Some(members) = members.get(&cluster.id) else {
                cluster.months = Members::default().months(&months);
                continue;
            };
            [cluster.x, cluster.y] = self.centre(&members.texts);
            cluster.ads = members.ads.len() as u64;
            cluster.share = members.ads.len() as f64 / self.ads.len() as f64;
            cluster.pay = members.pay();
            cluster.titles = members.top(|ad| ad.job_title.as_deref());
            cluster.companies = members.top(|ad| ad.company_name.as_deref());
            cluster.classifications = members.top(|ad| ad.job_classification.as_deref());
            cluster.months = members.months(&months);
        }
        self.add_nearest(&mut clusters, &members);
        clusters
    }

    /// The months of summaries: those up to the last one in which ads were posted, from the first one with ads.
    fn months(&self) -> Range<i32> {
        let mut months: Vec<i32> = self.ads.iter().filter_map(month).collect();
        months.sort_unstable();
        let Some(last) = months.len().checked_sub(1 + months.len() / LATEST_IGNORED) else { return 0..0 };
        let last = months[last];
        let first = months.into_iter().find(|&month| month > last - MONTHS).unwrap_or(last);
        first..last + 1
    }

    /// The point of a text that is nearest to the medians of both coordinates. A mean would lie outside of a cluster
    /// that is bent.
    fn centre(&self, texts: &[TextId]) -> [f32; 2] {
        let point = |text: TextId| self.placed[text as usize].point;
        let middle = [0, 1].map(|axis| {
            let mut values: Vec<f32> = texts.iter().map(|&text| point(text)[axis]).collect();
            values.sort_unstable_by(f32::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        });
        let distance = |&text: &TextId| {
            let [x, y] = point(text);
            (x - middle[0]).powi(2) + (y - middle[1]).powi(2)
        };
        let nearest = texts.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or(middle, point)
    }

    /// Adds to each cluster those whose texts are most similar.
    fn add_nearest(&self, clusters: &mut [Cluster], members: &BTreeMap<u16, Members<'_>>) {
        let all: Vec<TextId> = (0..self.placed.len() as TextId).collect();
        let mean_of_all = self.mean(&all);
        let directions: Vec<(u16, String, Vec<f64>)> = clusters
            .iter()
            .filter_map(|cluster| {
                let mean = self.mean(&members.get(&cluster.id)?.texts);
                let moved: Vec<f64> = mean.iter().zip(&mean_of_all).map(|(own, all)| own - all).collect();
                let length = moved.iter().map(|x| x * x).sum::<f64>().sqrt();
                let is_one = length > 1e-9;
                is_one.then(|| {
                    (cluster.id, cluster.name.clone(), moved.into_iter().map(|x| x / length).collect())
                })
            })
            .collect();
        for cluster in clusters {
            let Some((_, _, own)) = directions.iter().find(|(id, ..)| *id == cluster.id) else { continue };
            let others = directions.iter().filter(|(id, ..)| *id != cluster.id);
            cluster.nearest = others
                .map(|(id, name, other)| NearCluster {
                    id: *id,
                    name: name.clone(),
                    similarity: own.iter().zip(other).map(|(a, b)| a * b).sum::<f64>() as f32,
                })
                .collect();
            cluster.nearest.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.id.cmp(&b.id)));
            cluster.nearest.truncate(NEAREST);
        }
    }

    /// The mean vector of texts: `[dimension] f64`.
    fn mean(&self, texts: &[TextId]) -> Vec<f64> {
        let mut sum = vec![0.0; self.dimension];
        for &text in texts {
            let vector = &self.vectors[text as usize * self.dimension..][..self.dimension];
            for (sum, value) in sum.iter_mut().zip(vector) {
                *sum += f64::from(*value);
            }
        }
        let texts = texts.len().max(1) as f64;
        sum.into_iter().map(|sum| sum / texts).collect()
    }
}

/// The ads and texts of a cluster.
#[derive(Default)]
struct Members<'a> {
    ads: Vec<&'a Metadata>,
    texts: Vec<TextId>,
}

impl Members<'_> {
    /// The most frequent values of a column.
    fn top(&self, value: fn(&Metadata) -> Option<&str>) -> Vec<ValueCount> {
        let mut spellings: HashMap<&str, u32> = HashMap::new();
        for spelling in self.ads.iter().filter_map(|ad| value(ad)).map(str::trim) {
            *spellings.entry(spelling).or_default() += 1;
        }
        let top = counted(spellings).into_iter().take(TOP);
        top.map(|(value, ads)| ValueCount { value, ads: ads.into() }).collect()
    }

    /// Pay by currency. Amounts in an unknown currency, and amounts of 0, are left out.
    fn pay(&self) -> Vec<ClusterPay> {
        let mut amounts: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for ad in &self.ads {
            let middle = pay::middle(ad.salary_min_monthly, ad.salary_max_monthly);
            let currency = Currency::read(ad.currency.as_deref());
            if let Some(amount) = middle.filter(|amount| *amount > 0.0)
                && !matches!(currency, Currency::Unknown(_))
            {
                amounts.entry(currency.name()).or_default().push(amount);
            }
        }
        let mut pay: Vec<ClusterPay> = amounts
            .into_iter()
            .map(|(currency, mut amounts)| {
                // Sorted also so that the mean does not depend on the order of the ads.
                amounts.sort_unstable_by(f64::total_cmp);
                ClusterPay {
                    currency: currency.to_owned(),
                    ads: amounts.len() as u64,
                    p25_per_month: quantile(&amounts, 0.25),
                    median_per_month: quantile(&amounts, 0.5),
                    p75_per_month: quantile(&amounts, 0.75),
                    mean_per_month: amounts.iter().sum::<f64>() / amounts.len() as f64,
                }
            })
            .collect();
        pay.sort_by_key(|pay| std::cmp::Reverse(pay.ads));
        pay
    }

    /// The number of ads in each of `months`.
    fn months(&self, months: &Range<i32>) -> Vec<MonthCount> {
        let mut counts = vec![0; months.len()];
        for month in self.ads.iter().filter_map(|ad| month(ad)).filter(|month| months.contains(month)) {
            counts[(month - months.start) as usize] += 1;
        }
        let named = |(month, ads): (i32, u64)| {
            let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
            MonthCount { month: format!("{year:04}-{month:02}"), ads }
        };
        months.clone().zip(counts).map(named).collect()
    }
}

/// The month in which an ad was posted, counted from the beginning of year 0.
fn month(ad: &Metadata) -> Option<i32> {
    ad.posted.map(|posted| posted.year() * 12 + i32::from(posted.month0() as u8))
}

/// The quantile of sorted values, interpolated linearly (Hyndman & Fan 1996, type 7); NaN without values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * sorted.len().saturating_sub(1) as f64;
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or(f64::NAN);
    at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
}

#[cfg(test)]
mod tests;
