//! Numbers that an ad states or that are counted in its texts.

use chrono::{DateTime, Datelike, Duration, Utc, Weekday};
use common_core::job::first_chars;
use common_core::mask::mask_pay;
use rustc_hash::FxHashSet;

use super::grams::words;
use super::phrases::{DEGREES, LEVELS, SKILLS};
use super::schema::{Feature, Reads};
use crate::ads::Ad;

/// Hours of Singapore's time zone ahead of UTC, all year.
const SINGAPORE_HOURS: i64 = 8;
/// Characters of a description that are read. Longer ones repeat themselves.
const DESCRIPTION_CHARS: usize = 20_000;

/// The numeric features, in the order of [`extract_numerical_features`].
pub const NUMERIC: &[Feature] = &[
    Feature::numeric("age_when_seen_days", "posted and scraped", "difference", "days", Reads::All),
    Feature::numeric("posted_day", "posted", "days since 1970", "days", Reads::Salary),
    Feature::numeric("month", "posted", "month in Singapore", "1 to 12", Reads::All),
    Feature::numeric("is_weekend_post", "posted", "Saturday or Sunday in Singapore", "0 or 1", Reads::All),
    Feature::numeric("title_length", "title", "characters", "characters", Reads::All),
    Feature::numeric("description_length", "description", "ln(1 + characters)", "ln characters", Reads::All),
    Feature::numeric("has_description", "description", "is not blank", "0 or 1", Reads::All),
    Feature::numeric("years_min", "title and description", "fewest years of experience", "years", Reads::All),
    Feature::numeric("years_max", "title and description", "most years of experience", "years", Reads::All),
    Feature::numeric("level", "title", "highest word of seniority", "1 to 6", Reads::All),
    Feature::numeric("degree", "title and description", "lowest degree", "1 to 5", Reads::All),
    Feature::numeric("skills", "title and description", "number of known skills", "skills", Reads::All),
    Feature::numeric("is_contract", "all texts", "contract, temporary, interim", "0 or 1", Reads::All),
    Feature::numeric("is_part_time", "all texts", "part time", "0 or 1", Reads::All),
    Feature::numeric("is_shift", "all texts", "shift, night, rotating", "0 or 1", Reads::All),
    Feature::numeric(
        "company_size",
        "company_size",
        "ln(1 + smallest number of employees)",
        "ln employees",
        Reads::All,
    ),
];

/// The words of an ad's texts that a model may see: stated pay is masked.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Words {
    pub title: Vec<String>,
    pub description: Vec<String>,
    pub work_type: Vec<String>,
}

impl Words {
    /// Masks and reads the texts of an ad; of the description its first 20,000 characters.
    pub fn of(ad: &Ad) -> Self {
        let masked = |text: &str| words(&mask_pay(text));
        Self {
            title: masked(&ad.title),
            description: masked(first_chars(&ad.description, DESCRIPTION_CHARS)),
            work_type: masked(&ad.work_type),
        }
    }
}

/// What an ad states in numbers, in the order of [`NUMERIC`]: NaN where it states nothing. `texts` are the ad's words.
pub fn extract_numerical_features(ad: &Ad, texts: &Words) -> Vec<f32> {
    let Words { title, description, work_type } = texts;
    let in_title = Phrases::of(&[title]);
    let in_body = Phrases::of(&[title, description]);
    let in_all = Phrases::of(&[title, description, work_type]);
    let years = years_of_experience(&[title, description]);
    let local = ad.posted.map(|posted| posted + Duration::hours(SINGAPORE_HOURS));
    let flag = |phrases: &[&str]| f32::from(in_all.has_any(phrases));
    vec![
        ad.posted.map_or(f32::NAN, |posted| days(ad.seen - posted)),
        ad.posted.map_or(f32::NAN, |posted| days(posted - DateTime::<Utc>::UNIX_EPOCH).floor()),
        local.map_or(f32::NAN, |local| local.month() as f32),
        local.map_or(f32::NAN, |local| f32::from(matches!(local.weekday(), Weekday::Sat | Weekday::Sun))),
        ad.title.chars().count() as f32,
        (ad.description.chars().count() as f32).ln_1p(),
        f32::from(!ad.description.trim().is_empty()),
        years.map_or(f32::NAN, |(min, _)| min),
        years.map_or(f32::NAN, |(_, max)| max),
        LEVELS.iter().rev().find(|(_, words)| in_title.has_any(words)).map_or(3.0, |(level, _)| *level),
        DEGREES.iter().find(|(_, words)| in_body.has_any(words)).map_or(f32::NAN, |(degree, _)| *degree),
        SKILLS.iter().filter(|skill| in_body.has(skill)).count() as f32,
        flag(&["contract", "contractor", "temporary", "temp", "interim", "fixed term", "ftc"]),
        flag(&["part time", "parttime"]),
        flag(&["shift", "shifts", "night", "nights", "rotating", "rota"]),
        employees(&ad.company_size),
    ]
}

