use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use common_storage::artifacts::{Facts, Reading};
use futures::{StreamExt, stream};
use proptest::prelude::*;

use super::*;

/// A store in memory that can simulate the failures of a bucket.
#[derive(Default)]
pub(crate) struct MemoryStore {
    objects: Mutex<BTreeMap<String, (Bytes, u64)>>,
    /// The next write succeeds, but its acknowledgement is lost and the retry conflicts with it.
    pub(crate) loses_acknowledgement: Mutex<bool>,
    /// Whether every call fails.
    pub(crate) is_down: Mutex<bool>,
}

impl MemoryStore {
    fn check(&self) -> Result<()> {
        if *self.is_down.lock().unwrap() { Err(Error::unavailable("the bucket is down")) } else { Ok(()) }
    }
}

#[async_trait]
impl ArtifactStore for MemoryStore {
    async fn get(&self, name: &str) -> Result<Option<(Bytes, Generation)>> {
        tokio::task::yield_now().await;
        self.check()?;
        let objects = self.objects.lock().unwrap();
        Ok(objects.get(name).map(|(bytes, generation)| (bytes.clone(), Generation(generation.to_string()))))
    }

    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation> {
        tokio::task::yield_now().await;
        self.check()?;
        let mut objects = self.objects.lock().unwrap();
        let current = objects.get(name).map(|(_, generation)| *generation);
        if current.map(|generation| Generation(generation.to_string())).as_ref() != expected {
            return Err(Error::conflict(format!("{name} has changed")));
        }
        let next = current.unwrap_or(0) + 1;
        objects.insert(name.to_owned(), (bytes, next));
        if std::mem::take(&mut *self.loses_acknowledgement.lock().unwrap()) {
            return Err(Error::conflict("the retry met the first attempt"));
        }
        Ok(Generation(next.to_string()))
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.check()?;
        self.objects.lock().unwrap().remove(name);
        Ok(())
    }

    async fn put_new(&self, name: &str, file: &Path) -> Result<Generation> {
        self.compare_and_set(name, std::fs::read(file)?.into(), None).await
    }

