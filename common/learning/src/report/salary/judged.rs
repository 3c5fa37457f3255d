//! Groups of judged ads with their errors and the coverage of their intervals.

use std::collections::BTreeMap;

use chrono::Datelike;

use super::{JudgedAd, SalaryReport};
use crate::report::numbers::{margin_of_mean, mean, median, number, quantile, share_interval};

/// Least number of ads of a group that sentences name and charts draw.
pub(super) const NAMED: u64 = 30;

/// Largest number of groups of a table.
const MOST_GROUPS: usize = 80;

/// Ads that have something in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) ads: u64,
    pub(super) median_actual: f64,
    pub(super) mae: f64,
    /// Ends of the 95% interval of the mean absolute error, by the normal approximation.
    pub(super) mae_interval: Option<(f64, f64)>,
    pub(super) median_ape: f64,
    /// Mean of predicted minus actual.
    pub(super) bias: f64,
    /// Ads with a prediction interval, and how many of them lie inside.
    pub(super) with_interval: u64,
    pub(super) covered: u64,
    /// Median of the upper end divided by the lower end.
    pub(super) ratio: Option<f64>,
}

impl Group {
    pub(super) fn of(name: String, ads: &[&JudgedAd]) -> Self {
        let errors: Vec<f64> = ads.iter().map(|ad| (ad.predicted - ad.actual).abs()).collect();
        let of = |value: fn(&JudgedAd) -> f64| ads.iter().map(|ad| value(ad)).collect::<Vec<f64>>();
        let mae = mean(&errors).unwrap_or(f64::NAN);
        let intervals = ads.iter().filter_map(|ad| interval(ad));
        let ratios: Vec<f64> = intervals.clone().map(|(low, high)| high / low).collect();
        Self {
            name,
            ads: ads.len() as u64,
            median_actual: median(&of(|ad| ad.actual)).unwrap_or(f64::NAN),
            mae,
            mae_interval: margin_of_mean(&errors).map(|margin| ((mae - margin).max(0.0), mae + margin)),
            median_ape: median(&of(|ad| ((ad.predicted - ad.actual) / ad.actual).abs())).unwrap_or(f64::NAN),
            bias: mean(&of(|ad| ad.predicted - ad.actual)).unwrap_or(f64::NAN),
            with_interval: ratios.len() as u64,
            covered: ads.iter().filter(|ad| is_covered(ad)).count() as u64,
            ratio: median(&ratios),
        }
    }

    /// Share of the ads with an interval that lie inside.
    pub(super) fn coverage(&self) -> Option<f64> {
        (self.with_interval > 0).then(|| self.covered as f64 / self.with_interval as f64)
    }

    /// The 95% interval of the coverage.
    pub(super) fn coverage_interval(&self) -> Option<(f64, f64)> {
        share_interval(self.covered, self.with_interval)
    }
}

/// The interval of an ad, if its ends are positive and in order.
fn interval(ad: &JudgedAd) -> Option<(f64, f64)> {
    ad.interval.filter(|(low, high)| *low > 0.0 && low <= high && high.is_finite())
}

fn is_covered(ad: &JudgedAd) -> bool {
    interval(ad).is_some_and(|(low, high)| (low..=high).contains(&ad.actual))
}

/// Groups of the same ads by salary band, class, work type and era.
pub(super) struct Groups {
    /// From the lowest salaries to the highest.
    pub(super) bands: Vec<Group>,
    /// From the largest class to the smallest.
    pub(super) classes: Vec<Group>,
    /// From the most frequent work type to the rarest.
    pub(super) work_types: Vec<Group>,
    /// From the oldest to the newest.
    pub(super) eras: Vec<Group>,
}

impl Groups {
    pub(super) fn of(report: &SalaryReport, ads: &[&JudgedAd]) -> Self {
        let bands = bands(report, ads);
        let named =
            |text: &str| if text.trim().is_empty() { "not stated".to_owned() } else { text.to_owned() };
        Self {
            bands,
            classes: by_size(ads, |ad| named(&ad.classification)),
            work_types: by_size(ads, |ad| named(&ad.work_type)),
            eras: eras(ads),
        }
    }
}

fn bands(report: &SalaryReport, ads: &[&JudgedAd]) -> Vec<Group> {
    let mut limits = report.judged.as_ref().map(|judged| judged.band_limits.clone()).unwrap_or_default();
    limits.retain(|limit| limit.is_finite());
    if limits.is_empty() {
        let actual: Vec<f64> = ads.iter().map(|ad| ad.actual).collect();
        limits.extend([0.25, 0.5, 0.75].iter().filter_map(|share| quantile(&actual, *share)));
    }
    limits.sort_unstable_by(f64::total_cmp);
    limits.dedup();
    let name = |band: usize| match (band.checked_sub(1).map(|n| limits[n]), limits.get(band)) {
        (None, Some(high)) => format!("below {}", number(*high, 0)),
        (Some(low), Some(high)) => format!("{} to {}", number(low, 0), number(*high, 0)),
        (Some(low), None) => format!("{} and more", number(low, 0)),
        (None, None) => "all".to_owned(),
    };
    let of = |ad: &JudgedAd| limits.partition_point(|limit| *limit <= ad.actual);
    group(ads, of).into_iter().map(|(band, ads)| Group::of(name(band), &ads)).collect()
}

