//! Streams that a thread or task feeds, with an explicit end.
//!
//! A closed channel does not tell a producer that is done from one that died. Here a stream ends without an error only after every producer
//! has said [`Sender::end`] with `Ok`; one that is dropped without it, for example by a panic, is an error of kind `Internal` that names
//! what stopped. Threads are the runtime's blocking ones, so that its shutdown waits for them to clean up.
//!
//! - [`from_thread`]: a thread that blocks feeds a stream
//! - [`into_thread`]: a stream feeds a thread that blocks
//! - [`channel`]: both ends in the caller's hands, for any number of producers and consumers
//! - [`blocking`], [`caught`], [`caught_async`]: a panic becomes an error

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream};
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The consumers of a stream are gone, so that there is nothing left to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream is not read any more")
    }
}

impl std::error::Error for Unread {}

impl From<Unread> for Error {
    fn from(unread: Unread) -> Self {
        Self::cancelled(unread.to_string())
    }
}

/// What the ends of a channel know of each other.
#[derive(Debug)]
struct State {
    /// What its producers do, as the beginning of a sentence.
    what: String,
    failure: Mutex<Failure>,
}

#[derive(Debug, Default)]
enum Failure {
    #[default]
    None,
    /// Not told to a consumer yet.
    Untold(Error),
    Told,
}

impl State {
    fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*failure, Failure::None) {
            *failure = Failure::Untold(error);
        }
    }

    /// How the stream ended, once its channel is closed.
    fn end<T>(&self) -> Result<Option<T>> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failure {
            Failure::None => Ok(None),
            _ => match std::mem::replace(&mut *failure, Failure::Told) {
                Failure::Untold(error) => Err(error),
                _ => Err(stopped(&self.what, None)),
            },
        }
    }
}

/// A bounded channel of `depth` items whose producers do `what`, for example `reading ads`.
pub fn channel<T>(what: impl Into<String>, depth: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = async_channel::bounded(depth);
    let state = Arc::new(State { what: what.into(), failure: Mutex::default() });
    (
        Sender { items: sender, state: Arc::clone(&state), has_ended: false },
        Receiver { items: receiver, state },
    )
}

/// Feeds a stream. Every clone must come to its own [`Sender::end`].
#[derive(Debug)]
pub struct Sender<T> {
    items: async_channel::Sender<T>,
    state: Arc<State>,
    has_ended: bool,
}

impl<T> Sender<T> {
    /// Sends one item.
    ///
    /// # Errors
    /// [`Unread`] where the consumers are gone.
    pub async fn send(&self, item: T) -> Result<(), Unread> {
        self.items.send(item).await.map_err(|_| Unread)
    }

    /// Sends one item from a thread that may block.
    ///
    /// # Errors
    /// [`Unread`] where the consumers are gone.
    pub fn send_blocking(&self, item: T) -> Result<(), Unread> {
        self.items.send_blocking(item).map_err(|_| Unread)
    }

    /// Says that this producer is done, or why it cannot go on.
    pub fn end(mut self, outcome: Result<()>) {
        self.has_ended = true;
        if let Err(error) = outcome {
            self.fail(error);
        }
    }

    /// The first failure ends the stream, behind what has been sent already.
    fn fail(&self, error: Error) {
        self.state.fail(error);
        self.items.close();
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), state: Arc::clone(&self.state), has_ended: false }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.fail(stopped(&self.state.what, None));
        }
    }
}

/// What [`Sender`]s send. Of clones each item reaches one.
#[derive(Debug)]
pub struct Receiver<T> {
    items: async_channel::Receiver<T>,
    state: Arc<State>,
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), state: Arc::clone(&self.state) }
    }
}

impl<T> Receiver<T> {
    /// The next item, or `None` after the last one of every producer.
    ///
    /// # Errors
    /// What a producer failed with; `Internal` where one stopped without an end.
    pub async fn next(&self) -> Result<Option<T>> {
        match self.items.recv().await {
            Ok(item) => Ok(Some(item)),
            Err(_) => self.state.end(),
        }
    }

    /// [`Receiver::next`] for a thread that may block.
    ///
    /// # Errors
    /// Those of [`Receiver::next`].
    pub fn next_blocking(&self) -> Result<Option<T>> {
        match self.items.recv_blocking() {
            Ok(item) => Ok(Some(item)),
            Err(_) => self.state.end(),
        }
    }
}

