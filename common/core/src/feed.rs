//! Streams that are fed by threads or tasks and have an explicit end.
//!
//! A closed channel does not distinguish a producer that has finished from one that panicked. Here a stream ends
//! without an error only after every producer has called [`Sender::end`] with `Ok`. A sender that is dropped without
//! it, for example by a panic, is an error of kind `Internal` that names the work. Threads are blocking threads of the
//! runtime, so that its shutdown waits for them.
//!
//! - [`from_thread`]: a stream of the items that a blocking thread produces
//! - [`into_thread`]: a blocking thread that consumes a stream
//! - [`channel`]: a channel for any number of producers and consumers
//! - [`blocking`], [`caught`], [`caught_async`]: run work and convert a panic into an error

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream};
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// All receivers were dropped, so that nothing can be sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver of the stream was dropped")
    }
}

impl std::error::Error for Unread {}

impl From<Unread> for Error {
    fn from(unread: Unread) -> Self {
        Self::cancelled(unread.to_string())
    }
}

/// State that the senders and receivers of a channel share.
#[derive(Debug)]
struct State {
    /// The work of the producers, as the beginning of error messages.
    what: String,
    failure: Mutex<Failure>,
}

#[derive(Debug, Default)]
enum Failure {
    #[default]
    None,
    /// No receiver has returned it yet.
    Pending(Error),
    /// A receiver has returned it.
    Reported,
}

impl State {
    fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*failure, Failure::None) {
            *failure = Failure::Pending(error);
        }
    }

    /// The outcome of the stream after its channel is closed.
    fn end<T>(&self) -> Result<Option<T>> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failure {
            Failure::None => Ok(None),
            _ => match std::mem::replace(&mut *failure, Failure::Reported) {
                Failure::Pending(error) => Err(error),
                _ => Err(stopped(&self.what, None)),
            },
        }
    }
}

/// A bounded channel of `depth` items. `what` describes the work of the producers in errors, for example `reading ads`.
pub fn channel<T>(what: impl Into<String>, depth: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = async_channel::bounded(depth);
    let state = Arc::new(State { what: what.into(), failure: Mutex::default() });
    (
        Sender { items: sender, state: Arc::clone(&state), has_ended: false },
        Receiver { items: receiver, state },
    )
}

/// The sending half of a [`channel`]. [`Sender::end`] must be called on every clone.
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
    /// [`Unread`] if all receivers were dropped.
    pub async fn send(&self, item: T) -> Result<(), Unread> {
        self.items.send(item).await.map_err(|_| Unread)
    }

    /// Sends one item and blocks the thread until there is space.
    ///
    /// # Errors
    /// [`Unread`] if all receivers were dropped.
    pub fn send_blocking(&self, item: T) -> Result<(), Unread> {
        self.items.send_blocking(item).map_err(|_| Unread)
    }

    /// Ends this producer, successfully or with an error.
    pub fn end(mut self, outcome: Result<()>) {
        self.has_ended = true;
        if let Err(error) = outcome {
            self.fail(error);
        }
    }

    /// Ends the stream with the first failure, after the items that were sent already.
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

/// The receiving half of a [`channel`]. Each item is received by one of the clones.
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
    /// The next item, or `None` after the last item of all producers.
    ///
    /// # Errors
    /// The error of a producer; `Internal` if a producer stopped without [`Sender::end`].
    pub async fn next(&self) -> Result<Option<T>> {
        match self.items.recv().await {
            Ok(item) => Ok(Some(item)),
            Err(_) => self.state.end(),
        }
    }

    /// [`Receiver::next`] that blocks the thread.
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
    /// The items as a stream. An error is the last item.
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

/// Runs `produce` on a blocking thread. The stream yields the items that it passes to its argument, and the receiver
/// its return value. `what` describes the work in errors; at most `depth` items are buffered.
///
/// The stream ends without an error only after `produce` has returned `Ok`.
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
    let (send_value, value) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let mut emit = |item| sender.send_blocking(item).map_err(Error::from);
        let outcome = caught(&what, || produce(&mut emit));
        // Sending fails only if the caller has dropped the receiver.
        sender.end(outcome.map(|value| drop(send_value.send(value))));
    });
    (receiver.into_stream(), value)
}

/// Runs `consume` on a blocking thread that receives `items`, and returns its value. `what` describes the work in
/// errors; at most `depth` items are buffered.
///
/// `consume` receives `None` after the last item, and only if there was no error. It must make its result permanent only
/// then. An error of `items` is returned by [`Receiver::next_blocking`] after the items before it.
///
/// # Errors
/// That of `items` or of `consume`; `Internal` if it panics.
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
    let (sender, receiver) = channel(format!("the input of {what}"), depth);
    // The receiver is dropped when the work ends, so that sending fails from then on.
    let work = blocking(what, move || consume(&receiver));
    let feed = async {
        let mut items = pin!(items);
        loop {
            match items.next().await {
                Some(Ok(item)) => {
                    if sender.send(item).await.is_err() {
                        // The work has ended; its outcome is returned below.
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

/// Runs `work` on a blocking thread.
///
/// # Errors
/// Those of `work`; `Internal` with `what` if it panics.
pub async fn blocking<T: Send + 'static>(
    what: impl Into<String>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let what = what.into();
    let name = what.clone();
    match tokio::task::spawn_blocking(move || caught(&name, work)).await {
        Ok(outcome) => outcome,
        // The runtime is shutting down and does not run the work.
        Err(error) => Err(stopped(&what, None).caused_by(error)),
    }
}

/// Runs `work` on this thread.
///
/// # Errors
/// Those of `work`; `Internal` with `what` if it panics.
pub fn caught<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(stopped(what, Some(&*panic))))
}

/// Runs `work` in this task.
///
/// # Errors
/// Those of `work`; `Internal` with `what` if it panics.
pub async fn caught_async<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(stopped(what, Some(&*panic))))
}

/// The error of work that ended without an outcome.
fn stopped(what: &str, panic: Option<&(dyn Any + Send)>) -> Error {
    let message = panic.and_then(|panic| {
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
    });
    match message {
        Some(message) => Error::internal(format!("{what} stopped before the end: {message}")),
        None => Error::internal(format!("{what} stopped before the end; see the log for the panic")),
    }
}

#[cfg(test)]
mod tests;
