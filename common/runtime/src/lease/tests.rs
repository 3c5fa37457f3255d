use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use common_storage::artifacts::{Facts, Reading};
use proptest::prelude::*;

use super::*;

/// Objects in memory, with the faults that a bucket can have.
#[derive(Default)]
pub(crate) struct MemoryStore {
    objects: Mutex<BTreeMap<String, (Bytes, u64)>>,
    /// The next write is done, but its acknowledgement is lost and the client's retry meets its own write.
    pub(crate) loses_acknowledgement: Mutex<bool>,
    /// Every call fails.
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

    async fn put_new(&self, _: &str, _: &Path) -> Result<Generation> {
        unimplemented!("a lease is never a file")
    }

    async fn read(&self, _: &str) -> Result<Option<Reading>> {
        unimplemented!("a lease is never streamed")
    }

    async fn list(&self, _: &str) -> Result<Vec<Facts>> {
        unimplemented!("leases are not listed")
    }
}

fn terms(store: &Arc<MemoryStore>) -> LeaseTerms {
    let store = Arc::<MemoryStore>::clone(store);
    LeaseTerms { store, name: "runs/f/lease.json".into(), ttl: TTL, attempt: None }
}

/// The terms of try `number` of a task in `execution`.
fn task(store: &Arc<MemoryStore>, execution: &str, number: u32) -> LeaseTerms {
    LeaseTerms { attempt: Some(Attempt { execution: execution.into(), number }), ..terms(store) }
}