    async fn read(&self, name: &str) -> Result<Option<Reading>> {
        let Some((bytes, generation)) = self.get(name).await? else { return Ok(None) };
        let facts = Facts { name: name.to_owned(), size_bytes: bytes.len() as u64, generation };
        Ok(Some(Reading { facts, chunks: stream::iter([Ok(bytes)]).boxed() }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Facts>> {
        self.check()?;
        let objects = self.objects.lock().unwrap();
        let found = objects.iter().filter(|(name, _)| name.starts_with(prefix));
        let facts = found.map(|(name, (bytes, generation))| Facts {
            name: name.clone(),
            size_bytes: bytes.len() as u64,
            generation: Generation(generation.to_string()),
        });
        Ok(facts.collect())
    }
}

fn terms(store: &Arc<MemoryStore>) -> LeaseTerms {
    let store = Arc::<MemoryStore>::clone(store);
    LeaseTerms { store, name: "runs/f/lease.json".into(), ttl: TTL, attempt: None }
}

/// The terms of attempt `number` of a task in `execution`.
fn task(store: &Arc<MemoryStore>, execution: &str, number: u32) -> LeaseTerms {
    LeaseTerms { attempt: Some(Attempt { execution: execution.into(), number }), ..terms(store) }
}

fn at(second: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

impl Acquired {
    pub(crate) fn granted(self) -> Lease {
        match self {
            Self::Granted(lease) => lease,
            Self::Held(holder) => panic!("held by {holder:?}"),
        }
    }

    fn holder_id(self) -> String {
        match self {
            Self::Granted(_) => panic!("the lease was free"),
            Self::Held(holder) => holder.run_id,
        }
    }
}

#[tokio::test]
async fn a_held_lease_names_its_holder_and_a_released_lease_can_be_acquired() {
    let terms = terms(&Arc::default());
    let first = terms.acquire("first", at(0)).await.unwrap().granted();
    assert_eq!(terms.acquire("second", at(59)).await.unwrap().holder_id(), "first");
    first.release(at(59)).await.unwrap();
    terms.acquire("second", at(59)).await.unwrap().granted();
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_renewal_by_the_old_holder_fails() {
    let terms = terms(&Arc::default());
    let mut first = terms.acquire("first", at(0)).await.unwrap().granted();
    assert!(first.renew(at(50)).await.unwrap());
    assert_eq!(terms.acquire("second", at(109)).await.unwrap().holder_id(), "first");
    let second = terms.acquire("second", at(110)).await.unwrap().granted();
    assert!(!first.renew(at(111)).await.unwrap());
    first.release(at(112)).await.unwrap();
    assert_eq!(
        terms.acquire("third", at(113)).await.unwrap().holder_id(),
        "second",
        "only the holder releases the lease"
    );
    second.release(at(114)).await.unwrap();
}

#[tokio::test]
async fn a_task_takes_over_only_from_its_own_earlier_attempt() {
    let store = Arc::default();
    let mut killed = task(&store, "monday", 0).acquire("killed", at(0)).await.unwrap().granted();
    for (execution, number) in [("tuesday", 1), ("monday", 0)] {
        let other = task(&store, execution, number).acquire("other", at(1)).await.unwrap();
        assert_eq!(other.holder_id(), "killed", "{execution}, attempt {number}");
    }
    assert_eq!(terms(&store).acquire("no task", at(1)).await.unwrap().holder_id(), "killed");
    let again = task(&store, "monday", 1).acquire("again", at(1)).await.unwrap().granted();
    assert!(!killed.renew(at(2)).await.unwrap(), "renewal by the earlier attempt fails");
    assert_eq!(task(&store, "monday", 0).acquire("late", at(2)).await.unwrap().holder_id(), "again");
    again.release(at(3)).await.unwrap();
    task(&store, "tuesday", 0).acquire("tuesday", at(3)).await.unwrap().granted();
}

#[tokio::test]
async fn an_expired_lease_can_be_renewed_if_no_other_run_took_it() {
    let terms = terms(&Arc::default());
    let mut lease = terms.acquire("first", at(0)).await.unwrap().granted();
    assert!(lease.renew(at(1_000)).await.unwrap());
}

#[tokio::test]
async fn a_lost_acknowledgement_does_not_lose_the_lease() {
    let store = Arc::new(MemoryStore::default());
    let terms = terms(&store);
    *store.loses_acknowledgement.lock().unwrap() = true;
    let mut lease = terms.acquire("first", at(0)).await.unwrap().granted();
    *store.loses_acknowledgement.lock().unwrap() = true;
    assert!(lease.renew(at(20)).await.unwrap());
    *store.loses_acknowledgement.lock().unwrap() = true;
    lease.release(at(30)).await.unwrap();
    terms.acquire("second", at(31)).await.unwrap().granted();
}

#[tokio::test]
async fn an_object_that_is_not_a_lease_is_overwritten() {
    let store = Arc::new(MemoryStore::default());
    store.compare_and_set("runs/f/lease.json", Bytes::from_static(b"{\"run_id\": "), None).await.unwrap();
    terms(&store).acquire("first", at(0)).await.unwrap().granted();
}

#[tokio::test]
async fn an_unavailable_store_is_an_error() {
    let store = Arc::new(MemoryStore::default());
    let mut lease = terms(&store).acquire("first", at(0)).await.unwrap().granted();
    *store.is_down.lock().unwrap() = true;
    let error = terms(&store).acquire("second", at(100)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(lease.renew(at(20)).await.unwrap_err().kind(), ErrorKind::Unavailable);
    *store.is_down.lock().unwrap() = false;
    assert!(lease.renew(at(40)).await.unwrap(), "the outage did not cost the lease");
}

#[tokio::test]
async fn keep_renews_until_another_run_has_the_lease() {
    let store = Arc::new(MemoryStore::default());
    let terms = LeaseTerms { ttl: Duration::from_millis(90), ..terms(&store) };
    let mut lease = terms.acquire("first", Utc::now()).await.unwrap().granted();
    let kept = tokio::time::timeout(Duration::from_millis(400), lease.keep()).await;
    assert!(kept.is_err(), "the lease is kept for several times its TTL");
    assert_eq!(terms.acquire("second", Utc::now()).await.unwrap().holder_id(), "first");
    let far = Utc::now() + TimeDelta::seconds(60);
    terms.acquire("second", far).await.unwrap().granted();
    tokio::time::timeout(Duration::from_secs(5), lease.keep()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exactly_one_of_many_concurrent_runs_acquires_the_lease() {
    for round in 0..50 {
        let terms = terms(&Arc::default());
        if round % 2 == 1 {
            // The runs compete for an expired lease.
            terms.acquire("dead", at(-100)).await.unwrap().granted();
        }
        let attempts = futures::future::join_all((0..4).map(|run| {
            let terms = terms.clone();
            tokio::spawn(async move { terms.acquire(&format!("run {run}"), at(0)).await.unwrap() })
        }))
        .await;
        let (mut granted, mut holders) = (Vec::new(), Vec::new());
        for acquired in attempts {
            match acquired.unwrap() {
                Acquired::Granted(lease) => granted.push(lease.holder.run_id),
                Acquired::Held(holder) => holders.push(holder.run_id),
            }
        }
        assert_eq!(granted.len(), 1);
        assert!(holders.iter().all(|run| *run == granted[0]), "the others get the id of the holder");
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Acquire(usize),
    Renew(usize),
    Release(usize),
}

fn step() -> impl Strategy<Value = (Step, i64)> {
    let run = 0..3_usize;
    let step = prop_oneof![
        run.clone().prop_map(Step::Acquire),
        run.clone().prop_map(Step::Renew),
        run.prop_map(Step::Release)
    ];
    (step, 0..40_i64)
}

proptest! {
    /// Compares the lease with a model: the holder and the expiry time.
    #[test]
    fn a_lease_has_at_most_one_holder(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let terms = terms(&Arc::default());
            let mut leases: [Option<Lease>; 3] = [None, None, None];
            let (mut now, mut attempt) = (0, 0);
            let mut model: Option<(usize, i64)> = None;
            for (step, passed) in steps {
                now += passed;
                attempt += 1;
                match step {
                    Step::Acquire(run) => {
                        let is_free = model.is_none_or(|(_, until)| now >= until);
                        match terms.acquire(&format!("{run}.{attempt}"), at(now)).await.unwrap() {
                            Acquired::Granted(lease) => {
                                assert!(is_free);
                                leases[run] = Some(lease);
                                model = Some((run, now + 60));
                            }
                            Acquired::Held(holder) => {
                                assert!(!is_free);
                                assert!(holder.run_id.starts_with(&model.unwrap().0.to_string()));
                            }
                        }
                    }
                    Step::Renew(run) => if let Some(lease) = &mut leases[run] {
                        let is_holder = model.is_some_and(|(holder, _)| holder == run);
                        assert_eq!(lease.renew(at(now)).await.unwrap(), is_holder);
                        if is_holder {
                            model = Some((run, now + 60));
                        }
                    },
                    Step::Release(run) => if let Some(lease) = leases[run].take() {
                        lease.release(at(now)).await.unwrap();
                        model = model.filter(|(holder, _)| *holder != run);
                    },
                }
            }
        });
    }
}
