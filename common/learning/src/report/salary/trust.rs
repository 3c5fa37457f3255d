//! Sections: coverage and width of the prediction interval; calibration of the confidence.

use super::errors::drawn;
use super::judged::{Group, Groups, worst};
use super::{IntervalFacts, JudgedAd, SalaryReport};
use crate::report::Html;
use crate::report::charts::Words;
use crate::report::charts::bars::{Bar, Look, Measure, bars};
use crate::report::charts::curves::{Knot, reliability};
use crate::report::html::{Section, Tone};
use crate::report::numbers::{MISSING, count, number, optional, optional_percent, percent, share_interval};
use crate::report::table::Table;

/// Number of groups of the reliability curve.
const BINS: usize = 10;

/// Half the width of the range that the confidence is about, relative to the prediction.
const NEAR: f64 = 0.2;

pub(super) fn intervals(report: &SalaryReport, ads: &[&JudgedAd], groups: &Groups) -> Section {
    let mut section = Section::new("intervals", "Prediction intervals");
    let Some(facts) = &report.interval else { return section };
    let all = Group::of(String::new(), ads);
    let Some(coverage) = all.coverage() else { return section };
    let (low, high) = facts.accepted;
    let level = percent(facts.level, 0);
    let inside = (low..=high).contains(&coverage);
    let ratio_holds = facts.widest_ratio.zip(all.ratio).is_none_or(|(widest, ratio)| ratio <= widest);
    let widest = facts
        .widest_ratio
        .map_or_else(String::new, |widest| format!(" (accepted: up to {})", number(widest, 2)));
    section.callout(
        if inside && ratio_holds { Tone::Good } else { Tone::Warning },
        &format!(
            "The {level} interval covers {} of the ads (accepted: {} to {}); its upper end is {} times its lower end \
             at the median{widest}.",
            percent(coverage, 1),
            percent(low, 0),
            percent(high, 0),
            optional(all.ratio, 2)
        ),
    );
    if !facts.method.is_empty() {
        section.paragraph(&facts.method);
    }
    let kinds = [
        ("band", "Salary band", "salary band", &groups.bands),
        ("era", "Era", "era", &groups.eras),
        ("class", "Classification", "classification", &groups.classes),
    ];
    let charts: Vec<Html> = kinds.iter().map(|(id, _, of, groups)| chart((id, of), facts, groups)).collect();
    section.figures(&charts);
    for (_, title, of, groups) in kinds {
        let mut table = Table::new(
            &format!("Coverage and width of the {level} interval by {of}"),
            &[title, "Ads", "Covered", "95% interval of the share", "Median upper end ÷ lower end"],
        );
        for group in groups.iter().filter(|group| group.with_interval > 0) {
            table.row(vec![
                group.name.clone(),
                count(group.with_interval),
                optional_percent(group.coverage(), 0),
                group.coverage_interval().map_or_else(
                    || MISSING.to_owned(),
                    |(low, high)| format!("{} to {}", percent(low, 0), percent(high, 0)),
                ),
                optional(group.ratio, 2),
            ]);
        }
        if table.len() > 8 { section.folded_table(&table) } else { section.table(&table) }
    }
    section
}

/// The group of enough ads whose intervals cover the smallest share.
pub(super) fn least_covered(groups: &[Group]) -> Option<&Group> {
    worst(groups, |group| -group.coverage().unwrap_or(f64::NAN))
}

fn chart((id, of): (&str, &str), facts: &IntervalFacts, groups: &[Group]) -> Html {
    let least = least_covered(groups);
    let (drawn, _) = drawn(groups, least);
    let reading = match (least, least.and_then(Group::coverage)) {
        (Some(group), Some(coverage)) => format!(
            "The worst is \"{}\": {} of its {} ads are covered, {} should be.",
            group.name,
            percent(coverage, 0),
            count(group.with_interval),
            percent(facts.level, 0)
        ),
        _ => format!("No {of} has enough ads for a comparison."),
    };
    let is_least = |group: &Group| least.is_some_and(|least| least.name == group.name);
    let values: Vec<Bar> = drawn
        .into_iter()
        .map(|group| Bar {
            name: group.name.clone(),
            value: group.coverage().unwrap_or(f64::NAN),
            interval: group.coverage_interval(),
            look: if is_least(group) { Look::Other } else { Look::Main },
        })
        .collect();
    let mark = format!("{} wanted", percent(facts.level, 0));
    let measure = Measure {
        name: "share covered, with its 95% interval",
        text: &|share| percent(share, 0),
        mark: Some((facts.level, &mark)),
        from_zero: false,
    };
    let title = format!("Coverage by {of}");
    bars(Words { id: &format!("coverage-by-{id}"), title: &title, reading: &reading }, &measure, &values)
}

