//! The lease that a run holds: taken before it, kept beside it, released after it; and what the leases of other runs say of
//! them.
//!
//! | mode | lease | two at once |
//! |---|---|---|
//! | HTTP function | `runs/{function}/lease.json` | the second is refused |
//! | task of a job | `runs/{function}/task-{index}.json` | the second waits for the end of one that was killed, and is refused where the first lives |
//! | local, on BigQuery | `runs/{function}/local-{run}.json`, removed at the end | allowed |
//! | local, on DuckDB | none: the file is locked | the second is refused |

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

/// The object that tells one store from every other.
const STORE: &str = "runs/store.json";

/// Where a lease is, for runs that share a table but perhaps no store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasePlace {
    /// The id of the store.
    pub store: String,
    /// The name of the object in it.
    pub name: String,
}

/// The lease that a run holds, as its code sees it.
#[derive(Clone)]
pub struct HeldLease {
    store: Arc<dyn ArtifactStore>,
    place: LeasePlace,
}

impl fmt::Debug for HeldLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

impl HeldLease {
    /// The lease `name` of `store`.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn new(store: Arc<dyn ArtifactStore>, name: String) -> Result<Self> {
        let place = LeasePlace { store: store_id(&*store).await?, name };
        Ok(Self { store, place })
    }

    /// Where it is.
    pub fn place(&self) -> &LeasePlace {
        &self.place
    }

    /// Whether the run `run_id`, which took the lease at `place`, no longer holds it: it has ended, or was killed a while
    /// ago. `false` where that lease is in another store, of which nothing is known here.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn is_lost(&self, place: &LeasePlace, run_id: &str) -> Result<bool> {
        if place.store != self.place.store {
            return Ok(false);
        }
        let terms =
            LeaseTerms { store: Arc::clone(&self.store), name: place.name.clone(), ttl: TTL, attempt: None };
        let holder = terms.read().await?.and_then(|(holder, _)| holder);
        Ok(!holder.is_some_and(|holder| holder.run_id == run_id && holder.is_live(Utc::now())))
    }
}

#[derive(Serialize, Deserialize)]
struct Store {
    id: String,
}

/// The store's id, which its first run gives it.
async fn store_id(store: &dyn ArtifactStore) -> Result<String> {
    let read = async || {
        let found = store.get(STORE).await.map_err(|error| error.context(STORE))?;
        let Some((bytes, generation)) = found else { return Ok((None, None)) };
        let id = serde_json::from_slice::<Store>(&bytes).ok().map(|store| store.id);
        Ok::<_, Error>((id, Some(generation)))
    };
    let (id, generation) = read().await?;
    if let Some(id) = id {
        return Ok(id);
    }
    let new = Store { id: Uuid::now_v7().to_string() };
    let bytes = serde_json::to_vec(&new)
        .map_err(|error| Error::internal("a store's id cannot be serialised").caused_by(error))?;
    match store.compare_and_set(STORE, bytes.into(), generation.as_ref()).await {
        Ok(_) => Ok(new.id),
        // Another run was first, or an earlier try of this very write.
        Err(error) if error.kind() == ErrorKind::Conflict => {
            read().await?.0.ok_or_else(|| Error::unavailable(format!("{STORE} changes while it is read")))
        }
        Err(error) => Err(error.context(STORE)),
    }
}

/// A run that is started once.
#[derive(Clone, Copy)]
pub(super) struct OneRun<'a> {
    pub(super) function: &'a str,
    pub(super) run_id: &'a str,
    pub(super) mode: Mode,
    pub(super) task: &'a TaskSettings,
    pub(super) warehouse: &'a WarehouseUrl,
}

