//! The models that are served together: one version of each, all of one embedding space.
//!
//! A prediction uses several models, and separate pointers cannot be swapped at once. One object,
//! `models/champions.json`, therefore names a version of every model. It is read as a whole and swapped by
//! compare-and-set.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use common_core::artifact::{Header, MANIFEST};
use common_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{json, version_number};
use crate::artifacts::{ArtifactStore, Generation};

/// Folder of the models in a store; each model has its own subfolder.
pub const MODELS: &str = "models/";

/// Name of the pointer object.
pub const CHAMPIONS: &str = "models/champions.json";

/// Format of the pointer; later formats are refused.
const FORMAT: u32 = 1;

/// Number of earlier champions that are remembered for each model.
const REMEMBERED: usize = 10;

/// Number of attempts of [`ChampionSet::promote`]: an attempt fails only if another process succeeds.
const ATTEMPTS: usize = 20;

/// One version of every model that is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Champions {
    /// The embedding space of all models.
    pub embedding_space: String,
    /// Versions by model: its kind, with the currency if it has one (`salary_predictor_gbp`; without a currency,
    /// SGD).
    pub models: BTreeMap<String, String>,
    /// When a model was last promoted.
    pub promoted_at: DateTime<Utc>,
    /// Earlier champions of each model, the last one latest. Returning to the last one removes it, so that a repeated
    /// rollback goes further back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize, Deserialize)]
struct Pointer {
    format: u32,
    #[serde(flatten)]
    champions: Champions,
}

/// Models to promote (`Some` version) or to stop serving (`None`), by name.
pub type Changes = BTreeMap<String, Option<String>>;

/// A set that was checked, and the state of the pointer that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The new set.
    pub champions: Champions,
    expected: Option<Generation>,
}

/// The pointer to [`Champions`] in a store.
#[derive(Clone)]
pub struct ChampionSet {
    store: Arc<dyn ArtifactStore>,
}

/// State of the pointer.
struct Current {
    champions: Result<Champions>,
    generation: Generation,
}

fn parse(bytes: &[u8]) -> Option<Champions> {
    let champions = serde_json::from_slice::<Pointer>(bytes).ok()?.champions;
    let is_valid =
        |(model, version): (&String, &String)| is_model_name(model) && version_number(version).is_some();
    champions.models.iter().all(is_valid).then_some(champions)
}

fn is_model_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Adds the replaced champion to the earlier ones, or removes the last of those if `new` returns to it.
fn remember(earlier: &mut Vec<String>, replaced: Option<String>, new: Option<&String>) {
    if new.is_some() && earlier.last() == new {
        earlier.pop();
        return;
    }
    earlier.extend(replaced);
    let forgotten = earlier.len().saturating_sub(REMEMBERED);
    earlier.drain(..forgotten);
}

impl ChampionSet {
    /// The pointer in `store`.
    pub fn new(store: Arc<dyn ArtifactStore>) -> Self {
        Self { store }
    }

    /// The models that are served together, if any.
    ///
    /// # Errors
    /// `Corrupt` if the pointer is invalid or of a later format.
    pub async fn load(&self) -> Result<Option<Champions>> {
        self.current().await?.map(|current| current.champions).transpose()
    }

    /// State of the pointer. A later format is an error: it must not be overwritten.
    async fn current(&self) -> Result<Option<Current>> {
        #[derive(Deserialize)]
        struct Tag {
            format: u32,
        }
        let Some((bytes, generation)) = self.store.get(CHAMPIONS).await? else { return Ok(None) };
        if let Ok(Tag { format }) = serde_json::from_slice(&bytes)
            && format > FORMAT
        {
            return Err(Error::corrupt(format!(
                "{CHAMPIONS} has format {format}, and this program reads up to {FORMAT}: update the program"
            )));
        }
        let champions = parse(&bytes).ok_or_else(|| {
            Error::corrupt(format!(
                "invalid champions {CHAMPIONS:?}: expected model names and versions: promote the full set again"
            ))
        });
        Ok(Some(Current { champions, generation }))
    }

