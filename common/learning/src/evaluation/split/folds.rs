//! Folds of whole families with balanced strata.

use std::collections::BTreeMap;

use common_core::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::check_lengths;

/// Salary bands of a stratum.
const BANDS: usize = 5;
/// Classifications with fewer rows share a stratum: they cannot be in every fold.
const MIN_CLASS_ROWS: usize = 25;

/// The fold of each row: `0..k`. Rows of a group are in one fold, and every stratum is spread over the folds as evenly
/// as that allows.
///
/// Groups go, the largest first and in seeded order among equals, to the fold where they disturb the balance least.
/// With fewer groups than `k` there is one fold for each group; a `k` of 0 counts as 1.
///
/// # Errors
/// `InvalidInput` if the two lists differ in length.
pub fn grouped_folds(groups: &[u32], strata: &[u32], k: usize, seed: u64) -> Result<Vec<u32>> {
    check_lengths(strata.len(), groups.len())?;
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, group) in (0..).zip(groups) {
        members.entry(*group).or_default().push(row);
    }
    let mut members: Vec<Vec<u32>> = members.into_values().collect();
    let k = k.min(members.len()).max(1);
    members.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let mut totals: BTreeMap<u32, f64> = BTreeMap::new();
    for stratum in strata {
        *totals.entry(*stratum).or_default() += 1.0;
    }
    let mut counts = vec![BTreeMap::<u32, f64>::new(); k];
    let mut sizes = vec![0.0; k];
    let mut folds = vec![0; groups.len()];
    for rows in members {
        let mut added: BTreeMap<u32, f64> = BTreeMap::new();
        for row in &rows {
            *added.entry(strata[*row as usize]).or_default() += 1.0;
        }
        let size = rows.len() as f64;
        // How much the sums of squares of sizes grow: of each stratum, and of the whole fold.
        let growth = |fold: usize| {
            let of_stratum = |(stratum, added): (&u32, &f64)| {
                let now = counts[fold].get(stratum).copied().unwrap_or_default();
                added * (2.0 * now + added) / totals[stratum]
            };
            let of_fold = size * (2.0 * sizes[fold] + size) / groups.len() as f64;
            added.iter().map(of_stratum).sum::<f64>() + of_fold
        };
        let best = (0..k).map(|fold| (fold, growth(fold))).min_by(|a, b| a.1.total_cmp(&b.1));
        let best = best.map_or(0, |(fold, _)| fold);
        for (stratum, added) in added {
            *counts[best].entry(stratum).or_default() += added;
        }
        sizes[best] += size;
        for row in rows {
            folds[row as usize] = best as u32;
        }
    }
    Ok(folds)
}

/// The stratum of each row: its classification and its salary band, a fifth of the rows each.
///
/// Small classifications are one stratum for each band. Numbers are dense, in the order of classification and band.
///
/// # Errors
/// `InvalidInput` if the two lists differ in length, or a salary is not a number.
pub fn salary_strata(classes: &[&str], salaries: &[f64]) -> Result<Vec<u32>> {
    check_lengths(salaries.len(), classes.len())?;
    if let Some(row) = salaries.iter().position(|salary| salary.is_nan()) {
        return Err(Error::invalid_input(format!("invalid salary NaN in row {row}: expected a number")));
    }
    let mut sorted = salaries.to_vec();
    sorted.sort_by(f64::total_cmp);
    let band = |salary: f64| sorted.partition_point(|other| *other < salary) * BANDS / sorted.len();
    let mut class_rows: BTreeMap<&str, usize> = BTreeMap::new();
    for class in classes {
        *class_rows.entry(class).or_default() += 1;
    }
    let strata: Vec<(Option<&str>, usize)> = classes
        .iter()
        .zip(salaries)
        .map(|(class, salary)| {
            (Some(*class).filter(|class| class_rows[class] >= MIN_CLASS_ROWS), band(*salary))
        })
        .collect();
    let mut names = strata.clone();
    names.sort_unstable();
    names.dedup();
    Ok(strata.iter().map(|stratum| names.partition_point(|name| name < stratum) as u32).collect())
}
