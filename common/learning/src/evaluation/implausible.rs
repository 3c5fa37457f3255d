//! Salaries that are set aside: what an ad states is no monthly salary that a model could learn.

use std::collections::BTreeMap;

use common_core::pay::{self, SGD};
use serde::{Deserialize, Serialize};

use super::metrics::median_of_sorted;
use crate::Ad;

/// Bounds in SGD and in GBP.
const KNOWN: Bounds = Bounds { low: 500.0, high: 40_000.0 };
/// Bounds of other currencies: the median divided and multiplied by this. [`KNOWN`] lies by the same factor around its
/// geometric mean, and an annual figure (twelve times the median) lies outside.
const FACTOR: f64 = 9.0;
/// A range whose ends differ by a larger factor says nothing.
const MAX_RATIO: f64 = 10.0;
/// A range whose ends differ by no more belongs to the second set of scores.
const NARROW_RATIO: f64 = 3.0;
/// How sources turn a day's pay into a month's.
const WORKING_DAYS: f64 = 22.0;
/// Pay of a day in GBP that is a contractor's and not a nurse's shift.
const DAY_RATES: std::ops::RangeInclusive<f64> = 150.0..=1500.0;
/// Words of ads that pay by the day.
const CONTRACT_WORDS: [&str; 9] =
    ["contract", "contractor", "interim", "freelance", "daily", "per day", "day rate", "p/d", "pd"];

/// Plausible salaries per month, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Bounds {
    /// The bounds in a currency (a code of ISO 4217) whose ads have these midpoints.
    ///
    /// SGD and GBP have fixed bounds. Those of other currencies follow from the median of `midpoints`; without any,
    /// everything positive is plausible.
    pub fn of(currency: &str, midpoints: &[f64]) -> Self {
        if currency == SGD || currency == "GBP" {
            return KNOWN;
        }
        let mut amounts: Vec<f64> =
            midpoints.iter().copied().filter(|amount| amount.is_finite() && *amount > 0.0).collect();
        if amounts.is_empty() {
            return Self { low: f64::MIN_POSITIVE, high: f64::MAX };
        }
        amounts.sort_by(f64::total_cmp);
        let median = median_of_sorted(&amounts);
        Self { low: median / FACTOR, high: median * FACTOR }
    }

    fn contains(&self, amount: f64) -> bool {
        (self.low..=self.high).contains(&amount)
    }
}

/// Why a salary is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Above the bounds, and within them when divided by twelve.
    AnnualFigure,
    /// The ends are too far apart to say anything: 10 times, or 3 times and beyond the bounds ("200-700k a year").
    PlaceholderRange,
    /// Pay of a contractor by the day, as a month's.
    DayRate,
    /// Below the bounds.
    TooLow,
    /// Above the bounds.
    TooHigh,
}

impl Reason {
    /// The reason in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnnualFigure => "annual figure in a monthly column",
            Self::PlaceholderRange => "range that says nothing",
            Self::DayRate => "day rate",
            Self::TooLow => "too low",
            Self::TooHigh => "too high",
        }
    }

    /// How such a salary is recognised, with the bounds of its currency.
    pub fn rule(self, bounds: &Bounds) -> String {
        let Bounds { low, high } = bounds;
        match self {
            Self::AnnualFigure => format!("the middle is above {high:.0}, and plausible when divided by 12"),
            Self::PlaceholderRange => format!(
                "the upper end is over {MAX_RATIO} times the lower, or over {NARROW_RATIO} times and above {high:.0}"
            ),
            Self::DayRate => format!(
                "{WORKING_DAYS} times a round amount of {} to {}, and no round amount a year or words such as contract",
                DAY_RATES.start(),
                DAY_RATES.end()
            ),
            Self::TooLow => format!("the middle is below {low:.0}"),
            Self::TooHigh => format!("the middle is above {high:.0}"),
        }
    }

    /// The reason with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::AnnualFigure, Self::PlaceholderRange, Self::DayRate, Self::TooLow, Self::TooHigh]
            .into_iter()
            .find(|reason| reason.name() == name)
    }
}

