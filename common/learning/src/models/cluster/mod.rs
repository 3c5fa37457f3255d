//! The clusters of the market: found in averaged vectors, named, saved, and the same for new ads.
//!
//! - [`averages`], `index`: a vector replaced by the mean of its neighbours in a sample, and the search for them
//! - [`columns`]: what an ad states besides its text
//! - [`points`], [`lda`], [`space`]: k-means, discriminant analysis, and the recipe of both
//! - [`matching`]: the clusters of two trainings
//! - `placing`: where ads are, in the clusters and on the map
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
mod placing;
pub mod points;
mod roles;
pub mod space;
pub mod summary;

pub use placing::{ClusterScores, Placement};

use std::path::Path;

use common_core::job::Timestamp;
use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use self::columns::Columns;
use self::lda::Lda;
use self::matching::{Change, Matched};
use self::naming::{Label, NamedAds};
use self::points::Points;
use self::space::{Components, Input, Prepared, Settled, Start};
use super::files::{read_binary, read_json, write_binary, write_json};
use crate::ads::Ad;

/// Format of the files. Clusters of format 1 were found with other neighbours, and would place ads otherwise.
const FORMAT: u32 = 2;
const CONFIG: &str = "config.json";
const LABELS: &str = "cluster_labels.json";
const TRANSFORMERS: &str = "transformers.bin";

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
