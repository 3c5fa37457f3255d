//! The clusters of the market: found in averaged vectors, named, saved, and the same for new ads.
//!
//! - [`averages`], `index`: a vector replaced by the mean of its neighbours in a sample, and the search for them
//! - [`columns`]: what an ad states besides its text
//! - [`points`], [`lda`], [`space`]: k-means, discriminant analysis, and the recipe of both
//! - [`matching`]: the clusters of two trainings
//! - [`naming`]: names and keywords; [`summary`]: what is in a cluster
//!
//! The recipe: three averages over at most 50 neighbours, 20 principal components, k-means, and three rounds of
//! discriminant analysis with k-means in its space. Clusters under 5% of the ads are dissolved.

pub mod averages;
pub mod columns;
pub(crate) mod index;
pub mod lda;
pub mod matching;
pub mod naming;
pub mod points;
mod roles;
pub mod space;
pub mod summary;

use std::path::Path;

use common_core::job::Timestamp;
use common_core::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::columns::Columns;
use self::lda::Lda;
use self::matching::{Change, Matched};
use self::naming::{Label, NamedAds};
use self::points::Points;
use self::space::{Components, Input, Prepared, Settled, Start};
use super::files::{read_binary, read_json, write_binary, write_json};
use crate::ads::Ad;
use crate::evaluation::silhouette::{Silhouette, silhouette};

/// Format of the files.
const FORMAT: u32 = 1;
const CONFIG: &str = "config.json";
const LABELS: &str = "cluster_labels.json";
const TRANSFORMERS: &str = "transformers.bin";

/// Neighbours whose places an ad's place on the map is the mean of.
const ON_MAP: usize = 15;
/// Cosine from which an ad is the neighbour itself.
const SAME: f32 = 0.999_999;
/// A cluster keeps its name as long as it keeps this share of its ads.
const SAME_NAME: f64 = 0.5;

/// How clusters are found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClusterRecipe {
    /// Number of clusters before small ones are dissolved.
    pub clusters: usize,
    /// Whether classification, work type and industry are appended to the vectors.
    pub with_columns: bool,
    /// Seed of the sample and of the first centroids.
    pub seed: u64,
}

/// What clusters were found in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterConfig {
    /// Format of the files.
    pub format: u32,
    /// How they were found.
    pub recipe: ClusterRecipe,
    /// Number of training ads.
    pub ads: usize,
    /// Moment of the newest training ad.
    pub trained_until: Timestamp,
    /// Length of the vectors that are read.
    pub dimension: usize,
    /// The first id that no cluster ever had.
    pub next_id: u32,
}

/// What is fitted: saved whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Transformers {
    components: Components,
    columns: Option<Columns>,
    lda: Lda,
    /// `[clusters, axes]`.
    centroids: Points,
    /// `[sample, 2]` and `[sample, 3]`: places of the sample on the maps; without rows if none was drawn.
    maps: [Points; 2],
}

/// Clusters that place ads.
#[derive(Debug, Clone, PartialEq)]
pub struct JobClusterer {
    /// What they were found in.
    pub config: ClusterConfig,
    labels: Vec<Label>,
    transformers: Transformers,
}

/// Ads to find clusters in. Each has a vector.
#[derive(Debug, Clone, Copy)]
pub struct ClusterAds<'a> {
    /// The ads.
    pub ads: &'a [&'a Ad],
    /// Family of reposts of each.
    pub families: &'a [u32],
}

/// A clusterer with what it was fitted to.
#[derive(Debug)]
pub struct FittedClusters {
    /// The clusterer.
    pub clusterer: JobClusterer,
    /// The cluster of each training ad: an index into [`JobClusterer::get_cluster_labels`].
    pub places: Vec<u32>,
    /// The training ads in the space of the clusters: `[ads, axes]`.
    pub points: Points,
    /// The training ads whose vectors are the sample.
    pub sample: Vec<u32>,
    /// The clusters of the older version, matched with these; `None` without one.
    pub matched: Option<Matched>,
}

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

/// The vectors of ads.
pub(crate) fn vectors_of<'a>(ads: &[&'a Ad]) -> Vec<&'a [f32]> {
    ads.iter().map(|ad| ad.embedding.as_slice()).collect()
}

impl JobClusterer {
    /// Finds clusters. With an older version they start from its clusters, and keep its ids and names.
    ///
    /// # Errors
    /// `InvalidInput` without ads, or if vectors differ in length or are of another length than the older version's;
    /// `Internal` if a decomposition does not converge.
    pub fn fit(
        data: ClusterAds<'_>,
        recipe: ClusterRecipe,
        older: Option<&JobClusterer>,
    ) -> Result<FittedClusters> {
        if data.ads.is_empty() {
            return Err(Error::invalid_input("no ads to find clusters in: expected ads with a vector"));
        }
        let columns = recipe.with_columns.then(|| Columns::fit(data.ads));
        let values = columns.as_ref().map(|columns| columns.transform(data.ads));
        let vectors = vectors_of(data.ads);
        let input = Input { vectors: &vectors, families: data.families, columns: values.as_ref() };
        let prepared = Prepared::new(&input, recipe.seed)?;
        let before: Option<Vec<u32>> = match older {
            Some(older) => Some(older.place(data.ads)?.into_iter().map(|at| at.place).collect()),
            None => None,
        };
        let start = match &before {
            Some(labels) => Start::Labels(labels),
            None => Start::Fresh { clusters: recipe.clusters, seed: recipe.seed },
        };
        let settled = prepared.settle(start)?;
        let older = older.zip(before.as_deref());
        Ok(Self::assemble(data, recipe, Parts { prepared, columns, settled }, older))
    }