/// Why the salary of an ad is set aside; `None` if it is plausible or the ad has none.
pub fn assess(ad: &Ad, bounds: &Bounds) -> Option<Reason> {
    let middle = ad.salary_mid_per_month()?;
    let (ratio, highest) = spread(ad).unwrap_or((1.0, middle));
    if middle > bounds.high && bounds.contains(middle / 12.0) {
        return Some(Reason::AnnualFigure);
    }
    if ratio > MAX_RATIO || (ratio > NARROW_RATIO && highest > bounds.high) {
        return Some(Reason::PlaceholderRange);
    }
    if middle > bounds.high {
        return Some(Reason::TooHigh);
    }
    if middle < bounds.low {
        return Some(Reason::TooLow);
    }
    is_day_rate(ad).then_some(Reason::DayRate)
}

/// The number of ads for each reason.
pub fn count_reasons(ads: &[&Ad], bounds: &Bounds) -> BTreeMap<Reason, u32> {
    let mut counts = BTreeMap::new();
    for reason in ads.iter().filter_map(|ad| assess(ad, bounds)) {
        *counts.entry(reason).or_default() += 1;
    }
    counts
}

/// Whether the ends of the range differ by no more than a factor of 3. Such ads are scored a second time by
/// themselves. A single figure is narrow; an ad without salary is not.
pub fn is_narrow(ad: &Ad) -> bool {
    ad.salary_mid_per_month().is_some() && spread(ad).is_none_or(|(ratio, _)| ratio <= NARROW_RATIO)
}

/// Upper end divided by lower end, and the upper end. `None` unless both are known.
fn spread(ad: &Ad) -> Option<(f64, f64)> {
    let (one, other) = pay::amount(ad.salary_min_per_month).zip(pay::amount(ad.salary_max_per_month))?;
    let (low, high) = (one.min(other), one.max(other));
    let ratio = if high > low { high / low } else { 1.0 };
    Some((ratio, high))
}

/// Whether a salary in GBP is a day's pay times 22.
///
/// Both ends are 22 times a multiple of £5, and no round figure a year; if they are both, the ad must also speak of a
/// contract.
fn is_day_rate(ad: &Ad) -> bool {
    if ad.currency != "GBP" {
        return false;
    }
    let ends: Vec<f64> =
        [ad.salary_min_per_month, ad.salary_max_per_month].into_iter().filter_map(pay::amount).collect();
    let is_multiple = |amount: f64, unit: f64| {
        let units = amount / unit;
        (units - units.round()).abs() < 1e-6
    };
    let by_day = |amount: &f64| {
        DAY_RATES.contains(&(amount / WORKING_DAYS)) && is_multiple(*amount, WORKING_DAYS * 5.0)
    };
    let by_year = |amount: &f64| is_multiple(amount * 12.0, 250.0);
    ends.iter().all(by_day) && (!ends.iter().all(by_year) || mentions_contract(ad))
}

