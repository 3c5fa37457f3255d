//! Quality statistics of ads, counted while they are written and printed afterwards.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use common::job::{JobAd, Timestamp};
use common::pay::{self, Unread};
use serde::Serialize;

use crate::table::{Align, Table, count};

/// Monthly pay below this is implausible.
const LEAST_PER_MONTH: f64 = 500.0;
/// Monthly pay above this is implausible.
const MOST_PER_MONTH: f64 = 100_000.0;
/// From this amount on, monthly pay that equals the raw figure is probably annual.
const PROBABLY_ANNUAL_FROM: f64 = 30_000.0;

/// The name of a text column and its accessor.
type TextColumn = (&'static str, fn(&JobAd) -> Option<&str>);

/// Columns whose missing values are reported.
const REPORTED_COLUMNS: [TextColumn; 8] = [
    ("job_title", |ad| ad.job_title.as_deref()),
    ("job_description", |ad| ad.job_description.as_deref()),
    ("job_location", |ad| ad.job_location.as_deref()),
    ("job_classification", |ad| ad.job_classification.as_deref()),
    ("job_work_type", |ad| ad.job_work_type.as_deref()),
    ("company_name", |ad| ad.company_name.as_deref()),
    ("company_industry", |ad| ad.company_industry.as_deref()),
    ("company_size", |ad| ad.company_size.as_deref()),
];

/// A name, and a test of an ad with the lower and the upper bound of its monthly pay.
type Rule = (&'static str, fn(&JobAd, f64, f64) -> bool);

/// Reasons why a salary is implausible; several can apply to one ad.
const RULES: [Rule; 5] = [
    ("min above max", |_, low, high| low > high),
    ("below 500 a month", |_, low, high| low.min(high) < LEAST_PER_MONTH),
    ("above 100,000 a month", |_, low, high| low.max(high) > MOST_PER_MONTH),
    ("annual figure in the monthly column", is_annual_figure),
    ("monthly is 12 times raw", |ad, low, high| {
        is_twelvefold(ad.job_salary_min_sgd_raw, low) || is_twelvefold(ad.job_salary_max_sgd_raw, high)
    }),
];

/// Counts over a stream of sightings. Memory grows by one 64-bit hash per ad and per text.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Quality {
    /// Sightings.
    pub(crate) rows: u64,
    /// Distinct (source, `job_id`).
    pub(crate) ads: u64,
    /// Ads with the same title and description as another ad.
    pub(crate) exact_reposts: u64,
    /// Sightings with a description.
    pub(crate) with_description: u64,
    /// Missing values per reported column.
    pub(crate) missing: BTreeMap<&'static str, Missing>,
    /// Sightings with a monthly salary.
    pub(crate) with_salary: u64,
    /// Monthly salaries that no salary filter can compare.
    pub(crate) unread_pay: Unread,
    /// Sightings per rule of [`RULES`] that they break.
    pub(crate) implausible_salaries: BTreeMap<&'static str, u64>,
    /// Sightings without a posting timestamp.
    pub(crate) posted_missing: u64,
    /// Sightings with a posting timestamp after their scrape.
    pub(crate) posted_after_scraped: u64,
    /// First and last posting timestamp.
    pub(crate) posted: Option<(Timestamp, Timestamp)>,
    /// First and last scrape timestamp.
    pub(crate) scraped: Option<(Timestamp, Timestamp)>,
    /// Sightings per source.
    pub(crate) sources: BTreeMap<String, u64>,
    #[serde(skip)]
    keys: HashSet<u64>,
    #[serde(skip)]
    texts: HashSet<u64>,
}

/// Missing values of a column.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    /// NULL.
    pub(crate) null: u64,
    /// Empty or only white space.
    pub(crate) blank: u64,
}

impl Missing {
    fn render(self, rows: u64) -> String {
        match (self.null, self.blank) {
            (null, blank) if null + blank == rows => "in every row".to_owned(),
            (null, 0) => format!("{} NULL", count(null)),
            (0, blank) => format!("{} empty", count(blank)),
            (null, blank) => format!("{} NULL + {} empty", count(null), count(blank)),
        }
    }
}

impl Quality {
    /// Counts one sighting.
    pub(crate) fn observe(&mut self, ad: &JobAd) {
        self.rows += 1;
        *self.sources.entry(ad.source.clone()).or_default() += 1;
        let description = ad.job_description.as_deref().filter(|text| !text.trim().is_empty());
        self.with_description += u64::from(description.is_some());
        if self.keys.insert(hash((&ad.source, &ad.job_id))) {
            self.ads += 1;
            // Titles alone do not identify a repost: many ads have the title "Cashier".
            if let Some(description) = description
                && !self.texts.insert(hash((&ad.job_title, description)))
            {
                self.exact_reposts += 1;
            }
        }
        for (column, value) in REPORTED_COLUMNS {
            let missing = self.missing.entry(column).or_default();
            match value(ad) {
                None => missing.null += 1,
                Some(text) if text.trim().is_empty() => missing.blank += 1,
                Some(_) => {}
            }
        }
        self.observe_salary(ad);
        self.posted_missing += u64::from(ad.job_posted_timestamp.is_none());
        if let Some(posted) = ad.job_posted_timestamp {
            self.posted_after_scraped += u64::from(posted > ad.scrape_timestamp);
            widen(&mut self.posted, posted);
        }
        widen(&mut self.scraped, ad.scrape_timestamp);
    }

