//! How far the data could carry a model: agreement of neighbours, and errors by number of training rows.

use common_core::{Error, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::families::cosine::dot;
use super::metrics::median_of_sorted;

/// Cosine from which two ads count as nearly identical.
const NEAR: f32 = 0.95;
/// Number of ads whose nearest neighbour is looked for.
const QUERIES: usize = 2000;

/// How much ads of different families agree that are nearest to each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NeighbourCeiling {
    /// Number of ads with a neighbour.
    pub rows: u64,
    /// Mean absolute difference of their salary and their nearest neighbour's.
    pub mae: f64,
    /// Median cosine of the two.
    pub median_cosine: f64,
    /// Number of ads whose neighbour is nearly identical (cosine of at least 0.95).
    pub near_rows: u64,
    /// Mean absolute difference of these; `None` without any.
    pub near_mae: Option<f64>,
}

/// Compares the salaries of ads with those of their nearest neighbour of another family.
///
/// `embeddings` are of length one, or empty for ads that do not take part; at most 2,000 ads, evenly spread over the
/// rows, are compared with all others. `None` if no ad has a neighbour.
///
/// # Errors
/// `InvalidInput` if the lists differ in length.
pub fn neighbour_ceiling(
    embeddings: &[&[f32]],
    families: &[u32],
    salaries: &[f64],
) -> Result<Option<NeighbourCeiling>> {
    let rows = embeddings.len();
    if families.len() != rows || salaries.len() != rows {
        let found = families.len().min(salaries.len());
        return Err(Error::invalid_input(format!(
            "invalid families or salaries of {found} rows: expected {rows} rows"
        )));
    }
    let usable: Vec<usize> =
        (0..rows).filter(|row| !embeddings[*row].is_empty() && salaries[*row].is_finite()).collect();
    let step = usable.len().div_ceil(QUERIES).max(1);
    let queries: Vec<usize> = usable.iter().copied().step_by(step).collect();
    let found: Vec<(f32, f64)> = queries
        .par_iter()
        .filter_map(|&row| {
            let others = usable.iter().filter(|&&other| {
                families[other] != families[row] && embeddings[other].len() == embeddings[row].len()
            });
            let cosines = others.map(|&other| (dot(embeddings[row], embeddings[other]), other));
            // The first of equals.
            let nearest = cosines.reduce(|best, next| if next.0 > best.0 { next } else { best });
            nearest.map(|(cosine, other)| (cosine, (salaries[row] - salaries[other]).abs()))
        })
        .collect();
    if found.is_empty() {
        return Ok(None);
    }
    let near: Vec<f64> = found.iter().filter(|pair| pair.0 >= NEAR).map(|pair| pair.1).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut cosines: Vec<f64> = found.iter().map(|pair| f64::from(pair.0)).collect();
    cosines.sort_by(f64::total_cmp);
    Ok(Some(NeighbourCeiling {
        rows: found.len() as u64,
        mae: mean(&found.iter().map(|pair| pair.1).collect::<Vec<_>>()),
        median_cosine: median_of_sorted(&cosines),
        near_rows: near.len() as u64,
        near_mae: (!near.is_empty()).then(|| mean(&near)),
    }))
}

/// Training rows for a learning curve: for each share a part of `train`, ascending, of whole families; a smaller share
/// is contained in every larger one. `families` are those of all rows.
pub fn learning_curve_rows(train: &[u32], families: &[u32], shares: &[f64], seed: u64) -> Vec<Vec<u32>> {
    let family = |row: &u32| families.get(*row as usize).copied().unwrap_or(u32::MAX);
    let mut order: Vec<u32> = train.iter().map(family).collect();
    order.sort_unstable();
    order.dedup();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut places = vec![usize::MAX; families.len()];
    for (place, family) in order.iter().enumerate() {
        if let Some(slot) = places.get_mut(*family as usize) {
            *slot = place;
        }
    }
    let mut rows: Vec<u32> = train.to_vec();
    rows.sort_by_key(|row| (places.get(family(row) as usize).copied().unwrap_or(usize::MAX), *row));
    let part = |share: &f64| {
        let mut end = ((rows.len() as f64 * share.clamp(0.0, 1.0)).round() as usize).min(rows.len());
        while end > 0 && end < rows.len() && family(&rows[end - 1]) == family(&rows[end]) {
            end += 1;
        }
        let mut part = rows[..end].to_vec();
        part.sort_unstable();
        part
    };
    shares.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_of_another_family() {
        let at = |angle: f32| vec![angle.cos(), angle.sin()];
        let vectors = [at(0.0), at(0.01), at(0.1), at(1.5), vec![]];
        let embeddings: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let salaries = [1000.0, 9000.0, 1200.0, 3000.0, 5.0];
        let found = neighbour_ceiling(&embeddings, &[0, 0, 1, 2, 3], &salaries).unwrap().unwrap();
        // 0 and 1 take 2; 2 takes 1; 3 takes 2.
        assert_eq!((found.rows, found.near_rows), (4, 3));
        assert!((found.near_mae.unwrap() - (200.0 + 7800.0 + 7800.0) / 3.0).abs() < 1e-9);
        assert!((found.mae - (200.0 + 7800.0 + 7800.0 + 1800.0) / 4.0).abs() < 1e-9);
        assert_eq!(neighbour_ceiling(&embeddings, &[0; 5], &salaries).unwrap(), None);
        assert_eq!(neighbour_ceiling(&[], &[], &[]).unwrap(), None);
        assert!(neighbour_ceiling(&embeddings, &[0], &salaries).is_err());
    }

    #[test]
    fn shares_are_nested_and_of_whole_families() {
        let families: Vec<u32> = (0..100).map(|row| row / 3).collect();
        let train: Vec<u32> = (10..100).collect();
        let parts = learning_curve_rows(&train, &families, &[0.1, 0.5, 1.0, f64::NAN], 1);
        assert!((9..=11).contains(&parts[0].len()) && (45..=47).contains(&parts[1].len()));
        assert_eq!((parts[2].as_slice(), parts[3].len()), (train.as_slice(), 0));
        assert!(parts[0].iter().all(|row| parts[1].contains(row)));
        for part in &parts {
            for row in part {
                let whole =
                    train.iter().filter(|other| families[**other as usize] == families[*row as usize]);
                assert!(whole.into_iter().all(|other| part.contains(other)));
            }
        }
    }
}