/// Ads of similar confidence.
struct Bin {
    ads: u64,
    /// Mean confidence.
    stated: f64,
    /// Ads whose midpoint lies within ±20% of the prediction.
    near: u64,
}

impl Bin {
    fn measured(&self) -> f64 {
        self.near as f64 / self.ads as f64
    }
}

/// About ten groups of equal size; ads of equal confidence are in the same group.
fn bins(ads: &[&JudgedAd]) -> Vec<Bin> {
    let is_near = |ad: &JudgedAd| (ad.actual - ad.predicted).abs() <= NEAR * ad.predicted;
    let mut stated: Vec<(f64, bool)> = ads
        .iter()
        .filter_map(|ad| Some((ad.confidence.filter(|share| (0.0..=1.0).contains(share))?, is_near(ad))))
        .collect();
    stated.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = stated.len().div_ceil(BINS);
    let mut bins: Vec<Bin> = Vec::new();
    for equal in stated.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        if bins.last().is_none_or(|bin| bin.ads as usize >= size) {
            bins.push(Bin { ads: 0, stated: 0.0, near: 0 });
        }
        if let Some(bin) = bins.last_mut() {
            bin.ads += equal.len() as u64;
            bin.stated += equal.iter().map(|(share, _)| share).sum::<f64>();
            bin.near += equal.iter().filter(|(_, near)| *near).count() as u64;
        }
    }
    for bin in &mut bins {
        bin.stated /= bin.ads as f64;
    }
    bins
}

/// Mean difference of stated and measured share, weighted by ads; `None` without confidences.
pub(super) fn calibration_error(ads: &[&JudgedAd]) -> Option<f64> {
    let bins = bins(ads);
    let all: u64 = bins.iter().map(|bin| bin.ads).sum();
    let sum: f64 = bins.iter().map(|bin| (bin.stated - bin.measured()).abs() * bin.ads as f64).sum();
    (all > 0).then(|| sum / all as f64)
}

pub(super) fn confidence(ads: &[&JudgedAd]) -> Section {
    let mut section = Section::new("confidence", "Calibration of the confidence");
    let Some(error) = calibration_error(ads) else { return section };
    let bins = bins(ads);
    section.paragraph(
        "salary_confidence is the chance that the stated midpoint lies within ±20% of the prediction. It is \
         calibrated if of all ads with the same confidence that share does.",
    );
    let knots: Vec<Knot> = bins
        .iter()
        .map(|bin| Knot { x: bin.stated, y: bin.measured(), interval: share_interval(bin.near, bin.ads) })
        .collect();
    let farthest = bins
        .iter()
        .max_by(|a, b| (a.stated - a.measured()).abs().total_cmp(&(b.stated - b.measured()).abs()))
        .map_or_else(String::new, |bin| {
            format!(
                "; the farthest group states {} and reaches {}",
                percent(bin.stated, 0),
                percent(bin.measured(), 0)
            )
        });
    let reading = format!(
        "Stated and measured shares differ by {} percentage points on average{farthest}.",
        number(error * 100.0, 1)
    );
    let words = Words { id: "reliability", title: "Reliability of the confidence", reading: &reading };
    section.figures(&[reliability(words, ["stated confidence", "share within ±20%"], &knots)]);
    let mut table = Table::new(
        "Groups of equal size by confidence",
        &["Group", "Ads", "Mean confidence", "Within ±20%", "Difference"],
    );
    for (n, bin) in bins.iter().enumerate() {
        table.row(vec![
            (n + 1).to_string(),
            count(bin.ads),
            percent(bin.stated, 1),
            percent(bin.measured(), 1),
            number((bin.measured() - bin.stated) * 100.0, 1),
        ]);
    }
    section.folded_table(&table);
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ad(confidence: f64, is_near: bool) -> JudgedAd {
        JudgedAd {
            actual: if is_near { 1100.0 } else { 1300.0 },
            predicted: 1000.0,
            confidence: Some(confidence),
            ..JudgedAd::default()
        }
    }

    #[test]
    fn a_calibrated_confidence_has_no_error_and_a_wrong_one_its_distance() {
        let calibrated: Vec<JudgedAd> = (0..100).map(|n| ad(0.5, n % 2 == 0)).collect();
        let ads: Vec<&JudgedAd> = calibrated.iter().collect();
        assert!(calibration_error(&ads).unwrap() < 1e-9);
        let wrong: Vec<JudgedAd> = (0..100).map(|_| ad(0.9, false)).collect();
        let ads: Vec<&JudgedAd> = wrong.iter().collect();
        assert!((calibration_error(&ads).unwrap() - 0.9).abs() < 1e-9);
        assert_eq!(calibration_error(&[]), None);
    }
}
