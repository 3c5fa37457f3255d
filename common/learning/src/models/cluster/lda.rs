//! Linear discriminant analysis: the directions in which clusters differ most, in units of the spread inside them.

use common_core::Result;
use faer::Mat;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::points::{Partition, Points};
use crate::features::projection::eigen_of;

/// Share of the covariance inside clusters that is replaced by equal variance in all directions.
const SHRINKAGE: f64 = 0.1;
/// Directions that are kept.
const MAX_AXES: usize = 9;

/// A projection onto the directions in which clusters differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lda {
    width: usize,
    /// `[axes, width]`, row-major.
    axes: Vec<f32>,
}

impl Lda {
    /// The directions `v` of the largest `vᵀBv / vᵀWv`, with the covariances `B` between and `W` inside the clusters, as
    /// the solver "eigen" of scikit-learn: at most 9, and one fewer than clusters.
    ///
    /// # Errors
    /// `Internal` if the decomposition does not converge.
    pub fn fit(points: &Points, partition: &Partition) -> Result<Self> {
        let (width, clusters) = (points.width, partition.centroids.rows);
        let axes = MAX_AXES.min(clusters.saturating_sub(1)).min(width);
        if axes == 0 || points.rows == 0 {
            return Ok(Self { width, axes: Vec::new() });
        }
        let centre = |row: usize| partition.centroids.row(partition.labels[row] as usize);
        let mean = mean_of(points);
        let rows = points.rows as f64;
        let inside =
            Mat::from_fn(points.rows, width, |row, at| f64::from(points.row(row)[at] - centre(row)[at]));
        let between = Mat::from_fn(points.rows, width, |row, at| f64::from(centre(row)[at]) - mean[at]);
        let inside = inside.transpose() * &inside * faer::Scale(1.0 / rows);
        let between = between.transpose() * &between * faer::Scale(1.0 / rows);
        // Equal points in each cluster have no spread; any positive one gives the directions of the centroids.
        let spread = (0..width).map(|at| inside[(at, at)]).sum::<f64>() / width as f64;
        let floor = (0..width).map(|at| between[(at, at)]).sum::<f64>() / width as f64 * 1e-9;
        let inside = Mat::from_fn(width, width, |row, at| {
            let equal = if row == at { SHRINKAGE * spread + floor + f64::MIN_POSITIVE } else { 0.0 };
            (1.0 - SHRINKAGE) * inside[(row, at)] + equal
        });
        Ok(Self { width, axes: leading(&inside, &between, axes)? })
    }

    /// Number of axes.
    pub fn axes(&self) -> usize {
        self.axes.len().checked_div(self.width).unwrap_or(0)
    }

    /// The coordinates of one point on the axes.
    pub fn transform_one(&self, point: &[f32]) -> Vec<f32> {
        let along =
            |axis: &[f32]| axis.iter().zip(point).map(|(a, v)| f64::from(*a) * f64::from(*v)).sum::<f64>();
        self.axes.chunks_exact(self.width.max(1)).map(|axis| along(axis) as f32).collect()
    }

    /// The coordinates of points on the axes.
    pub fn transform(&self, points: &Points) -> Points {
        let rows = (0..points.rows).into_par_iter().map(|row| self.transform_one(points.row(row)));
        Points::new(self.axes(), rows.collect())
    }
}

fn mean_of(points: &Points) -> Vec<f64> {
    let mut mean = vec![0f64; points.width];
    for row in 0..points.rows {
        mean.iter_mut().zip(points.row(row)).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    for sum in &mut mean {
        *sum /= points.rows as f64;
    }
    mean
}

/// The first `axes` solutions `v` of `between v = λ inside v` with `vᵀ inside v = 1`, as rows. The largest element of each
/// is positive.
fn leading(inside: &Mat<f64>, between: &Mat<f64>, axes: usize) -> Result<Vec<f32>> {
    let width = inside.nrows();
    // With W = RᵀR from its eigenvectors, the problem is the one of R⁻ᵀBR⁻¹.
    let (values, vectors) = eigen_of(inside)?;
    let whiten =
        Mat::from_fn(width, width, |row, at| vectors[(row, at)] / values[at].max(f64::MIN_POSITIVE).sqrt());
    let (_, rotation) = eigen_of(&(whiten.transpose() * between * &whiten))?;
    let directions = &whiten * &rotation;
    let mut kept = Vec::with_capacity(axes * width);
    for axis in 0..axes {
        let direction: Vec<f64> = (0..width).map(|at| directions[(at, width - 1 - axis)]).collect();
        let largest = direction.iter().copied().fold(0f64, |a, b| if b.abs() > a.abs() { b } else { a });
        kept.extend(direction.iter().map(|value| (value * largest.signum()) as f32));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn axes_separate_clusters_in_units_of_their_spread() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        // The clusters differ along the second coordinate; the first is noise of a larger variance.
        let rows = (0..600).map(|n| {
            vec![4.0 * random.random::<f32>(), f32::from(n % 2 == 0) + 0.1 * random.random::<f32>(), 3.0]
        });
        let points = Points::new(3, rows.collect());
        let partition = Partition::of_labels(&points, (0..600).map(|n| n % 2).collect());
        let lda = Lda::fit(&points, &partition).unwrap();
        assert_eq!(lda.axes(), 1);
        assert!(lda.axes[1].abs() > 5.0 * lda.axes[0].abs(), "{lda:?}");
        let moved = lda.transform(&points);
        assert!((moved.row(0)[0] - moved.row(1)[0]).abs() > 1.0);
        assert_eq!(moved.row(5), lda.transform_one(points.row(5)));
    }

    #[test]
    fn one_cluster_has_no_axes_and_equal_points_have_some() {
        let points = Points::new(2, vec![vec![1.0, 2.0]; 5]);
        let one = Partition::of_labels(&points, vec![0; 5]);
        assert_eq!(Lda::fit(&points, &one).unwrap().transform(&points).width, 0);
        let apart = Points::new(2, vec![vec![0.0, 0.0], vec![0.0, 0.0], vec![1.0, 1.0]]);
        let two = Partition::of_labels(&apart, vec![0, 0, 1]);
        let moved = Lda::fit(&apart, &two).unwrap().transform(&apart);
        assert!(moved.values.iter().all(|value| value.is_finite()));
        assert!((moved.values[0] - moved.values[2]).abs() > 1.0);
    }
}