fn at(second: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

impl Acquired {
    pub(crate) fn ours(self) -> Lease {
        match self {
            Self::Ours(lease) => lease,
            Self::Theirs(holder) => panic!("held by {holder:?}"),
        }
    }

    fn theirs(self) -> String {
        match self {
            Self::Ours(_) => panic!("nobody held it"),
            Self::Theirs(holder) => holder.run_id,
        }
    }
}

#[tokio::test]
async fn a_held_lease_names_its_holder_and_a_released_one_lets_the_next_in() {
    let terms = terms(&Arc::default());
    let first = terms.acquire("first", at(0)).await.unwrap().ours();
    assert_eq!(terms.acquire("second", at(59)).await.unwrap().theirs(), "first");
    first.release(at(59)).await.unwrap();
    terms.acquire("second", at(59)).await.unwrap().ours();
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_its_old_holder_notices() {
    let terms = terms(&Arc::default());
    let mut first = terms.acquire("first", at(0)).await.unwrap().ours();
    assert!(first.renew(at(50)).await.unwrap());
    assert_eq!(terms.acquire("second", at(109)).await.unwrap().theirs(), "first");
    let second = terms.acquire("second", at(110)).await.unwrap().ours();
    assert!(!first.renew(at(111)).await.unwrap());
    first.release(at(112)).await.unwrap();
    assert_eq!(
        terms.acquire("third", at(113)).await.unwrap().theirs(),
        "second",
        "only its holder releases it"
    );
    second.release(at(114)).await.unwrap();
}

#[tokio::test]
async fn a_task_takes_over_from_its_own_earlier_try_and_from_no_other() {
    let store = Arc::default();
    let mut killed = task(&store, "monday", 0).acquire("killed", at(0)).await.unwrap().ours();
    for (execution, number) in [("tuesday", 1), ("monday", 0)] {
        let other = task(&store, execution, number).acquire("other", at(1)).await.unwrap();
        assert_eq!(other.theirs(), "killed", "{execution}, try {number}");
    }
    assert_eq!(terms(&store).acquire("no task", at(1)).await.unwrap().theirs(), "killed");
    let again = task(&store, "monday", 1).acquire("again", at(1)).await.unwrap().ours();
    assert!(!killed.renew(at(2)).await.unwrap(), "a try that was not dead notices");
    assert_eq!(task(&store, "monday", 0).acquire("late", at(2)).await.unwrap().theirs(), "again");
    again.release(at(3)).await.unwrap();
    task(&store, "tuesday", 0).acquire("tuesday", at(3)).await.unwrap().ours();
}

#[tokio::test]
async fn an_expired_lease_that_nobody_took_is_still_ours() {
    let terms = terms(&Arc::default());
    let mut lease = terms.acquire("first", at(0)).await.unwrap().ours();
    assert!(lease.renew(at(1_000)).await.unwrap());
}

#[tokio::test]
async fn a_lost_acknowledgement_does_not_lose_the_lease() {
    let store = Arc::new(MemoryStore::default());
    let terms = terms(&store);
    *store.loses_acknowledgement.lock().unwrap() = true;
    let mut lease = terms.acquire("first", at(0)).await.unwrap().ours();
    *store.loses_acknowledgement.lock().unwrap() = true;
    assert!(lease.renew(at(20)).await.unwrap());
    *store.loses_acknowledgement.lock().unwrap() = true;
    lease.release(at(30)).await.unwrap();
    terms.acquire("second", at(31)).await.unwrap().ours();
}

#[tokio::test]
async fn an_object_that_is_no_lease_stands_in_nobodys_way() {
    let store = Arc::new(MemoryStore::default());
    store.compare_and_set("runs/f/lease.json", Bytes::from_static(b"{\"run_id\": "), None).await.unwrap();
    terms(&store).acquire("first", at(0)).await.unwrap().ours();
}

#[tokio::test]
async fn a_store_that_is_down_is_an_error_and_not_a_lease() {
    let store = Arc::new(MemoryStore::default());
    let mut lease = terms(&store).acquire("first", at(0)).await.unwrap().ours();
    *store.is_down.lock().unwrap() = true;
    let error = terms(&store).acquire("second", at(100)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(lease.renew(at(20)).await.unwrap_err().kind(), ErrorKind::Unavailable);
    *store.is_down.lock().unwrap() = false;
    assert!(lease.renew(at(40)).await.unwrap(), "the outage did not cost the lease");
}

#[tokio::test]
async fn keep_renews_until_somebody_else_has_the_lease() {
    let store = Arc::new(MemoryStore::default());
    let terms = LeaseTerms { ttl: Duration::from_millis(90), ..terms(&store) };
    let mut lease = terms.acquire("first", Utc::now()).await.unwrap().ours();
    let kept = tokio::time::timeout(Duration::from_millis(400), lease.keep()).await;
    assert!(kept.is_err(), "kept for several times its length");
    assert_eq!(terms.acquire("second", Utc::now()).await.unwrap().theirs(), "first");
    let far = Utc::now() + TimeDelta::seconds(60);
    terms.acquire("second", far).await.unwrap().ours();
    tokio::time::timeout(Duration::from_secs(5), lease.keep()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_ask_at_once_exactly_one_gets_it() {
    for round in 0..50 {
        let terms = terms(&Arc::default());
        if round % 2 == 1 {
            // An expired lease is what they race for.
            terms.acquire("dead", at(-100)).await.unwrap().ours();
        }
        let asked = futures::future::join_all((0..4).map(|run| {
            let terms = terms.clone();
            tokio::spawn(async move { terms.acquire(&format!("run {run}"), at(0)).await.unwrap() })
        }))
        .await;
        let (mut ours, mut named) = (Vec::new(), Vec::new());
        for acquired in asked {
            match acquired.unwrap() {
                Acquired::Ours(lease) => ours.push(lease.holder.run_id),
                Acquired::Theirs(holder) => named.push(holder.run_id),
            }
        }
        assert_eq!(ours.len(), 1);
        assert!(named.iter().all(|run| *run == ours[0]), "the others learn who has it");
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
    /// The lease against a model of three lines: who holds it, and until when.
    #[test]
    fn never_two_holders(steps in prop::collection::vec(step(), 1..60)) {
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
                            Acquired::Ours(lease) => {
                                assert!(is_free);
                                leases[run] = Some(lease);
                                model = Some((run, now + 60));
                            }
                            Acquired::Theirs(holder) => {
                                assert!(!is_free);
                                assert!(holder.run_id.starts_with(&model.unwrap().0.to_string()));
                            }
                        }
                    }
                    Step::Renew(run) => if let Some(lease) = &mut leases[run] {
                        let is_ours = model.is_some_and(|(holder, _)| holder == run);
                        assert_eq!(lease.renew(at(now)).await.unwrap(), is_ours);
                        if is_ours {
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
