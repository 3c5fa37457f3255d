//! Detects duplicate deliveries of a trigger: the result of a finished trigger is kept for a day.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use common_core::job::Timestamp;
use common_core::{Error, Result};
use common_storage::ArtifactStore;

/// How long a finished trigger is kept: as long as Pub/Sub and Eventarc retry by default.
const RETENTION: TimeDelta = TimeDelta::hours(24);

/// Identifies a trigger across deliveries: the SHA-256 of the id that the sender gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TriggerId(String);

impl TriggerId {
    /// The id of a request with this `Idempotency-Key`.
    pub(super) fn of_key(key: &str) -> Self {
        Self::of(["key", key, ""])
    }

    /// The id of a `CloudEvent`; the pair of `source` and `id` is unique by the specification.
    pub(super) fn of_event(source: &str, id: &str) -> Self {
        Self::of(["event", source, id])
    }

    /// The id of a Pub/Sub message that `subscription` delivers, wrapped or unwrapped.
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
    /// The SHA-256 of the request, to detect an id that is reused for a different request.
    pub(super) request_sha256: String,
    /// When the run ended.
    pub(super) at: Timestamp,
    /// The result of the run.
    pub(super) answer: Value,
}

/// The finished triggers of one function.
#[derive(Clone)]
pub(super) struct Triggers {
    pub(super) store: Arc<dyn ArtifactStore>,
    /// The prefix of the names of the objects.
    pub(super) prefix: String,
}

impl Triggers {
    /// The finished trigger `id`, if its run succeeded less than a day before `now`.
    ///
    /// # Errors
    /// Errors of the store.
    pub(super) async fn finished(&self, id: &TriggerId, now: Timestamp) -> Result<Option<Finished>> {
        let found = self.store.get(&self.name(id)).await?;
        // An invalid object is ignored: running again is safe, but rejecting the trigger permanently is not.
        Ok(found
            .and_then(|(bytes, _)| serde_json::from_slice::<Finished>(&bytes).ok())
            .filter(|finished| now < finished.at + RETENTION))
    }

    /// Saves the result for duplicate deliveries.
    ///
    /// # Errors
    /// Errors of the store; `Conflict` if another run saves the same trigger concurrently.
    pub(super) async fn remember(&self, id: &TriggerId, finished: &Finished) -> Result<()> {
        let name = self.name(id);
        let bytes = serde_json::to_vec(finished)
            .map_err(|error| Error::internal("a result cannot be serialized").caused_by(error))?;
        let old = self.store.get(&name).await?.map(|(_, generation)| generation);
        self.store.compare_and_set(&name, bytes.into(), old.as_ref()).await.map(|_| ())
    }

    fn name(&self, id: &TriggerId) -> String {
        format!("{}/triggers/{}.json", self.prefix, id.0)
    }
}

/// The SHA-256 of a request.
pub(super) fn request_sha256(request: &Value) -> String {
    hex::encode(Sha256::digest(request.to_string()))
}
