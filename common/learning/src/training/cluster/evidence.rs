//! How far the clusters can be relied upon: ads that they never saw, refits, and what a search for density finds.

use common_core::{Error, Result};
use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use smartcore::cluster::dbscan::{DBSCAN, DBSCANParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::ClusterOptions;
use super::choice::{ByClusters, Space};
use crate::ads::Ad;
use crate::evaluation::silhouette::{Silhouette, silhouette};
use crate::evaluation::split::TimeSplit;
use crate::models::cluster::points::{Points, squared_distance};
use crate::models::cluster::space::{Input, Prepared};
use crate::models::cluster::{ClusterAds, ClusterScores, JobClusterer, vectors_of};
use crate::training::Observer;

/// Refits.
const REFITS: u64 = 2;
/// Of this number of families a refit leaves one out.
pub(super) const LEFT_OUT: u32 = 20;
/// Points in which density is sought.
const DENSITY_POINTS: usize = 2_000;
/// Neighbours that a point of a dense region has within the radius, itself included.
const DENSE: usize = 10;

/// How clusters were chosen, and how far they can be relied upon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The recipe by number of clusters, in the space that was chosen.
    pub by_clusters: Vec<ByClusters>,
    /// Vectors alone, and vectors with what else an ad states.
    pub spaces: Vec<Space>,
    /// The clusters of the training ads.
    pub scores: ClusterScores,
    /// Silhouette of points without structure by the same recipe.
    pub null: Option<Silhouette>,
    /// Whether the clusters began from nothing; otherwise they began from those of the older version.
    pub is_fresh: bool,
    /// Held-out ads, refits and density; `None` after a quick training.
    pub judged: Option<Judged>,
}

/// What is measured by fitting more clusters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Clusters of older ads on the most recent tenth; `None` if there are too few ads.
    pub held_out: Option<HeldOut>,
    /// Refits on 95% of the families that begin from these clusters.
    pub refits: Vec<Refit>,
    /// Share of the ads that the same refit keeps if it begins from nothing.
    pub kept_from_nothing: f64,
    /// Dense regions by their radius.
    pub density: Vec<Density>,
}

/// Ads that clusters never saw, without reposts of ads that they saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldOut {
    /// Number of ads.
    pub ads: u32,
    /// Scores where the saved transformation places them.
    pub scores: ClusterScores,
    /// Share of these ads in the smallest cluster.
    pub smallest: f64,
}

/// Clusters of 95% of the families.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refit {
    /// Number of ads.
    pub ads: u32,
    /// Number of clusters.
    pub clusters: u32,
    /// Share of the ads that stay in the cluster of the same id.
    pub kept: f64,
}

/// What DBSCAN finds in the components of at most 2,000 ads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Density {
    /// Radius of a neighbourhood: this share of the points has its tenth neighbour within it.
    pub quantile: f64,
    /// Number of dense regions.
    pub clusters: u32,
    /// Share of the points in no region.
    pub noise: f64,
    /// Share of the points in the largest region.
    pub largest: f64,
    /// Silhouette of the points in regions; `None` with fewer than two regions.
    pub silhouette: Option<Silhouette>,
}

/// Judges clusters. Returns `None` if the observer stops it.
pub(super) fn judge(
    data: ClusterAds<'_>,
    clusterer: &JobClusterer,
    options: ClusterOptions,
    observer: &dyn Observer,
) -> Result<Option<Judged>> {
    observer.stage("judging the clusters", REFITS as usize + 3);
    let held_out = held_out(data, clusterer)?;
    observer.step();
    let mut refits = Vec::new();
    for refit in 0..REFITS {
        if observer.is_stopped() {
            return Ok(None);
        }
        refits.push(again(data, clusterer, refit as u32, true)?);
        observer.step();
    }
    if observer.is_stopped() {
        return Ok(None);
    }
    let kept_from_nothing = again(data, clusterer, 0, false)?.kept;
    observer.step();
    let density = density(data, options.seed)?;
    observer.step();
    Ok(Some(Judged { held_out, refits, kept_from_nothing, density }))
}

fn chosen<'a>(data: ClusterAds<'a>, rows: &[u32]) -> (Vec<&'a Ad>, Vec<u32>) {
    rows.iter().map(|row| (data.ads[*row as usize], data.families[*row as usize])).unzip()
}

