//! The whole training of the clusters: from ads of all currencies to named clusters with their evidence and the map.
//!
//! - [`evidence`]: how clusters were chosen, and how far they can be relied upon
//! - [`page`]: the report of a training

mod choice;
pub mod evidence;
pub mod page;

use common_core::Result;
use serde::Serialize;

use self::choice::{Choice, Chosen};
use self::evidence::Evidence;
use super::Observer;
use crate::ads::Ad;
use crate::evaluation::families::families;
use crate::features::projection::Pca;
use crate::models::cluster::matching::Matched;
use crate::models::cluster::points::Points;
use crate::models::cluster::summary::{ClusterSummary, summaries};
use crate::models::cluster::{ClusterAds, JobClusterer, vectors_of};
use crate::models::umap::{neighbours, umap};

pub use self::choice::{ByClusters, Space};

/// Parameters of a training.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ClusterOptions {
    /// Seed of every sample.
    pub seed: u64,
    /// A quick training: no held-out ads, no refits, no density clusters.
    pub quick: bool,
}

/// Trained clusters.
#[derive(Debug)]
pub struct TrainedClusters {
    /// The model.
    pub clusterer: JobClusterer,
    /// The ads that have a vector: rows of the ads that were given. What follows is in their order.
    pub rows: Vec<u32>,
    /// The cluster of each: an index into the model's labels.
    pub places: Vec<u32>,
    /// Places on the map of two dimensions.
    pub flat: Points,
    /// Places on the map of three dimensions.
    pub deep: Points,
    /// The contents of each cluster.
    pub summaries: Vec<ClusterSummary>,
    /// What became of the clusters of the older version; `None` without one.
    pub matched: Option<Matched>,
    /// How the clusters were chosen, and how far they can be relied upon.
    pub evidence: Evidence,
}

/// Finds the clusters of the ads that have a vector. From `older` the ids, the names and the beginning are kept; a fresh
/// beginning is taken if its clusters are clearly better apart. Returns `None` if the observer stops it.
///
/// # Errors
/// `InvalidInput` if no ad has a vector, or if vectors differ in length or from those of `older`.
pub fn train(
    ads: &[Ad],
    options: ClusterOptions,
    older: Option<&JobClusterer>,
    observer: &dyn Observer,
) -> Result<Option<TrainedClusters>> {
    let rows: Vec<u32> =
        (0..).zip(ads).filter(|(_, ad)| !ad.embedding.is_empty()).map(|(row, _)| row).collect();
    let ads: Vec<&Ad> = rows.iter().map(|row| &ads[*row as usize]).collect();
    let families = families(&ads);
    let data = ClusterAds { ads: &ads, families: &families };
    let Some(choice) = Choice::new(data, options, older, observer)? else { return Ok(None) };
    let Some(chosen) = choice.chosen(observer)? else { return Ok(None) };
    let Chosen { fitted, by_clusters, spaces, scores, null, is_fresh } = chosen;
    observer.stage("drawing the map", 2);
    let mut clusterer = fitted.clusterer;
    let [flat, deep] = draw(&ads, &fitted.sample, options.seed, observer)?;
    if observer.is_stopped() {
        return Ok(None);
    }
    clusterer.set_maps(flat, deep)?;
    let judged = if options.quick { None } else { evidence::judge(data, &clusterer, options, observer)? };
    if judged.is_none() && !options.quick {
        return Ok(None);
    }
    let vectors = vectors_of(&ads);
    let evidence = Evidence { by_clusters, spaces, scores, null, is_fresh, judged };
    Ok(Some(TrainedClusters {
        flat: clusterer.map_flat(&vectors),
        deep: clusterer.map_deep(&vectors),
        summaries: summaries(&ads, &fitted.places, clusterer.get_cluster_labels()),
        clusterer,
        rows,
        places: fitted.places,
        matched: fitted.matched,
        evidence,
    }))
}

/// The maps of the sample, of two and three dimensions.
fn draw(ads: &[&Ad], sample: &[u32], seed: u64, observer: &dyn Observer) -> Result<[Points; 2]> {
    let dimension = ads.first().map_or(0, |ad| ad.embedding.len());
    let vectors: Vec<f32> = sample.iter().flat_map(|row| &ads[*row as usize].embedding).copied().collect();
    let near = neighbours(&vectors, dimension);
    let pca = Pca::fit(&vectors, dimension, 3)?;
    let principal: Vec<Vec<f32>> =
        vectors.chunks_exact(dimension.max(1)).map(|vector| pca.transform(vector)).collect();
    let map = |width: usize| {
        // Vectors of fewer dimensions than the map lie in a plane or on a line.
        let start = principal
            .iter()
            .map(|row| (0..width).map(|at| row.get(at).copied().unwrap_or_default()).collect());
        let drawn = umap(&near, &Points::new(width, start.collect()), seed);
        observer.step();
        drawn
    };
    Ok([map(2), map(3)])
}

#[cfg(test)]
mod tests;
