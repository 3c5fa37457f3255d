//! The clusters of an index, and what places its texts on the map of the market.
//!
//! A [`Placement`] is a trained clustering: it gives each text a cluster and a point. Names and keywords of clusters
//! are the clustering's; sizes, pay and counts are those of the index's ads (`summary`).

mod summary;

use std::collections::HashSet;
use std::path::Path;

use common_core::error::OnPath;
use common_core::fold::fold_name;
use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::files::Mapped;

pub(crate) use summary::Summary;

/// Name of the file with the clusters.
pub(crate) const FILE: &str = "clusters.json";

/// A trained clustering, which places texts.
pub trait Placement: Send + Sync {
    /// Version of the clustering, for example `v3`.
    fn version(&self) -> &str;

    /// Embedding space of the vectors that it places.
    fn embedding_space(&self) -> &str;

    /// All clusters. Ids are distinct, and so are folded names. Only id, name and keywords are read.
    fn clusters(&self) -> &[Cluster];

    /// Places `vectors`, `[n, dimension] f32`, row-major: one result per row, which depends on that row alone.
    ///
    /// # Errors
    /// `InvalidInput` for vectors of another dimension.
    fn place(&self, vectors: &[f32]) -> Result<Vec<Placed>>;
}

/// The cluster of a text, and its place on the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Id of its cluster.
    pub cluster: u16,
    /// Coordinates on the map, mostly within ±1.
    pub point: [f32; 2],
}

/// A cluster of ads with its summary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Id, which a cluster keeps when the clustering is trained again.
    pub id: u16,
    /// Name, distinct from other names after folding.
    pub name: String,
    /// Words that distinguish its ads from those of other clusters, most telling first.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Number of ads.
    #[serde(default)]
    pub ads: u64,
    /// Share of all ads, from 0 to 1.
    #[serde(default)]
    pub share: f64,
    /// Coordinates on the map of the text nearest to the cluster's centre.
    #[serde(default)]
    pub x: f32,
    /// See [`Cluster::x`].
    #[serde(default)]
    pub y: f32,
    /// Pay by currency, most ads first.
    #[serde(default)]
    pub pay: Vec<ClusterPay>,
    /// Most frequent titles.
    #[serde(default)]
    pub titles: Vec<ValueCount>,
    /// Most frequent companies.
    #[serde(default)]
    pub companies: Vec<ValueCount>,
    /// Most frequent classifications.
    #[serde(default)]
    pub classifications: Vec<ValueCount>,
    /// Ads by month of posting, without gaps, oldest first; the same months for all clusters.
    #[serde(default)]
    pub months: Vec<MonthCount>,
    /// Clusters whose ads are most similar, most similar first.
    #[serde(default)]
    pub nearest: Vec<NearCluster>,
}

/// Monthly pay of a cluster's ads in one currency. Each ad counts with the middle of its range.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterPay {
    /// Code of the currency.
    pub currency: String,
    /// Number of ads that state pay in it.
    pub ads: u64,
    /// First quartile.
    pub p25_per_month: f64,
    /// Median.
    pub median_per_month: f64,
    /// Third quartile.
    pub p75_per_month: f64,
    /// Mean.
    pub mean_per_month: f64,
}

/// A value with its number of ads. Spellings that fold to the same value are counted together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The most frequent spelling.
    pub value: String,
    /// Number of ads.
    pub ads: u64,
}

/// The number of ads that were posted in a month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthCount {
    /// Month in UTC, for example `2025-01`.
    pub month: String,
    /// Number of ads.
    pub ads: u64,
}

/// Another cluster with similar ads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NearCluster {
    /// Id of the other cluster.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Cosine of the mean vectors of both clusters, each minus the mean of all texts.
    pub similarity: f32,
}

/// The clusters of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    /// Version of the clustering, for example `v3`.
    pub version: String,
    /// All clusters, by id.
    pub clusters: Vec<Cluster>,
}

impl Clusters {
    /// The cluster with this id.
    pub fn get(&self, id: u16) -> Option<&Cluster> {
        let position = self.clusters.binary_search_by_key(&id, |cluster| cluster.id).ok()?;
        self.clusters.get(position)
    }

    /// The cluster with this id or this name; names are folded.
    pub fn find(&self, id_or_name: &str) -> Option<&Cluster> {
        let by_id = id_or_name.trim().parse().ok().and_then(|id| self.get(id));
        let name = fold_name(id_or_name);
        by_id.or_else(|| self.clusters.iter().find(|cluster| fold_name(&cluster.name) == name))
    }