    /// Applies `changes` to the current set, and checks the result: every version is published, and all are of one
    /// embedding space. `based_on` is the set that the changes are based on, or `None` if there was no set or it
    /// was invalid; then an invalid pointer is replaced.
    ///
    /// # Errors
    /// - `Conflict` if another process changed one of the same models since `based_on`
    /// - `NotFound`, with the name, if a version of the resulting set is not published
    /// - `InvalidInput`, with both names, if two versions are of different embedding spaces; also for an empty set
    ///   or an invalid name
    /// - `Corrupt` if the pointer is invalid and `based_on` is a set
    pub async fn propose(&self, based_on: Option<&Champions>, changes: &Changes) -> Result<Proposal> {
        let (current, expected) = match self.current().await? {
            Some(Current { champions: Ok(champions), generation }) => (Some(champions), Some(generation)),
            Some(Current { champions: Err(error), .. }) if based_on.is_some() => return Err(error),
            Some(Current { generation, .. }) => (None, Some(generation)),
            None => (None, None),
        };
        let version_in =
            |set: Option<&Champions>, model: &str| set.and_then(|set| set.models.get(model).cloned());
        let mut models = current.as_ref().map(|current| current.models.clone()).unwrap_or_default();
        let mut earlier = current.as_ref().map(|current| current.earlier.clone()).unwrap_or_default();
        for (model, change) in changes {
            if !is_model_name(model) {
                return Err(Error::invalid_input(format!(
                    "invalid model {model:?}: expected lower-case letters, digits and underscores"
                )));
            }
            let [now, before] = [current.as_ref(), based_on].map(|set| version_in(set, model));
            if now != before && now != *change {
                let text = |version: Option<String>| version.unwrap_or_else(|| "none".to_owned());
                return Err(Error::conflict(format!(
                    "the champion of {model} is {} and no longer {}: compare with it and run again",
                    text(now),
                    text(before)
                )));
            }
            match change {
                Some(version) => drop(models.insert(model.clone(), version.clone())),
                None => drop(models.remove(model)),
            }
            if now != *change {
                remember(earlier.entry(model.clone()).or_default(), now, change.as_ref());
            }
        }
        earlier.retain(|_, versions| !versions.is_empty());
        let embedding_space = self.common_space(&models).await?;
        let champions = Champions { embedding_space, models, promoted_at: Utc::now(), earlier };
        Ok(Proposal { champions, expected })
    }

    /// The embedding space of all of `models`.
    async fn common_space(&self, models: &BTreeMap<String, String>) -> Result<String> {
        let mut first: Option<(String, String)> = None;
        for (model, version) in models {
            let name = format!("{MODELS}{model}/{version}");
            let space = self.space_of(&name).await?;
            match &first {
                None => first = Some((name, space)),
                Some((other, expected)) if *expected != space => {
                    return Err(Error::invalid_input(format!(
                        "{other} is of embedding space {expected}, and {name} of {space}: promote versions of one space \
                         together"
                    )));
                }
                Some(_) => {}
            }
        }
        let (_, space) =
            first.ok_or_else(|| Error::invalid_input("invalid champions: expected at least one model"))?;
        Ok(space)
    }

    async fn space_of(&self, name: &str) -> Result<String> {
        let manifest = format!("{name}/{MANIFEST}");
        let Some((bytes, _)) = self.store.get(&manifest).await? else {
            return Err(Error::not_found(format!(
                "{name} is not published: promote another version of this model, or stop serving it"
            )));
        };
        let header: Header = serde_json::from_slice(&bytes).map_err(|error| {
            Error::corrupt(format!("invalid manifest {manifest:?}: expected the header of an artifact"))
                .caused_by(error)
        })?;
        header.provenance.embedding_space.ok_or_else(|| {
            Error::invalid_input(format!(
                "{name} has no embedding space: it cannot be served with other models"
            ))
        })
    }

    /// Writes the proposed set to the pointer if the pointer has not changed since the proposal.
    ///
    /// # Errors
    /// `Conflict` if another process wrote first.
    pub async fn swap(&self, proposal: Proposal) -> Result<Champions> {
        let Proposal { champions, expected } = proposal;
        let pointer = Pointer { format: FORMAT, champions };
        self.store.compare_and_set(CHAMPIONS, json(&pointer)?.into(), expected.as_ref()).await?;
        Ok(pointer.champions)
    }

    /// Proposes and swaps; if another process wrote first, reads its set and tries again. Changes to other models
    /// are kept.
    ///
    /// # Errors
    /// Errors of [`ChampionSet::propose`] and of the store.
    pub async fn promote(&self, based_on: Option<&Champions>, changes: &Changes) -> Result<Champions> {
        let mut attempt = 1;
        loop {
            let proposal = self.propose(based_on, changes).await?;
            match self.swap(proposal).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }
}
