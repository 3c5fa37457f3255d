//! The leakage gate: a column that alone predicts the salary too well knows it.
//!
//! Every column is judged by the explained share of the log salary (R²), out of fold and with families whole, of the
//! better of two predictors: means of 50 bins, and a line. It must stay below a limit:
//!
//! - **Raw** columns: 0.70. On real ads the best legitimate column explains 0.51 (the month of posting across years),
//!   the location 0.41. A code of three salary bands explains 0.79, of four 0.86, the salary with noise 0.9.
//! - **Learned** columns (target encodings, out-of-fold predictions, salaries of neighbours): these may be good, so R²
//!   alone proves little; the limit is 0.90, or 0.98 beside a placebo. The *placebo* is the proof: the same column,
//!   learned from [`placebo_target`], which has nothing to do with the ads. Out of fold it explains nothing. A column
//!   that saw its own row, or another of its family, explains the placebo, too.
//!
//! A code of two bands explains 0.64 only. What gives it away is order: along ascending salaries a code of bands hardly
//! changes, and a legitimate one changes about as often as if it were shuffled. A column with at most 50 different
//! values leaks if it changes less than a tenth as often.
//!
//! Most rows may lack what leaks (an amount that few ads state), so a column is judged a second time on the rows where
//! it has a value, its most frequent value counted as missing if more than half of the rows have it.

use std::collections::BTreeMap;

use common_core::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::split::grouped_folds;

/// Folds of the check.
const FOLDS: usize = 5;
/// Bins of a numeric column, and the least number of rows in one.
const BINS: usize = 50;
const MIN_BIN_ROWS: usize = 8;
/// Rows at the overall mean that a bin's or category's mean is drawn to.
const PSEUDO_ROWS: f64 = 2.0;
/// Columns with more different values are no codes of bands.
const MAX_BANDS: usize = 50;
/// A column is judged on the rows with a value if they are at least this number, of as many families.
const MIN_PRESENT: usize = 60;

/// A column of the feature matrix.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Its name in messages.
    pub name: &'a str,
    /// One value a row.
    pub values: ColumnValues<'a>,
    /// Whether salaries had a part in it.
    pub kind: ColumnKind<'a>,
}

/// The values of a column.
#[derive(Debug, Clone, Copy)]
pub enum ColumnValues<'a> {
    /// Numbers; NaN and infinite ones are missing.
    Numeric(&'a [f32]),
    /// Codes of categories.
    Category(&'a [u32]),
}

impl ColumnValues<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Category(codes) => codes.len(),
        }
    }

    /// One code for each different value; `None` if it is missing.
    fn codes(&self) -> Vec<Option<u32>> {
        match self {
            Self::Numeric(values) => {
                values.iter().map(|value| value.is_finite().then(|| (value + 0.0).to_bits())).collect()
            }
            Self::Category(codes) => codes.iter().map(|code| Some(*code)).collect(),
        }
    }
}

/// How a column came about.
#[derive(Debug, Clone, Copy)]
pub enum ColumnKind<'a> {
    /// From the ad alone.
    Raw,
    /// Learned from other ads' salaries, out of fold.
    Learned {
        /// The same column, learned from [`placebo_target`] instead of the salaries.
        placebo: Option<&'a [f32]>,
    },
}

/// Limits of R². See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LeakOptions {
    /// Of raw columns.
    pub raw: f64,
    /// Of learned columns without placebo.
    pub learned: f64,
    /// Of learned columns with placebo.
    pub learned_with_placebo: f64,
    /// Of placebos, for their own target.
    pub placebo: f64,
    /// Of changes along ascending salaries, as a share of those of a shuffled column: a minimum, of raw columns.
    pub disorder: f64,
    /// Of folds and of [`placebo_target`].
    pub seed: u64,
}

impl Default for LeakOptions {
    fn default() -> Self {
        Self { raw: 0.70, learned: 0.90, learned_with_placebo: 0.98, placebo: 0.10, disorder: 0.10, seed: 0 }
    }
}

