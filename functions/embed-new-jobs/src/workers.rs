//! Worker threads that compute embeddings: each has an embedder and receives chunks of texts from the planner.

use std::thread;

use common::embedding::{Embedder, Identity};
use common::feed::{self, Receiver, Sender};
use common::{Error, Result, failpoint};
use rustix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

use crate::plan::Pending;

const EMBEDDING: &str = "embedding texts";

/// The vectors of a chunk, in the order of its ads.
pub(crate) struct Embedded {
    pub(crate) ads: Vec<(Pending, Result<Vec<f32>>)>,
    /// The CPU time that the thread spent on the chunk.
    pub(crate) cpu_seconds: f64,
}

/// The running worker threads and their channels.
pub(crate) struct Workers {
    pub(crate) identity: Identity,
    /// The number of ads per chunk.
    pub(crate) chunk: usize,
    threads: Vec<thread::JoinHandle<Box<dyn Embedder>>>,
    pub(crate) chunks: Sender<Vec<Pending>>,
    pub(crate) embedded: Receiver<Embedded>,
}

impl Workers {
    /// Starts one thread per embedder. A thread ends after the last chunk; after `stop` is cancelled it drops queued
    /// chunks.
    pub(crate) fn start(embedders: Vec<Box<dyn Embedder>>, stop: &CancellationToken) -> Result<Self> {
        let first = embedders.first().ok_or_else(|| Error::internal("there is no embedder"))?;
        let identity = first.identity().clone();
        let chunk = first.preferred_chunk();
        let mut threads = Vec::with_capacity(embedders.len());
        let (chunks, queue) = feed::channel("planning texts", 2 * embedders.len());
        let (done, embedded) = feed::channel(EMBEDDING, 2 * embedders.len());
        for (index, mut embedder) in embedders.into_iter().enumerate() {
            let (queue, done, stop) = (queue.clone(), done.clone(), stop.clone());
            let thread = thread::Builder::new()
                .name(format!("embed-{index}"))
                .spawn(move || {
                    let outcome = feed::caught(EMBEDDING, || work(embedder.as_mut(), &queue, &done, &stop));
                    done.end(outcome);
                    embedder
                })
                .map_err(|error| Error::from(error).context("cannot start a thread"))?;
            threads.push(thread);
        }
        // Each thread has its own sender.
        done.end(Ok(()));
        Ok(Self { identity, chunk, threads, chunks, embedded })
    }

    /// The number of threads.
    pub(crate) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Splits into the channels and the threads, which are joined when the channels have ended.
    pub(crate) fn split(self) -> (Sender<Vec<Pending>>, Receiver<Embedded>, Threads) {
        (self.chunks, self.embedded, Threads(self.threads))
    }
}

/// Worker threads without their channels.
pub(crate) struct Threads(Vec<thread::JoinHandle<Box<dyn Embedder>>>);

impl Threads {
    /// Waits for the threads to end, and returns their embedders.
    ///
    /// # Errors
    /// `Internal` if a thread panicked: its ads are neither embedded nor counted as failed.
    pub(crate) async fn join(self) -> Result<Vec<Box<dyn Embedder>>> {
        let join = move || {
            // Join all threads before returning the first error.
            let ended: Vec<thread::Result<_>> = self.0.into_iter().map(thread::JoinHandle::join).collect();
            ended
                .into_iter()
                .collect::<thread::Result<Vec<_>>>()
                .map_err(|_| Error::internal("an inference thread panicked; the next run embeds its ads"))
        };
        feed::blocking("waiting for the inference threads", join).await
    }
}

fn work(
    embedder: &mut dyn Embedder,
    queue: &Receiver<Vec<Pending>>,
    done: &Sender<Embedded>,
    stop: &CancellationToken,
) -> Result<()> {
    while let Some(ads) = queue.next_blocking()? {
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
