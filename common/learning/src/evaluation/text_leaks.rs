//! Whether texts still state the pay of their ad after masking.
//!
//! A figure of the ad (lower end, upper end or middle, a month or a year) counts as stated if it stands in the text in
//! any of its spellings: `4500`, `4,500`, `4 500`, `4.5k`, the first of `4-5k`. Figures also occur by chance (a year,
//! a head count): the share of texts that state the pay of *another* ad is what chance gives.

use common_core::{Error, Result};
use serde::Serialize;

/// Offsets at which another ad's pay is looked for, as shares of the rows.
const OFFSETS: [f64; 7] = [0.13, 0.24, 0.37, 0.46, 0.58, 0.71, 0.87];
/// Largest share of texts that may state their ad's pay beyond chance. On real ads, unmasked titles state it in 1%, masked
/// descriptions in less than 0.2%.
const LIMIT: f64 = 0.005;
/// Below this number of ads beyond chance, a share says nothing.
const MIN_ROWS: f64 = 5.0;
/// Figures below are no pay of a month or year, but hours, percentages and counts.
const MIN_FIGURE: f64 = 300.0;
/// Number of rows named in a report.
const NAMED: usize = 20;

/// The pay of an ad per month; the ends may be equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Salary {
    /// Lower end.
    pub min: f64,
    /// Upper end.
    pub max: f64,
}

/// What was found in one column of texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextLeaks {
    /// Name of the column.
    pub name: String,
    /// Number of texts.
    pub rows: u64,
    /// Number of texts that state the pay of their ad.
    pub stating: u64,
    /// Number of texts that state the pay of another ad, on average.
    pub by_chance: f64,
    /// Share of texts that state the pay of their ad beyond chance.
    pub excess: f64,
    /// The first rows that state it, at most 20.
    pub first_rows: Vec<u32>,
    /// Whether the column stops the run: more than 0.5% and 5 texts beyond chance.
    pub is_leak: bool,
}

/// Looks for the pay of each ad in its (masked) texts. Columns are named lists of one text a row.
///
/// # Errors
/// `InvalidInput` if a column differs from `salaries` in length.
pub fn find_text_leaks(columns: &[(&str, &[&str])], salaries: &[Salary]) -> Result<Vec<TextLeaks>> {
    columns.iter().map(|(name, texts)| assess(name, texts, salaries)).collect()
}

/// Fails if a column of texts states the pay.
///
/// # Errors
/// `InvalidInput` that names the columns and the share of their texts.
pub fn refuse_text_leaks(found: &[TextLeaks]) -> Result<()> {
    let name = |leaks: &TextLeaks| format!("\"{}\" ({:.1}% of its texts)", leaks.name, leaks.excess * 100.0);
    let names: Vec<String> = found.iter().filter(|leaks| leaks.is_leak).map(name).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "invalid text {}: expected texts without the pay of their ad",
        names.join(", ")
    )))
}

