//! What a run says of itself.

use std::collections::BTreeMap;

use common::index::Manifest;
use common::index::manifest::Quality;
use common::storage::warehouse::{IndexState, VectorIndexState};
use serde::Serialize;

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// The version that is served after this run.
    pub(crate) champion: Option<String>,
    /// The version that this run published.
    pub(crate) published: Option<String>,
    /// What the warehouse holds, where the run looked.
    pub(crate) embeddings: Option<IndexState>,
    pub(crate) embedding_space: String,
    /// Sightings with a moment outside the years 1 to 9999, which counts as missing.
    pub(crate) timestamps_out_of_range: u64,
    /// What was built, or is served.
    pub(crate) index: Option<Built>,
    /// Versions that were removed.
    pub(crate) removed_versions: Vec<String>,
    /// The warehouse's own index.
    pub(crate) warehouse_index: Option<VectorIndexState>,
    pub(crate) seconds: f64,
    pub(crate) interrupted: bool,
}

impl common::runtime::Report for Report {
    fn is_interrupted(&self) -> bool {
        self.interrupted
    }
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Nothing changed since the champion was built.
    Unchanged,
    /// A new version is there.
    Published,
    /// A version that was there is the champion now.
    Promoted,
    /// It would be made the champion: this was a dry run.
    WouldPromote,
    /// A new version would be built: this was a dry run.
    WouldBuild,
    /// The run was asked to stop before it had published.
    Interrupted,
}

/// An index in figures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Built {
    pub(crate) ads: u64,
    pub(crate) texts: u64,
    /// How many vectors each model version made.
    pub(crate) model_versions: BTreeMap<String, u64>,
    /// Ads left out, because the model can read nothing of their text.
    pub(crate) unreadable: u64,
    pub(crate) bytes: u64,
    pub(crate) has_graph: bool,
    pub(crate) search_width: Option<usize>,
    pub(crate) grown_from: Option<String>,
    pub(crate) changed_texts: u64,
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
            recall_at_10: quality.recall_at_10,
            queries: quality.queries,
            search_p50_ms: quality.p50_ms,
            search_p99_ms: quality.p99_ms,
            build_seconds: quality.build_seconds,
        }
    }
}
