//! Publishes an index with clusters, by a clustering of the tests' own.

use common::index::build::GRAPH_TEXTS;
use common::index::{BuildOptions, Builder, Cluster, Placed, Placement};
use common::job::IndexedAd;
use common::storage::warehouse::EmbeddingTable;
use futures::TryStreamExt;

use super::Market;

/// A clustering by the nearest of some ads; each cluster has a place on a circle.
struct Nearest {
    space: String,
    clusters: Vec<Cluster>,
    /// Vectors of one ad of each cluster.
    centres: Vec<Vec<f32>>,
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Placement for Nearest {
    fn version(&self) -> &'static str {
        "v1"
    }

    fn embedding_space(&self) -> &str {
        &self.space
    }

    fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    fn place(&self, vectors: &[f32]) -> common::Result<Vec<Placed>> {
        let place = |vector: &[f32]| {
            let similar = self.centres.iter().map(|centre| dot(centre, vector));
            let best = (0u16..).zip(similar).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(id, _)| id);
            let turn = std::f32::consts::TAU * f32::from(best) / self.centres.len() as f32;
            let point = [turn.cos() + 4.0 * vector[0], turn.sin() + 4.0 * vector[1]];
            Placed { cluster: best, point: point.map(|x| 0.6 * x) }
        };
        Ok(vectors.chunks_exact(self.centres[0].len()).map(place).collect())
    }
}

impl Market {
    /// Publishes and promotes an index of the embedded ads, in clusters with these names.
    pub(crate) async fn publish_clusters(&self, names: &[&str]) {
        let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", 384);
        let warehouse = self.warehouse().await;
        let spaces = warehouse.embedding_spaces(&table).await.expect("embeddings");
        let space = spaces.first().expect("embeddings").0.clone();
        let ads: Vec<IndexedAd> = warehouse.scan_ads(&table, &space).try_concat().await.expect("the ads");
        drop(warehouse);
        let step = ads.len() / names.len();
        let centres = (0..names.len()).map(|n| ads[n * step].embedding.clone()).collect();
        let clusters = (0u16..).zip(names).map(|(id, name)| Cluster {
            id,
            name: (*name).to_owned(),
            keywords: vec!["first word".to_owned(), "second".to_owned()],
            ..Cluster::default()
        });
        let placement = Nearest { space: space.clone(), clusters: clusters.collect(), centres };
        let folder = tempfile::tempdir().expect("a folder for the index");
        let options = BuildOptions {
            embedding_space: space,
            model_version: "unused".to_owned(),
            dimension: table.dimension,
            code_version: "1".to_owned(),
            state: "clustered".to_owned(),
            graph_texts: GRAPH_TEXTS,
            most_changed: 0.2,
        };
        let mut builder = Builder::new(folder.path(), options).expect("a builder");
        ads.into_iter().try_for_each(|ad| builder.add(ad)).expect("valid ads");
        let mut manifest = builder.finish(None, Some(&placement)).expect("an index");
        let registry = self.registry();
        manifest.version = registry.claim().await.expect("a version");
        manifest.write(folder.path()).expect("a manifest");
        registry.publish(&manifest.version, folder.path()).await.expect("a publication");
        let champion = registry.champion().await.expect("no invalid champion");
        registry.promote(&manifest.version, champion.as_ref()).await.expect("a promotion");
    }
}
