use std::time::Duration;

use super::*;
use crate::testing::{SPACE, Words, vector};

const LONG: Duration = Duration::from_mins(1);

fn texts(pause: Duration) -> (EmbedQueue, Arc<Metrics>) {
    let metrics = Arc::<Metrics>::default();
    (EmbedQueue::start(Words::open(pause), LONG, Arc::clone(&metrics)).unwrap(), metrics)
}

fn later(after: Duration) -> Instant {
    Instant::now() + after
}

fn count(metrics: &Metrics, result: &str) -> u64 {
    let name = format!("similar_jobs_embed_texts_total{{result=\"{result}\"}} ");
    let text = metrics.render(None, 0);
    text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

fn detail(problem: &Problem) -> &str {
    problem.members()["detail"].as_str().unwrap()
}

#[tokio::test]
async fn texts_of_many_requests_get_their_own_vectors() {
    let (texts, metrics) = texts(Duration::ZERO);
    let names: Vec<String> = (0..100).map(|number| format!("cook number {number}")).collect();
    let asked = names.iter().map(|name| texts.embed(name.clone(), SPACE, later(LONG)));
    for (name, found) in names.iter().zip(futures::future::join_all(asked).await) {
        assert_eq!(found.unwrap(), vector(name));
    }
    assert_eq!(count(&metrics, "embedded"), 100);
    let refused = texts.embed("untokenizable".into(), SPACE, later(LONG)).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    texts.close().await;
}

#[tokio::test]
async fn a_text_whose_request_has_ended_is_not_embedded() {
    let (texts, metrics) = texts(Duration::from_millis(30));
    texts.embed("first".into(), SPACE, later(LONG)).await.unwrap();
    let ask = |text: &str, deadline| texts.embed(text.into(), SPACE, later(deadline));
    // While the thread is busy with the first text, the second client disconnects and the third request's deadline
    // passes.
    let (slow, left, late) = tokio::join!(
        ask("slow", LONG),
        async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            tokio::time::timeout(Duration::from_millis(5), ask("left", LONG)).await
        },
        async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ask("late", Duration::ZERO).await
        }
    );
    assert!(slow.is_ok() && left.is_err() && late.is_err());
    texts.close().await;
    assert_eq!((count(&metrics, "embedded"), count(&metrics, "dropped")), (2, 2));
}

#[tokio::test]
async fn a_full_queue_refuses_texts_at_once() {
    let (texts, _) = texts(Duration::from_millis(1));
    texts.embed("first".into(), SPACE, later(LONG)).await.unwrap();
    let asked = (0..400).map(|number| texts.embed(format!("{number}"), SPACE, later(LONG)));
    let answers = futures::future::join_all(asked).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!((100..=400 - MOST_WAITING).contains(&refused.len()), "{}", refused.len());
    for problem in refused {
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(detail(problem), "the embedding queue is full (256 texts)");
    }
}

#[tokio::test]
async fn vectors_of_another_space_are_not_compared() {
    let (texts, _) = texts(Duration::ZERO);
    let problem = texts.embed("cook".into(), "sounds/2", later(LONG)).await.unwrap_err();
    assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        detail(&problem),
        "search by text is unavailable: the index holds vectors of sounds/2, and this service computes those of words/1"
    );
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_reported_to_clients() {
    let open: Open = Box::new(|| {
        std::thread::sleep(Duration::from_millis(20));
        Err(Error::not_found("model x is not in /secret"))
    });
    let texts = EmbedQueue::start(open, LONG, Arc::default()).unwrap();
    for _ in 0..2 {
        let problem = texts.embed("cook".into(), SPACE, later(LONG)).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(detail(&problem).starts_with("search by text is unavailable: the model could not be loaded"));
        assert!(!detail(&problem).contains("secret"));
    }
    texts.close().await;
    texts.close().await;
}

#[tokio::test]
async fn a_model_that_could_not_be_loaded_is_tried_again() {
    let mut tries = 0;
    let mut words = Words::open(Duration::ZERO);
    let open: Open = Box::new(move || {
        tries += 1;
        if tries < 3 { Err(Error::unavailable("no memory left")) } else { words() }
    });
    let texts = EmbedQueue::start(open, Duration::from_millis(1), Arc::default()).unwrap();
    let mut model = texts.model.clone();
    model.wait_for(|model| matches!(model, Model::Loaded(_))).await.unwrap();
    assert_eq!(texts.embed("cook".into(), SPACE, later(LONG)).await.unwrap(), vector("cook"));
    texts.close().await;
}

#[tokio::test]
async fn queued_texts_are_dropped_when_the_service_stops() {
    let (texts, metrics) = texts(Duration::from_millis(20));
    texts.embed("first".into(), SPACE, later(LONG)).await.unwrap();
    let asked = (0..100).map(|number| texts.embed(format!("{number}"), SPACE, later(LONG)));
    let started = Instant::now();
    let (answers, ()) = tokio::join!(futures::future::join_all(asked), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        texts.close().await;
    });
    assert!(answers.iter().any(Result::is_err) && count(&metrics, "dropped") > 0);
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_model_that_panics_is_loaded_again() {
    let (texts, _) = texts(Duration::ZERO);
    for _ in 0..2 {
        let ask = |text: &str| texts.embed(text.into(), SPACE, later(LONG));
        assert_eq!(ask("deadly").await.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask("cook").await.unwrap(), vector("cook"));
    }
    texts.close().await;
}
