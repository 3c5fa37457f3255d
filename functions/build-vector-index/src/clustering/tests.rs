use std::collections::BTreeMap;

use chrono::DateTime;
use common::ErrorKind;
use common::artifact::{Body, FileFacts, Kind, Manifest, Provenance};
use common::index::{Cluster, Placed};
use common::settings::from_variables;
use common::storage::open_artifacts;
use common::storage::registry::champions::Changes;
use common::storage::settings::StorageSettings;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::*;

const SPACE: &str = "model/weights/t1";

/// A body of a manifest of another program.
#[derive(Debug, Serialize, Deserialize)]
struct Anything {}

impl Body for Anything {
    const KIND: Kind = KIND;

    fn check(_: &Manifest<Self>) -> Result<()> {
        Ok(())
    }
}

/// One cluster, whose name is in the file `name.txt`.
struct Named {
    version: String,
    clusters: Vec<Cluster>,
}

impl Placement for Named {
    fn version(&self) -> &str {
        &self.version
    }

    fn embedding_space(&self) -> &'static str {
        SPACE
    }

    fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    fn place(&self, vectors: &[f32]) -> Result<Vec<Placed>> {
        Ok(vectors.iter().map(|x| Placed { cluster: 0, point: [*x, 0.0] }).collect())
    }
}

fn open(folder: &Path, version: &str, _: &str) -> Result<Box<dyn Placement>> {
    let name = std::fs::read_to_string(folder.join("name.txt"))?;
    let clusters = vec![Cluster { name, ..Cluster::default() }];
    Ok(Box::new(Named { version: version.to_owned(), clusters }))
}

struct Market {
    folder: TempDir,
    store: Arc<dyn ArtifactStore>,
}

impl Market {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file:{}", folder.path().join("artifacts").display());
        let settings: StorageSettings = from_variables([("ARTIFACTS_URL".to_owned(), url)]).unwrap();
        Self { store: open_artifacts(&settings).unwrap(), folder }
    }

    /// Publishes a version of `model` of this format.
    async fn publish(&self, model: &str, format: u32) {
        let kind = Kind { format, ..KIND };
        let registry = Registry::new(Arc::clone(&self.store), kind, &format!("{MODELS}{model}"));
        let version = registry.claim().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("name.txt");
        std::fs::write(&path, "Nursing").unwrap();
        let manifest = Manifest {
            kind: KIND.name.to_owned(),
            format,
            version: version.clone(),
            created_at: DateTime::UNIX_EPOCH,
            provenance: Provenance {
                code_version: "1".to_owned(),
                embedding_space: Some(SPACE.to_owned()),
                window: None,
            },
            rows: 1,
            metrics: BTreeMap::new(),
            decision: None,
            files: BTreeMap::from([("name.txt".to_owned(), FileFacts::of(&path).unwrap())]),
            body: Anything {},
        };
        manifest.write(folder.path()).unwrap();
        registry.publish(&version, folder.path()).await.unwrap();
    }

    async fn promote(&self, model: &str, version: &str) {
        let set = ChampionSet::new(Arc::clone(&self.store));
        let before = set.load().await.unwrap();
        let changes = Changes::from([(model.to_owned(), Some(version.to_owned()))]);
        set.promote(before.as_ref(), &changes).await.unwrap();
    }

    async fn champion(&self, space: &str, open: Open) -> Result<Option<Clustering>> {
        let folder = self.folder.path().join("copies");
        std::fs::create_dir_all(&folder).unwrap();
        Source { store: Arc::clone(&self.store), folder, open }.champion(space).await
    }
}

#[tokio::test]
async fn the_champion_is_opened_and_there_may_be_none() {
    let market = Market::new();
    assert!(market.champion(SPACE, open).await.unwrap().is_none());
    market.publish("role_classifier", KIND.format).await;
    market.promote("role_classifier", "v1").await;
    market.publish("clustering", KIND.format).await;
    market.publish("clustering", KIND.format).await;
    assert!(market.champion(SPACE, open).await.unwrap().is_none(), "published and not promoted");
    market.promote("clustering", "v2").await;
    let champion = market.champion(SPACE, open).await.unwrap().unwrap();
    let placement = champion.placement().await.unwrap();
    assert_eq!((placement.version(), placement.clusters()[0].name.as_str()), ("v2", "Nursing"));
    assert!(market.champion("another/space", open).await.unwrap().is_none());
}

#[tokio::test]
async fn a_champion_that_cannot_be_read_is_refused_with_the_remedy() {
    let market = Market::new();
    market.publish("clustering", KIND.format).await;
    market.publish("clustering", KIND.format + 1).await;
    let refused = async |open, part: &str| {
        let error = market.champion(SPACE, open).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(part), "{error}");
    };
    market.promote("clustering", "v2").await;
    refused(open, "update the program, or run train-models for a new version").await;
    market.promote("clustering", "v1").await;
    let file = market.folder.path().join("artifacts/models/clustering/v1/name.txt");
    std::fs::write(file, "Nursing?").unwrap();
    refused(open, "name.txt").await;
}
