//! The champions, read as one set.

use std::sync::Arc;

use common_core::artifact::Body;
use common_core::{Error, Result};
use common_learning::manifest::{
    CLUSTERING, ClusteringBody, ROLE_CLASSIFIER, RoleBody, SALARY_PREDICTOR, SalaryBody, currency_of,
    model_name,
};
use common_storage::registry::ChampionSet;
use common_storage::registry::champions::MODELS;
use common_storage::warehouse::ModelVersions;
use common_storage::{ArtifactStore, Registry};

/// Versions of the models that predict, all of one embedding space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChampionVersions {
    /// Embedding space of all models.
    pub embedding_space: String,
    /// The versions.
    pub versions: ModelVersions,
}

impl ChampionVersions {
    /// Reads the pointer to the champions, and the manifest of each. The set does not change afterwards, whatever is
    /// promoted.
    ///
    /// # Errors
    /// `NotFound` if there is no champion or if one is not published; `InvalidInput`, with both names, if two are of
    /// different embedding spaces; `Corrupt` if the pointer or a manifest is invalid.
    pub async fn read(store: &Arc<dyn ArtifactStore>) -> Result<Self> {
        let Some(champions) = ChampionSet::new(Arc::clone(store)).load().await? else {
            return Err(Error::not_found("no model is the champion: run train-models first"));
        };
        let mut found =
            Self { embedding_space: champions.embedding_space, versions: ModelVersions::default() };
        for (model, version) in champions.models {
            if model == ROLE_CLASSIFIER.name {
                found.check::<RoleBody>(store, &model, &version).await?;
                found.versions.role = Some(version);
            } else if model == CLUSTERING.name {
                found.check::<ClusteringBody>(store, &model, &version).await?;
                found.versions.cluster = Some(version);
            } else if let Some(currency) = currency_of(&model) {
                found.check::<SalaryBody>(store, &model, &version).await?;
                found.versions.salary.insert(currency.to_owned(), version);
            } else {
                tracing::warn!("the champion {model}/{version} is of a kind that this program does not know");
            }
        }
        Ok(found)
    }

    /// Kinds of models that have no champion: what they predict is missing.
    pub fn missing(&self) -> Vec<&'static str> {
        let ModelVersions { salary, role, cluster } = &self.versions;
        let kinds = [
            (SALARY_PREDICTOR.name, salary.is_empty()),
            (ROLE_CLASSIFIER.name, role.is_none()),
            (CLUSTERING.name, cluster.is_none()),
        ];
        kinds.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name).collect()
    }

    /// Names of the models with their versions, for example `salary_predictor/v3`.
    pub fn names(&self) -> Vec<String> {
        let ModelVersions { salary, role, cluster } = &self.versions;
        let salary = salary.iter().map(|(currency, version)| format!("{}/{version}", model_name(currency)));
        let named = |kind: &str, version: &Option<String>| {
            version.as_ref().map(|version| format!("{kind}/{version}"))
        };
        salary.chain(named(ROLE_CLASSIFIER.name, role)).chain(named(CLUSTERING.name, cluster)).collect()
    }

    async fn check<T: Body>(&self, store: &Arc<dyn ArtifactStore>, model: &str, version: &str) -> Result<()> {
        let manifest = registry::<T>(store, model).manifest::<T>(version).await?;
        let space = manifest.provenance.embedding_space.as_deref().unwrap_or("no embedding space");
        if space == self.embedding_space {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "the champions are of embedding space {}, and {model}/{version} is of {space}: promote versions of one space \
             with train-models",
            self.embedding_space
        )))
    }
}

/// The versions of a model.
pub(crate) fn registry<T: Body>(store: &Arc<dyn ArtifactStore>, model: &str) -> Registry {
    Registry::new(Arc::clone(store), T::KIND, &format!("{MODELS}{model}"))
}