/// What was found about one column, whether it leaks or not: a row of the report's leakage table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    /// Name of the column.
    pub name: String,
    /// R² of the column alone on all rows.
    pub r2: f64,
    /// R² on the rows with a value, where they are enough.
    pub r2_present: Option<f64>,
    /// R² of the placebo for its target.
    pub r2_placebo: Option<f64>,
    /// Changes along ascending salaries, as a share of those of a shuffled column; of raw columns with at most 50
    /// different values.
    pub disorder: Option<f64>,
    /// What `r2` and `r2_present` must stay below.
    pub limit: f64,
    /// Whether the column stops the run.
    pub is_leak: bool,
}

/// The columns that know the salary, the worst first. See [`assess_columns`].
///
/// # Errors
/// Those of [`assess_columns`].
pub fn find_leaks(
    columns: &[Column<'_>],
    log_salary: &[f64],
    groups: &[u32],
    options: &LeakOptions,
) -> Result<Vec<Leak>> {
    let mut leaks = assess_columns(columns, log_salary, groups, options)?;
    leaks.retain(|leak| leak.is_leak);
    Ok(leaks)
}

/// Judges every column; the one with the largest R² first. `groups` are families.
///
/// # Errors
/// `InvalidInput` if lists differ in length or a log salary is not finite.
pub fn assess_columns(
    columns: &[Column<'_>],
    log_salary: &[f64],
    groups: &[u32],
    options: &LeakOptions,
) -> Result<Vec<Leak>> {
    let rows = log_salary.len();
    for (name, found) in columns.iter().map(|c| (c.name, c.values.len())).chain([("groups", groups.len())]) {
        if found != rows {
            return Err(Error::invalid_input(format!(
                "invalid column \"{name}\" of {found} rows: expected {rows} rows"
            )));
        }
    }
    if let Some(row) = log_salary.iter().position(|value| !value.is_finite()) {
        return Err(Error::invalid_input(format!(
            "invalid log salary in row {row}: expected a finite number"
        )));
    }
    let folds = grouped_folds(groups, &vec![0; rows], FOLDS, options.seed)?;
    let placebo_target = placebo_target(log_salary, groups, options.seed);
    let mut ascending: Vec<usize> = (0..rows).collect();
    // Equal salaries are shuffled, because neighbouring rows are often alike.
    ascending.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    ascending.sort_by(|a, b| log_salary[*a].total_cmp(&log_salary[*b]));
    let real = Target { values: log_salary, folds: &folds, groups, ascending: &ascending };
    let placebo = Target { values: &placebo_target, ..real };
    let mut found: Vec<Leak> =
        columns.par_iter().map(|column| assess(column, &real, &placebo, options)).collect();
    found.sort_by(|a, b| worst(b).total_cmp(&worst(a)).then_with(|| a.name.cmp(&b.name)));
    Ok(found)
}

/// Fails if a column leaks.
///
/// # Errors
/// `InvalidInput` that names the columns and what they explain.
pub fn refuse_leaks(leaks: &[Leak]) -> Result<()> {
    let name = |leak: &Leak| match leak.r2_placebo {
        Some(r2) if worst(leak) < leak.limit => {
            format!("\"{}\" (explains {r2:.2} of salaries that were dealt at random)", leak.name)
        }
        None if worst(leak) < leak.limit => format!("\"{}\" (is in the order of salaries)", leak.name),
        _ => format!(
            "\"{}\" (explains {:.2} of the log salary, limit {:.2})",
            leak.name,
            worst(leak),
            leak.limit
        ),
    };
    let names: Vec<String> = leaks.iter().filter(|leak| leak.is_leak).map(name).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "invalid feature {}: expected features that do not know the salary",
        names.join(", ")
    )))
}

/// Log salaries without any relation to the ads: each family gets the mean of another, drawn at random.
///
/// `seed` is that of [`LeakOptions`].
pub fn placebo_target(log_salary: &[f64], groups: &[u32], seed: u64) -> Vec<f64> {
    let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (group, value) in groups.iter().zip(log_salary) {
        let sum = sums.entry(*group).or_default();
        *sum = (sum.0 + value, sum.1 + 1.0);
    }
    let mut means: Vec<f64> = sums.values().map(|(sum, rows)| sum / rows).collect();
    means.shuffle(&mut ChaCha8Rng::seed_from_u64(seed ^ 0x706c_6163_6562_6f00));
    let dealt: BTreeMap<u32, f64> = sums.keys().copied().zip(means).collect();
    groups.iter().map(|group| dealt[group]).collect()
}

