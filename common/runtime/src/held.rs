//! The lease of a run: acquired before the run, renewed during it and released after it. A lease also tells other runs
//! whether its holder is still alive.
//!
//! | mode | lease | concurrent runs |
//! |---|---|---|
//! | HTTP function | `runs/{function}/lease.json` | the second is rejected |
//! | task of a job | `runs/{function}/task-{index}.json` | the second waits for expiry; rejected after a renewal |
//! | local, on BigQuery | `runs/{function}/local-{run}.json`, deleted after the run | allowed |
//! | local, on DuckDB | none: the database file is locked | the second is rejected |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use common_core::{Error, ErrorKind, Result};
use common_storage::ArtifactStore;
use common_storage::settings::WarehouseUrl;

use crate::function::Mode;
use crate::lease::{Acquired, Attempt, Holder, Lease, LeaseTerms, TTL};
use crate::settings::TaskSettings;
use crate::shutdown::{RELEASE, within};

/// The object that contains the id of the store.
const STORE_ID: &str = "runs/store.json";

/// The location of a lease. Runs that share a table may use different stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseLocation {
    /// The id of the store.
    pub store: String,
    /// The name of the object in the store.
    pub name: String,
}

/// The lease that a run holds.
#[derive(Clone)]
pub struct HeldLease {
    store: Arc<dyn ArtifactStore>,
    location: LeaseLocation,
}

impl fmt::Debug for HeldLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)
    }
}

impl HeldLease {
    /// The lease `name` in `store`.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn new(store: Arc<dyn ArtifactStore>, name: String) -> Result<Self> {
        let location = LeaseLocation { store: store_id(&*store).await?, name };
        Ok(Self { store, location })
    }

    /// The location of the lease.
    pub fn location(&self) -> &LeaseLocation {
        &self.location
    }

    /// Whether the run `run_id`, which acquired the lease at `location`, no longer holds it, because the run ended or
    /// was killed and the lease expired. `false` if the lease is in another store, which cannot be read.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn is_lost(&self, location: &LeaseLocation, run_id: &str) -> Result<bool> {
        if location.store != self.location.store {
            return Ok(false);
        }
        let terms = LeaseTerms {
            store: Arc::clone(&self.store),
            name: location.name.clone(),
            ttl: TTL,
            attempt: None,
        };
        let holder = terms.read().await?.and_then(|(holder, _)| holder);
        Ok(!holder.is_some_and(|holder| holder.run_id == run_id && holder.is_live(Utc::now())))
    }
}

#[derive(Serialize, Deserialize)]
struct StoreId {
    id: String,
}

/// The id of the store; the first run in a store creates it.
async fn store_id(store: &dyn ArtifactStore) -> Result<String> {
    let read = async || {
        let found = store.get(STORE_ID).await.map_err(|error| error.context(STORE_ID))?;
        let Some((bytes, generation)) = found else { return Ok((None, None)) };
        let id = serde_json::from_slice::<StoreId>(&bytes).ok().map(|store| store.id);
        Ok::<_, Error>((id, Some(generation)))
    };
    let (id, generation) = read().await?;
    if let Some(id) = id {
        return Ok(id);
    }
    let new = StoreId { id: Uuid::now_v7().to_string() };
    let bytes = serde_json::to_vec(&new)
        .map_err(|error| Error::internal("the id of the store cannot be serialized").caused_by(error))?;
    match store.compare_and_set(STORE_ID, bytes.into(), generation.as_ref()).await {
        Ok(_) => Ok(new.id),
        // Another run created the id first, or the write succeeded and was retried.
        Err(error) if error.kind() == ErrorKind::Conflict => read().await?.0.ok_or_else(|| {
            Error::unavailable(format!("{STORE_ID} was changed by another run while it was read: run again"))
        }),
        Err(error) => Err(error.context(STORE_ID)),
    }
}

/// The run that needs a lease.
#[derive(Clone, Copy)]
pub(super) struct LeaseRequest<'a> {
    pub(super) function: &'a str,
    pub(super) run_id: &'a str,
    pub(super) mode: Mode,
    pub(super) task: &'a TaskSettings,
    pub(super) warehouse: &'a WarehouseUrl,
}