    fn observe_salary(&mut self, ad: &JobAd) {
        let (low, high) = (ad.job_salary_min_sgd_monthly, ad.job_salary_max_sgd_monthly);
        self.unread_pay.observe(low, high, ad.job_currency.as_deref());
        let (low, high) = (pay::amount(low), pay::amount(high));
        let (Some(low), Some(high)) = (low.or(high), high.or(low)) else { return };
        self.with_salary += 1;
        for (rule, breaks) in RULES {
            if breaks(ad, low, high) {
                *self.implausible_salaries.entry(rule).or_default() += 1;
            }
        }
    }

    /// Rows of an ad that an earlier row contains.
    pub(crate) fn repeated(&self) -> u64 {
        self.rows - self.ads
    }

    /// The report: aligned lines under `title`.
    pub(crate) fn render(&self, title: &str) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        let mut line = |name: &str, value: String| table.row([format!("  {name}"), value]);
        line(
            "rows",
            format!(
                "{} = {} ads + {} repeated sightings",
                count(self.rows),
                count(self.ads),
                count(self.repeated())
            ),
        );
        let sources = self.sources.iter().map(|(name, rows)| format!("{name} {}", count(*rows)));
        line("sources", sources.collect::<Vec<_>>().join(", "));
        line("posted", range(self.posted, &self.note_posted()));
        line("scraped", range(self.scraped, ""));
        line("with description", self.share(self.with_description));
        line("exact reposts", format!("{} ads repeat another ad's text", count(self.exact_reposts)));
        line("with salary", self.share(self.with_salary));
        if self.unread_pay.unknown_currency > 0 {
            let names = self.unread_pay.unknown_currencies.iter();
            let names = names.map(|(name, rows)| format!("{name:?} {}", count(*rows))).collect::<Vec<_>>();
            let rows = count(self.unread_pay.unknown_currency);
            line(
                "unknown currency",
                format!("{rows} with a salary that filters ignore: {}", names.join(", ")),
            );
        }
        let broken = self.implausible_salaries.iter().map(|(rule, rows)| format!("{} {rule}", count(*rows)));
        let missing = self.missing.iter().filter(|(_, missing)| missing.null + missing.blank > 0);
        let missing = missing.map(|(column, missing)| format!("{column} {}", missing.render(self.rows)));
        for (name, parts) in
            [("implausible salaries", broken.collect::<Vec<_>>()), ("missing", missing.collect())]
        {
            line(name, parts.first().cloned().unwrap_or_else(|| "none".to_owned()));
            parts.into_iter().skip(1).for_each(|part| line("", part));
        }
        format!("{title}\n{}", table.render_body())
    }

    fn share(&self, part: u64) -> String {
        format!("{} ({:.1}%)", count(part), 100.0 * part as f64 / self.rows.max(1) as f64)
    }

    fn note_posted(&self) -> String {
        let notes = [(self.posted_missing, "missing"), (self.posted_after_scraped, "after the scrape")];
        let notes = notes.iter().filter(|(rows, _)| *rows > 0);
        notes.map(|(rows, what)| format!("; {} {what}", count(*rows))).collect::<Vec<_>>().concat()
    }
}

fn widen(range: &mut Option<(Timestamp, Timestamp)>, moment: Timestamp) {
    *range = Some(range.map_or((moment, moment), |(first, last)| (first.min(moment), last.max(moment))));
}

fn range(range: Option<(Timestamp, Timestamp)>, note: &str) -> String {
    match range {
        Some((first, last)) => format!("{} to {}{note}", first.format("%Y-%m-%d"), last.format("%Y-%m-%d")),
        None => "unknown".to_owned(),
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Returns whether the monthly columns contain annual pay: the raw figure unchanged, and either marked as yearly or
/// at least [`PROBABLY_ANNUAL_FROM`].
fn is_annual_figure(ad: &JobAd, low: f64, _high: f64) -> bool {
    let is_unchanged =
        ad.job_salary_min_sgd_raw.or(ad.job_salary_max_sgd_raw).is_some_and(|raw| nearly_equal(raw, low));
    match ad.job_salary_type.as_deref().map(str::to_lowercase).as_deref() {
        Some("yearly" | "annual" | "annually" | "year") => is_unchanged && low > 0.0,
        _ => is_unchanged && low >= PROBABLY_ANNUAL_FROM,
    }
}

fn is_twelvefold(raw: Option<f64>, monthly: f64) -> bool {
    raw.is_some_and(|raw| raw > 0.0 && nearly_equal(raw * 12.0, monthly))
}

fn nearly_equal(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
}
