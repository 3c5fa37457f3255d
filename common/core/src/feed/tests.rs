use std::thread;

use super::*;
use crate::error::ErrorKind;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn numbers(count: u8) -> impl Stream<Item = Result<u8>> {
    stream::iter((0..count).map(Ok))
}

#[test]
fn a_panic_of_the_thread_is_an_error_of_the_stream() {
    runtime().block_on(async {
        let (items, value) = from_thread::<u8, ()>("reading ads from jobs.duckdb", 1, |emit| {
            emit(1)?;
            panic!("no row {}", 7);
        });
        let items: Vec<_> = items.collect().await;
        assert_eq!(items.len(), 2);
        let error = items[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        let expected = "reading ads from jobs.duckdb stopped before the end: no row 7";
        assert_eq!(error.to_string(), expected);
        assert!(value.await.is_err());
    });
}

#[test]
fn the_value_follows_the_last_item() {
    runtime().block_on(async {
        let (items, value) = from_thread("counting", 2, |emit| {
            (0..5).try_for_each(&mut *emit)?;
            Ok("done")
        });
        assert_eq!(items.collect::<Vec<_>>().await.len(), 5);
        assert_eq!(value.await.unwrap(), "done");
    });
}

#[test]
fn an_error_of_the_thread_is_the_last_item() {
    runtime().block_on(async {
        let (items, _) = from_thread::<u8, ()>("reading", 2, |emit| {
            emit(1)?;
            Err(Error::corrupt("row 2 is damaged"))
        });
        let items: Vec<_> = items.collect().await;
        assert_eq!(items[1].as_ref().unwrap_err().to_string(), "row 2 is damaged");
    });
}

#[test]
fn a_stream_ends_after_all_producers_and_fails_if_one_panics() {
    let (first, items) = channel::<u8>("embedding", 9);
    let second = first.clone();
    first.send_blocking(1).unwrap();
    first.end(Ok(()));
    second.send_blocking(2).unwrap();
    let died = thread::spawn(move || {
        let _held = second;
        panic!("on purpose");
    });
    assert!(died.join().is_err());
    let other = items.clone();
    assert_eq!((items.next_blocking().unwrap(), items.next_blocking().unwrap()), (Some(1), Some(2)));
    for consumer in [items, other] {
        let error = consumer.next_blocking().unwrap_err();
        assert!(error.to_string().starts_with("embedding stopped before the end"), "{error}");
    }
}

#[test]
fn every_consumer_receives_the_end() {
    let (sender, items) = channel::<u8>("planning", 1);
    sender.end(Ok(()));
    for consumer in [items.clone(), items] {
        assert_eq!(consumer.next_blocking().unwrap(), None);
    }
}

#[test]
fn sending_fails_without_receivers() {
    let (sender, items) = channel::<u8>("planning", 1);
    drop(items);
    assert_eq!(sender.send_blocking(1), Err(Unread));
}

fn sum(items: &Receiver<u8>) -> Result<u32> {
    let mut sum = 0;
    while let Some(item) = items.next_blocking()? {
        sum += u32::from(item);
    }
    Ok(sum)
}

#[test]
fn an_error_of_the_stream_prevents_the_end() {
    runtime().block_on(async {
        assert_eq!(into_thread("adding", 2, numbers(5), sum).await.unwrap(), 10);
        let broken = numbers(5).chain(stream::iter([Err(Error::corrupt("broken"))]));
        assert_eq!(into_thread("adding", 2, broken, sum).await.unwrap_err().to_string(), "broken");
    });
}

#[test]
fn an_error_of_the_work_is_returned_and_ends_the_stream() {
    runtime().block_on(async {
        let full = |_: &Receiver<u8>| Err::<(), _>(Error::exhausted("the disk is full"));
        let endless = stream::iter((0..=u8::MAX).cycle().map(Ok));
        let error = into_thread("writing", 2, endless, full).await.unwrap_err();
        assert_eq!(error.to_string(), "the disk is full");
    });
}

#[test]
fn a_panic_of_the_work_is_an_error() {
    runtime().block_on(async {
        let panics = |_: &Receiver<u8>| -> Result<()> { panic!("no room") };
        let error = into_thread("writing ads.csv", 2, numbers(50), panics).await.unwrap_err();
        assert_eq!(error.to_string(), "writing ads.csv stopped before the end: no room");
        let error = caught_async("planning", async { panic!("here") as Result<()> }).await.unwrap_err();
        assert_eq!(error.to_string(), "planning stopped before the end: here");
    });
}
