//! Where ads are: their clusters, and their places on the map.

use common_core::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::points::Points;
use super::{JobClusterer, Transformers, vectors_of};
use crate::ads::Ad;
use crate::evaluation::silhouette::{Silhouette, silhouette};
use crate::models::umap;

/// Neighbours whose places an ad's place on the map is the mean of.
const ON_MAP: usize = 15;
/// Cosine from which an ad is the neighbour itself.
const SAME: f32 = 0.999_999;
/// Where an ad is.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The cluster: an index into [`JobClusterer::get_cluster_labels`].
    pub place: u32,
    /// The cluster's id.
    pub cluster: u32,
    /// Distance to the cluster's centre, in its space.
    pub distance: f64,
}

/// How well ads lie in their clusters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClusterScores {
    /// Silhouette in the space of the clusters; `None` if all ads are in one.
    pub silhouette: Option<Silhouette>,
    /// Sum of squared distances to the centres.
    pub inertia: f64,
}

impl JobClusterer {
    /// The ids of the clusters of ads, which each have a vector.
    ///
    /// # Errors
    /// `InvalidInput` if an ad's vector has another length than those of the training ads.
    pub fn predict(&self, ads: &[&Ad]) -> Result<Vec<u32>> {
        Ok(self.place(ads)?.into_iter().map(|placement| placement.cluster).collect())
    }

    /// Where ads are. An ad's place does not depend on the others.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn place(&self, ads: &[&Ad]) -> Result<Vec<Placement>> {
        Ok(self.placements(&self.coordinates(ads)?))
    }

    /// Where vectors are, `[dimension]` f32 each, L2-normalised. A vector's place does not depend on the others.
    ///
    /// # Errors
    /// `InvalidInput` if a vector has another length than those of the training ads, or if the clusters also depend on what
    /// an ad states besides its text.
    pub fn place_vectors(&self, vectors: &[&[f32]]) -> Result<Vec<Placement>> {
        let Transformers { components, columns, lda, .. } = &self.transformers;
        if columns.is_some() {
            return Err(Error::invalid_input(
                "invalid clustering: expected one of vectors alone, found one that also reads the ads' classification, work \
                 type and industry",
            ));
        }
        Ok(self.placements(&lda.transform(&components.transform(vectors, None)?)))
    }

    fn placements(&self, points: &Points) -> Vec<Placement> {
        let placement = |row: usize| {
            let (place, distance) = self.transformers.centroids.nearest(points.row(row));
            let cluster = self.labels.get(place as usize).map_or(0, |label| label.id);
            Placement { place, cluster, distance: distance.sqrt() }
        };
        (0..points.rows).map(placement).collect()
    }

    /// The ads in the space of the clusters: `[ads, axes]`.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn coordinates(&self, ads: &[&Ad]) -> Result<Points> {
        let Transformers { components, columns, lda, .. } = &self.transformers;
        let values = columns.as_ref().map(|columns| columns.transform(ads));
        Ok(lda.transform(&components.transform(&vectors_of(ads), values.as_ref())?))
    }

    /// How well ads lie in the clusters that they are placed in.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn evaluate(&self, ads: &[&Ad]) -> Result<ClusterScores> {
        let points = self.coordinates(ads)?;
        let places: Vec<(u32, f64)> =
            (0..points.rows).map(|row| self.transformers.centroids.nearest(points.row(row))).collect();
        let labels: Vec<u32> = places.iter().map(|(place, _)| *place).collect();
        Ok(ClusterScores {
            silhouette: silhouette(&points, &labels, self.config.recipe.seed),
            inertia: places.iter().map(|(_, distance)| distance).sum(),
        })
    }

    /// Places of vectors on the map of two dimensions, the weighted mean of the places of the nearest vectors of the
    /// sample: `[vectors, 2]`; without rows if no map was drawn.
    pub fn map_flat(&self, vectors: &[&[f32]]) -> Points {
        self.on_map(&self.transformers.maps[0], vectors)
    }

    /// The same on the map of three dimensions: `[vectors, 3]`.
    pub fn map_deep(&self, vectors: &[&[f32]]) -> Points {
        self.on_map(&self.transformers.maps[1], vectors)
    }

    /// The middle of the map of two dimensions, and half its longer side; zeros if no map was drawn.
    pub fn frame_of_map(&self) -> ([f32; 2], f32) {
        let map = &self.transformers.maps[0];
        let side = |axis: usize| {
            let values = (0..map.rows).map(|row| map.row(row)[axis]);
            values.fold(None, |ends: Option<(f32, f32)>, value| {
                let (low, high) = ends.unwrap_or((value, value));
                Some((low.min(value), high.max(value)))
            })
        };
        let [(left, right), (low, high)] = [0, 1].map(|axis| side(axis).unwrap_or_default());
        ([f32::midpoint(left, right), f32::midpoint(low, high)], 0.5 * (right - left).max(high - low))
    }

    fn on_map(&self, map: &Points, vectors: &[&[f32]]) -> Points {
        if map.rows == 0 {
            return Points::default();
        }
        let averages = self.transformers.components.averages();
        let place = |vector: &&[f32]| umap::place(map, &averages.nearest(vector, ON_MAP), SAME);
        Points::new(map.width, vectors.par_iter().map(place).collect())
    }
}