fn worst(leak: &Leak) -> f64 {
    leak.r2_present.map_or(leak.r2, |present| present.max(leak.r2))
}

#[derive(Clone, Copy)]
struct Target<'a> {
    values: &'a [f64],
    folds: &'a [u32],
    groups: &'a [u32],
    /// Rows by salary.
    ascending: &'a [usize],
}

fn assess(column: &Column<'_>, real: &Target<'_>, placebo: &Target<'_>, options: &LeakOptions) -> Leak {
    let all: Vec<usize> = (0..real.values.len()).collect();
    let r2 = column_r2(&column.values, real, &all);
    let r2_present = present_rows(&column.values)
        .filter(|rows| is_enough(rows, real.groups))
        .map(|rows| column_r2(&column.values, real, &rows));
    let (limit, r2_placebo) = match column.kind {
        ColumnKind::Raw => (options.raw, None),
        ColumnKind::Learned { placebo: None } => (options.learned, None),
        ColumnKind::Learned { placebo: Some(values) } => {
            let has_all = values.len() == all.len();
            let r2 = if has_all { column_r2(&ColumnValues::Numeric(values), placebo, &all) } else { 1.0 };
            (options.learned_with_placebo, Some(r2))
        }
    };
    let is_raw = matches!(column.kind, ColumnKind::Raw);
    let disorder = if is_raw { disorder(&column.values, real.ascending) } else { None };
    let is_leak = r2.max(r2_present.unwrap_or(r2)) >= limit
        || r2_placebo.is_some_and(|r2| r2 >= options.placebo)
        || disorder.is_some_and(|disorder| disorder < options.disorder);
    Leak { name: column.name.to_owned(), r2, r2_present, r2_placebo, disorder, limit, is_leak }
}

fn is_enough(rows: &[usize], groups: &[u32]) -> bool {
    let mut families: Vec<u32> = rows.iter().map(|row| groups[*row]).collect();
    families.sort_unstable();
    families.dedup();
    families.len() >= MIN_PRESENT
}

/// The rows with a value. `None` if that is all rows, or if nothing is missing and no value is in more than half.
fn present_rows(values: &ColumnValues<'_>) -> Option<Vec<usize>> {
    let codes = values.codes();
    let mut sorted: Vec<u32> = codes.iter().copied().flatten().collect();
    sorted.sort_unstable();
    let most = sorted.chunk_by(|a, b| a == b).max_by_key(|chunk| chunk.len());
    let filler = most.filter(|chunk| chunk.len() * 2 > codes.len()).map(|chunk| chunk[0]);
    let rows: Vec<usize> =
        (0..codes.len()).filter(|row| codes[*row].is_some() && codes[*row] != filler).collect();
    (rows.len() < codes.len()).then_some(rows)
}

/// How often the value changes from row to row along ascending salaries, divided by how often it would if the rows were
/// shuffled. `None` for a column of one value or of too many, and if so few rows differ that chance decides.
fn disorder(values: &ColumnValues<'_>, ascending: &[usize]) -> Option<f64> {
    let codes = values.codes();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    let sizes: Vec<f64> = sorted.chunk_by(|a, b| a == b).map(|chunk| chunk.len() as f64).collect();
    let rows = codes.len() as f64;
    let expected = rows - sizes.iter().map(|size| size * size / rows).sum::<f64>();
    if sizes.len() > MAX_BANDS || expected < MIN_PRESENT as f64 {
        return None;
    }
    let changes = ascending.windows(2).filter(|pair| codes[pair[0]] != codes[pair[1]]).count();
    Some(changes as f64 / expected)
}

/// The explained share, out of fold, of the better predictor from `values` on `rows`.
fn column_r2(values: &ColumnValues<'_>, target: &Target<'_>, rows: &[usize]) -> f64 {
    match values {
        ColumnValues::Numeric(values) => {
            let bins = out_of_fold(target, rows, |train| bin_means(values, target.values, train));
            let line = out_of_fold(target, rows, |train| line(values, target.values, train));
            bins.max(line)
        }
        ColumnValues::Category(codes) => {
            out_of_fold(target, rows, |train| category_means(codes, target.values, train))
        }
    }
}

