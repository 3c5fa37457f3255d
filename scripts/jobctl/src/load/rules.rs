//! The rules by which cells are read: one table, which `--help` prints and reports count by.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::columns::shortened;
use crate::load::reader::Place;
use crate::table::{Align, Table, count};

/// Places that a report shows.
const PLACES_SHOWN: usize = 10;

/// What was done to a cell or a row, in the order of [`RULES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    SkippedRow,
    BadCell,
    UnknownInterval,
    MissingWord,
    IntegralFloat,
    Thousands,
    Epoch,
    WrittenDate,
    DateFormat,
    Yearly,
    Weekly,
    Daily,
    Hourly,
}

/// A rule's name and what it does.
struct Entry {
    name: &'static str,
    does: &'static str,
}

const fn entry(name: &'static str, does: &'static str) -> Entry {
    Entry { name, does }
}

/// Every rule; what a person should look at comes first.
const RULES: [Entry; 13] = [
    entry("row skipped", "--bad-cells skip-row: a row with a cell that does not fit is left out"),
    entry(
        "bad cell missing",
        "--bad-cells missing: a cell that does not fit is NULL; a bad source, job_id or scrape_timestamp is refused",
    ),
    entry("unknown pay interval", "the raw columns only: no monthly pay without a known interval"),
    entry(
        "missing word",
        "NaN, NaT, None, null, NA, N/A, <NA>, #N/A, - and \\N, in any case: NULL in a number or timestamp column, \
         refused as a source or job_id",
    ),
    entry(
        "integral float",
        "84112501.0 is 84112501 in source, job_id and company_id, and in text columns where the file has a float; \
         a float of 2^53 or more is refused",
    ),
    entry("thousands", "5,000 and 1,234,567.50 are numbers; 5,5 and 1.234,56 are refused"),
    entry("epoch", "1749386430 and 1749386430000 are seconds and milliseconds since 1970"),
    entry("written date", "March 19, 2026, 19 Mar 2026 09:30, and RFC 2822: Sun, 08 Jun 2025 12:40:30 +0000"),
    entry(
        "date format",
        "--date-format %d/%m/%Y: without it dates that need an order of day and month are refused",
    ),
    entry("yearly pay", "divided by 12"),
    entry("weekly pay", "times 52, divided by 12"),
    entry("daily pay", "times 260, divided by 12"),
    entry("hourly pay", "times 2,080, divided by 12"),
];

/// The table as `--help` shows it.
pub(super) fn help() -> String {
    let mut text = String::from("Rules (a report counts what each did, and shows the first ten places):\n");
    for Entry { name, does } in &RULES {
        let _ = writeln!(text, "  {name:<21} {does}");
    }
    text
}

/// A place where a rule was used.
#[derive(Debug, Clone)]
struct Found {
    place: Place,
    column: &'static str,
    value: String,
}

/// Uses of each rule, and the first places.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    uses: [u64; RULES.len()],
    found: [Vec<Found>; RULES.len()],
}

impl Tally {
    /// Counts one use of `rule`.
    pub(super) fn note(&mut self, rule: Rule, place: &Place, column: &'static str, value: &str) {
        let index = rule as usize;
        self.uses[index] += 1;
        if self.found[index].len() < PLACES_SHOWN {
            self.found[index].push(Found { place: place.clone(), column, value: shortened(value) });
        }
    }

    /// How often `rule` was used.
    pub(super) fn uses(&self, rule: Rule) -> u64 {
        self.uses[rule as usize]
    }

    /// Adds another file's uses.
    pub(super) fn add(&mut self, other: &Self) {
        for index in 0..RULES.len() {
            self.uses[index] += other.uses[index];
            let free = PLACES_SHOWN - self.found[index].len();
            self.found[index].extend(other.found[index].iter().take(free).cloned());
        }
    }

    /// The first places, those of the first rules before others.
    fn first(&self) -> impl Iterator<Item = (&'static str, &Found)> {
        let all =
            RULES.iter().zip(&self.found).flat_map(|(rule, found)| found.iter().map(|f| (rule.name, f)));
        all.take(PLACES_SHOWN)
    }

    /// Lines of a report; none where no rule was used.
    pub(super) fn render(&self) -> String {
        let mut counts = Table::new([("", Align::Left), ("", Align::Right)]);
        for (rule, uses) in RULES.iter().zip(self.uses).filter(|(_, uses)| *uses > 0) {
            counts.row([format!("    {}", rule.name), count(uses)]);
        }
        let mut places = Table::new([""; 5].map(|name| (name, Align::Left)));
        let mut is_any = false;
        for (rule, Found { place, column, value }) in self.first() {
            is_any = true;
            let name = place
                .file
                .file_name()
                .map_or_else(|| place.file.to_string_lossy(), |name| name.to_string_lossy());
            let name = crate::table::one_line(&name, Some(40));
            places.row([
                format!("    {name}"),
                place.spot(),
                (*column).to_owned(),
                crate::table::one_line(&format!("{value:?}"), Some(48)),
                rule.to_owned(),
            ]);
        }
        if !is_any {
            return String::new();
        }
        format!("  rules used\n{}  first places\n{}", counts.render_body(), places.render_body())
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Json {
        let uses: Map<String, Json> = RULES
            .iter()
            .zip(self.uses)
            .filter(|(_, uses)| *uses > 0)
            .map(|(rule, n)| (rule.name.into(), n.into()))
            .collect();
        let places: Vec<Json> = self
            .first()
            .map(|(rule, Found { place, column, value })| {
                let file: &Path = &place.file;
                json!({
                    "file": file, "row": place.row, "line": place.line, "column": column, "value": value, "rule": rule,
                })
            })
            .collect();
        json!({"uses": uses, "first_places": places})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_shows_ten_places_and_the_worst_first() {
        let mut tally = Tally::default();
        assert_eq!(tally.render(), "");
        for row in 1..=30 {
            let place = Place { file: Path::new("a/ads.csv").into(), row, line: Some(row + 1) };
            tally.note(Rule::Thousands, &place, "job_salary_min_sgd_raw", "5,000");
            if row == 30 {
                tally.note(Rule::SkippedRow, &place, "job_id", "nan");
            }
        }
        let text = tally.render();
        assert!(text.contains("thousands    30\n") && text.contains("row skipped   1\n"), "{text}");
        let first = text.lines().find(|line| line.contains("ads.csv")).unwrap();
        assert!(first.contains("row 30 (line 31)  job_id") && first.ends_with("  row skipped"), "{first}");
        assert_eq!(text.lines().filter(|line| line.contains("ads.csv")).count(), 10);
        assert_eq!(tally.json()["uses"]["thousands"], 30);
    }

    #[test]
    fn every_rule_is_in_the_help() {
        assert_eq!(Rule::Hourly as usize, RULES.len() - 1);
        assert!(help().contains("thousands") && help().contains("times 2,080"));
    }
}
