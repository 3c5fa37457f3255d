//! Pay: valid amounts, currencies by their spellings, and the amount that the salary filter compares.
//!
//! This is the only definition for tables, indexes, filters and answers: the warehouses return pay and currency as
//! stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::fold::is_missing_word;

/// The default currency, of ads that name none.
pub const SGD: &str = "SGD";

/// Spellings of job boards in addition to the codes, in the form of [`folded`]. `$` and `¥` are ambiguous and therefore
/// unknown.
const SPELLINGS: &[(&str, &str)] = &[
    ("S$", SGD),
    ("SG$", SGD),
    ("SGD$", SGD),
    ("SIN$", SGD),
    ("SING$", SGD),
    ("SINGAPOREDOLLAR", SGD),
    ("SINGAPOREDOLLARS", SGD),
    ("US$", "USD"),
    ("USD$", "USD"),
    ("USDOLLAR", "USD"),
    ("USDOLLARS", "USD"),
    ("£", "GBP"),
    ("GBP£", "GBP"),
    ("UK£", "GBP"),
    ("€", "EUR"),
    ("EURO", "EUR"),
    ("EUROS", "EUR"),
    ("RM", "MYR"),
    ("MYRRM", "MYR"),
    ("RINGGIT", "MYR"),
    ("A$", "AUD"),
    ("AU$", "AUD"),
    ("AUD$", "AUD"),
    ("NZ$", "NZD"),
    ("NZD$", "NZD"),
    ("HK$", "HKD"),
    ("HKD$", "HKD"),
    ("NT$", "TWD"),
    ("C$", "CAD"),
    ("CA$", "CAD"),
    ("CAD$", "CAD"),
    ("CN¥", "CNY"),
    ("RMB", "CNY"),
    ("JP¥", "JPY"),
    ("₹", "INR"),
    ("RS", "INR"),
    ("RS.", "INR"),
    ("₩", "KRW"),
    ("฿", "THB"),
    ("₱", "PHP"),
    ("RP", "IDR"),
    ("₫", "VND"),
    ("₽", "RUB"),
    ("₺", "TRY"),
    ("₪", "ILS"),
    ("₴", "UAH"),
    ("₦", "NGN"),
    ("R$", "BRL"),
];

/// The current codes of ISO 4217.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
     CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG \
     HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK \
     MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
     SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND \
     VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// The parsed currency of an ad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Currency<'a> {
    /// The ad names no currency: [`SGD`].
    Unsaid,
    /// A code of ISO 4217.
    Known(&'static str),
    /// An unknown text, trimmed.
    Unknown(&'a str),
}

impl<'a> Currency<'a> {
    /// Parses `job_currency` without regard to case, width and white space.
    pub fn read(text: Option<&'a str>) -> Self {
        let text = text.unwrap_or_default();
        if text == SGD {
            return Self::Known(SGD);
        }
        let folded = folded(text);
        let folded = folded.as_ref();
        if folded.is_empty() || is_missing_word(folded) {
            return Self::Unsaid;
        }
        let spelled = || SPELLINGS.iter().find(|(spelling, _)| *spelling == folded).map(|(_, code)| *code);
        let code = || CODES.split(' ').find(|code| *code == folded);
        code().or_else(spelled).map_or(Self::Unknown(text.trim()), Self::Known)
    }

    /// The code, or the text of the ad if it is unknown.
    pub fn name(&self) -> &'a str {
        match self {
            Self::Unsaid => SGD,
            Self::Known(code) => code,
            Self::Unknown(text) => text,
        }
    }
}

/// `text` in upper case with narrow characters, without white space and invisible characters.
fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{ffe1}' => '£',
        '\u{ffe5}' => '¥',
        '\u{ffe6}' => '₩',
        '\u{fe69}' => '$',
        other => other,
    };
    let is_seen = |c: &char| {
        !c.is_whitespace()
            && !c.is_control()
            && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    text.chars().filter(is_seen).map(narrow).flat_map(char::to_uppercase).collect()
}

/// `figure` if it is finite and not negative; any other figure counts as missing.
pub fn amount(figure: Option<f64>) -> Option<f64> {
    figure.filter(|amount| amount.is_finite() && *amount >= 0.0)
}

/// The midpoint of a pay range, or the only bound that is known. The bounds may be swapped.
pub fn middle(min: Option<f64>, max: Option<f64>) -> Option<f64> {
    match (amount(min), amount(max)) {
        (Some(min), Some(max)) => Some(f64::midpoint(min, max)),
        (one, other) => one.or(other),
    }
}

/// The amount that the salary filter compares: [`middle`] if the currency is SGD, otherwise `None`.
pub fn middle_in_sgd(min: Option<f64>, max: Option<f64>, currency: Option<&str>) -> Option<f64> {
    if Currency::read(currency).name() == SGD { middle(min, max) } else { None }
}

/// The monthly pay of an ad, as stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pay {
    /// The lower bound.
    pub min: Option<f64>,
    /// The upper bound.
    pub max: Option<f64>,
    /// The text of `job_currency`.
    pub currency: Option<String>,
}

impl Pay {
    /// See [`middle_in_sgd`].
    pub fn middle_in_sgd(&self) -> Option<f64> {
        middle_in_sgd(self.min, self.max, self.currency.as_deref())
    }
}

/// Maximum number of spellings in [`Unread`], and their maximum length.
const MAX_NAMES: usize = 20;
const MAX_NAME_CHARS: usize = 20;

