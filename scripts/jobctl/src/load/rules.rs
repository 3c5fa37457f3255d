//! The rules by which cells are converted. `--help` lists them, and reports count their uses.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::columns::truncated;
use crate::load::reader::Location;
use crate::table::{Align, Table, count};

/// Maximum number of locations in a report.
const MAX_LOCATIONS: usize = 10;

/// A conversion of a cell or a row; the discriminant is the index in [`RULES`].
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

/// Name and description of a rule.
struct Entry {
    name: &'static str,
    description: &'static str,
}

const fn entry(name: &'static str, description: &'static str) -> Entry {
    Entry { name, description }
}

/// Every rule, those that lose data first.
const RULES: [Entry; 13] = [
    entry("row skipped", "--bad-cells skip-row: a row with an invalid cell is skipped"),
    entry(
        "bad cell missing",
        "--bad-cells missing: an invalid cell is NULL; an invalid source, job_id or scrape_timestamp is refused",
    ),
    entry("unknown pay interval", "only the raw columns are set, because monthly pay needs a known interval"),
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
        "--date-format %d/%m/%Y: without it, dates with an ambiguous order of day and month are refused",
    ),
    entry("yearly pay", "divided by 12"),
    entry("weekly pay", "times 52, divided by 12"),
    entry("daily pay", "times 260, divided by 12"),
    entry("hourly pay", "times 2,080, divided by 12"),
];

/// The list of rules in `--help`.
pub(super) fn help() -> String {
    let mut text = String::from("Rules (the report counts the uses of each and shows the first ten):\n");
    for Entry { name, description } in &RULES {
        let _ = writeln!(text, "  {name:<21} {description}");
    }
    text
}

/// One use of a rule.
#[derive(Debug, Clone)]
struct Use {
    location: Location,
    column: &'static str,
    value: String,
}

/// Number of uses of each rule, and the first uses.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    uses: [u64; RULES.len()],
    first: [Vec<Use>; RULES.len()],
}

impl Tally {
    /// Counts one use of `rule`.
    pub(super) fn note(&mut self, rule: Rule, location: &Location, column: &'static str, value: &str) {
        let index = rule as usize;
        self.uses[index] += 1;
        if self.first[index].len() < MAX_LOCATIONS {
            self.first[index].push(Use { location: location.clone(), column, value: truncated(value) });
        }
    }

    /// Number of uses of `rule`.
    pub(super) fn uses(&self, rule: Rule) -> u64 {
        self.uses[rule as usize]
    }

    /// Adds the uses of another file.
    pub(super) fn add(&mut self, other: &Self) {
        for index in 0..RULES.len() {
            self.uses[index] += other.uses[index];
            let free = MAX_LOCATIONS - self.first[index].len();
            self.first[index].extend(other.first[index].iter().take(free).cloned());
        }
    }

    /// The first [`MAX_LOCATIONS`] uses in the order of [`RULES`].
    fn first_uses(&self) -> impl Iterator<Item = (&'static str, &Use)> {
        let all =
            RULES.iter().zip(&self.first).flat_map(|(rule, uses)| uses.iter().map(|one| (rule.name, one)));
        all.take(MAX_LOCATIONS)
    }

    /// The lines of a report; empty if no rule was used.
    pub(super) fn render(&self) -> String {
        let mut counts = Table::new([("", Align::Left), ("", Align::Right)]);
        for (rule, uses) in RULES.iter().zip(self.uses).filter(|(_, uses)| *uses > 0) {
            counts.row([format!("    {}", rule.name), count(uses)]);
        }
        let mut places = Table::new([""; 5].map(|name| (name, Align::Left)));
        let mut has_uses = false;
        for (rule, Use { location, column, value }) in self.first_uses() {
            has_uses = true;
            let name = location
                .file
                .file_name()
                .map_or_else(|| location.file.to_string_lossy(), |name| name.to_string_lossy());
            let name = crate::table::one_line(&name, Some(40));
            places.row([
                format!("    {name}"),
                location.row_and_line(),
                (*column).to_owned(),
                crate::table::one_line(&format!("{value:?}"), Some(48)),
                rule.to_owned(),
            ]);
        }
        if !has_uses {
            return String::new();
        }
        format!("  rules used\n{}  first places\n{}", counts.render_body(), places.render_body())
    }

    /// The uses as JSON.
    pub(super) fn json(&self) -> Json {
        let uses: Map<String, Json> = RULES
            .iter()
            .zip(self.uses)
            .filter(|(_, uses)| *uses > 0)
            .map(|(rule, n)| (rule.name.into(), n.into()))
            .collect();
        let places: Vec<Json> = self
            .first_uses()
            .map(|(rule, Use { location, column, value })| {
                let file: &Path = &location.file;
                json!({
                    "file": file, "row": location.row, "line": location.line, "column": column, "value": value, "rule": rule,
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
    fn the_report_shows_ten_uses_in_the_order_of_the_rules() {
        let mut tally = Tally::default();
        assert_eq!(tally.render(), "");
        for row in 1..=30 {
            let location = Location { file: Path::new("a/ads.csv").into(), row, line: Some(row + 1) };
            tally.note(Rule::Thousands, &location, "job_salary_min_sgd_raw", "5,000");
            if row == 30 {
                tally.note(Rule::SkippedRow, &location, "job_id", "nan");
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