fn mentions_contract(ad: &Ad) -> bool {
    [&ad.work_type, &ad.title, &ad.description].into_iter().any(|text| {
        let text = text.to_lowercase();
        CONTRACT_WORDS.iter().any(|word| {
            text.match_indices(word).any(|(start, _)| {
                let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                !is_letter(text[..start].chars().next_back())
                    && !is_letter(text[start + word.len()..].chars().next())
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ad(currency: &str, min: f64, max: f64) -> Ad {
        Ad {
            currency: currency.into(),
            salary_min_per_month: Some(min),
            salary_max_per_month: Some(max),
            ..Ad::default()
        }
    }

    fn of(currency: &str, min: f64, max: f64) -> Option<Reason> {
        assess(&ad(currency, min, max), &Bounds::of(currency, &[]))
    }

    #[test]
    fn plausible_salaries_stay() {
        for (currency, min, max) in [
            ("SGD", 500.0, 500.0),
            ("SGD", 40_000.0, 40_000.0),
            ("SGD", 3000.0, 6000.0),
            ("GBP", 2500.0, 25_000.0),
        ] {
            assert_eq!(of(currency, min, max), None, "{min} {max}");
        }
        assert_eq!(assess(&Ad::default(), &KNOWN), None);
    }

    #[test]
    fn every_reason_has_a_name_and_a_rule() {
        for name in ["annual figure in a monthly column", "range that says nothing", "day rate", "too low"] {
            let reason = Reason::named(name).unwrap();
            assert!(reason.name() == name && !reason.rule(&KNOWN).is_empty());
        }
        assert_eq!(Reason::TooHigh.rule(&KNOWN), "the middle is above 40000");
        assert_eq!(Reason::named("no vector"), None);
    }

    #[test]
    fn implausible_salaries_have_a_reason() {
        for (min, max, reason) in [
            (72_000.0, 87_000.0, Reason::AnnualFigure),
            (200_000.0, 700_000.0, Reason::AnnualFigure),
            (200_000.0 / 12.0, 700_000.0 / 12.0, Reason::PlaceholderRange),
            (1.0, 13_000.0, Reason::PlaceholderRange),
            (0.0, 3000.0, Reason::PlaceholderRange),
            (416.0, 417.0, Reason::TooLow),
            (0.0, 0.0, Reason::TooLow),
            (6e6, 6e6, Reason::TooHigh),
        ] {
            assert_eq!(of("SGD", min, max), Some(reason), "{min} {max}");
        }
        let ads = [ad("SGD", 1.0, 13_000.0), ad("SGD", 1.0, 90_000.0), ad("SGD", 3000.0, 4000.0)];
        let counts = count_reasons(&ads.iter().collect::<Vec<_>>(), &KNOWN);
        assert_eq!(counts.get(&Reason::PlaceholderRange), Some(&1));
        assert_eq!(counts.get(&Reason::AnnualFigure), Some(&1));
    }

    #[test]
    fn day_rates_in_gbp_are_recognised() {
        assert_eq!(of("GBP", 450.0 * 22.0, 550.0 * 22.0), Some(Reason::DayRate));
        // £132,000 a year, or £500 a day.
        assert_eq!(of("GBP", 11_000.0, 11_000.0), None);
        let contract = Ad { work_type: "full_time contract".into(), ..ad("GBP", 11_000.0, 11_000.0) };
        assert_eq!(assess(&contract, &KNOWN), Some(Reason::DayRate));
        let contracts = Ad { title: "Contracts Manager".into(), ..ad("GBP", 11_000.0, 11_000.0) };
        assert_eq!(assess(&contracts, &KNOWN), None);
        for (currency, amount) in [("SGD", 9900.0), ("GBP", 3080.0), ("GBP", 2500.0)] {
            assert_eq!(of(currency, amount, amount), None, "{amount}");
        }
    }

    #[test]
    fn bounds_of_other_currencies_follow_their_median() {
        let bounds = Bounds::of("JPY", &[300_000.0, 250_000.0, f64::NAN, -1.0, 400_000.0]);
        assert_eq!((bounds.low, bounds.high), (300_000.0 / 9.0, 2_700_000.0));
        assert_eq!(assess(&ad("JPY", 3.6e6, 3.6e6), &bounds), Some(Reason::AnnualFigure));
        assert_eq!(of("EUR", 1.0, 1.0), None);
    }

    #[test]
    fn narrow_ranges_are_the_second_set() {
        assert!(is_narrow(&ad("SGD", 2000.0, 6000.0)) && is_narrow(&ad("SGD", 6000.0, 2000.0)));
        assert!(!is_narrow(&ad("SGD", 2000.0, 6001.0)) && !is_narrow(&Ad::default()));
        assert!(is_narrow(&Ad { salary_max_per_month: None, ..ad("SGD", 2000.0, 0.0) }));
    }
}
