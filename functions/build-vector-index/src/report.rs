//! The report of a run.

use std::collections::BTreeMap;

use common::index::Manifest;
use common::index::manifest::{ClusteringFacts, Quality};
use common::storage::warehouse::{IndexState, VectorIndexState};
use serde::Serialize;

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// The champion after this run.
    pub(crate) champion: Option<String>,
    /// The version that this run published.
    pub(crate) published: Option<String>,
    /// State of the embeddings in the warehouse, if the run read it.
    pub(crate) embeddings: Option<IndexState>,
    pub(crate) embedding_space: String,
    /// Sightings with a moment outside the years 1 to 9999; such a moment counts as missing.
    pub(crate) timestamps_out_of_range: u64,
    /// The index that was built or is served.
    pub(crate) index: Option<Built>,
    /// Versions that were removed.
    pub(crate) removed_versions: Vec<String>,
    /// State of the warehouse's own index.
    pub(crate) warehouse_index: Option<VectorIndexState>,
    pub(crate) seconds: f64,
    pub(crate) interrupted: bool,
}

impl common::runtime::Report for Report {
    fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}

/// Outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Nothing has changed since the champion was built.
    Unchanged,
    /// A new version was published.
    Published,
    /// A published version was made the champion.
    Promoted,
    /// Dry run: the version would be made the champion.
    WouldPromote,
    /// Dry run: a new version would be built.
    WouldBuild,
    /// The run was stopped before it published a version.
    Interrupted,
}

/// Properties of an index.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Built {
    pub(crate) ads: u64,
    pub(crate) texts: u64,
    /// Number of vectors by model version.
    pub(crate) model_versions: BTreeMap<String, u64>,
    /// Ads that were left out because the model cannot read their text.
    pub(crate) unreadable: u64,
    pub(crate) bytes: u64,
    pub(crate) has_graph: bool,
    pub(crate) search_width: Option<usize>,
    pub(crate) grown_from: Option<String>,
    pub(crate) changed_texts: u64,
    /// The clustering that placed the ads, and its number of clusters. `None` if the index has no clusters.
    pub(crate) clustering: Option<ClusteringFacts>,
    pub(crate) recall_at_10: f64,
    pub(crate) queries: u64,
    pub(crate) search_p50_ms: f64,
    pub(crate) search_p99_ms: f64,
    pub(crate) build_seconds: f64,
}

impl From<&Manifest> for Built {
    fn from(manifest: &Manifest) -> Self {
        let (quality, body) = (Quality::of(manifest), &manifest.body);
        Self {
            ads: manifest.rows,
            texts: body.texts,
            model_versions: body.model_versions.clone(),
            unreadable: body.unreadable,
            bytes: manifest.bytes(),
            has_graph: body.graph.is_some(),
            search_width: body.graph.map(|graph| graph.search_width),
            grown_from: body.grown_from.clone(),
            changed_texts: body.changed_texts,
            clustering: body.clustering.clone(),
            recall_at_10: quality.recall_at_10,
            queries: quality.queries,
            search_p50_ms: quality.p50_ms,
            search_p99_ms: quality.p99_ms,
            build_seconds: quality.build_seconds,
        }
    }
}
