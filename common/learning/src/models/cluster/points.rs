//! Points in a few dimensions, and k-means over them.
//!
//! smartcore's k-means has one start and does not return its centroids. Clusters here are dissolved, started from the
//! labels of an older version, and placed by their centroids.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Steps of a start, if no point changes its cluster earlier.
const MAX_STEPS: usize = 100;

/// Points as rows: `[rows, width]` f32, row-major.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Points {
    /// Number of points.
    pub rows: usize,
    /// Number of coordinates.
    pub width: usize,
    /// The coordinates.
    pub values: Vec<f32>,
}

/// Points divided among centroids.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// `[clusters, width]`, the mean of each cluster.
    pub centroids: Points,
    /// The nearest centroid of each point.
    pub labels: Vec<u32>,
}

impl Points {
    /// The points of `width` coordinates each.
    pub fn new(width: usize, rows: Vec<Vec<f32>>) -> Self {
        Self { rows: rows.len(), width, values: rows.into_iter().flatten().collect() }
    }

    /// A point.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// The given points, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let values = rows.iter().flat_map(|row| self.row(*row as usize)).copied().collect();
        Self { rows: rows.len(), width: self.width, values }
    }

    /// The nearest of these points to `point` and the squared distance; the first of equals, and 0 if there are none.
    pub fn nearest(&self, point: &[f32]) -> (u32, f64) {
        let distances = (0..self.rows).map(|row| squared_distance(self.row(row), point));
        let nearest = distances.zip(0..).min_by(|a, b| a.0.total_cmp(&b.0));
        nearest.map_or((0, 0.0), |(distance, row)| (row, distance))
    }
}

/// The squared Euclidean distance of two points.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

impl Partition {
    /// The best of `starts` runs of k-means, each from centroids drawn as in k-means++ (Arthur and Vassilvitskii, 2007).
    ///
    /// Of fewer than `clusters` different points there are fewer clusters.
    pub fn k_means(points: &Points, clusters: usize, starts: u64, seed: u64) -> Self {
        let run = |start: u64| {
            let partition =
                Self::from_centroids(points, drawn(points, clusters, seed ^ (start << 32)), MAX_STEPS);
            (partition.inertia(points), partition)
        };
        let best = (0..starts.max(1)).map(run).min_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or_else(|| Self::of_labels(points, vec![0; points.rows]), |(_, partition)| partition)
    }

    /// The clusters that `labels` give, without moving a point. Labels that no point has are left out.
    pub fn of_labels(points: &Points, mut labels: Vec<u32>) -> Self {
        let mut used = labels.clone();
        used.sort_unstable();
        used.dedup();
        for label in &mut labels {
            *label = used.partition_point(|other| other < label) as u32;
        }
        let centroids = means(
            points,
            &labels,
            &Points { rows: used.len(), width: points.width, values: vec![0.0; used.len() * points.width] },
        );
        Self { centroids, labels }
    }

    /// The nearest points of centroids after at most `steps` steps of Lloyd's algorithm.
    pub fn from_centroids(points: &Points, centroids: Points, steps: usize) -> Self {
        let mut partition = Self { labels: nearest_of_all(points, &centroids), centroids };
        for _ in 0..steps {
            partition.centroids = means(points, &partition.labels, &partition.centroids);
            let labels = nearest_of_all(points, &partition.centroids);
            if labels == partition.labels {
                break;
            }
            partition.labels = labels;
        }
        partition
    }

    /// The same clusters, the largest first; equal ones in their order.
    #[must_use]
    pub fn largest_first(self) -> Self {
        let sizes = self.sizes();
        let mut order: Vec<u32> = (0..sizes.len() as u32).collect();
        order.sort_by_key(|at| std::cmp::Reverse(sizes[*at as usize]));
        let mut place = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(at, new)| place[*at as usize] = new);
        let labels = self.labels.iter().map(|label| place[*label as usize]).collect();
        Self { centroids: self.centroids.select(&order), labels }
    }

    /// Number of points of each cluster.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.centroids.rows];
        for label in &self.labels {
            sizes[*label as usize] += 1;
        }
        sizes
    }

    /// Sum of the squared distances of the points to their centroids.
    pub fn inertia(&self, points: &Points) -> f64 {
        let distance = |(row, label): (usize, &u32)| {
            squared_distance(points.row(row), self.centroids.row(*label as usize))
        };
        self.labels.iter().enumerate().map(distance).sum()
    }

    /// Removes the smallest cluster while it has less than `min_share` of the points, with `steps` steps of Lloyd's
    /// algorithm after each. One cluster stays.
    #[must_use]
    pub fn without_small(mut self, points: &Points, min_share: f64, steps: usize) -> Self {
        while self.centroids.rows > 1 {
            let sizes = self.sizes();
            let smallest = (0..sizes.len()).min_by_key(|at| sizes[*at]).unwrap_or_default();
            if sizes[smallest] as f64 >= min_share * points.rows as f64 {
                break;
            }
            let kept: Vec<u32> = (0..sizes.len() as u32).filter(|at| *at as usize != smallest).collect();
            self = Self::from_centroids(points, self.centroids.select(&kept), steps);
        }
        self
    }
}

