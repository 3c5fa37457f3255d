//! The models of a set of champions, open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use common_core::artifact::Body;
use common_core::{Result, feed};
use common_learning::manifest::{
    CLUSTERING, ClusteringBody, ROLE_CLASSIFIER, RoleBody, SalaryBody, model_name,
};
use common_learning::models::cluster::JobClusterer;
use common_learning::models::predictor::SalaryPredictor;
use common_learning::models::role::RoleClassifier;
use common_storage::ArtifactStore;

use crate::champions::{ChampionVersions, registry};

/// Open models that predict ads.
pub struct PredictionModels {
    /// What they are.
    pub champions: ChampionVersions,
    /// By code of the currency.
    pub(crate) salary: BTreeMap<String, SalaryPredictor>,
    pub(crate) role: Option<RoleClassifier>,
    pub(crate) cluster: Option<JobClusterer>,
}

impl PredictionModels {
    /// Copies the versions into `folder`, compares every file with its SHA-256, and reads the models. What happens to the
    /// published versions afterwards does not matter.
    ///
    /// # Errors
    /// `NotFound` if a version is not published, `Corrupt` if a file differs from the manifest or cannot be read.
    pub async fn open(
        store: &Arc<dyn ArtifactStore>,
        champions: ChampionVersions,
        folder: &Path,
    ) -> Result<Self> {
        let place = Place { store, folder };
        let mut salary = BTreeMap::new();
        for (currency, version) in &champions.versions.salary {
            let model = model_name(currency);
            let predictor = place.open::<SalaryBody, _>(&model, version, SalaryPredictor::load).await?;
            salary.insert(currency.clone(), predictor);
        }
        let role = match &champions.versions.role {
            Some(version) => {
                Some(place.open::<RoleBody, _>(ROLE_CLASSIFIER.name, version, RoleClassifier::load).await?)
            }
            None => None,
        };
        let cluster = match &champions.versions.cluster {
            Some(version) => {
                Some(place.open::<ClusteringBody, _>(CLUSTERING.name, version, JobClusterer::load).await?)
            }
            None => None,
        };
        Ok(Self { champions, salary, role, cluster })
    }
}

/// Where models are published, and where they are copied to.
struct Place<'a> {
    store: &'a Arc<dyn ArtifactStore>,
    folder: &'a Path,
}

impl Place<'_> {
    async fn open<T: Body, M: Send + 'static>(
        &self,
        model: &str,
        version: &str,
        load: fn(&Path) -> Result<M>,
    ) -> Result<M> {
        let folder = registry::<T>(self.store, model).install(version, self.folder).await?;
        feed::blocking("reading a model", move || load(&folder)).await.map_err(|error| {
            error
                .context(format!("cannot open {model}/{version}"))
                .remedy("promote another version with train-models --promote, or train a new one")
        })
    }
}
