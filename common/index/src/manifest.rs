//! The manifest of an index: its body and its metrics.

use std::collections::BTreeMap;

use common_core::artifact::{self, Body, Kind};
use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::search::WIDEST;

/// Indexes among the artifacts.
pub const KIND: Kind =
    Kind { name: "vector_index", format: 3, oldest_format: 3, built_by: "build-vector-index" };

/// The largest index that one instance is meant to serve; for more texts use `SEARCH=warehouse`.
pub const LARGEST_TEXTS: u64 = 2_000_000;

/// An index's manifest. Its rows are the ads in the index, its metrics those of [`Quality`].
pub type Manifest = artifact::Manifest<IndexBody>;

/// The part of a manifest that is specific to an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexBody {
    /// Model of the vectors, its precision and device; if there are several, the most frequent.
    pub model_version: String,
    /// Number of vectors by model version.
    pub model_versions: BTreeMap<String, u64>,
    /// Elements of a vector.
    pub dimension: usize,
    /// Different texts among the ads: what is searched.
    pub texts: u64,
    /// Ads with vectors that are left out: the model has no token for their text.
    pub unreadable: u64,
    /// The most texts that one instance should serve.
    pub largest_texts: u64,
    /// The graph, if there are enough texts for one.
    pub graph: Option<GraphFacts>,
    /// The version whose graph was extended. `None` for a graph that was built from scratch.
    pub grown_from: Option<String>,
    /// Texts added and removed since [`IndexBody::grown_from`].
    pub changed_texts: u64,
    /// The clustering that placed the texts. `None` if the index has no clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustering: Option<ClusteringFacts>,
    /// State of the warehouse and of the clustering: tells whether anything has changed since.
    pub origin: Origin,
}

/// The clustering of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusteringFacts {
    /// Version of the clustering, for example `v3`.
    pub version: String,
    /// Number of clusters.
    pub clusters: usize,
}

/// Parameters of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GraphFacts {
    /// The most links of a text.
    pub degree: usize,
    /// Candidates that a walk keeps: the smallest number that reached the wanted recall.
    pub search_width: usize,
}

/// What an index was built from: another state or another clustering makes another index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The warehouse's description of the embeddings.
    pub state: String,
    /// Version of the clustering that placed the texts. `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustering: Option<String>,
}

/// How an index compares with exact search, measured when it was built: the metrics of its manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// Share of the ten nearest texts that a search finds.
    pub recall_at_10: f64,
    /// Number of searches that were compared.
    pub queries: u64,
    /// Median time of a search, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of a search's time, in milliseconds.
    pub p99_ms: f64,
    /// Time of the build, in seconds.
    pub build_seconds: f64,
}

impl Quality {
    /// Reads it from the metrics of a manifest; missing ones are 0.
    pub fn of(manifest: &Manifest) -> Self {
        let metric = |name| manifest.metric(name).unwrap_or_default();
        Self {
            recall_at_10: metric("recall_at_10"),
            queries: metric("queries") as u64,
            p50_ms: metric("p50_ms"),
            p99_ms: metric("p99_ms"),
            build_seconds: metric("build_seconds"),
        }
    }

    /// The metrics of a manifest.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let metrics = [
            ("recall_at_10", self.recall_at_10),
            ("queries", self.queries as f64),
            ("p50_ms", self.p50_ms),
            ("p99_ms", self.p99_ms),
            ("build_seconds", self.build_seconds),
        ];
        metrics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Body for IndexBody {
    const KIND: Kind = KIND;

    fn check(manifest: &Manifest) -> Result<()> {
        let (ads, body) = (manifest.rows, &manifest.body);
        let refuse = |sentence: String| Err(Error::corrupt(sentence));
        if manifest.provenance.embedding_space.is_none() {
            return refuse("missing embedding_space: expected the space of the vectors".to_owned());
        }
        if body.dimension == 0 || body.dimension > 65_536 {
            return refuse(format!("invalid dimension {}: expected 1 to 65536", body.dimension));
        }
        if ads > u64::from(u32::MAX - 1) {
            return refuse(format!("invalid rows {ads}: expected at most {}", u32::MAX - 1));
        }
        if body.texts > ads {
            return refuse(format!(
                "invalid texts {}: expected at most one of each of {ads} ads",
                body.texts
            ));
        }
        if let Some(graph) = body.graph.filter(|graph| !(1..=WIDEST).contains(&graph.search_width)) {
            return refuse(format!("invalid search_width {}: expected 1 to {WIDEST}", graph.search_width));
        }
        Ok(())
    }
}

/// The embedding space of an index's vectors.
pub fn embedding_space(manifest: &Manifest) -> &str {
    manifest.provenance.embedding_space.as_deref().unwrap_or_default()
}
