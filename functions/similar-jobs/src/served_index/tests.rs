use super::*;
use crate::testing::{Store, market};

fn follow(store: &Arc<Store>) -> (ServedIndex, CancellationToken, Arc<Metrics>) {
    let (shutdown, metrics) = (CancellationToken::new(), Arc::<Metrics>::default());
    let follower = Follower {
        source: Arc::clone(store) as Arc<dyn IndexSource>,
        every: Duration::from_millis(2),
        deadline: Duration::from_millis(20),
        metrics: Arc::clone(&metrics),
        shutdown: shutdown.clone(),
    };
    (follower.start(), shutdown, metrics)
}

async fn serves(current: &ServedIndex, version: &str) {
    while current.now().is_none_or(|served| served.index.manifest().version != version) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn detail(problem: Option<Problem>) -> String {
    let problem = problem.expect("a problem");
    assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
    problem.members()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_waits_for_the_first_index_and_keeps_the_one_it_got() {
    let store = Store::with(market("v1"));
    let (current, _, _) = follow(&store);
    assert!(detail(current.unready()).contains("being opened"));
    let first = current.get().await.unwrap();
    assert_eq!(first.index.manifest().version, "v1");
    assert!(current.unready().is_none());
    store.publish(market("v2"));
    serves(&current, "v2").await;
    let etag = current.get().await.unwrap().etag.clone().unwrap();
    assert!(etag.to_str().unwrap().starts_with("\"v2-0-"), "{etag:?}");
    assert_eq!(first.index.manifest().version, "v1");
    let weak = Arc::downgrade(&first);
    drop(first);
    while weak.strong_count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn without_an_index_the_remedy_is_named_and_one_that_comes_later_is_served() {
    let store = Arc::<Store>::default();
    let (current, _, _) = follow(&store);
    assert_eq!(detail(current.get().await.err()), "there is no index yet: run `build-vector-index`");
    assert!(detail(current.unready()).contains("build-vector-index"));
    store.publish(market("v1"));
    serves(&current, "v1").await;
}

#[tokio::test]
async fn a_store_that_fails_leaves_the_old_index_serving_and_nothing_at_start() {
    for failure in ["the store is out of reach", "panic"] {
        let store = Arc::<Store>::default();
        *store.failure.lock().unwrap() = Some(failure);
        let (current, _, metrics) = follow(&store);
        assert!(detail(current.get().await.err()).starts_with("no index could be opened"));
        *store.failure.lock().unwrap() = None;
        store.publish(market("v1"));
        serves(&current, "v1").await;
        *store.failure.lock().unwrap() = Some(failure);
        store.publish(market("v2"));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(current.get().await.unwrap().index.manifest().version, "v1");
        assert!(!metrics.render(None, 0).contains("similar_jobs_index_opened_total{result=\"failed\"} 0"));
        *store.failure.lock().unwrap() = None;
        serves(&current, "v2").await;
    }
}

#[tokio::test]
async fn what_is_served_outlives_the_search_for_newer_ones() {
    let store = Store::with(market("v1"));
    let (current, shutdown, _) = follow(&store);
    serves(&current, "v1").await;
    shutdown.cancel();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(current.get().await.unwrap().index.manifest().version, "v1");
}