/// The lease of a run that is started once, where its mode wants one. `store` opens the artifact store.
///
/// # Errors
/// `Conflict` where another process works on the same task, `Cancelled` where `stop` came first; what the store fails with.
pub(super) async fn take(
    store: impl FnOnce() -> Result<Arc<dyn ArtifactStore>>,
    run: OneRun<'_>,
    stop: &CancellationToken,
) -> Result<Option<(Lease, HeldLease)>> {
    let OneRun { function, run_id, mode, task, warehouse } = run;
    let name = match mode {
        Mode::Job => format!("runs/{function}/task-{}.json", task.cloud_run_task_index),
        Mode::Local if matches!(warehouse, WarehouseUrl::BigQuery { .. }) => {
            format!("runs/{function}/local-{run_id}.json")
        }
        Mode::Local | Mode::Http => return Ok(None),
    };
    let taken = async {
        let store = store()?;
        let held = HeldLease::new(Arc::clone(&store), name.clone()).await?;
        let number = task.cloud_run_task_attempt.get() as u32;
        let attempt = task.cloud_run_execution.clone().map(|execution| Attempt { execution, number });
        let terms = LeaseTerms { store, name, ttl: TTL, attempt };
        Ok::<_, Error>((wait_for(&terms, run_id, stop).await?, held))
    };
    match taken.await {
        Ok(taken) => Ok(Some(taken)),
        // It keeps nobody out, and tells only whether the run was killed.
        Err(error) if mode == Mode::Local && error.kind() != ErrorKind::Cancelled => {
            tracing::warn!(
                "this run holds no lease, so that its row stays `running` where it is killed: {}",
                error.chain()
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Takes the lease; where a run holds it, waits until that run's lease has expired or is renewed.
async fn wait_for(terms: &LeaseTerms, run_id: &str, stop: &CancellationToken) -> Result<Lease> {
    let mut first: Option<Holder> = None;
    let every = (terms.ttl / 30).max(Duration::from_millis(10));
    loop {
        let holder = match terms.acquire(run_id, Utc::now()).await? {
            Acquired::Ours(lease) => return Ok(lease),
            Acquired::Theirs(holder) => holder,
        };
        match &first {
            None => tracing::warn!(
                "run {} holds {} until {}: if it was killed, this one begins then",
                holder.run_id,
                terms.name,
                holder.expires_at
            ),
            Some(first) if *first == holder => {}
            Some(_) => return Err(is_held(&terms.name, &holder)),
        }
        first = Some(holder);
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return Err(Error::cancelled("asked to stop before the run began")),
        }
    }
}

fn is_held(name: &str, holder: &Holder) -> Error {
    let task = holder
        .attempt
        .as_ref()
        .map(|attempt| format!(" (execution {}, attempt {})", attempt.execution, attempt.number));
    Error::conflict(format!(
        "run {}{} is under way and holds {name}: wait for its end, or end it, and start this one again",
        holder.run_id,
        task.unwrap_or_default()
    ))
}

/// Lets the next run in, within the time that a stopped process has for that.
pub(super) async fn end(lease: Lease, mode: Mode, stop: &CancellationToken) {
    let ended = async {
        match mode {
            Mode::Local => lease.remove().await,
            Mode::Job | Mode::Http => lease.release(Utc::now()).await,
        }
    };
    match within(stop, RELEASE, ended).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!("the lease was not released and will expire: {}", error.chain()),
        None => tracing::warn!("the lease was not released within {RELEASE:?} and will expire"),
    }
}

#[cfg(test)]
mod tests {
    use common_core::rooms;
    use common_core::settings::from_variables;
    use common_storage::settings::StorageSettings;

    use super::*;
    use crate::lease::tests::MemoryStore;

    const BIGQUERY: (&str, &str) = ("WAREHOUSE_URL", "bigquery://project/dataset");

    rooms! {
        struct Told {
            pub task: TaskSettings,
            pub storage: StorageSettings,
        }
    }

    fn told(variables: &[(&str, &str)]) -> Told {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        from_variables(variables).unwrap()
    }

    impl Told {
        fn run<'a>(&'a self, run_id: &'a str, mode: Mode) -> OneRun<'a> {
            OneRun { function: "f", run_id, mode, task: &self.task, warehouse: &self.storage.warehouse_url }
        }
    }

    async fn take(
        store: &Arc<MemoryStore>,
        told: &Told,
        run_id: &str,
        mode: Mode,
    ) -> Option<(Lease, HeldLease)> {
        let store: Arc<dyn ArtifactStore> = store.clone();
        super::take(|| Ok(store), told.run(run_id, mode), &CancellationToken::new()).await.unwrap()
    }

    async fn is_lost(by: &HeldLease, of: &HeldLease, run_id: &str) -> bool {
        by.is_lost(of.place(), run_id).await.unwrap()
    }

    #[tokio::test]
    async fn every_mode_has_its_lease() {
        let store = Arc::default();
        let (laptop, cloud) =
            (told(&[]), told(&[BIGQUERY, ("CLOUD_RUN_TASK_INDEX", "3"), ("CLOUD_RUN_TASK_COUNT", "8")]));
        assert!(take(&store, &laptop, "a", Mode::Local).await.is_none(), "the file is locked");
        for (mode, name) in [(Mode::Local, "runs/f/local-a.json"), (Mode::Job, "runs/f/task-3.json")] {
            let (_, held) = take(&store, &cloud, "a", mode).await.unwrap();
            assert_eq!(held.place().name, name);
        }
    }

    #[tokio::test]
    async fn a_run_is_lost_once_it_holds_its_lease_no_longer() {
        let store = Arc::default();
        let cloud = told(&[BIGQUERY]);
        let (task, first) = take(&store, &cloud, "first", Mode::Job).await.unwrap();
        let (local, second) = take(&store, &cloud, "second", Mode::Local).await.unwrap();
        assert_eq!(first.place().store, second.place().store);
        assert!(!is_lost(&first, &second, "second").await && !is_lost(&second, &first, "first").await);
        assert!(is_lost(&second, &first, "an earlier one").await, "another run has its lease");
        let stop = CancellationToken::new();
        end(task, Mode::Job, &stop).await;
        end(local, Mode::Local, &stop).await;
        assert!(is_lost(&second, &first, "first").await && is_lost(&first, &second, "second").await);
        let (_, elsewhere) = take(&Arc::default(), &cloud, "third", Mode::Job).await.unwrap();
        assert_ne!(elsewhere.place().store, first.place().store);
        assert!(!is_lost(&elsewhere, &first, "first").await, "nothing is known of another store's leases");
    }

    #[tokio::test]
    async fn a_task_waits_for_one_that_was_killed_and_is_refused_by_one_that_lives() {
        let store = Arc::new(MemoryStore::default());
        let terms = |execution: &str, ttl_ms: u64| LeaseTerms {
            store: Arc::<MemoryStore>::clone(&store),
            name: "runs/f/task-0.json".into(),
            ttl: Duration::from_millis(ttl_ms),
            attempt: Some(Attempt { execution: execution.into(), number: 0 }),
        };
        let stop = CancellationToken::new();
        drop(terms("monday", 50).acquire("killed", Utc::now()).await.unwrap().ours());
        let mut lease = wait_for(&terms("tuesday", 3000), "waited", &stop).await.unwrap();
        let terms = terms("wednesday", 3000);
        let refused = tokio::select! {
            () = lease.keep() => panic!("the lease was lost"),
            refused = wait_for(&terms, "refused", &stop) => refused.err().unwrap(),
        };
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        let sentence = refused.to_string();
        assert!(sentence.contains("run waited (execution tuesday, attempt 0)"), "{sentence}");
        assert!(sentence.contains("runs/f/task-0.json"), "{sentence}");
        lease.renew(Utc::now() + chrono::TimeDelta::hours(1)).await.unwrap();
        stop.cancel();
        let stopped = wait_for(&terms, "stopped", &stop).await.err().unwrap();
        assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn a_store_that_is_down_stops_a_task_and_no_local_run() {
        let store = Arc::new(MemoryStore::default());
        *store.is_down.lock().unwrap() = true;
        assert!(take(&store, &told(&[BIGQUERY]), "local", Mode::Local).await.is_none());
        let (stop, down) = (CancellationToken::new(), Arc::clone(&store));
        let refused = super::take(|| Ok(down), told(&[]).run("task", Mode::Job), &stop).await;
        assert_eq!(refused.err().unwrap().kind(), ErrorKind::Unavailable);
    }
}
