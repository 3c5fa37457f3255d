//! Between threads that block (files, arithmetic) and the runtime: bounded channels that tell an end from a crash.
//! The threads are the runtime's blocking ones, so that its shutdown waits for them to clean up.

use common::storage::warehouse::Cell;
use common::{Error, Result};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task;

/// Batches that may wait between two threads.
const DEPTH: usize = 2;

/// Runs `produce` on a thread of its own; what it passes to its argument comes out of the stream.
///
/// The stream ends without an error only after `produce` returned `Ok`: a thread that panics must not look like the
/// end of a file. Its value comes out of the second half.
pub(crate) fn from_thread<T, V>(
    produce: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<V> + Send + 'static,
) -> (BoxStream<'static, Result<T>>, oneshot::Receiver<V>)
where
    T: Send + 'static,
    V: Send + 'static,
{
    let (sender, receiver) = mpsc::channel::<Result<Option<T>>>(DEPTH);
    let (value_sender, value) = oneshot::channel();
    let work = move || {
        let mut emit = |batch| {
            // Nobody listens any more: the reader of the stream has its reason and reports it.
            sender.blocking_send(Ok(Some(batch))).map_err(|_| Error::cancelled("nobody reads on"))
        };
        let last = produce(&mut emit).map(|value| {
            let _ = value_sender.send(value);
            None
        });
        let _ = sender.blocking_send(last);
    };
    task::spawn_blocking(work);
    let stream = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Ok(Some(batch))) => Some((Ok(batch), Some(receiver))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(Error::internal("a reading thread ended early")), None)),
        }
    });
    (stream.boxed(), value)
}

/// Rows on their way to a thread that writes them.
type Page = Vec<Vec<Cell>>;

/// Feeds `pages` to `consume` on a thread of its own.
///
/// `consume` gets `None` once, after the last page and only if there was no error: that is where it makes its work
/// final. Returns what it then returned.
pub(crate) async fn into_thread<V: Send + 'static>(
    mut pages: BoxStream<'static, Result<Page>>,
    mut consume: impl FnMut(Option<Page>) -> Result<Option<V>> + Send + 'static,
) -> Result<V> {
    let (sender, mut receiver) = mpsc::channel::<Option<Page>>(DEPTH);
    let (value_sender, value) = oneshot::channel();
    let work = move || {
        let outcome = loop {
            match receiver.blocking_recv().map(&mut consume) {
                Some(Ok(None)) => {}
                Some(Ok(Some(value))) => break Ok(value),
                Some(Err(error)) => break Err(error),
                None => break Err(Error::cancelled("the rows ended early")),
            }
        };
        // What `consume` holds (a temporary file) is cleaned up before anybody hears of the outcome.
        drop(consume);
        let _ = value_sender.send(outcome);
    };
    task::spawn_blocking(work);
    let mut failure = None;
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                if sender.send(Some(page)).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    if failure.is_none() {
        // Where the thread has stopped already, its own outcome says why.
        let _ = sender.send(None).await;
    }
    drop(sender);
    let outcome = value.await.unwrap_or_else(|_| Err(Error::internal("a writing thread ended early")));
    failure.map_or(outcome, Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    #[test]
    fn a_thread_that_panics_is_not_the_end_of_a_file() {
        runtime().block_on(async {
            let (stream, _) = from_thread::<u8, ()>(|emit| {
                emit(1)?;
                panic!("on purpose");
            });
            let items: Vec<_> = stream.collect().await;
            assert_eq!(items.len(), 2);
            assert!(items[1].is_err());
        });
    }

    #[test]
    fn the_value_follows_the_last_batch() {
        runtime().block_on(async {
            let (stream, value) = from_thread(|emit| {
                (0..5).try_for_each(&mut *emit)?;
                Ok("done")
            });
            assert_eq!(stream.collect::<Vec<_>>().await.len(), 5);
            assert_eq!(value.await.unwrap(), "done");
        });
    }

    #[test]
    fn nothing_is_made_final_after_an_error() {
        runtime().block_on(async {
            let pages = stream::iter([Ok(vec![vec![Cell::Null]]), Err(Error::internal("broken"))]);
            let outcome = into_thread(pages.boxed(), |page| match page {
                Some(_) => Ok(None),
                None => Ok(Some(())),
            });
            assert_eq!(outcome.await.unwrap_err().to_string(), "broken");
        });
    }

    #[test]
    fn a_writers_error_comes_back() {
        runtime().block_on(async {
            let pages = stream::iter((0..50).map(|_| Ok(vec![vec![Cell::Null]])));
            let outcome = into_thread::<()>(pages.boxed(), |_| Err(Error::exhausted("the disk is full")));
            assert_eq!(outcome.await.unwrap_err().to_string(), "the disk is full");
        });
    }
}