impl<T: Send + 'static> Receiver<T> {
    /// The items as a stream, whose error is its last item.
    pub fn into_stream(self) -> BoxStream<'static, Result<T>> {
        stream::unfold(Some(self), |receiver| async {
            let receiver = receiver?;
            match receiver.next().await {
                Ok(item) => Some((Ok(item?), Some(receiver))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }
}

/// Runs `produce` on a thread that may block; what it passes to its argument comes out of the stream. `what` names its work in the error of a
/// panic; at most `depth` items wait.
///
/// The stream ends without an error only after `produce` returned `Ok`. Its value comes out of the second half.
pub fn from_thread<T, V>(
    what: impl Into<String>,
    depth: usize,
    produce: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<V> + Send + 'static,
) -> (BoxStream<'static, Result<T>>, oneshot::Receiver<V>)
where
    T: Send + 'static,
    V: Send + 'static,
{
    let what = what.into();
    let (sender, receiver) = channel(what.clone(), depth);
    let (tell, value) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let mut emit = |item| sender.send_blocking(item).map_err(Error::from);
        let outcome = caught(&what, || produce(&mut emit));
        // Where the stream is not read any more, its reader knows why.
        sender.end(outcome.map(|value| drop(tell.send(value))));
    });
    (receiver.into_stream(), value)
}

/// Feeds `items` to `consume` on a thread that may block, and returns what it returns. `what` names its work in the error of a panic; at most
/// `depth` items wait.
///
/// `consume` reads `None` once, after the last item and only if there was no error: that is where it makes its work final. An error of `items`
/// is what it reads last.
///
/// # Errors
/// That of `items`, else that of `consume`; `Internal` where it panics.
pub async fn into_thread<T, V>(
    what: impl Into<String>,
    depth: usize,
    items: impl Stream<Item = Result<T>>,
    consume: impl FnOnce(&Receiver<T>) -> Result<V> + Send + 'static,
) -> Result<V>
where
    T: Send + 'static,
    V: Send + 'static,
{
    let what = what.into();
    let (sender, receiver) = channel(format!("what is fed to {what}"), depth);
    // The receiver ends with the work, so that a producer hears of it.
    let work = blocking(what, move || consume(&receiver));
    let feed = async {
        let mut items = pin!(items);
        loop {
            match items.next().await {
                Some(Ok(item)) => {
                    if sender.send(item).await.is_err() {
                        // The work has stopped, and its outcome says why.
                        break;
                    }
                }
                Some(Err(error)) => return sender.end(Err(error)),
                None => return sender.end(Ok(())),
            }
        }
    };
    let ((), outcome) = futures::join!(feed, work);
    outcome
}

/// Runs `work` on a thread that may block.
///
/// # Errors
/// Those of `work`; `Internal` with `what` where it panics.
pub async fn blocking<T: Send + 'static>(
    what: impl Into<String>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let what = what.into();
    let name = what.clone();
    match tokio::task::spawn_blocking(move || caught(&name, work)).await {
        Ok(outcome) => outcome,
        // The runtime ends, and does not run it any more.
        Err(error) => Err(stopped(&what, None).caused_by(error)),
    }
}

/// Does `work` in this thread.
///
/// # Errors
/// Those of `work`; `Internal` with `what` where it panics.
pub fn caught<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(stopped(what, Some(&*panic))))
}

/// Does `work` in this task.
///
/// # Errors
/// Those of `work`; `Internal` with `what` where it panics.
pub async fn caught_async<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(stopped(what, Some(&*panic))))
}

/// The error of work that did not come to its end.
fn stopped(what: &str, panic: Option<&(dyn Any + Send)>) -> Error {
    let said = panic.and_then(|panic| {
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
    });
    match said {
        Some(said) => Error::internal(format!("{what} stopped before the end: {said}")),
        None => Error::internal(format!("{what} stopped before the end; the log says where")),
    }
}

#[cfg(test)]
mod tests {
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
    fn a_thread_that_panics_is_not_the_end_of_a_stream() {
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
    fn a_stream_has_the_end_of_all_its_producers() {
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
    fn an_end_is_an_end_for_every_consumer() {
        let (sender, items) = channel::<u8>("planning", 1);
        sender.end(Ok(()));
        for consumer in [items.clone(), items] {
            assert_eq!(consumer.next_blocking().unwrap(), None);
        }
    }

    #[test]
    fn who_sends_hears_that_nobody_reads() {
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
    fn nothing_is_made_final_after_an_error() {
        runtime().block_on(async {
            assert_eq!(into_thread("adding", 2, numbers(5), sum).await.unwrap(), 10);
            let broken = numbers(5).chain(stream::iter([Err(Error::corrupt("broken"))]));
            assert_eq!(into_thread("adding", 2, broken, sum).await.unwrap_err().to_string(), "broken");
        });
    }

    #[test]
    fn an_error_of_the_work_comes_back_and_ends_what_feeds_it() {
        runtime().block_on(async {
            let full = |_: &Receiver<u8>| Err::<(), _>(Error::exhausted("the disk is full"));
            let endless = stream::iter((0..=u8::MAX).cycle().map(Ok));
            let error = into_thread("writing", 2, endless, full).await.unwrap_err();
            assert_eq!(error.to_string(), "the disk is full");
        });
    }

    #[test]
    fn work_that_panics_says_so() {
        runtime().block_on(async {
            let panics = |_: &Receiver<u8>| -> Result<()> { panic!("no room") };
            let error = into_thread("writing ads.csv", 2, numbers(50), panics).await.unwrap_err();
            assert_eq!(error.to_string(), "writing ads.csv stopped before the end: no room");
            let error = caught_async("planning", async { panic!("here") as Result<()> }).await.unwrap_err();
            assert_eq!(error.to_string(), "planning stopped before the end: here");
        });
    }
}