fn assess(name: &str, texts: &[&str], salaries: &[Salary]) -> Result<TextLeaks> {
    let rows = salaries.len();
    if texts.len() != rows {
        let found = texts.len();
        return Err(Error::invalid_input(format!(
            "invalid text \"{name}\" of {found} rows: expected {rows} rows"
        )));
    }
    let figures: Vec<Vec<f64>> = salaries.iter().map(figures).collect();
    let numbers: Vec<Vec<f64>> = texts.iter().map(|text| numbers(text)).collect();
    let has_pay = |text: usize, ad: usize| {
        figures[ad].iter().any(|figure| numbers[text].iter().any(|number| (number - figure).abs() < 0.51))
    };
    let stating: Vec<u32> = (0..rows).filter(|row| has_pay(*row, *row)).map(|row| row as u32).collect();
    // Another ad with the same figures says nothing about chance.
    let chances: Vec<f64> = OFFSETS
        .iter()
        .filter_map(|offset| {
            let others = (0..rows).map(|row| (row, (row + ((rows as f64 * offset) as usize).max(1)) % rows));
            let (mut stated, mut compared) = (0.0, 0.0);
            for (row, other) in others.filter(|(row, other)| figures[*row] != figures[*other]) {
                compared += 1.0;
                stated += f64::from(u8::from(has_pay(row, other)));
            }
            (compared > 0.0).then(|| stated / compared)
        })
        .collect();
    let chance = if chances.is_empty() { 0.0 } else { chances.iter().sum::<f64>() / chances.len() as f64 };
    let by_chance = chance * rows as f64;
    let beyond = (stating.len() as f64 - by_chance).max(0.0);
    let excess = beyond / rows.max(1) as f64;
    Ok(TextLeaks {
        name: name.to_owned(),
        rows: rows as u64,
        stating: stating.len() as u64,
        by_chance,
        excess,
        first_rows: stating.iter().copied().take(NAMED).collect(),
        is_leak: excess > LIMIT && beyond > MIN_ROWS,
    })
}

/// The figures that state a salary, ascending.
fn figures(salary: &Salary) -> Vec<f64> {
    let month = [salary.min, salary.max, f64::midpoint(salary.min, salary.max)];
    let mut figures: Vec<f64> = month.iter().flat_map(|figure| [*figure, figure * 12.0]).collect();
    figures.retain(|figure| figure.is_finite() && *figure >= MIN_FIGURE);
    figures.sort_by(f64::total_cmp);
    figures.dedup();
    figures
}

/// A number in a text.
struct Number {
    value: f64,
    has_k: bool,
    start: usize,
    end: usize,
}

/// The numbers of a text that can be amounts, `k` resolved.
fn numbers(text: &str) -> Vec<f64> {
    let mut found: Vec<Number> = Vec::new();
    let mut start = 0;
    while let Some(offset) = text[start..].find(|c: char| c.is_ascii_digit()) {
        let number = number(text, start + offset);
        start = number.end;
        found.push(number);
    }
    // "30-40k": the first has the k of the second.
    for n in (1..found.len()).rev() {
        let between = text[found[n - 1].end..found[n].start].trim_matches([' ', '£', '$', '€']);
        let is_range = matches!(between, "-" | "–" | "—" | "/" | "to" | "and");
        if is_range && found[n].has_k && found[n - 1].value < 1000.0 {
            found[n - 1].has_k = true;
        }
    }
    let value = |number: Number| if number.has_k { number.value * 1000.0 } else { number.value };
    found.into_iter().map(value).filter(|value| *value >= MIN_FIGURE - 1.0).collect()
}

/// The number that begins at `start`: digits with separators of thousands, a fraction, and `k`.
fn number(text: &str, start: usize) -> Number {
    let bytes = text.as_bytes();
    let digits_from = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = start + digits_from(start);
    let mut digits = text[start..end].to_owned();
    while digits.len() <= 12 && end - start <= 16 {
        let is_separator = bytes.get(end).is_some_and(|byte| matches!(byte, b',' | b' ' | b'\'' | b'.'));
        if !is_separator || digits.len() > 3 && end - start == digits.len() || digits_from(end + 1) != 3 {
            break;
        }
        digits.push_str(&text[end + 1..end + 4]);
        end += 4;
    }
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits_from(end + 1);
        if (1..=6).contains(&fraction) {
            digits.push_str(&text[end..end + 1 + fraction]);
            end += 1 + fraction;
        }
    }
    let space = usize::from(bytes.get(end) == Some(&b' '));
    let is_k = matches!(bytes.get(end + space), Some(b'k' | b'K'));
    let has_k = is_k && !bytes.get(end + space + 1).is_some_and(u8::is_ascii_alphanumeric);
    let end = if has_k { end + space + 1 } else { end };
    Number { value: digits.parse().unwrap_or_default(), has_k, start, end }
}

#[cfg(test)]
mod tests;
