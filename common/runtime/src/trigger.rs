//! A trigger that was delivered twice is run once: the answer to a finished one is kept for a day.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use common_core::job::Timestamp;
use common_core::{Error, Result};
use common_storage::ArtifactStore;

/// How long a finished trigger is remembered: as long as Pub/Sub and Eventarc deliver again by default.
const REMEMBERED_FOR: TimeDelta = TimeDelta::hours(24);

/// What makes two deliveries the same trigger: the SHA-256 of what their sender named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TriggerId(String);

impl TriggerId {
    /// The trigger that a client named with `Idempotency-Key`.
    pub(super) fn of_key(key: &str) -> Self {
        Self::of(["key", key, ""])
    }

    /// The event that `source` numbered `id`; the pair is unique by the `CloudEvents` norm.
    pub(super) fn of_event(source: &str, id: &str) -> Self {
        Self::of(["event", source, id])
    }

    /// The message that Pub/Sub numbered `id`, as `subscription` delivers it: the same with its wrapper and without.
    pub(super) fn of_message(subscription: &str, id: &str) -> Self {
        Self::of_event(&format!("pubsub:{subscription}"), id)
    }

    fn of(parts: [&str; 3]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part.len().to_be_bytes());
            hasher.update(part);
        }
        Self(hex::encode(hasher.finalize()))
    }
}

/// A trigger whose run succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Finished {
    /// SHA-256 of what was asked for, to notice an id that is used for something else.
    pub(super) request_sha256: String,
    /// When the run ended.
    pub(super) at: Timestamp,
    /// What was answered.
    pub(super) answer: Value,
}

/// The finished triggers of one function.
#[derive(Clone)]
pub(super) struct Triggers {
    pub(super) store: Arc<dyn ArtifactStore>,
    /// What every object's name begins with.
    pub(super) prefix: String,
}

impl Triggers {
    /// What the trigger's run answered, if it succeeded less than a day before `now`.
    ///
    /// # Errors
    /// What the store fails with.
    pub(super) async fn finished(&self, id: &TriggerId, now: Timestamp) -> Result<Option<Finished>> {
        let found = self.store.get(&self.name(id)).await?;
        // An object that is no record is treated as none: running again is safe, refusing for ever is not.
        Ok(found
            .and_then(|(bytes, _)| serde_json::from_slice::<Finished>(&bytes).ok())
            .filter(|finished| now < finished.at + REMEMBERED_FOR))
    }

    /// Keeps the answer for those who ask again.
    ///
    /// # Errors
    /// What the store fails with. `Conflict`: another run has kept its answer at the same moment.
    pub(super) async fn remember(&self, id: &TriggerId, finished: &Finished) -> Result<()> {
        let name = self.name(id);
        let bytes = serde_json::to_vec(finished)
            .map_err(|error| Error::internal("an answer has no JSON form").caused_by(error))?;
        let old = self.store.get(&name).await?.map(|(_, generation)| generation);
        self.store.compare_and_set(&name, bytes.into(), old.as_ref()).await.map(|_| ())
    }

    fn name(&self, id: &TriggerId) -> String {
        format!("{}/triggers/{}.json", self.prefix, id.0)
    }
}

/// What was asked for, in few bytes.
pub(super) fn request_sha256(request: &Value) -> String {
    hex::encode(Sha256::digest(request.to_string()))
}
