//! Embeds the texts of requests: one thread with the model, fed by a bounded queue.
//!
//! The model is loaded while the service already answers requests: searches by text wait for it, searches by ad
//! need no model. The thread takes all waiting texts together, and texts of the same length share a call of the
//! model.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use common::embedding::{Embedder, Identity, is_unreadable};
use common::runtime::http_util::Problem;
use common::{Error, Result, feed};
use hyper::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::metrics::{Embedded, Metrics};

/// Capacity of the queue: about ten seconds of work.
const MOST_WAITING: usize = 256;

/// Maximum number of texts taken at once: enough to fill a call with short texts, and few enough that later texts do
/// not delay the first long ones.
const TAKEN_TOGETHER: usize = 32;

/// Longest delay before loading the model is retried; the first delays are shorter.
pub(crate) const RETRY_S: u16 = 60;

/// How many times the delay doubles until it is the longest.
const DOUBLINGS: u32 = 6;

/// Loads the model; called on the thread that uses it, and again after a failure.
pub(crate) type Open = Box<dyn FnMut() -> Result<Box<dyn Embedder>> + Send>;

/// A text that waits for its vector.
struct Waiting {
    text: String,
    deadline: Instant,
    reply: oneshot::Sender<Result<Vec<f32>>>,
}

#[derive(Debug, Clone)]
enum Model {
    Loading,
    Loaded(Identity),
    Failed,
}

