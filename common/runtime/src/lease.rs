//! A lease with an expiry time that allows one run at a time across instances: an object that is changed by
//! compare-and-set.
//!
//! Expiry is decided by the clocks of the instances, which on Cloud Run differ by far less than [`TTL`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use serde::{Deserialize, Serialize};

use common_core::job::Timestamp;
use common_core::{Error, ErrorKind, Result};
use common_storage::ArtifactStore;
use common_storage::artifacts::Generation;

/// How long the lease of a killed run blocks the next run.
pub(super) const TTL: Duration = Duration::from_mins(1);

/// How often a write is attempted when concurrent writes conflict.
const ATTEMPTS: usize = 5;

/// The attempt of a task of a Cloud Run job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The execution of the job.
    pub(super) execution: String,
    /// The number of the attempt, from 0.
    pub(super) number: u32,
}

/// The holder of a lease: the content of the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) run_id: String,
    pub(super) acquired_at: Timestamp,
    /// The time from which another run may take over the lease.
    pub(super) expires_at: Timestamp,
    /// Set when the holder has released the lease.
    pub(super) released_at: Option<Timestamp>,
    /// Set if the holder is a task of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<Attempt>,
}

impl Holder {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.released_at.is_none() && now < self.expires_at
    }

    /// Whether `later` is a later attempt of the same task. Cloud Run retries a task only after its last attempt ended.
    fn is_superseded_by(&self, later: Option<&Attempt>) -> bool {
        self.attempt.as_ref().zip(later).is_some_and(|(current, later)| {
            current.execution == later.execution && current.number < later.number
        })
    }
}

/// The result of [`LeaseTerms::acquire`].
pub(super) enum Acquired {
    /// The lease was acquired.
    Granted(Lease),
    /// Another run holds the lease.
    Held(Holder),
}

/// The location and the duration of a lease.
#[derive(Clone)]
pub(super) struct LeaseTerms {
    pub(super) store: Arc<dyn ArtifactStore>,
    /// The name of the object.
    pub(super) name: String,
    pub(super) ttl: Duration,
    /// The attempt of the task that acquires the lease, if any: it takes over the lease of an earlier attempt at once.
    pub(super) attempt: Option<Attempt>,
}

impl LeaseTerms {
    /// Acquires the lease for `run_id` until `now + ttl`, unless another run holds it at `now`.
    ///
    /// # Errors
    /// Errors of the store; `Unavailable` if every attempt conflicts with a concurrent write.
    pub(super) async fn acquire(&self, run_id: &str, now: Timestamp) -> Result<Acquired> {
        let requested = Holder {
            run_id: run_id.to_owned(),
            acquired_at: now,
            expires_at: now + self.ttl,
            released_at: None,
            attempt: self.attempt.clone(),
        };
        for _ in 0..ATTEMPTS {
            let expected = match self.read().await? {
                None => None,
                // This run's own write, whose acknowledgement was lost.
                Some((Some(holder), generation)) if holder == requested => {
                    return Ok(self.granted(holder, generation));
                }
                Some((Some(holder), _))
                    if holder.is_live(now) && !holder.is_superseded_by(self.attempt.as_ref()) =>
                {
                    return Ok(Acquired::Held(holder));
                }
                Some((_, generation)) => Some(generation),
            };
            match self.store.compare_and_set(&self.name, bytes(&requested)?, expected.as_ref()).await {
                Ok(generation) => return Ok(self.granted(requested, generation)),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.context(&self.name)),
            }
        }
        Err(Error::unavailable(format!(
            "{}: too many concurrent attempts to acquire the lease: run again later",
            self.name
        )))
    }

    fn granted(&self, holder: Holder, generation: Generation) -> Acquired {
        Acquired::Granted(Lease { terms: self.clone(), holder, generation })
    }

    /// The holder and the generation of the object. The holder is `None` if the object is not a valid lease.
    pub(super) async fn read(&self) -> Result<Option<(Option<Holder>, Generation)>> {
        let found = self.store.get(&self.name).await.map_err(|error| error.context(&self.name))?;
        Ok(found.map(|(bytes, generation)| {
            let holder = serde_json::from_slice(&bytes)
                .inspect_err(|error| {
                    tracing::warn!("{} is not a valid lease and will be overwritten: {error}", self.name);
                })
                .ok();
            (holder, generation)
        }))
    }
}

/// An acquired lease. If it is dropped without a release, it blocks other runs until it expires.
pub(super) struct Lease {
    terms: LeaseTerms,
    holder: Holder,
    generation: Generation,
}

impl Lease {
    /// Extends the lease until `now + ttl`. Returns `false` if another run has taken it over.
    ///
    /// # Errors
    /// Errors of the store; the run may still hold the lease.
    pub(super) async fn renew(&mut self, now: Timestamp) -> Result<bool> {
        self.write(Holder { expires_at: now + self.terms.ttl, ..self.holder.clone() }).await
    }

    /// Releases the lease, so that the next run can start at once. Does nothing if another run has taken it over.
    ///
    /// # Errors
    /// Errors of the store; the lease then expires.
    pub(super) async fn release(mut self, now: Timestamp) -> Result<()> {
        self.write(Holder { released_at: Some(now), ..self.holder.clone() }).await.map(|_| ())
    }

    /// Deletes the object of a lease that no other run uses.
    ///
    /// # Errors
    /// Errors of the store.
    pub(super) async fn remove(self) -> Result<()> {
        let Self { terms, .. } = self;
        terms.store.delete(&terms.name).await.map_err(|error| error.context(&terms.name))
    }

    /// Renews the lease periodically; returns when another run has taken it over.
    ///
    /// Retries while the store is unavailable: two concurrent runs duplicate work, but do not corrupt data.
    pub(super) async fn keep(&mut self) {
        let interval = self.terms.ttl / 3;
        loop {
            tokio::time::sleep(interval).await;
            match tokio::time::timeout(interval, self.renew(Utc::now())).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::warn!("the lease could not be renewed: {}", error.chain()),
                Err(_) => tracing::warn!("the lease could not be renewed within {interval:?}"),
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
            // The same run under another generation: an earlier write of this run succeeded but its response was lost.
            match self.terms.read().await? {
                Some((Some(found), generation)) if found.run_id == holder.run_id => {
                    self.generation = generation;
                }
                _ => return Ok(false),
            }
        }
        Err(Error::unavailable(format!(
            "{}: every attempt to write the lease conflicted with another write",
            self.terms.name
        )))
    }
}

fn bytes(holder: &Holder) -> Result<Bytes> {
    let bytes = serde_json::to_vec(holder);
    bytes.map(Bytes::from).map_err(|error| Error::internal("a lease cannot be serialized").caused_by(error))
}

#[cfg(test)]
pub(super) mod tests;