    /// Reads the clusters of the mapped file; `path` is used in errors.
    ///
    /// # Errors
    /// `Corrupt` if it is not a list of clusters, or if there are not `count`.
    pub(crate) fn open(mapped: &Mapped, path: &Path, count: usize) -> Result<Self> {
        let invalid = |found: &str| {
            Error::corrupt(format!(
                "invalid clusters {:?}: expected a list of {count}, found {found}",
                path.display()
            ))
        };
        let mut clusters: Self = serde_json::from_slice(mapped.numbers::<u8>())
            .map_err(|error| invalid("another content").caused_by(error))?;
        if clusters.clusters.len() != count {
            return Err(invalid(&clusters.clusters.len().to_string()));
        }
        clusters.clusters.sort_by_key(|cluster| cluster.id);
        Ok(clusters)
    }

    /// Writes the clusters to `folder`.
    ///
    /// # Errors
    /// I/O errors.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::internal("cannot serialize the clusters").caused_by(error))?;
        let path = folder.join(FILE);
        std::fs::write(&path, text).on_path("cannot write", &path)
    }
}

/// The vectors of the texts of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextVectors<'a> {
    /// `[texts, dimension] f32`.
    pub(crate) vectors: &'a [f32],
    /// Number of texts.
    pub(crate) texts: usize,
    /// Their embedding space.
    pub(crate) space: &'a str,
}

/// Places the texts of an index.
///
/// # Errors
/// `InvalidInput` for a clustering of another embedding space; `Corrupt` if two clusters have the same id or name, a text
/// has no cluster, or a coordinate is not finite; errors of the clustering.
pub(crate) fn place(placement: &dyn Placement, of: &TextVectors<'_>) -> Result<Vec<Placed>> {
    let &TextVectors { vectors, texts, space } = of;
    if placement.embedding_space() != space {
        return Err(Error::invalid_input(format!(
            "invalid clustering {:?}: expected one of embedding space {space}, found {}: run train-models with this model",
            placement.version(),
            placement.embedding_space()
        )));
    }
    let refuse = |expected: &str, found: String| {
        Err(Error::corrupt(format!(
            "invalid clustering {:?}: expected {expected}, found {found}: run train-models for a new version",
            placement.version()
        )))
    };
    let (mut ids, mut names) = (HashSet::new(), HashSet::new());
    for Cluster { id, name, .. } in placement.clusters() {
        let folded = fold_name(name);
        if folded.is_empty() || !ids.insert(*id) || !names.insert(folded) {
            return refuse("clusters with distinct ids and names", format!("{id} {name:?}"));
        }
    }
    let placed = if texts == 0 { Vec::new() } else { placement.place(vectors)? };
    if placed.len() != texts {
        return refuse(&format!("places of {texts} texts"), placed.len().to_string());
    }
    let is_valid = |one: &Placed| ids.contains(&one.cluster) && one.point.iter().all(|x| x.is_finite());
    match placed.iter().find(|one| !is_valid(one)) {
        Some(one) => refuse("a known cluster and finite coordinates", format!("{one:?}")),
        None => Ok(placed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(names: &[&str]) -> Clusters {
        let listed =
            (0..).zip(names).map(|(id, name)| Cluster { id, name: (*name).to_owned(), ..Cluster::default() });
        Clusters { version: "v1".to_owned(), clusters: listed.collect() }
    }

    #[test]
    fn a_cluster_is_found_by_its_id_or_its_folded_name() {
        let clusters = clusters(&["Nursing and care", "Café work", "7"]);
        let found = |text: &str| clusters.find(text).map(|cluster| cluster.id);
        assert_eq!((found("0"), found(" 1 "), found("3")), (Some(0), Some(1), None));
        assert_eq!((found("NURSING  and care"), found("cafe work"), found("care")), (Some(0), Some(1), None));
        assert_eq!((found("7"), found("")), (Some(2), None), "a number that is no id is a name");
    }

    #[test]
    fn unknown_members_of_a_cluster_are_ignored() {
        let text = r#"{"id": 4, "name": "Sales", "silhouette": 0.4, "pay": []}"#;
        let cluster: Cluster = serde_json::from_str(text).unwrap();
        assert_eq!((cluster.id, cluster.name.as_str(), cluster.ads), (4, "Sales", 0));
    }
}
