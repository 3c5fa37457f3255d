//! The space of the clusters: principal components of averaged vectors, then the directions in which clusters differ.

use common_core::Result;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::averages::{Averages, FittedAverages};
use super::lda::Lda;
use super::points::{Partition, Points};
use crate::features::projection::Pca;

/// Principal components that clusters are sought in.
const COMPONENTS: usize = 20;
/// Starts of k-means.
pub const STARTS: u64 = 3;
/// Steps after a cluster is dissolved.
const STEPS_AFTER: usize = 5;
/// Rounds of discriminant analysis, and the steps of each.
const ROUNDS: usize = 3;
const STEPS: usize = 10;
/// Share of the training ads that a cluster has at least.
pub const MIN_SHARE: f64 = 0.05;

/// What clusters are sought in.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// L2-normalised vectors of equal length, one an ad.
    pub vectors: &'a [&'a [f32]],
    /// Family of reposts of each ad.
    pub families: &'a [u32],
    /// Columns that are appended to the averaged vectors, one row an ad; `None` for the vectors alone.
    pub columns: Option<&'a Points>,
}

/// The part of the transformation that does not depend on clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Components {
    averages: Averages,
    pca: Pca,
}

/// Fitted components with the ads in them.
#[derive(Debug)]
pub struct Prepared {
    /// The transformation.
    pub components: Components,
    /// The ads in it: `[ads, 20]`.
    pub points: Points,
    /// The ads whose vectors are the sample.
    pub sample: Vec<u32>,
}

/// Where the clusters begin.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// From nothing: k-means with this many clusters.
    Fresh {
        /// Number of clusters before the small ones are dissolved.
        clusters: usize,
        /// Seed of the first centroids.
        seed: u64,
    },
    /// From the clusters that the ads have by an older version.
    Labels(&'a [u32]),
}

/// Clusters with their space.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// From components to the space.
    pub lda: Lda,
    /// The ads in the space.
    pub points: Points,
    /// The clusters.
    pub partition: Partition,
}

impl Components {
    /// Length of a vector.
    pub fn dimension(&self) -> usize {
        self.averages.dimension()
    }

    /// The averages of neighbours.
    pub fn averages(&self) -> &Averages {
        &self.averages
    }

    /// Transforms vectors with their columns: `[vectors, 20]`.
    ///
    /// # Errors
    /// `InvalidInput` if a vector has another length than those of the fit.
    pub fn transform(&self, vectors: &[&[f32]], columns: Option<&Points>) -> Result<Points> {
        let rows: Result<Vec<Vec<f32>>> = vectors
            .par_iter()
            .enumerate()
            .map(|(row, vector)| {
                let mut wide = self.averages.transform(&[vector])?;
                wide.extend(columns.map_or(&[][..], |columns| columns.row(row)));
                Ok(self.pca.transform(&wide))
            })
            .collect();
        Ok(Points::new(self.pca.width(), rows?))
    }
}

impl Prepared {
    /// Fits averages and components to ads.
    ///
    /// # Errors
    /// `InvalidInput` if vectors differ in length; `Internal` if a decomposition does not converge.
    pub fn new(input: &Input<'_>, seed: u64) -> Result<Self> {
        let FittedAverages { averages, rows } = Averages::fit(input.vectors, input.families, seed)?;
        let sample: Vec<&[f32]> = rows.iter().map(|row| input.vectors[*row as usize]).collect();
        let averaged = averages.transform(&sample)?;
        let extra = input.columns.map_or(0, |columns| columns.width);
        let width = averages.dimension() + extra;
        let mut wide = Vec::with_capacity(rows.len() * width);
        for (row, vector) in rows.iter().zip(averaged.chunks_exact(averages.dimension().max(1))) {
            wide.extend_from_slice(vector);
            wide.extend(input.columns.map_or(&[][..], |columns| columns.row(*row as usize)));
        }
        let pca = Pca::fit(&wide, width, COMPONENTS)?;
        let components = Components { averages, pca };
        let points = components.transform(input.vectors, input.columns)?;
        Ok(Self { components, points, sample: rows })
    }

    /// Finds clusters from `start`, each of at least 5% of the ads.
    ///
    /// K-means and the space are fitted in turn: a cluster that is stretched along a direction in which no other lies is
    /// round in the next space.
    ///
    /// # Errors
    /// `Internal` if a decomposition does not converge.
    pub fn settle(&self, start: Start<'_>) -> Result<Settled> {
        let points = &self.points;
        let partition = match start {
            Start::Fresh { clusters, seed } => Partition::k_means(points, clusters, STARTS, seed),
            Start::Labels(labels) => Partition::of_labels(points, labels.to_vec()),
        }
        .without_small(points, MIN_SHARE, STEPS_AFTER);
        let mut settled = self.round(partition)?;
        for _ in 1..ROUNDS {
            settled = self.round(settled.partition)?;
        }
        settled.partition = settled.partition.largest_first();
        Ok(settled)
    }

    /// The space of some clusters, and the clusters found from them in it.
    fn round(&self, partition: Partition) -> Result<Settled> {
        let partition = Partition::of_labels(&self.points, partition.labels);
        let lda = Lda::fit(&self.points, &partition)?;
        let points = lda.transform(&self.points);
        let begun = Partition::of_labels(&points, partition.labels);
        let partition = Partition::from_centroids(&points, begun.centroids, STEPS);
        Ok(Settled { lda, partition: partition.without_small(&points, MIN_SHARE, STEPS_AFTER), points })
    }
}