fn nearest_of_all(points: &Points, centroids: &Points) -> Vec<u32> {
    (0..points.rows)
        .into_par_iter()
        .with_min_len(256)
        .map(|row| centroids.nearest(points.row(row)).0)
        .collect()
}

/// The mean of the points of each label; a label that no point has keeps its centroid.
fn means(points: &Points, labels: &[u32], centroids: &Points) -> Points {
    let width = points.width;
    let mut sums = vec![0f64; centroids.rows * width];
    let mut counts = vec![0u32; centroids.rows];
    for (row, label) in labels.iter().enumerate() {
        counts[*label as usize] += 1;
        let sum = &mut sums[*label as usize * width..][..width];
        sum.iter_mut().zip(points.row(row)).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let mut moved = centroids.clone();
    for (at, value) in moved.values.iter_mut().enumerate() {
        let count = counts[at / width];
        if count > 0 {
            *value = (sums[at] / f64::from(count)) as f32;
        }
    }
    moved
}

/// Draws points as centroids, each with a probability that grows with its squared distance to those drawn before.
fn drawn(points: &Points, clusters: usize, seed: u64) -> Points {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows: Vec<u32> = Vec::new();
    if points.rows > 0 && clusters > 0 {
        rows.push(random.random_range(0..points.rows as u32));
    }
    let mut distances = vec![f64::INFINITY; points.rows];
    while let Some(last) = rows.last().filter(|_| rows.len() < clusters) {
        let last = points.row(*last as usize);
        for (row, distance) in distances.iter_mut().enumerate() {
            *distance = distance.min(squared_distance(points.row(row), last));
        }
        let total: f64 = distances.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut left = random.random::<f64>() * total;
        let chosen = distances.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        // Rounding can leave a remainder after the last point.
        let farthest = || (0..distances.len()).max_by(|a, b| distances[*a].total_cmp(&distances[*b]));
        let Some(row) = chosen.or_else(farthest) else { break };
        rows.push(row as u32);
    }
    points.select(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sizes[n]` points around `(10 n, 0)`.
    fn groups(sizes: &[usize]) -> Points {
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let mut rows = Vec::new();
        for (group, size) in sizes.iter().enumerate() {
            for _ in 0..*size {
                rows.push(vec![10.0 * group as f32 + random.random::<f32>(), random.random()]);
            }
        }
        Points::new(2, rows)
    }

    #[test]
    fn separate_groups_are_found() {
        let points = groups(&[50, 30, 20]);
        let partition = Partition::k_means(&points, 3, 3, 1);
        let sorted = partition.clone().largest_first();
        assert_eq!(sorted.sizes(), [50, 30, 20]);
        assert_eq!(sorted.centroids.nearest(points.row(0)).0, 0);
        assert!(partition.inertia(&points) < 20.0);
        assert_eq!(Partition::k_means(&points, 3, 3, 1), partition);
        assert_eq!(Partition::of_labels(&points, partition.labels.clone()).centroids, partition.centroids);
    }

    #[test]
    fn small_clusters_are_dissolved() {
        let points = groups(&[60, 38, 2]);
        let partition = Partition::k_means(&points, 3, 3, 1).without_small(&points, 0.05, 5);
        assert_eq!(partition.centroids.rows, 2);
        assert!(partition.sizes().iter().all(|size| *size >= 38));
    }

    #[test]
    fn degenerate_points_make_fewer_clusters() {
        let same = Points::new(2, vec![vec![1.0, 2.0]; 9]);
        assert_eq!(Partition::k_means(&same, 8, 3, 1).centroids.rows, 1);
        let two = Points::new(1, vec![vec![1.0], vec![2.0]]);
        assert_eq!(Partition::k_means(&two, 8, 3, 1).centroids.rows, 2);
        assert_eq!(Partition::k_means(&Points::default(), 8, 3, 1).labels.len(), 0);
        assert_eq!(Partition::of_labels(&two, vec![7, 3]).labels, [1, 0]);
        let flat = Points { rows: 4, width: 0, values: Vec::new() };
        assert_eq!(Partition::k_means(&flat, 3, 1, 1).labels, [0; 4]);
    }
}
