//! Threads that turn texts into vectors: one embedder each, fed by the planner.

use std::thread;

use common::embedding::{Embedder, Identity};
use common::feed::{self, Receiver, Sender};
use common::{Error, Result, failpoint};
use rustix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

use crate::plan::Pending;

const EMBEDDING: &str = "embedding texts";

/// A chunk's vectors, in the order of its ads.
pub(crate) struct Embedded {
    pub(crate) ads: Vec<(Pending, Result<Vec<f32>>)>,
    /// CPU time that the thread spent on it.
    pub(crate) cpu_seconds: f64,
}

/// The running threads.
pub(crate) struct Workers {
    pub(crate) identity: Identity,
    /// How many ads a chunk should hold.
    pub(crate) chunk: usize,
    threads: Vec<thread::JoinHandle<Box<dyn Embedder>>>,
    pub(crate) chunks: Sender<Vec<Pending>>,
    pub(crate) embedded: Receiver<Embedded>,
}

impl Workers {
    /// Starts a thread an embedder. A thread ends with the texts; after `stop` it drops what is queued.
    pub(crate) fn start(embedders: Vec<Box<dyn Embedder>>, stop: &CancellationToken) -> Result<Self> {
        let first = embedders.first().ok_or_else(|| Error::internal("there is no embedder"))?;
        let identity = first.identity().clone();
        let chunk = first.preferred_chunk();
        let mut threads = Vec::with_capacity(embedders.len());
        let (chunks, todo) = feed::channel("planning texts", 2 * embedders.len());
        let (done, embedded) = feed::channel(EMBEDDING, 2 * embedders.len());
        for (index, mut embedder) in embedders.into_iter().enumerate() {
            let (todo, done, stop) = (todo.clone(), done.clone(), stop.clone());
            let thread = thread::Builder::new()
                .name(format!("embed-{index}"))
                .spawn(move || {
                    let outcome = feed::caught(EMBEDDING, || work(embedder.as_mut(), &todo, &done, &stop));
                    done.end(outcome);
                    embedder
                })
                .map_err(|error| Error::from(error).context("cannot start a thread"))?;
            threads.push(thread);
        }
        // Each thread has its own.
        done.end(Ok(()));
        Ok(Self { identity, chunk, threads, chunks, embedded })
    }

    /// How many chunks are worked on at once.
    pub(crate) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Gives the channels away, and the threads to be joined once those have ended.
    pub(crate) fn split(self) -> (Sender<Vec<Pending>>, Receiver<Embedded>, Threads) {
        (self.chunks, self.embedded, Threads(self.threads))
    }
}

/// The threads of workers whose channels are in use.
pub(crate) struct Threads(Vec<thread::JoinHandle<Box<dyn Embedder>>>);

impl Threads {
    /// Waits for their end, and returns their embedders.
    ///
    /// # Errors
    /// `Internal` where one panicked: what it held is neither embedded nor counted as failed.
    pub(crate) async fn join(self) -> Result<Vec<Box<dyn Embedder>>> {
        let join = move || {
            // All of them, before the first error is returned.
            let ended: Vec<thread::Result<_>> = self.0.into_iter().map(thread::JoinHandle::join).collect();
            ended.into_iter().collect::<thread::Result<Vec<_>>>().map_err(|_| {
                Error::internal("an inference thread ended early; the next run embeds what it held")
            })
        };
        feed::blocking("waiting for the threads with the model", join).await
    }
}

fn work(
    embedder: &mut dyn Embedder,
    todo: &Receiver<Vec<Pending>>,
    done: &Sender<Embedded>,
    stop: &CancellationToken,
) -> Result<()> {
    while let Some(ads) = todo.next_blocking()? {
        if stop.is_cancelled() {
            break;
        }
        failpoint::reach("embed::worker");
        let started = thread_cpu_seconds();
        let texts: Vec<&str> = ads.iter().map(|ad| ad.text.as_str()).collect();
        let vectors = embedder.embed(&texts);
        let cpu_seconds = thread_cpu_seconds() - started;
        let ads = ads.into_iter().zip(vectors).collect();
        done.send_blocking(Embedded { ads, cpu_seconds })?;
    }
    failpoint::reach("embed::worker");
    Ok(())
}

fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