    /// The clusterer of what was fitted, with ids and names. `older` is the older version with the places that it gives
    /// the ads.
    pub(crate) fn assemble(
        data: ClusterAds<'_>,
        recipe: ClusterRecipe,
        parts: Parts,
        older: Option<(&JobClusterer, &[u32])>,
    ) -> FittedClusters {
        let Parts { prepared, columns, settled } = parts;
        let Settled { lda, points, partition } = settled;
        let clusters = partition.centroids.rows;
        let matched = older.map(|(older, before)| {
            let next = older.config.next_id;
            Matched::new(before, &partition.labels, &older.ids(), clusters, next)
        });
        let fresh: Vec<u32> = (0..clusters as u32).collect();
        let ids = matched.as_ref().map_or(&fresh, |matched| &matched.ids);
        let next_id = matched.as_ref().map_or(clusters as u32, |matched| matched.next_id);
        let kept = older.zip(matched.as_ref()).map(|((older, _), matched)| older.kept_names(matched));
        let named = NamedAds { ads: data.ads, families: data.families, places: &partition.labels };
        let labels = naming::labels(&named, ids, &kept.unwrap_or_default());
        let config = ClusterConfig {
            format: FORMAT,
            recipe,
            ads: data.ads.len(),
            trained_until: data.ads.iter().map(|ad| ad.moment()).max().unwrap_or_default(),
            dimension: prepared.components.dimension(),
            next_id,
        };
        let transformers = Transformers {
            components: prepared.components,
            columns,
            lda,
            centroids: partition.centroids,
            maps: [Points::default(), Points::default()],
        };
        let clusterer = Self { config, labels, transformers };
        FittedClusters { clusterer, places: partition.labels, points, sample: prepared.sample, matched }
    }

    /// The clusters of another fit, matched with these by the ads that it was fitted to.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    pub fn matched_with(&self, ads: &[&Ad], other: &FittedClusters) -> Result<Matched> {
        let before: Vec<u32> = self.place(ads)?.into_iter().map(|at| at.place).collect();
        let clusters = other.clusterer.labels.len();
        Ok(Matched::new(&before, &other.places, &self.ids(), clusters, self.config.next_id))
    }

    /// The names that clusters keep, by id.
    fn kept_names(&self, matched: &Matched) -> Vec<(u32, String)> {
        let keeps = |id: u32| {
            matched.changes.iter().any(|change| match change {
                Change::Kept { id: kept, share } => *kept == id && *share >= SAME_NAME,
                _ => false,
            })
        };
        self.labels
            .iter()
            .filter(|label| keeps(label.id))
            .map(|label| (label.id, label.name.clone()))
            .collect()
    }

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

    /// The centres of the clusters in their space: `[clusters, axes]`.
    pub fn get_cluster_centers(&self) -> &Points {
        &self.transformers.centroids
    }

    /// The clusters with ids, names and keywords, in the order of [`Placement::place`].
    pub fn get_cluster_labels(&self) -> &[Label] {
        &self.labels
    }

    /// Keeps the places of the sample on the maps of two and three dimensions, so that new ads have places too.
    ///
    /// # Errors
    /// `InvalidInput` if a map is of other rows than the sample, or not of two and three dimensions.
    pub fn set_maps(&mut self, flat: Points, deep: Points) -> Result<()> {
        let rows = self.transformers.components.averages().sample_size();
        if (flat.rows, flat.width, deep.rows, deep.width) != (rows, 2, rows, 3) {
            return Err(Error::invalid_input(format!(
                "invalid maps of {} and {} rows: expected {rows} rows of 2 and 3 coordinates",
                flat.rows, deep.rows
            )));
        }
        self.transformers.maps = [flat, deep];
        Ok(())
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
        let place = |vector: &&[f32]| super::umap::place(map, &averages.nearest(vector, ON_MAP), SAME);
        Points::new(map.width, vectors.par_iter().map(place).collect())
    }

    fn ids(&self) -> Vec<u32> {
        self.labels.iter().map(|label| label.id).collect()
    }

    /// Writes the files to `folder`, which exists.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn save(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join(CONFIG), &self.config)?;
        write_json(&folder.join(LABELS), &self.labels)?;
        write_binary(&folder.join(TRANSFORMERS), &self.transformers)
    }

    /// Reads what [`JobClusterer::save`] has written.
    ///
    /// # Errors
    /// `NotFound` if a file is missing, `Corrupt` if one is invalid or of a later format.
    pub fn load(folder: &Path) -> Result<Self> {
        let config: ClusterConfig = read_json(&folder.join(CONFIG))?;
        let refuse = |problem: String| {
            Err(Error::corrupt(format!("{} {problem}: run train-models for a new version", folder.display())))
        };
        if config.format != FORMAT {
            return refuse(format!("has format {}, and this program reads {FORMAT}", config.format));
        }
        let labels: Vec<Label> = read_json(&folder.join(LABELS))?;
        let transformers: Transformers = read_binary(&folder.join(TRANSFORMERS))?;
        if labels.len() != transformers.centroids.rows {
            return refuse(format!("has {} names of {} clusters", labels.len(), transformers.centroids.rows));
        }
        Ok(Self { config, labels, transformers })
    }
}

/// What a clusterer is put together from.
pub(crate) struct Parts {
    pub(crate) prepared: Prepared,
    pub(crate) columns: Option<Columns>,
    pub(crate) settled: Settled,
}

#[cfg(test)]
pub(crate) mod tests;
