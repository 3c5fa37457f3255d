//! The places of texts by a trained clustering.

use std::path::Path;

use common::index::{Cluster, Placed, Placement};
use common::learning::models::cluster::naming::Label;
use common::learning::models::cluster::{self, JobClusterer};
use common::{Error, Result};

/// A clustering, with its map scaled to ±1.
struct TrainedPlacement {
    version: String,
    space: String,
    clusterer: JobClusterer,
    clusters: Vec<Cluster>,
    centre: [f32; 2],
    /// What coordinates are multiplied by.
    factor: f32,
}

/// Opens the clustering in `folder`; the other arguments are its version and its embedding space.
///
/// # Errors
/// `NotFound` if a file is missing, `Corrupt` if one is invalid or of a later format.
pub(super) fn open(folder: &Path, version: &str, space: &str) -> Result<Box<dyn Placement>> {
    let clusterer = JobClusterer::load(folder)?;
    let cluster = |label: &Label| {
        let (name, keywords) = (label.name.clone(), label.keywords.clone());
        Ok(Cluster { id: id_of(label.id)?, name, keywords, ..Cluster::default() })
    };
    let clusters = clusterer.get_cluster_labels().iter().map(cluster).collect::<Result<_>>()?;
    let (centre, half) = clusterer.frame_of_map();
    let factor = if half > 0.0 { 1.0 / half } else { 1.0 };
    let (version, space) = (version.to_owned(), space.to_owned());
    Ok(Box::new(TrainedPlacement { version, space, clusterer, clusters, centre, factor }))
}

fn id_of(id: u32) -> Result<u16> {
    u16::try_from(id)
        .map_err(|_| Error::corrupt(format!("invalid cluster id {id}: expected at most {}", u16::MAX)))
}

impl Placement for TrainedPlacement {
    fn version(&self) -> &str {
        &self.version
    }

    fn embedding_space(&self) -> &str {
        &self.space
    }

    fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    fn place(&self, vectors: &[f32]) -> Result<Vec<Placed>> {
        let rows: Vec<&[f32]> = vectors.chunks_exact(self.clusterer.config.dimension.max(1)).collect();
        let map = self.clusterer.map_flat(&rows);
        let placed = |(row, placement): (usize, cluster::Placement)| {
            let point = if map.rows == 0 { [0.0; 2] } else { [map.row(row)[0], map.row(row)[1]] };
            let scaled = |axis: usize| (point[axis] - self.centre[axis]) * self.factor;
            Ok(Placed { cluster: id_of(placement.cluster)?, point: [scaled(0), scaled(1)] })
        };
        self.clusterer.place_vectors(&rows)?.into_iter().enumerate().map(placed).collect()
    }
}