fn held_out(data: ClusterAds<'_>, clusterer: &JobClusterer) -> Result<Option<HeldOut>> {
    let moments: Vec<_> = data.ads.iter().map(|ad| ad.moment()).collect();
    let TimeSplit { mut train, validation, test, .. } = TimeSplit::new(&moments, data.families)?;
    train.extend(validation);
    let ((ads, families), (held, _)) = (chosen(data, &train), chosen(data, &test));
    if ads.is_empty() || held.is_empty() {
        return Ok(None);
    }
    let before = ClusterAds { ads: &ads, families: &families };
    let fitted = JobClusterer::fit(before, clusterer.config.recipe, None)?.clusterer;
    let mut sizes = vec![0u32; fitted.get_cluster_labels().len()];
    for at in fitted.place(&held)? {
        sizes[at.place as usize] += 1;
    }
    let smallest = f64::from(sizes.iter().copied().min().unwrap_or_default()) / held.len() as f64;
    Ok(Some(HeldOut { ads: held.len() as u32, scores: fitted.evaluate(&held)?, smallest }))
}

/// Fits clusters to all families but one in twenty, from the clusters of all ads or from nothing.
fn again(data: ClusterAds<'_>, clusterer: &JobClusterer, part: u32, warm: bool) -> Result<Refit> {
    let rows: Vec<u32> =
        (0..data.ads.len() as u32).filter(|row| data.families[*row as usize] % LEFT_OUT != part).collect();
    let (ads, families) = chosen(data, &rows);
    if ads.is_empty() {
        return Ok(Refit { ads: 0, clusters: 0, kept: 1.0 });
    }
    let some = ClusterAds { ads: &ads, families: &families };
    let fitted = JobClusterer::fit(some, clusterer.config.recipe, warm.then_some(clusterer))?;
    let kept = match &fitted.matched {
        Some(matched) => matched.kept,
        None => clusterer.matched_with(&ads, &fitted)?.kept,
    };
    Ok(Refit { ads: ads.len() as u32, clusters: fitted.clusterer.get_cluster_labels().len() as u32, kept })
}

/// Dense regions of the components, by three radii.
fn density(data: ClusterAds<'_>, seed: u64) -> Result<Vec<Density>> {
    let vectors = vectors_of(data.ads);
    let input = Input { vectors: &vectors, families: data.families, columns: None };
    let points = Prepared::new(&input, seed)?.points;
    let count = points.rows.min(DENSITY_POINTS);
    let rows = index::sample(&mut ChaCha8Rng::seed_from_u64(seed), points.rows, count);
    let points = points.select(&rows.into_iter().map(|row| row as u32).collect::<Vec<_>>());
    let reaches = reaches(&points);
    if reaches.last().is_none_or(|reach| *reach <= 0.0) || points.width == 0 {
        return Ok(Vec::new());
    }
    let at = |share: f64| reaches[((reaches.len() - 1) as f64 * share) as usize];
    let radii = [0.25, 0.5, 0.9].map(|quantile| (quantile, at(quantile)));
    radii
        .into_iter()
        .filter(|(_, radius)| *radius > 0.0)
        .map(|(quantile, radius)| regions(&points, quantile, radius, seed))
        .collect()
}

/// The distance of each point's tenth neighbour, ascending; nothing for fewer points.
fn reaches(points: &Points) -> Vec<f64> {
    let reach = |row: usize| {
        let mut distances: Vec<f64> =
            (0..points.rows).map(|other| squared_distance(points.row(row), points.row(other))).collect();
        distances.sort_by(f64::total_cmp);
        distances.get(DENSE - 1).map(|distance| distance.sqrt())
    };
    let mut reaches: Vec<f64> = (0..points.rows).filter_map(reach).collect();
    reaches.sort_by(f64::total_cmp);
    reaches
}

fn regions(points: &Points, quantile: f64, radius: f64, seed: u64) -> Result<Density> {
    let failed = |error: smartcore::error::Failed| Error::internal(format!("DBSCAN failed: {error}"));
    let rows: Vec<Vec<f64>> =
        (0..points.rows).map(|row| points.row(row).iter().map(|value| f64::from(*value)).collect()).collect();
    let matrix = DenseMatrix::from_2d_vec(&rows).map_err(failed)?;
    let parameters = DBSCANParameters::default().with_eps(radius).with_min_samples(DENSE);
    let found: Vec<i32> =
        DBSCAN::fit(&matrix, parameters).and_then(|fitted| fitted.predict(&matrix)).map_err(failed)?;
    // 0 is noise.
    let inside: Vec<u32> = (0..found.len() as u32).filter(|row| found[*row as usize] > 0).collect();
    let labels: Vec<u32> = inside.iter().map(|row| found[*row as usize] as u32 - 1).collect();
    let mut sizes = vec![0u32; labels.iter().max().map_or(0, |most| *most as usize + 1)];
    for label in &labels {
        sizes[*label as usize] += 1;
    }
    Ok(Density {
        quantile,
        clusters: sizes.iter().filter(|size| **size > 0).count() as u32,
        noise: (found.len() - inside.len()) as f64 / found.len().max(1) as f64,
        largest: f64::from(sizes.iter().copied().max().unwrap_or_default()) / found.len().max(1) as f64,
        silhouette: silhouette(&points.select(&inside), &labels, seed),
    })
}
