//! Published models: versions by name, their list, and the champions.
//!
//! No lease protects a model: two trainings claim different versions, and the champion changes by compare-and-set, so
//! that the second of two promotions of one model fails with `Conflict`. A killed training leaves a claim without a
//! manifest, which no reader sees and `Registry::prune` removes after a day.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use common::artifact::Body;
use common::job::Timestamp;
use common::learning::manifest::{
    self, CLUSTERING, ClusteringBody, Manifest, ROLE_CLASSIFIER, RoleBody, SALARY_PREDICTOR, SalaryBody,
    metrics,
};
use common::storage::registry::champions::{Changes, MODELS};
use common::storage::registry::{self, ChampionSet, Champions, Entry};
use common::storage::{ArtifactStore, Registry};
use common::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::Value;

/// A version of a model, for example `salary_predictor/v3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Name of the model, for example `salary_predictor_gbp`.
    pub(crate) model: String,
    /// For example `v3`.
    pub(crate) version: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.model, self.version)
    }
}

impl Version {
    /// Parses the value of the option `flag`.
    ///
    /// # Errors
    /// `InvalidInput`, with the option and the value.
    pub(crate) fn parse(flag: &str, text: &str) -> Result<Self> {
        let is_version = |version: &str| {
            version.strip_prefix('v').is_some_and(|digits| {
                !digits.is_empty()
                    && !digits.starts_with('0')
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        match text.split_once('/') {
            Some((model, version)) if is_version(version) => {
                Ok(Self { model: Self::parse_model(flag, model)?, version: version.to_owned() })
            }
            _ => Err(Error::invalid_input(format!(
                "invalid {flag} {text:?}: expected a model and a version, for example {}/v3",
                SALARY_PREDICTOR.name
            ))
            .for_caller()),
        }
    }

    /// Parses the name of a model.
    ///
    /// # Errors
    /// `InvalidInput`, with the option and the value.
    pub(crate) fn parse_model(flag: &str, text: &str) -> Result<String> {
        if manifest::kind_of(text).is_some() {
            return Ok(text.to_owned());
        }
        let (role, clustering) = (ROLE_CLASSIFIER.name, CLUSTERING.name);
        let name = SALARY_PREDICTOR.name;
        Err(Error::invalid_input(format!(
            "invalid {flag} {text:?}: expected {role}, {clustering}, {name}, or {name}_ and the code of a currency, for \
             example {name}_gbp"
        ))
        .for_caller())
    }
}

/// A published version in a list.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Published {
    /// For example `salary_predictor/v3`.
    pub(crate) name: String,
    pub(crate) champion: bool,
    pub(crate) created_at: Option<Timestamp>,
    /// Ads that it was fitted to.
    pub(crate) rows: Option<u64>,
    /// Length of all its files.
    pub(crate) bytes: Option<u64>,
    /// The metrics of [`metrics::HEADLINES`] that it has.
    pub(crate) metrics: BTreeMap<String, f64>,
    /// The decision at its publication.
    pub(crate) reason: Option<String>,
    /// Why its manifest cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Published {
    fn of(entry: Entry) -> Self {
        let name = entry.name.strip_prefix(MODELS).unwrap_or(&entry.name).to_owned();
        let (header, error) = match entry.header {
            Ok(header) => (Some(header), None),
            Err(error) => (None, Some(error.chain())),
        };
        let headlines = header.iter().flat_map(|header| {
            metrics::HEADLINES.iter().filter_map(|name| Some(((*name).to_owned(), header.metric(name)?)))
        });
        Self {
            name,
            champion: entry.is_champion,
            metrics: headlines.collect(),
            created_at: header.as_ref().map(|header| header.created_at),
            rows: header.as_ref().map(|header| header.rows),
            bytes: header.as_ref().map(common::artifact::Header::bytes),
            reason: header.and_then(|header| header.decision).map(|decision| decision.reason),
            error,
        }
    }
}

/// The published models of a store, and their champions.
pub(crate) struct Models<'a> {
    store: Arc<dyn ArtifactStore>,
    set: ChampionSet,
    /// Where copies of versions are kept on this machine.
    folder: &'a Path,
}

/// Champions that were changed, or would be.
pub(crate) struct Promotion {
    /// The champions before.
    pub(crate) before: Option<Champions>,
    /// The champions after; those before if nothing was to change.
    pub(crate) after: Champions,
    /// Whether anything changes.
    pub(crate) is_change: bool,
}

impl<'a> Models<'a> {
    /// The models in `store`; `folder` is for local copies.
    pub(crate) fn new(store: Arc<dyn ArtifactStore>, folder: &'a Path) -> Self {
        Self { set: ChampionSet::new(Arc::clone(&store)), store, folder }
    }

    /// Where copies of versions are kept on this machine.
    pub(crate) fn folder(&self) -> &Path {
        self.folder
    }

    /// The pointer to the champions.
    pub(crate) fn set(&self) -> &ChampionSet {
        &self.set
    }

    /// The versions of a model.
    pub(crate) fn registry(&self, model: &str) -> Registry {
        // Names are checked where they are read; another one has no versions.
        let kind = manifest::kind_of(model).unwrap_or(SALARY_PREDICTOR);
        Registry::new(Arc::clone(&self.store), kind, &format!("{MODELS}{model}"))
    }

    /// The champions; an invalid pointer counts as no champions.
    ///
    /// # Errors
    /// Errors of the store.
    pub(crate) async fn champions(&self) -> Result<Option<Champions>> {
        match self.set.load().await {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                tracing::warn!("there are no champions: {}", error.chain());
                Ok(None)
            }
            found => found,
        }
    }