/// The queue of texts, and the thread that embeds them.
pub(crate) struct EmbedQueue {
    queue: Sender<Waiting>,
    model: watch::Receiver<Model>,
    /// Stops the thread after its current call of the model.
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl EmbedQueue {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(crate) fn start(open: Open, retry: Duration, metrics: Arc<Metrics>) -> Result<Self> {
        let (queue, waiting) = async_channel::bounded(MOST_WAITING);
        let (tell, model) = watch::channel(Model::Loading);
        let stop = Arc::new(AtomicBool::new(false));
        // A remote model is called on this runtime.
        let runtime = Handle::try_current().ok();
        let worker = Worker { waiting, stop: Arc::clone(&stop), retry, metrics, runtime };
        let thread = std::thread::Builder::new()
            .name("embed".into())
            .spawn(move || worker.run(open, &tell))
            .map_err(|error| Error::from(error).context("cannot start a thread"))?;
        Ok(Self { queue, model, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Number of texts in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The vector of `text`, of length 1, to be compared with those of the embedding `space`. The text is not embedded
    /// if the client disconnects or `deadline` passes while it waits.
    ///
    /// # Errors
    /// A problem of status 503 if the model cannot be loaded, has another embedding space, or is overloaded.
    pub(crate) async fn embed(
        &self,
        text: String,
        space: &str,
        deadline: Instant,
    ) -> Result<Vec<f32>, Problem> {
        self.comparable(space).await?;
        let (reply, vector) = oneshot::channel();
        self.queue.try_send(Waiting { text, deadline, reply }).map_err(|error| match error {
            async_channel::TrySendError::Full(_) => overloaded(),
            async_channel::TrySendError::Closed(_) => unavailable(),
        })?;
        match vector.await {
            Ok(Ok(vector)) => Ok(vector),
            Ok(Err(error)) if is_unreadable(&error) => {
                let detail = "text: the model has no token for it: expected visible letters in the language of the ads";
                Err(Problem::bad_request(detail).with("member", "text"))
            }
            Ok(Err(error)) => Err(Problem::of_request(&error.context("a text was not embedded"))),
            Err(_) => Err(unavailable()),
        }
    }

    /// Waits for the model; fails if its vectors are not of `space`.
    async fn comparable(&self, space: &str) -> Result<(), Problem> {
        let mut model = self.model.clone();
        let known = model.wait_for(|model| !matches!(model, Model::Loading)).await;
        match known.as_deref() {
            Ok(Model::Loaded(identity)) if identity.embedding_space == space => Ok(()),
            Ok(Model::Loaded(identity)) => Err(foreign(identity, space)),
            _ => Err(unavailable()),
        }
    }

    /// Returns once the thread has ended, and drops the queued texts: the process must not end while the thread is
    /// inside the model.
    pub(crate) async fn close(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.queue.close();
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // It may be waiting to load the model again.
        thread.thread().unpark();
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the embedding thread panicked");
        }
    }
}

struct Worker {
    waiting: Receiver<Waiting>,
    stop: Arc<AtomicBool>,
    /// The longest delay before loading the model is retried.
    retry: Duration,
    metrics: Arc<Metrics>,
    runtime: Option<Handle>,
}

impl Worker {
    /// Embeds texts until the queue is closed. If the model panics, it is loaded again: the texts of that call get
    /// no vector, and later texts wait.
    fn run(self, mut open: Open, tell: &watch::Sender<Model>) {
        let _runtime = self.runtime.as_ref().map(Handle::enter);
        while let Some(mut embedder) = self.load(&mut open, tell) {
            let served = feed::caught("embedding texts", || {
                self.serve(embedder.as_mut());
                Ok(())
            });
            let Err(error) = served else { return };
            tracing::error!("reloading the model: {}", error.chain());
            tell.send_replace(Model::Loading);
        }
    }

    fn serve(&self, embedder: &mut dyn Embedder) {
        while let Ok(first) = self.waiting.recv_blocking() {
            let more = std::iter::from_fn(|| self.waiting.try_recv().ok());
            let taken = std::iter::once(first).chain(more).take(TAKEN_TOGETHER);
            let wanted = taken.filter(|waiting| self.is_wanted(waiting)).collect();
            self.metrics.turn();
            self.embed(embedder, wanted);
        }
    }

    /// Loads the model and retries until it succeeds; `None` if the service stops first.
    fn load(&self, open: &mut Open, tell: &watch::Sender<Model>) -> Option<Box<dyn Embedder>> {
        let mut logged = None;
        let mut wait = self.retry / (1 << DOUBLINGS);
        while !self.stop.load(Ordering::SeqCst) {
            let started = Instant::now();
            let opened = feed::caught("loading the model", || {
                let mut embedder = open()?;
                // The first call allocates the memory that later calls reuse.
                if let Some(Err(error)) = embedder.embed(&["warm up"]).pop() {
                    tracing::warn!("the model's first call failed: {}", error.chain());
                }
                Ok(embedder)
            });
            match opened {
                Ok(embedder) => {
                    let identity = embedder.identity().clone();
                    let seconds = started.elapsed().as_secs_f64();
                    tracing::info!(model_version = identity.model_version, seconds, "the model is loaded");
                    tell.send_replace(Model::Loaded(identity));
                    return Some(embedder);
                }
                Err(error) => {
                    let sentence = error.chain();
                    if logged.as_ref() != Some(&sentence) {
                        tracing::error!("cannot load the model, so searches by text fail: {sentence}");
                        logged = Some(sentence);
                    }
                    tell.send_replace(Model::Failed);
                }
            }
            // A spurious wake-up is harmless: it only checks `stop` or retries early.
            std::thread::park_timeout(wait);
            wait = (wait * 2).min(self.retry);
        }
        None
    }

    fn is_wanted(&self, waiting: &Waiting) -> bool {
        let is_late = waiting.deadline <= Instant::now() || self.stop.load(Ordering::SeqCst);
        let is_wanted = !is_late && !waiting.reply.is_closed();
        if !is_wanted {
            self.metrics.text(Embedded::Dropped);
        }
        is_wanted
    }

    fn embed(&self, embedder: &mut dyn Embedder, texts: Vec<Waiting>) {
        let (texts, mut replies): (Vec<String>, Vec<_>) =
            texts.into_iter().map(|waiting| (waiting.text, Some(waiting.reply))).unzip();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        embedder.embed_each(&texts, &mut |index, vector| {
            self.metrics.text(if vector.is_ok() { Embedded::Done } else { Embedded::Failed });
            if let Some(reply) = replies.get_mut(index).and_then(Option::take) {
                // The receiver is gone if the request has ended.
                let _ = reply.send(vector);
            }
        });
    }
}

fn unavailable() -> Problem {
    let detail = "search by text is unavailable: the model could not be loaded (retried within a minute; \
                  see the log); search by ad still works";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_S)
}

fn foreign(ours: &Identity, space: &str) -> Problem {
    let detail = format!(
        "search by text is unavailable: the index holds vectors of {space}, and this service computes those of {}",
        ours.embedding_space
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}

fn overloaded() -> Problem {
    let detail = format!("the embedding queue is full ({MOST_WAITING} texts)");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

#[cfg(test)]
mod tests;