/// Groups by years, or by half-years, quarters or months where the ads span less time.
fn eras(ads: &[&JudgedAd]) -> Vec<Group> {
    let month = |ad: &JudgedAd| ad.posted.map(|posted| posted.year() * 12 + posted.month0().cast_signed());
    let months: Vec<i32> = ads.iter().filter_map(|ad| month(ad)).collect();
    let span = match (months.iter().min(), months.iter().max()) {
        (Some(first), Some(last)) => last - first + 1,
        _ => return Vec::new(),
    };
    let length = [1, 3, 6].into_iter().find(|length| span <= 8 * length).unwrap_or(12);
    let name = |era: i32| {
        let (year, part) = ((era * length).div_euclid(12), (era * length).rem_euclid(12) / length + 1);
        match length {
            1 => format!("{year}-{part:02}"),
            3 => format!("{year}, quarter {part}"),
            6 => format!("{year}, half {part}"),
            _ => year.to_string(),
        }
    };
    let dated: Vec<&JudgedAd> = ads.iter().copied().filter(|ad| ad.posted.is_some()).collect();
    group(&dated, |ad| month(ad).unwrap_or_default().div_euclid(length))
        .into_iter()
        .map(|(era, ads)| Group::of(name(era), &ads))
        .collect()
}

fn by_size(ads: &[&JudgedAd], name: impl Fn(&JudgedAd) -> String) -> Vec<Group> {
    let mut groups: Vec<(String, Vec<&JudgedAd>)> = group(ads, name).into_iter().collect();
    groups.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    let rest: Vec<(String, Vec<&JudgedAd>)> = groups.split_off(groups.len().min(MOST_GROUPS));
    let mut groups: Vec<Group> = groups.into_iter().map(|(name, ads)| Group::of(name, &ads)).collect();
    if !rest.is_empty() {
        let name = format!("{} smaller groups", rest.len());
        let ads: Vec<&JudgedAd> = rest.into_iter().flat_map(|(_, ads)| ads).collect();
        groups.push(Group::of(name, &ads));
    }
    groups
}

fn group<'a, K: Ord>(ads: &[&'a JudgedAd], key: impl Fn(&JudgedAd) -> K) -> BTreeMap<K, Vec<&'a JudgedAd>> {
    let mut groups = BTreeMap::<K, Vec<&JudgedAd>>::new();
    for ad in ads {
        groups.entry(key(ad)).or_default().push(ad);
    }
    groups
}

/// The group of at least [`NAMED`] ads with the largest value; the first of equals. Groups whose value is not a number
/// do not count.
pub(super) fn worst(groups: &[Group], value: impl Fn(&Group) -> f64) -> Option<&Group> {
    let named = groups.iter().filter(|group| group.ads >= NAMED && value(group).is_finite());
    named.rev().max_by(|a, b| value(a).total_cmp(&value(b)))
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::super::Judged;
    use super::*;

    fn ad(actual: f64, class: &str, month: u32) -> JudgedAd {
        JudgedAd {
            actual,
            predicted: actual + 100.0,
            interval: Some((actual - 10.0 * f64::from(month), actual * 2.0)),
            classification: class.to_owned(),
            posted: Utc.with_ymd_and_hms(2025, month, 1, 0, 0, 0).single(),
            ..JudgedAd::default()
        }
    }

    fn groups(limits: &[f64], ads: &[JudgedAd]) -> Groups {
        let judged = Judged { band_limits: limits.to_vec(), ads: ads.to_vec(), ..Judged::default() };
        let report = SalaryReport { judged: Some(judged), ..SalaryReport::default() };
        Groups::of(&report, &report.usable())
    }

    #[test]
    fn every_ad_is_in_one_group_of_each_kind() {
        let ads: Vec<JudgedAd> =
            (1..=12).map(|n| ad(f64::from(n) * 1000.0, ["a", "b", ""][n as usize % 3], n)).collect();
        let groups = groups(&[3000.0, 9000.0], &ads);
        let names = |groups: &[Group]| groups.iter().map(|g| (g.name.clone(), g.ads)).collect::<Vec<_>>();
        let expected =
            |names: &[(&str, u64)]| names.iter().map(|(n, ads)| ((*n).to_owned(), *ads)).collect::<Vec<_>>();
        assert_eq!(
            names(&groups.bands),
            expected(&[("below 3,000", 2), ("3,000 to 9,000", 6), ("9,000 and more", 4)])
        );
        assert_eq!(names(&groups.classes), expected(&[("a", 4), ("b", 4), ("not stated", 4)]));
        assert_eq!(groups.eras.len(), 4);
        assert_eq!(groups.eras[1].name, "2025, quarter 2");
        assert!(groups.bands.iter().all(|band| (band.mae - 100.0).abs() < 1e-9 && band.covered == band.ads));
    }

    #[test]
    fn more_groups_than_a_table_has_rows_are_put_together() {
        let ads: Vec<JudgedAd> = (0..337).map(|n| ad(3000.0, &format!("class {n:03}"), 1)).collect();
        let groups = groups(&[], &ads);
        assert_eq!(groups.classes.len(), MOST_GROUPS + 1);
        assert_eq!(groups.classes.iter().map(|group| group.ads).sum::<u64>(), 337);
        assert_eq!(groups.classes[MOST_GROUPS].name, "257 smaller groups");
    }

    #[test]
    fn no_ads_are_no_groups() {
        let groups = groups(&[f64::NAN], &[]);
        assert!(groups.bands.is_empty() && groups.classes.is_empty() && groups.eras.is_empty());
    }

    #[test]
    fn small_groups_are_not_called_the_worst() {
        let mut ads = vec![ad(1000.0, "small", 1); 3];
        ads.extend(vec![JudgedAd { predicted: 1050.0, ..ad(1000.0, "large", 1) }; 40]);
        let groups = groups(&[], &ads);
        assert_eq!(worst(&groups.classes, |group| group.mae).map(|group| group.name.as_str()), Some("large"));
    }
}