fn days(time: Duration) -> f32 {
    (time.num_seconds() as f64 / 86_400.0) as f32
}

/// The words and pairs of neighbouring words of some texts.
struct Phrases<'a> {
    words: FxHashSet<&'a str>,
    pairs: FxHashSet<(&'a str, &'a str)>,
}

impl<'a> Phrases<'a> {
    fn of(texts: &[&'a [String]]) -> Self {
        let words = texts.iter().flat_map(|words| words.iter()).map(String::as_str).collect();
        let pairs = texts.iter().flat_map(|words| words.windows(2));
        Self { words, pairs: pairs.map(|pair| (pair[0].as_str(), pair[1].as_str())).collect() }
    }

    /// Whether a word, or two words separated by a space, occur.
    fn has(&self, phrase: &str) -> bool {
        phrase.split_once(' ').map_or_else(|| self.words.contains(phrase), |pair| self.pairs.contains(&pair))
    }

    fn has_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.has(phrase))
    }
}

/// The fewest and the most years that stand before "year" or "years": `3 years`, `3-5 years`, `3 to 5 years`.
fn years_of_experience(texts: &[&[String]]) -> Option<(f32, f32)> {
    let mut found: Option<(f32, f32)> = None;
    for words in texts {
        for (at, _) in
            words.iter().enumerate().filter(|(_, word)| matches!(word.as_str(), "year" | "years" | "yrs"))
        {
            let number = |back: usize| at.checked_sub(back).and_then(|at| years(&words[at]));
            let Some(last) = number(1) else { continue };
            let first = number(2).or_else(|| number(3)).filter(|first| *first < last).unwrap_or(last);
            let (min, max) = found.unwrap_or((first, last));
            found = Some((min.min(first), max.max(last)));
        }
    }
    found
}

/// `5` and `5+` as a plausible number of years.
fn years(word: &str) -> Option<f32> {
    word.trim_end_matches('+').parse::<u8>().ok().filter(|years| (1..=30).contains(years)).map(f32::from)
}

/// `51 to 200 employees` → ln(1 + 51).
fn employees(size: &str) -> f32 {
    let digits: String = size
        .chars()
        .filter(|c| *c != ',')
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse::<f32>().map_or(f32::NAN, f32::ln_1p)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn extract(title: &str, description: &str) -> Vec<f32> {
        let ad = Ad {
            title: title.into(),
            description: description.into(),
            posted: Utc.with_ymd_and_hms(2025, 1, 31, 20, 0, 0).single(),
            seen: Utc.with_ymd_and_hms(2025, 2, 1, 20, 0, 0).unwrap(),
            company_size: "1,001 to 5000 employees".into(),
            work_type: "Part Time".into(),
            ..Ad::default()
        };
        extract_numerical_features(&ad, &Words::of(&ad))
    }

    fn of(values: &[f32], name: &str) -> f32 {
        values[NUMERIC.iter().position(|feature| feature.name == name).unwrap()]
    }

    #[test]
    fn every_feature_has_a_value() {
        let values = extract(
            "Senior Java Developer",
            "3 to 5 years of SQL and Power BI. Degree or diploma. Night shift.",
        );
        assert_eq!(values.len(), NUMERIC.len());
        for (name, value) in [
            ("age_when_seen_days", 1.0),
            // Saturday, 1 February in Singapore.
            ("month", 2.0),
            ("is_weekend_post", 1.0),
            ("years_min", 3.0),
            ("years_max", 5.0),
            ("level", 4.0),
            ("degree", 2.0),
            ("skills", 3.0),
            ("is_part_time", 1.0),
            ("is_contract", 0.0),
            ("is_shift", 1.0),
            ("company_size", 1001f32.ln_1p()),
        ] {
            assert_eq!(of(&values, name), value, "{name}");
        }
    }

    #[test]
    fn what_an_ad_does_not_state_is_missing() {
        let values = extract_numerical_features(&Ad::default(), &Words::default());
        for name in ["posted_day", "years_min", "degree", "company_size"] {
            assert!(of(&values, name).is_nan(), "{name}");
        }
        assert_eq!(of(&values, "has_description"), 0.0);
    }

    #[test]
    fn years_are_those_of_experience() {
        let years = |text: &str| years_of_experience(&[&words(text)]);
        assert_eq!(years("5+ years"), Some((5.0, 5.0)));
        assert_eq!(years("minimum 2 yrs, ideally 4-6 years"), Some((2.0, 6.0)));
        assert_eq!(years("founded 150 years ago in 1875"), None);
        assert_eq!(years("years of joy"), None);
    }
}
