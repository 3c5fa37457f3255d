//! Streams between blocking threads (file I/O, parsing) and the async runtime: [`feed`] with the queue size of files.

use common::feed::{self, Receiver};
use common::storage::warehouse::Cell;
use common::{Result, failpoint};
use futures::stream::BoxStream;
use tokio::sync::oneshot;

/// Batches that are queued between two threads at most.
const QUEUE_BATCHES: usize = 2;

/// Runs `produce` on a new thread. The stream yields the items that it passes to its argument, and the receiver its
/// return value. `what` describes the work in errors.
pub(crate) fn from_thread<T, V>(
    what: impl Into<String>,
    produce: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<V> + Send + 'static,
) -> (BoxStream<'static, Result<T>>, oneshot::Receiver<V>)
where
    T: Send + 'static,
    V: Send + 'static,
{
    feed::from_thread(what, QUEUE_BATCHES, |emit| {
        let value = produce(&mut |batch| {
            failpoint::reach("jobctl::read");
            emit(batch)
        });
        failpoint::reach("jobctl::read");
        value
    })
}

/// Pages of rows, received by a blocking thread.
pub(crate) struct Pages<'a>(&'a Receiver<Vec<Vec<Cell>>>);

impl Pages<'_> {
    /// The next page, or `None` after the last one.
    ///
    /// # Errors
    /// The error of the stream of pages.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Vec<Cell>>>> {
        failpoint::reach("jobctl::write");
        self.0.next_blocking()
    }
}

/// Runs `consume` on a new thread that receives `pages`, and returns its value. `what` describes the work in errors.
///
/// `consume` must make its result permanent only after [`Pages::next`] has returned `None`: before that, an error of
/// the stream can still follow.
pub(crate) async fn into_thread<V: Send + 'static>(
    what: impl Into<String>,
    pages: BoxStream<'static, Result<Vec<Vec<Cell>>>>,
    consume: impl FnOnce(Pages<'_>) -> Result<V> + Send + 'static,
) -> Result<V> {
    feed::into_thread(what, QUEUE_BATCHES, pages, move |pages| consume(Pages(pages))).await
}
