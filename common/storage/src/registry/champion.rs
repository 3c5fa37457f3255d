//! The champion of one prefix: a pointer that is swapped by compare-and-set, so that readers see either the old
//! champion or the new one.

use chrono::{DateTime, Utc};
use common_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::champions::MODELS;
use super::{Registry, json, version_number};
use crate::artifacts::{ArtifactStore, Generation};

/// The champion's version, and the state of the pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Champion {
    /// Version, for example `v7`.
    pub version: String,
    /// When it was promoted.
    pub promoted_at: DateTime<Utc>,
    /// The newest version at the time when the operator rolled back to this one.
    pub instead_of: Option<String>,
    /// Generation to compare when swapping.
    pub generation: Generation,
}

#[derive(Serialize, Deserialize)]
struct Pointer {
    version: String,
    promoted_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instead_of: Option<String>,
}

impl Pointer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|pointer: &Self| version_number(&pointer.version).is_some())
    }
}

fn pointer(prefix: &str) -> String {
    format!("{prefix}/champion.json")
}

/// The champion's version of `prefix`. `None` if there is no champion or its pointer is invalid.
pub(super) async fn served_version(store: &dyn ArtifactStore, prefix: &str) -> Result<Option<String>> {
    let found = store.get(&pointer(prefix)).await?;
    Ok(found.and_then(|(bytes, _)| Pointer::parse(&bytes)).map(|pointer| pointer.version))
}

impl Registry {
    fn pointer(&self) -> String {
        pointer(&self.prefix)
    }

    /// The champion, if there is one.
    ///
    /// # Errors
    /// `Corrupt` if the pointer is invalid.
    pub async fn champion(&self) -> Result<Option<Champion>> {
        let Some((bytes, generation)) = self.store.get(&self.pointer()).await? else { return Ok(None) };
        let Pointer { version, promoted_at, instead_of } = Pointer::parse(&bytes).ok_or_else(|| {
            Error::corrupt(format!(
                "invalid champion {:?}: expected the name of a version: promote one that is published",
                self.pointer()
            ))
        })?;
        Ok(Some(Champion { version, promoted_at, instead_of, generation }))
    }

    /// Makes `version` the champion if the champion is still `expected`. An invalid pointer counts as no champion.
    ///
    /// # Errors
    /// `Conflict` if another process promoted first, `InvalidInput` for a model, which [`super::ChampionSet`] promotes.
    pub async fn promote(&self, version: &str, expected: Option<&Champion>) -> Result<()> {
        self.point(version, None, expected).await
    }

    /// Promotes `version` although `newest` is newer, and records that, so that the next build does not build
    /// `newest` again.
    ///
    /// # Errors
    /// `Conflict` if another process promoted first.
    pub async fn roll_back(&self, version: &str, newest: &str, expected: Option<&Champion>) -> Result<()> {
        let instead_of = (version != newest).then(|| newest.to_owned());
        self.point(version, instead_of, expected).await
    }

    async fn point(
        &self,
        version: &str,
        instead_of: Option<String>,
        expected: Option<&Champion>,
    ) -> Result<()> {
        if self.prefix.starts_with(MODELS) {
            // A pointer of its own could disagree with the set.
            return Err(Error::invalid_input(format!(
                "invalid prefix {:?}: expected one that has a champion of its own; models are promoted together, by ChampionSet",
                self.prefix
            )));
        }
        let pointer = Pointer { version: version.to_owned(), promoted_at: Utc::now(), instead_of };
        let bytes = json(&pointer)?;
        let expected = match expected {
            Some(champion) => Some(champion.generation.clone()),
            None => self.invalid_pointer().await?,
        };
        match self.store.compare_and_set(&self.pointer(), bytes.into(), expected.as_ref()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Err(Error::conflict(format!(
                "{version} was published but not promoted: another run promoted first; run again"
            ))),
            outcome => outcome.map(|_| ()),
        }
    }

    /// Generation of an invalid pointer.
    async fn invalid_pointer(&self) -> Result<Option<Generation>> {
        let found = self.store.get(&self.pointer()).await?;
        Ok(found.filter(|(bytes, _)| Pointer::parse(bytes).is_none()).map(|(_, generation)| generation))
    }
}
