//! Between threads that block (files, arithmetic) and the runtime: [`feed`], with as many batches in between as files need.

use common::feed::{self, Receiver};
use common::storage::warehouse::Cell;
use common::{Result, failpoint};
use futures::stream::BoxStream;
use tokio::sync::oneshot;

/// Batches that may wait between two threads.
const DEPTH: usize = 2;

/// Runs `produce`, which does `what`, on a thread of its own; what it passes to its argument comes out of the stream, and its value out of
/// the second half.
pub(crate) fn from_thread<T, V>(
    what: impl Into<String>,
    produce: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<V> + Send + 'static,
) -> (BoxStream<'static, Result<T>>, oneshot::Receiver<V>)
where
    T: Send + 'static,
    V: Send + 'static,
{
    feed::from_thread(what, DEPTH, |emit| {
        let value = produce(&mut |batch| {
            failpoint::reach("jobctl::read");
            emit(batch)
        });
        failpoint::reach("jobctl::read");
        value
    })
}

/// Rows on their way to a thread that writes them.
pub(crate) struct Pages<'a>(&'a Receiver<Vec<Vec<Cell>>>);

impl Pages<'_> {
    /// The next page, or `None` after the last one.
    ///
    /// # Errors
    /// What stopped the pages before their end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Vec<Cell>>>> {
        failpoint::reach("jobctl::write");
        self.0.next_blocking()
    }
}

/// Lets `consume`, which does `what`, read `pages` on a thread of its own, and returns what it returns. Its work is made final after the last
/// page and only then.
pub(crate) async fn into_thread<V: Send + 'static>(
    what: impl Into<String>,
    pages: BoxStream<'static, Result<Vec<Vec<Cell>>>>,
    consume: impl FnOnce(Pages<'_>) -> Result<V> + Send + 'static,
) -> Result<V> {
    feed::into_thread(what, DEPTH, pages, move |pages| consume(Pages(pages))).await
}