    /// The champion of `model` with its manifest, if there is one. A manifest that cannot be read is a warning: it does not
    /// prevent a new version.
    ///
    /// # Errors
    /// Errors of the store.
    pub(crate) async fn champion<T: Body>(
        &self,
        model: &str,
        champions: Option<&Champions>,
    ) -> Result<Option<(String, Option<Manifest<T>>)>> {
        let Some(version) = champions.and_then(|set| set.models.get(model)) else { return Ok(None) };
        match self.registry(model).manifest(version).await {
            Ok(manifest) => Ok(Some((version.clone(), Some(manifest)))),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                tracing::warn!(
                    "the champion {model}/{version} cannot be read; nothing is compared with it: {}",
                    error.chain()
                );
                Ok(Some((version.clone(), None)))
            }
            Err(error) => Err(error),
        }
    }

    /// The versions of all models: by model, oldest first.
    ///
    /// # Errors
    /// Errors of the store.
    pub(crate) async fn list(&self) -> Result<Vec<Published>> {
        let entries = registry::list(&self.store, Some(MODELS)).await?;
        Ok(entries.into_iter().map(Published::of).collect())
    }

    /// The manifest of a version.
    ///
    /// # Errors
    /// `NotFound`, with the published versions, if there is none; `Corrupt` if it cannot be read.
    pub(crate) async fn manifest(&self, version: &Version) -> Result<Manifest<Value>> {
        self.refuse_unpublished(version).await?;
        let (registry, number) = (self.registry(&version.model), &version.version);
        match manifest::kind_of(&version.model) {
            Some(CLUSTERING) => untyped(&registry.manifest::<ClusteringBody>(number).await?),
            Some(ROLE_CLASSIFIER) => untyped(&registry.manifest::<RoleBody>(number).await?),
            _ => untyped(&registry.manifest::<SalaryBody>(number).await?),
        }
    }

    /// Makes `versions` the champions, all at once, if they can be read and all champions are then of one embedding
    /// space. A dry run only checks that.
    ///
    /// # Errors
    /// `NotFound` for a version that is not published, `Corrupt` for one that is damaged, `InvalidInput` if embedding
    /// spaces differ, `Conflict` if another process promotes a version of the same model.
    pub(crate) async fn promote(&self, versions: &[Version], is_dry_run: bool) -> Result<Promotion> {
        let before = self.champions().await?;
        let mut changes = Changes::new();
        for version in versions {
            let manifest = self.manifest(version).await?;
            let registry = self.registry(&version.model);
            // A complete local copy does not prove that other machines can read the version.
            registry.check(&version.version).await?;
            registry.install(&version.version, self.folder).await?;
            let is_champion = |set: &Champions| set.models.get(&version.model) == Some(&version.version);
            if !before.as_ref().is_some_and(is_champion) {
                tracing::warn!(
                    "{version} was trained on ads until {}: it also knows those that were taken down since then",
                    manifest.body["trained_until"].as_str().unwrap_or("an unknown moment")
                );
                changes.insert(version.model.clone(), Some(version.version.clone()));
            }
        }
        if let (Some(before), true) = (&before, changes.is_empty()) {
            return Ok(Promotion { after: before.clone(), before: Some(before.clone()), is_change: false });
        }
        let after = if is_dry_run {
            self.set.propose(before.as_ref(), &changes).await?.champions
        } else {
            self.set.promote(before.as_ref(), &changes).await?
        };
        if let Some(before) = before.as_ref().filter(|set| set.embedding_space != after.embedding_space) {
            tracing::warn!(
                "the champions were of {}, and the next ones are of {}: predictions need embeddings of that space",
                before.embedding_space,
                after.embedding_space
            );
        }
        Ok(Promotion { before, after, is_change: true })
    }

    /// The version that was the champion before, among those that are still published. The pointer remembers it, with
    /// versions that an operator promoted; a rollback is not remembered, so that a second one goes further back.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub(crate) async fn earlier(&self, model: &str) -> Result<Version> {
        let champions = self.champions().await?;
        let published = self.registry(model).versions().await?;
        let champion = champions.as_ref().and_then(|set| set.models.get(model));
        let earlier = champions.as_ref().and_then(|set| set.earlier.get(model)).into_iter().flatten();
        let found = earlier.rev().find(|version| Some(*version) != champion && published.contains(version));
        match found {
            Some(version) => Ok(Version { model: model.to_owned(), version: version.clone() }),
            None => Err(Error::not_found(format!(
                "{model} has no earlier champion to return to: promote a version with --promote; published: {}",
                in_words(&published)
            ))
            .for_caller()),
        }
    }

    async fn refuse_unpublished(&self, version: &Version) -> Result<()> {
        let published = self.registry(&version.model).versions().await?;
        if published.contains(&version.version) {
            return Ok(());
        }
        Err(Error::not_found(format!("there is no {version}; published: {}", in_words(&published)))
            .for_caller())
    }
}

/// A manifest that was checked, with its body as JSON.
fn untyped<T: Body>(manifest: &Manifest<T>) -> Result<Manifest<Value>> {
    serde_json::to_value(manifest)
        .and_then(serde_json::from_value)
        .map_err(|error| Error::internal("cannot serialize a manifest").caused_by(error))
}

fn in_words(versions: &[String]) -> String {
    if versions.is_empty() { "none".to_owned() } else { versions.join(", ") }
}
