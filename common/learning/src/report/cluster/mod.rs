//! The page of a clustering: what the clusters hold, how they were chosen, how far they can be relied upon.
//!
//! The training fills [`ClusterReport`] and stores the string of [`ClusterReport::render`] beside the model. What is
//! absent (`None`, an empty list) is left out of the page; a number that is not finite is shown as "–".
//!
//! - `headline`, `map`, `contents`, `choice`, `trust`, `history`, `limits`: sections

mod choice;
mod contents;
mod headline;
mod history;
mod limits;
mod map;
mod trust;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::html::Page;
use super::numbers::{count_of, optional};
use super::salary::{Decision, Lineage};
use super::shared::lineage;
use crate::evaluation::silhouette::Silhouette;
use crate::models::cluster::ClusterRecipe;
use crate::models::cluster::matching::Change;
use crate::models::cluster::naming::Label;
use crate::models::cluster::summary::ClusterSummary;
use crate::training::cluster::evidence::Evidence;

/// Largest number of ads on a map.
pub const MOST_POINTS: usize = 3_000;

/// Everything that the page of a clustering says.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ClusterReport {
    /// Kind of the model in the registry, for example `job_clusterer`.
    pub kind: String,
    /// Version in the registry, for example `v3`.
    pub version: String,
    /// When the training ended.
    pub created_at: DateTime<Utc>,
    /// Whether the version became champion.
    pub decision: Option<Decision>,
    /// Number of ads that were read, with and without a vector.
    pub ads: u64,
    /// Number of ads without a vector, which are in no cluster.
    pub without_vector: u64,
    /// How the clusters were found.
    pub recipe: Option<ClusterRecipe>,
    /// The contents of each cluster.
    pub clusters: Vec<ClusterSummary>,
    /// Ads on the maps; at most [`MOST_POINTS`], evenly spaced in their order, are shown.
    pub points: Vec<MapPoint>,
    /// How the clusters were chosen, and how far they can be relied upon.
    pub evidence: Option<Evidence>,
    /// What became of the clusters of the version before.
    pub changes: Option<Changes>,
    /// What the model was made from.
    pub lineage: Lineage,
}

/// An ad on the maps.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct MapPoint {
    /// Its place on the map of two dimensions.
    pub flat: [f32; 2],
    /// Its place on the map of three dimensions.
    pub deep: [f32; 3],
    /// Its cluster: an index into [`ClusterReport::clusters`].
    pub cluster: u32,
    /// Title of the ad.
    pub title: String,
}

/// The clusters of the version before, matched with these.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Changes {
    /// The version before.
    pub version: String,
    /// Its clusters.
    pub labels: Vec<Label>,
    /// Share of the ads that are in the cluster of the same id.
    pub kept: f64,
    /// What became of the clusters.
    pub changes: Vec<Change>,
}

impl ClusterReport {
    /// The page: one HTML document that requests nothing. The same report gives the same bytes.
    pub fn render(&self) -> String {
        let mut sections = vec![headline::section(self), map::section(self), contents::section(self)];
        sections.extend([choice::numbers(self), choice::spaces(self), trust::section(self)]);
        sections.extend([history::section(self), lineage(&self.lineage), limits::section(self)]);
        Page {
            title: format!("Clusters {} {}", self.kind, self.version),
            subtitle: format!(
                "{} in {}; trained {}",
                count_of(self.placed(), "ad", "ads"),
                count_of(self.clusters.len() as u64, "cluster", "clusters"),
                self.created_at.format("%-d %B %Y, %H:%M UTC")
            ),
            sections,
            footer: format!(
                "{} {}, code version {}. – is a number that is missing.",
                self.kind, self.version, self.lineage.code_version
            ),
        }
        .render()
    }

    /// Number of ads in clusters.
    fn placed(&self) -> u64 {
        self.clusters.iter().map(|cluster| u64::from(cluster.ads)).sum()
    }

    /// The cluster with fewest ads.
    fn smallest(&self) -> Option<&ClusterSummary> {
        self.clusters.iter().min_by_key(|cluster| cluster.ads)
    }
}

/// The value of a silhouette.
fn value_of(silhouette: Option<Silhouette>) -> Option<f64> {
    silhouette.map(|silhouette| silhouette.value)
}

/// The text of a silhouette, or a dash.
fn shown(silhouette: Option<Silhouette>) -> String {
    optional(value_of(silhouette), 3)
}

#[cfg(test)]
mod tests;
