//! How well points lie in their clusters, and the same for points that have no clusters.

use common_core::{Error, Result};
use faer::Mat;
use rand::seq::index;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::projection::eigen_of;
use crate::models::cluster::points::{Points, squared_distance};

/// Points up to which a silhouette is exact; of more, this number is drawn.
pub const MOST: usize = 5_000;

/// A mean silhouette.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Silhouette {
    /// From -1 to 1: how much nearer points are to their own cluster than to the next.
    pub value: f64,
    /// Number of points that it is of; fewer than there are if they were drawn.
    pub points: usize,
}

/// The mean of `(b - a) / max(a, b)`, with the mean distances `a` of a point to the others of its cluster and `b` to those
/// of the nearest other cluster (Rousseeuw, 1987). A point that is alone in its cluster counts 0.
///
/// Of more than 5,000 points a sample is drawn by `seed`. `None` if the points are in fewer than two clusters.
pub fn silhouette(points: &Points, labels: &[u32], seed: u64) -> Option<Silhouette> {
    let rows: Vec<usize> = if points.rows > MOST {
        let mut rows = index::sample(&mut ChaCha8Rng::seed_from_u64(seed), points.rows, MOST).into_vec();
        rows.sort_unstable();
        rows
    } else {
        (0..points.rows).collect()
    };
    let clusters = rows.iter().map(|row| labels[*row] as usize + 1).max().unwrap_or_default();
    let mut sizes = vec![0u32; clusters];
    for row in &rows {
        sizes[labels[*row] as usize] += 1;
    }
    if sizes.iter().filter(|size| **size > 0).count() < 2 {
        return None;
    }
    let of = |row: &usize| {
        let mut sums = vec![0f64; clusters];
        for other in &rows {
            let distance = squared_distance(points.row(*row), points.row(*other)).sqrt();
            sums[labels[*other] as usize] += distance;
        }
        let own = labels[*row] as usize;
        if sizes[own] < 2 {
            return 0.0;
        }
        let inside = sums[own] / f64::from(sizes[own] - 1);
        let others = (0..clusters).filter(|other| *other != own && sizes[*other] > 0);
        let nearest = others.map(|other| sums[other] / f64::from(sizes[other])).fold(f64::INFINITY, f64::min);
        let larger = inside.max(nearest);
        if larger > 0.0 { (nearest - inside) / larger } else { 0.0 }
    };
    let values: Vec<f64> = rows.par_iter().map(of).collect();
    Some(Silhouette { value: values.iter().sum::<f64>() / values.len() as f64, points: rows.len() })
}

/// As many vectors from a Gaussian distribution with the mean and covariance of `vectors`, L2-normalised: what the same
/// recipe finds in them is not structure.
///
/// # Errors
/// `InvalidInput` if vectors differ in length; `Internal` if the decomposition does not converge.
pub fn without_structure(vectors: &[&[f32]], seed: u64) -> Result<Vec<Vec<f32>>> {
    let Some(dimension) = vectors.first().map(|vector| vector.len()) else { return Ok(Vec::new()) };
    if vectors.iter().any(|vector| vector.len() != dimension) {
        return Err(Error::invalid_input(format!("invalid vectors: expected {dimension} elements each")));
    }
    let rows = vectors.len() as f64;
    let mut mean = vec![0f64; dimension];
    for vector in vectors {
        mean.iter_mut().zip(*vector).for_each(|(mean, value)| *mean += f64::from(*value) / rows);
    }
    let centred = Mat::from_fn(vectors.len(), dimension, |row, at| f64::from(vectors[row][at]) - mean[at]);
    let covariance = centred.transpose() * &centred * faer::Scale(1.0 / rows);
    let (values, axes) = eigen_of(&covariance)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let drawn =
        Mat::from_fn(vectors.len(), dimension, |_, at| values[at].max(0.0).sqrt() * normal(&mut random));
    let moved = drawn * axes.transpose();
    let vector = |row: usize| {
        let vector: Vec<f64> = (0..dimension).map(|at| moved[(row, at)] + mean[at]).collect();
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        vector.into_iter().map(|value| (value / length) as f32).collect()
    };
    Ok((0..vectors.len()).map(vector).collect())
}

/// A draw from the standard normal distribution, by Box and Muller (1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silhouettes_are_those_of_the_textbook() {
        // By hand, with the convention of scikit-learn: a point that is alone counts 0.
        let points = Points::new(1, [0.0, 1.0, 10.0, 12.0, 30.0].map(|value| vec![value]).to_vec());
        let found = silhouette(&points, &[0, 0, 1, 1, 2], 1).unwrap();
        let wanted = (10.0 / 11.0 + 9.0 / 10.0 + 7.5 / 9.5 + 9.5 / 11.5 + 0.0) / 5.0;
        assert!((found.value - wanted).abs() < 1e-9, "{found:?} {wanted}");
        assert_eq!(found.points, 5);
    }

    #[test]
    fn one_cluster_has_no_silhouette_and_equal_points_have_0() {
        let points = Points::new(1, vec![vec![1.0]; 4]);
        assert_eq!(silhouette(&points, &[0; 4], 1), None);
        assert_eq!(silhouette(&Points::default(), &[], 1), None);
        assert_eq!(silhouette(&points, &[0, 0, 1, 1], 1).unwrap().value, 0.0);
    }

    #[test]
    fn of_many_points_a_sample_is_near() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let rows: Vec<Vec<f32>> =
            (0..MOST + 1000).map(|n| vec![(n % 3) as f32 + random.random::<f32>()]).collect();
        let labels: Vec<u32> = (0..rows.len() as u32).map(|n| n % 3).collect();
        let few = rows.len() / 4 * 3;
        let exact = silhouette(&Points::new(1, rows[..few].to_vec()), &labels[..few], 1).unwrap();
        let drawn = silhouette(&Points::new(1, rows), &labels, 1).unwrap();
        assert_eq!((exact.points, drawn.points), (few, MOST));
        assert!((exact.value - drawn.value).abs() < 0.02);
    }

    #[test]
    fn vectors_without_structure_have_the_same_covariance() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let vectors: Vec<Vec<f32>> = (0..4000)
            .map(|n| {
                let angle = if n % 2 == 0 { 0.1 } else { 0.9 } + 0.1 * random.random::<f32>();
                vec![angle.cos(), angle.sin()]
            })
            .collect();
        let views: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let drawn = without_structure(&views, 1).unwrap();
        assert_eq!(drawn, without_structure(&views, 1).unwrap());
        let angle = |vector: &Vec<f32>| f64::from(vector[1].atan2(vector[0]));
        let moments = |vectors: &[Vec<f32>]| {
            let mean = vectors.iter().map(angle).sum::<f64>() / 4000.0;
            (mean, vectors.iter().map(|vector| (angle(vector) - mean).powi(2)).sum::<f64>() / 4000.0)
        };
        let ((mean, variance), (other_mean, other_variance)) = (moments(&vectors), moments(&drawn));
        assert!((mean - other_mean).abs() < 0.05 && (variance - other_variance).abs() < 0.05);
        // Half of the vectors lie where the others have none.
        assert!(drawn.iter().any(|vector| (0.4..0.7).contains(&angle(vector))));
        assert!(without_structure(&[], 1).unwrap().is_empty());
    }
}