/// R² of predictors that are fitted on all folds but one and predict that one. 0 if the target is constant.
fn out_of_fold<'a, P: Fn(usize) -> f64 + 'a>(
    target: &Target<'_>,
    rows: &[usize],
    fit: impl Fn(&[usize]) -> P,
) -> f64 {
    let mean = rows.iter().map(|row| target.values[*row]).sum::<f64>() / rows.len().max(1) as f64;
    let (mut left, mut total) = (0.0, 0.0);
    for fold in 0..FOLDS as u32 {
        let (test, train): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|row| target.folds[**row] == fold);
        if test.is_empty() || train.is_empty() {
            continue;
        }
        let predict = fit(&train);
        for row in test {
            left += (target.values[row] - predict(row)).powi(2);
            total += (target.values[row] - mean).powi(2);
        }
    }
    if total > 1e-12 { 1.0 - left / total } else { 0.0 }
}

/// Means of the target in bins with equal numbers of distinct rows; missing values are a bin of their own.
fn bin_means<'a>(values: &'a [f32], target: &[f64], train: &[usize]) -> impl Fn(usize) -> f64 + use<'a> {
    let mut sorted: Vec<f32> =
        train.iter().map(|row| values[*row]).filter(|value| value.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let bins = BINS.min(sorted.len() / MIN_BIN_ROWS).max(1);
    let mut edges: Vec<f32> = (1..bins).map(|bin| sorted[sorted.len() * bin / bins]).collect();
    edges.dedup();
    let missing = edges.len() + 1;
    let bin = move |value: f32| {
        if value.is_finite() { edges.partition_point(|edge| *edge <= value) } else { missing }
    };
    let codes: Vec<usize> = train.iter().map(|row| bin(values[*row])).collect();
    let means = shrunken_means(&codes, target, train, missing + 1);
    move |row| means[bin(values[row])]
}

/// Means of the target by category; a category without rows has the overall mean.
fn category_means<'a>(codes: &'a [u32], target: &[f64], train: &[usize]) -> impl Fn(usize) -> f64 + use<'a> {
    let mut known: Vec<u32> = train.iter().map(|row| codes[*row]).collect();
    known.sort_unstable();
    known.dedup();
    let places: Vec<usize> =
        train.iter().map(|row| known.partition_point(|code| *code < codes[*row])).collect();
    let means = shrunken_means(&places, target, train, known.len() + 1);
    move |row| means[known.binary_search(&codes[row]).unwrap_or(known.len())]
}

fn shrunken_means(codes: &[usize], target: &[f64], train: &[usize], count: usize) -> Vec<f64> {
    let overall = train.iter().map(|row| target[*row]).sum::<f64>() / train.len() as f64;
    let mut sums = vec![(overall * PSEUDO_ROWS, PSEUDO_ROWS); count];
    for (code, row) in codes.iter().zip(train) {
        sums[*code].0 += target[*row];
        sums[*code].1 += 1.0;
    }
    sums.into_iter().map(|(sum, rows)| sum / rows).collect()
}

/// The line of least squares; the mean where the value is missing.
fn line<'a>(values: &'a [f32], target: &[f64], train: &[usize]) -> impl Fn(usize) -> f64 + use<'a> {
    let pairs: Vec<(f64, f64)> = train
        .iter()
        .filter(|row| values[**row].is_finite())
        .map(|row| (f64::from(values[*row]), target[*row]))
        .collect();
    let overall = train.iter().map(|row| target[*row]).sum::<f64>() / train.len() as f64;
    let rows = pairs.len().max(1) as f64;
    let (x, y) =
        (pairs.iter().map(|p| p.0).sum::<f64>() / rows, pairs.iter().map(|p| p.1).sum::<f64>() / rows);
    let spread = pairs.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    let common = pairs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
    let slope = if spread > 0.0 && (common / spread).is_finite() { common / spread } else { 0.0 };
    move |row| if values[row].is_finite() { y + slope * (f64::from(values[row]) - x) } else { overall }
}

#[cfg(test)]
mod tests;
