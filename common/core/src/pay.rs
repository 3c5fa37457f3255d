//! What an ad pays: which figures are amounts, which currency a spelling means, and what a filter in SGD looks at.
//!
//! The one definition for every table, index, filter and answer: both warehouses hand over what the ad says, and nothing else
//! decides.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::fold::is_missing_word;

/// The currency of an ad that names none.
pub const SGD: &str = "SGD";

/// Spellings that boards use besides the codes, as [`folded`] writes them. `$` and `¥` alone are several currencies', and stay
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

/// The codes of ISO 4217 that are in use.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
     CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG \
     HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK \
     MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
     SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND \
     VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// The currency of an ad, read from what its board wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Currency<'a> {
    /// None is named: [`SGD`].
    Unsaid,
    /// A code of ISO 4217.
    Known(&'static str),
    /// Something that is no currency's code or usual spelling, without the white space around it.
    Unknown(&'a str),
}

impl<'a> Currency<'a> {
    /// Reads `job_currency`: case, width and white space do not matter.
    pub fn read(said: Option<&'a str>) -> Self {
        let said = said.unwrap_or_default();
        if said == SGD {
            return Self::Known(SGD);
        }
        let folded = folded(said);
        let folded = folded.as_ref();
        if folded.is_empty() || is_missing_word(folded) {
            return Self::Unsaid;
        }
        let spelled = || SPELLINGS.iter().find(|(spelling, _)| *spelling == folded).map(|(_, code)| *code);
        let code = || CODES.split(' ').find(|code| *code == folded);
        code().or_else(spelled).map_or(Self::Unknown(said.trim()), Self::Known)
    }

    /// The code, or what the ad says where that is no currency's.
    pub fn name(&self) -> &'a str {
        match self {
            Self::Unsaid => SGD,
            Self::Known(code) => code,
            Self::Unknown(said) => said,
        }
    }
}

/// `text` in upper case and narrow characters, without white space and what is invisible.
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

/// `figure` where it is an amount: finite and not below zero. Anything else is missing pay.
pub fn amount(figure: Option<f64>) -> Option<f64> {
    figure.filter(|amount| amount.is_finite() && *amount >= 0.0)
}

/// The middle of a range of pay, or the one end that is known; the ends may stand in either order.
pub fn middle(min: Option<f64>, max: Option<f64>) -> Option<f64> {
    match (amount(min), amount(max)) {
        (Some(min), Some(max)) => Some(f64::midpoint(min, max)),
        (one, other) => one.or(other),
    }
}

/// What a filter in SGD compares: [`middle`] where the ad pays in SGD, none where it pays in another or an unknown currency.
pub fn middle_in_sgd(min: Option<f64>, max: Option<f64>, currency: Option<&str>) -> Option<f64> {
    if Currency::read(currency).name() == SGD { middle(min, max) } else { None }
}

/// What an ad pays a month, as it says it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pay {
    /// The lower end.
    pub min: Option<f64>,
    /// The upper end.
    pub max: Option<f64>,
    /// As the board writes it.
    pub currency: Option<String>,
}

impl Pay {
    /// See [`middle_in_sgd`].
    pub fn middle_in_sgd(&self) -> Option<f64> {
        middle_in_sgd(self.min, self.max, self.currency.as_deref())
    }
}

/// Spellings that [`Unread`] names, and how much of each.
const NAMED: usize = 20;
const NAMED_CHARS: usize = 20;

/// Pay that counts as missing, or that no filter in SGD can compare: such ads are found by all else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Unread {
    /// How many ads pay in a currency that is not known.
    pub unknown_currency: u64,
    /// What they call it and how many do, the first twenty spellings.
    pub unknown_currencies: BTreeMap<String, u64>,
    /// How many ads give a figure that is no amount: infinite, not a number, or below zero.
    pub no_amount: u64,
}

impl Unread {
    /// Counts one ad.
    pub fn observe(&mut self, min: Option<f64>, max: Option<f64>, currency: Option<&str>) {
        let is_odd = |figure: Option<f64>| figure.is_some() && amount(figure).is_none();
        self.no_amount += u64::from(is_odd(min) || is_odd(max));
        if middle(min, max).is_some()
            && let Currency::Unknown(said) = Currency::read(currency)
        {
            self.unknown_currency += 1;
            self.name(said.chars().take(NAMED_CHARS).collect(), 1);
        }
    }

    /// Adds what another count found.
    pub fn add(&mut self, other: Self) {
        self.unknown_currency += other.unknown_currency;
        self.no_amount += other.no_amount;
        for (said, ads) in other.unknown_currencies {
            self.name(said, ads);
        }
    }

    fn name(&mut self, said: String, ads: u64) {
        if self.unknown_currencies.len() < NAMED || self.unknown_currencies.contains_key(&said) {
            *self.unknown_currencies.entry(said).or_default() += ads;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_read_as_people_write_them() {
        for (said, code) in [
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
            let read = Currency::read(Some(said));
            assert_eq!((read.name(), matches!(read, Currency::Known(_))), (code, true), "{said:?}");
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
    fn every_spelling_is_folded_and_of_a_code() {
        for (spelling, code) in SPELLINGS {
            assert_eq!(folded(spelling), *spelling);
            assert!(CODES.split(' ').any(|known| known == *code), "{code}");
        }
    }

    #[test]
    fn what_is_no_amount_is_missing_pay() {
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
    fn what_is_not_read_is_counted() {
        let mut unread = Unread::default();
        for (min, said) in
            [(3000.0, "$"), (3000.0, " $\n"), (f64::NAN, "$"), (3000.0, "GBP"), (-1.0, ""), (0.0, "")]
        {
            unread.observe(Some(min), None, Some(said));
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