/// Acquires the lease of a local run or of a task, if its mode requires one. `store` opens the artifact store.
///
/// # Errors
/// `Conflict` if another process works on the same task, `Cancelled` if `stop` is cancelled first; errors of the store.
pub(super) async fn acquire(
    store: impl FnOnce() -> Result<Arc<dyn ArtifactStore>>,
    run: LeaseRequest<'_>,
    stop: &CancellationToken,
) -> Result<Option<(Lease, HeldLease)>> {
    let LeaseRequest { function, run_id, mode, task, warehouse } = run;
    let name = match mode {
        Mode::Job => format!("runs/{function}/task-{}.json", task.cloud_run_task_index),
        Mode::Local if matches!(warehouse, WarehouseUrl::BigQuery { .. }) => {
            format!("runs/{function}/local-{run_id}.json")
        }
        Mode::Local | Mode::Http => return Ok(None),
    };
    let acquired = async {
        let store = store()?;
        let held = HeldLease::new(Arc::clone(&store), name.clone()).await?;
        let number = task.cloud_run_task_attempt.get() as u32;
        let attempt = task.cloud_run_execution.clone().map(|execution| Attempt { execution, number });
        let terms = LeaseTerms { store, name, ttl: TTL, attempt };
        Ok::<_, Error>((wait_for(&terms, run_id, stop).await?, held))
    };
    match acquired.await {
        Ok(acquired) => Ok(Some(acquired)),
        // The lease of a local run excludes no other run: it only tells whether the run was killed.
        Err(error) if mode == Mode::Local && error.kind() != ErrorKind::Cancelled => {
            tracing::warn!(
                "this run has no lease: if it is killed, its status stays `running`: {}",
                error.chain()
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Acquires the lease. If another run holds it, waits until the lease expires, and fails if the holder renews it.
pub(super) async fn wait_for(terms: &LeaseTerms, run_id: &str, stop: &CancellationToken) -> Result<Lease> {
    let mut first: Option<Holder> = None;
    let interval = (terms.ttl / 30).max(Duration::from_millis(10));
    loop {
        let holder = match terms.acquire(run_id, Utc::now()).await? {
            Acquired::Granted(lease) => return Ok(lease),
            Acquired::Held(holder) => holder,
        };
        match &first {
            None => tracing::warn!(
                "waiting for the lease {}: run {} holds it until {}; if that run was killed, this run starts then",
                terms.name,
                holder.run_id,
                holder.expires_at
            ),
            Some(first) if *first == holder => {}
            Some(_) => return Err(held_error(&terms.name, &holder)),
        }
        first = Some(holder);
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.cancelled() => return Err(Error::cancelled("stopped before the run started")),
        }
    }
}

fn held_error(name: &str, holder: &Holder) -> Error {
    let task = holder
        .attempt
        .as_ref()
        .map(|attempt| format!(" (execution {}, attempt {})", attempt.execution, attempt.number));
    Error::conflict(format!(
        "run {}{} is in progress and holds the lease {name}: wait until it ends, or stop it, and run again",
        holder.run_id,
        task.unwrap_or_default()
    ))
}

/// Releases the lease, within [`RELEASE`] if the process is shutting down.
pub(super) async fn release(lease: Lease, mode: Mode, stop: &CancellationToken) {
    let released = async {
        match mode {
            Mode::Local => lease.remove().await,
            Mode::Job | Mode::Http => lease.release(Utc::now()).await,
        }
    };
    match within(stop, RELEASE, released).await {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            tracing::warn!("the lease was not released and will expire later: {}", error.chain());
        }
        None => tracing::warn!("the lease was not released within {RELEASE:?} and will expire later"),
    }
}

#[cfg(test)]
mod tests {
    use common_core::compose_settings;
    use common_core::settings::from_variables;
    use common_storage::settings::StorageSettings;

    use super::*;
    use crate::lease::tests::MemoryStore;

    const BIGQUERY: (&str, &str) = ("WAREHOUSE_URL", "bigquery://project/dataset");

    compose_settings! {
        struct TestSettings {
            pub task: TaskSettings,
            pub storage: StorageSettings,
        }
    }

    fn settings(variables: &[(&str, &str)]) -> TestSettings {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        from_variables(variables).unwrap()
    }

    impl TestSettings {
        fn run<'a>(&'a self, run_id: &'a str, mode: Mode) -> LeaseRequest<'a> {
            LeaseRequest {
                function: "f",
                run_id,
                mode,
                task: &self.task,
                warehouse: &self.storage.warehouse_url,
            }
        }
    }

    async fn acquire(
        store: &Arc<MemoryStore>,
        settings: &TestSettings,
        run_id: &str,
        mode: Mode,
    ) -> Option<(Lease, HeldLease)> {
        let store: Arc<dyn ArtifactStore> = store.clone();
        super::acquire(|| Ok(store), settings.run(run_id, mode), &CancellationToken::new()).await.unwrap()
    }

    async fn is_lost(by: &HeldLease, of: &HeldLease, run_id: &str) -> bool {
        by.is_lost(of.location(), run_id).await.unwrap()
    }

    #[tokio::test]
    async fn each_mode_has_its_own_lease() {
        let store = Arc::default();
        let (laptop, cloud) = (
            settings(&[]),
            settings(&[BIGQUERY, ("CLOUD_RUN_TASK_INDEX", "3"), ("CLOUD_RUN_TASK_COUNT", "8")]),
        );
        assert!(acquire(&store, &laptop, "a", Mode::Local).await.is_none(), "the file is locked");
        for (mode, name) in [(Mode::Local, "runs/f/local-a.json"), (Mode::Job, "runs/f/task-3.json")] {
            let (_, held) = acquire(&store, &cloud, "a", mode).await.unwrap();
            assert_eq!(held.location().name, name);
        }
    }

    #[tokio::test]
    async fn a_run_is_lost_when_it_no_longer_holds_its_lease() {
        let store = Arc::default();
        let cloud = settings(&[BIGQUERY]);
        let (task, first) = acquire(&store, &cloud, "first", Mode::Job).await.unwrap();
        let (local, second) = acquire(&store, &cloud, "second", Mode::Local).await.unwrap();
        assert_eq!(first.location().store, second.location().store);
        assert!(!is_lost(&first, &second, "second").await && !is_lost(&second, &first, "first").await);
        assert!(is_lost(&second, &first, "earlier").await, "another run holds the lease");
        let stop = CancellationToken::new();
        release(task, Mode::Job, &stop).await;
        release(local, Mode::Local, &stop).await;
        assert!(is_lost(&second, &first, "first").await && is_lost(&first, &second, "second").await);
        let (_, other_store) = acquire(&Arc::default(), &cloud, "third", Mode::Job).await.unwrap();
        assert_ne!(other_store.location().store, first.location().store);
        assert!(!is_lost(&other_store, &first, "first").await, "the leases of another store cannot be read");
    }

    #[tokio::test]
    async fn a_task_waits_for_a_killed_holder_and_is_rejected_by_a_live_one() {
        let store = Arc::new(MemoryStore::default());
        let terms = |execution: &str, ttl_ms: u64| LeaseTerms {
            store: Arc::<MemoryStore>::clone(&store),
            name: "runs/f/task-0.json".into(),
            ttl: Duration::from_millis(ttl_ms),
            attempt: Some(Attempt { execution: execution.into(), number: 0 }),
        };
        let stop = CancellationToken::new();
        drop(terms("monday", 50).acquire("killed", Utc::now()).await.unwrap().granted());
        let mut lease = wait_for(&terms("tuesday", 3000), "waited", &stop).await.unwrap();
        let terms = terms("wednesday", 3000);
        let rejected = tokio::select! {
            () = lease.keep() => panic!("the lease was lost"),
            outcome = wait_for(&terms, "rejected", &stop) => outcome.err().unwrap(),
        };
        assert_eq!(rejected.kind(), ErrorKind::Conflict);
        let message = rejected.to_string();
        assert!(message.contains("run waited (execution tuesday, attempt 0)"), "{message}");
        assert!(message.contains("runs/f/task-0.json"), "{message}");
        lease.renew(Utc::now() + chrono::TimeDelta::hours(1)).await.unwrap();
        stop.cancel();
        let stopped = wait_for(&terms, "stopped", &stop).await.err().unwrap();
        assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn an_unavailable_store_fails_a_task_but_not_a_local_run() {
        let store = Arc::new(MemoryStore::default());
        *store.is_down.lock().unwrap() = true;
        assert!(acquire(&store, &settings(&[BIGQUERY]), "local", Mode::Local).await.is_none());
        let (stop, down) = (CancellationToken::new(), Arc::clone(&store));
        let failed = super::acquire(|| Ok(down), settings(&[]).run("task", Mode::Job), &stop).await;
        assert_eq!(failed.err().unwrap().kind(), ErrorKind::Unavailable);
    }
}