/// Counts of ads whose pay the salary filter cannot compare; other filters find such ads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Unread {
    /// Number of ads with an unknown currency.
    pub unknown_currency: u64,
    /// The first twenty unknown spellings and their number of ads.
    pub unknown_currencies: BTreeMap<String, u64>,
    /// Number of ads with an invalid amount: infinite, not a number, or negative.
    pub no_amount: u64,
}

impl Unread {
    /// Counts one ad.
    pub fn observe(&mut self, min: Option<f64>, max: Option<f64>, currency: Option<&str>) {
        let is_invalid = |figure: Option<f64>| figure.is_some() && amount(figure).is_none();
        self.no_amount += u64::from(is_invalid(min) || is_invalid(max));
        if middle(min, max).is_some()
            && let Currency::Unknown(name) = Currency::read(currency)
        {
            self.unknown_currency += 1;
            self.count_name(name.chars().take(MAX_NAME_CHARS).collect(), 1);
        }
    }

    /// Adds the counts of another value.
    pub fn add(&mut self, other: Self) {
        self.unknown_currency += other.unknown_currency;
        self.no_amount += other.no_amount;
        for (name, ads) in other.unknown_currencies {
            self.count_name(name, ads);
        }
    }

    fn count_name(&mut self, name: String, ads: u64) {
        if self.unknown_currencies.len() < MAX_NAMES || self.unknown_currencies.contains_key(&name) {
            *self.unknown_currencies.entry(name).or_default() += ads;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_currencies_are_parsed() {
        for (text, code) in [
            ("SGD", "SGD"),
            ("SGD ", "SGD"),
            ("sgd", "SGD"),
            ("\u{a0}\tSgd\n", "SGD"),
            ("S$", "SGD"),
            ("s$", "SGD"),
            ("S $", "SGD"),
            ("Ｓ＄", "SGD"),
            ("ＳＧＤ\u{3000}", "SGD"),
            ("sg﹩", "SGD"),
            ("\u{feff}SGD\u{200b}", "SGD"),
            ("Singapore dollars", "SGD"),
            ("us$", "USD"),
            ("usd", "USD"),
            ("￡", "GBP"),
            ("£", "GBP"),
            ("€", "EUR"),
            ("Euro", "EUR"),
            ("rm", "MYR"),
            ("RM ", "MYR"),
            ("php", "PHP"),
            ("₫", "VND"),
        ] {
            let read = Currency::read(Some(text));
            assert_eq!((read.name(), matches!(read, Currency::Known(_))), (code, true), "{text:?}");
        }
        for unsaid in [
            None,
            Some(""),
            Some(" \t"),
            Some("NaN"),
            Some("none"),
            Some("N/A"),
            Some("-"),
            Some("<NA>"),
            Some("#N/A"),
        ] {
            assert_eq!(Currency::read(unsaid), Currency::Unsaid, "{unsaid:?}");
        }
        for unknown in ["$", "＄", "¥", "points", "SGD/USD", "SG", "S$$", "AAA", "USD AED"] {
            assert_eq!(Currency::read(Some(&format!(" {unknown}\n"))), Currency::Unknown(unknown));
        }
    }

    #[test]
    fn every_spelling_is_in_folded_form_and_has_a_known_code() {
        for (spelling, code) in SPELLINGS {
            assert_eq!(folded(spelling), *spelling);
            assert!(CODES.split(' ').any(|known| known == *code), "{code}");
        }
    }

    #[test]
    fn invalid_amounts_count_as_missing() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01, -5000.0] {
            assert_eq!(middle(Some(odd), Some(odd)), None);
            assert_eq!(middle(Some(odd), Some(4000.0)), Some(4000.0));
            assert_eq!(middle_in_sgd(Some(4000.0), Some(odd), None), Some(4000.0));
        }
        assert_eq!(middle(Some(3000.0), Some(4001.0)), Some(3500.5));
        assert_eq!(middle(Some(5000.0), Some(3000.0)), Some(4000.0));
        assert_eq!(middle(Some(f64::MAX), Some(f64::MAX)), Some(f64::MAX));
        assert_eq!(middle_in_sgd(Some(3000.0), None, Some("S$")), Some(3000.0));
        assert_eq!(middle_in_sgd(Some(3000.0), None, Some("£")), None);
        assert_eq!(middle_in_sgd(Some(3000.0), None, Some("$")), None);
    }

    #[test]
    fn pay_that_filters_cannot_compare_is_counted() {
        let mut unread = Unread::default();
        for (min, text) in
            [(3000.0, "$"), (3000.0, " $\n"), (f64::NAN, "$"), (3000.0, "GBP"), (-1.0, ""), (0.0, "")]
        {
            unread.observe(Some(min), None, Some(text));
        }
        let counted = unread.clone();
        assert_eq!((unread.unknown_currency, unread.no_amount), (2, 2));
        assert_eq!(unread.unknown_currencies, BTreeMap::from([("$".to_owned(), 2)]));
        for spelling in 0..30 {
            unread.observe(Some(1.0), None, Some(&format!("{spelling} {}", "long".repeat(99))));
        }
        assert_eq!((unread.unknown_currency, unread.unknown_currencies.len()), (32, 20));
        unread.add(counted);
        assert_eq!((unread.unknown_currency, unread.unknown_currencies["$"]), (34, 4));
    }
}
