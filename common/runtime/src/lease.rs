//! One run at a time across instances: a lease with expiry, kept as an object that changes by compare-and-set.
//!
//! The instances' clocks decide what has expired; on Cloud Run they agree to far less than [`TTL`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use serde::{Deserialize, Serialize};

use common_core::job::Timestamp;
use common_core::{Error, ErrorKind, Result};
use common_storage::ArtifactStore;
use common_storage::artifacts::Generation;

/// How long a run that was killed keeps the next one waiting.
pub(super) const TTL: Duration = Duration::from_mins(1);

/// How often a write is tried again after somebody else's came between.
const ATTEMPTS: usize = 5;

/// Which try of a job's task a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The job's execution.
    pub(super) execution: String,
    /// From 0.
    pub(super) number: u32,
}

/// Who holds the lease: the object's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) run_id: String,
    pub(super) acquired_at: Timestamp,
    /// From this moment on, anybody may take the lease over.
    pub(super) expires_at: Timestamp,
    /// Set by a holder that has finished.
    pub(super) released_at: Option<Timestamp>,
    /// Set by a task of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<Attempt>,
}

impl Holder {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.released_at.is_none() && now < self.expires_at
    }

    /// Whether `later` is a later try of the same task: a task is tried again only once its last try has ended.
    fn is_superseded_by(&self, later: Option<&Attempt>) -> bool {
        self.attempt
            .as_ref()
            .zip(later)
            .is_some_and(|(ours, later)| ours.execution == later.execution && ours.number < later.number)
    }
}

/// What asking for the lease brought.
pub(super) enum Acquired {
    /// It is ours.
    Ours(Lease),
    /// Somebody else's run holds it.
    Theirs(Holder),
}

/// Where the lease is and how long it lasts.
#[derive(Clone)]
pub(super) struct LeaseTerms {
    pub(super) store: Arc<dyn ArtifactStore>,
    /// The object's name.
    pub(super) name: String,
    pub(super) ttl: Duration,
    /// Which try of a task asks, where a task does: it takes over from its own earlier tries at once.
    pub(super) attempt: Option<Attempt>,
}

impl LeaseTerms {
    /// Takes the lease for `run_id` until `now + ttl`, if nobody holds it at `now`.
    ///
    /// # Errors
    /// What the store fails with; `Unavailable` where others kept coming between.
    pub(super) async fn acquire(&self, run_id: &str, now: Timestamp) -> Result<Acquired> {
        let wanted = Holder {
            run_id: run_id.to_owned(),
            acquired_at: now,
            expires_at: now + self.ttl,
            released_at: None,
            attempt: self.attempt.clone(),
        };
        for _ in 0..ATTEMPTS {
            let expected = match self.read().await? {
                None => None,
                // Our own write, whose acknowledgement was lost.
                Some((Some(holder), generation)) if holder == wanted => {
                    return Ok(self.ours(holder, generation));
                }
                Some((Some(holder), _))
                    if holder.is_live(now) && !holder.is_superseded_by(self.attempt.as_ref()) =>
                {
                    return Ok(Acquired::Theirs(holder));
                }
                Some((_, generation)) => Some(generation),
            };
            match self.store.compare_and_set(&self.name, bytes(&wanted)?, expected.as_ref()).await {
                Ok(generation) => return Ok(self.ours(wanted, generation)),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.context(&self.name)),
            }
        }
        Err(Error::unavailable(format!("{}: too many runs ask for the lease at once", self.name)))
    }

    fn ours(&self, holder: Holder, generation: Generation) -> Acquired {
        Acquired::Ours(Lease { terms: self.clone(), holder, generation })
    }

    /// The holder, or `None` where the object holds something else, which nobody can be waiting for.
    pub(super) async fn read(&self) -> Result<Option<(Option<Holder>, Generation)>> {
        let found = self.store.get(&self.name).await.map_err(|error| error.context(&self.name))?;
        Ok(found.map(|(bytes, generation)| {
            let holder = serde_json::from_slice(&bytes)
                .inspect_err(|error| {
                    tracing::warn!("{} is no lease and will be overwritten: {error}", self.name);
                })
                .ok();
            (holder, generation)
        }))
    }
}

/// The lease, held by one run. Dropping it keeps the others out until it expires.
pub(super) struct Lease {
    terms: LeaseTerms,
    holder: Holder,
    generation: Generation,
}

impl Lease {
    /// Holds the lease until `now + ttl`. `false`: somebody else has it.
    ///
    /// # Errors
    /// What the store fails with; the lease may still be ours.
    pub(super) async fn renew(&mut self, now: Timestamp) -> Result<bool> {
        self.write(Holder { expires_at: now + self.terms.ttl, ..self.holder.clone() }).await
    }

    /// Lets the next run in at once. A lease that somebody took over is left to them.
    ///
    /// # Errors
    /// What the store fails with; the lease then ends by expiry.
    pub(super) async fn release(mut self, now: Timestamp) -> Result<()> {
        self.write(Holder { released_at: Some(now), ..self.holder.clone() }).await.map(|_| ())
    }

    /// Removes the object of a lease that nobody else asks for.
    ///
    /// # Errors
    /// What the store fails with.
    pub(super) async fn remove(self) -> Result<()> {
        let Self { terms, .. } = self;
        terms.store.delete(&terms.name).await.map_err(|error| error.context(&terms.name))
    }

    /// Renews the lease for as long as it is polled; returns once somebody else has it.
    ///
    /// While the store is out of reach it keeps trying: two runs side by side do double work, not wrong work.
    pub(super) async fn keep(&mut self) {
        let every = self.terms.ttl / 3;
        loop {
            tokio::time::sleep(every).await;
            match tokio::time::timeout(every, self.renew(Utc::now())).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::warn!("the lease could not be renewed: {}", error.chain()),
                Err(_) => tracing::warn!("the lease could not be renewed within {every:?}"),
            }
        }
    }

    async fn write(&mut self, holder: Holder) -> Result<bool> {
        let bytes = bytes(&holder)?;
        for _ in 0..ATTEMPTS {
            match self
                .terms
                .store
                .compare_and_set(&self.terms.name, bytes.clone(), Some(&self.generation))
                .await
            {
                Ok(generation) => {
                    self.generation = generation;
                    self.holder = holder;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.context(&self.terms.name)),
            }
            // Ours under another generation: an earlier write of ours, whose acknowledgement was lost.
            match self.terms.read().await? {
                Some((Some(found), generation)) if found.run_id == holder.run_id => {
                    self.generation = generation;
                }
                _ => return Ok(false),
            }
        }
        Err(Error::unavailable(format!(
            "{}: the lease changes faster than it can be renewed",
            self.terms.name
        )))
    }
}

fn bytes(holder: &Holder) -> Result<Bytes> {
    let bytes = serde_json::to_vec(holder);
    bytes.map(Bytes::from).map_err(|error| Error::internal("a lease has no JSON form").caused_by(error))
}

#[cfg(test)]
pub(super) mod tests;
