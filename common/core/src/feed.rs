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
mod tests;
