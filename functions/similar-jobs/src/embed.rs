//! Texts of requests to vectors: one thread with the model, fed by a bounded queue.
//!
//! The model is loaded while the service answers already: a text waits for it, an ad's own vector needs none. What waits
//! at the same time is taken together, and short texts of one length share a call of the model.

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

/// Texts that may wait: the work of about ten seconds.
const MOST_WAITING: usize = 256;

/// Texts taken at once: enough to fill a call with short ones, few enough that the first of the long ones are not
/// waited for by those that come after.
const TAKEN_TOGETHER: usize = 32;

/// The longest to wait before a model that could not be loaded is tried again; the first waits are shorter.
pub(crate) const RETRY_S: u16 = 60;

/// How often the wait doubles before it is the longest.
const DOUBLINGS: u32 = 6;

/// Loads the model; called on the thread that will use it, again after a failure.
pub(crate) type Open = Box<dyn FnMut() -> Result<Box<dyn Embedder>> + Send>;

/// A text on its way to its vector.
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
    /// Ends the thread after the call that it is in.
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl EmbedQueue {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub(crate) fn start(open: Open, retry: Duration, metrics: Arc<Metrics>) -> Result<Self> {
        let (queue, waiting) = async_channel::bounded(MOST_WAITING);
        let (tell, model) = watch::channel(Model::Loading);
        let stop = Arc::new(AtomicBool::new(false));
        // A model that another machine runs is called on it.
        let runtime = Handle::try_current().ok();
        let worker = Worker { waiting, stop: Arc::clone(&stop), retry, metrics, runtime };
        let thread = std::thread::Builder::new()
            .name("embed".into())
            .spawn(move || worker.run(open, &tell))
            .map_err(|error| Error::from(error).context("cannot start a thread"))?;
        Ok(Self { queue, model, stop, thread: Mutex::new(Some(thread)) })
    }

    /// How many texts wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The vector of `text`, of length 1, to be compared with those of the embedding `space`. A text that nobody waits
    /// for any more, because the client has gone or `deadline` has passed, is not embedded.
    ///
    /// # Errors
    /// A problem of status 503 where the model cannot be loaded, has another space, or is overloaded.
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
                let detail = "text: the model can read nothing of it, neither a word nor a character; say it in letters that are seen, \
                              in the language of the ads";
                Err(Problem::bad_request(detail).with("member", "text"))
            }
            Ok(Err(error)) => Err(Problem::of_request(&error.context("a text was not embedded"))),
            Err(_) => Err(unavailable()),
        }
    }

    /// Waits for the model, and refuses one whose vectors are not of `space`.
    async fn comparable(&self, space: &str) -> Result<(), Problem> {
        let mut model = self.model.clone();
        let known = model.wait_for(|model| !matches!(model, Model::Loading)).await;
        match known.as_deref() {
            Ok(Model::Loaded(identity)) if identity.embedding_space == space => Ok(()),
            Ok(Model::Loaded(identity)) => Err(foreign(identity, space)),
            _ => Err(unavailable()),
        }
    }

    /// Returns once the thread has ended, with what is queued left undone: a process must not end while a thread of it
    /// is inside the model.
    pub(crate) async fn close(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.queue.close();
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // It may wait to try the model again.
        thread.thread().unpark();
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the embedding thread ended early");
        }
    }
}

struct Worker {
    waiting: Receiver<Waiting>,
    stop: Arc<AtomicBool>,
    /// The longest wait between two tries to load the model.
    retry: Duration,
    metrics: Arc<Metrics>,
    runtime: Option<Handle>,
}

impl Worker {
    /// Embeds what comes until the queue is closed. A model that dies over its texts is loaded again: those that it had get no vector, and
    /// those that come wait for it.
    fn run(self, mut open: Open, tell: &watch::Sender<Model>) {
        let _runtime = self.runtime.as_ref().map(Handle::enter);
        while let Some(mut embedder) = self.load(&mut open, tell) {
            let served = feed::caught("embedding texts", || {
                self.serve(embedder.as_mut());
                Ok(())
            });
            let Err(error) = served else { return };
            tracing::error!("the model is loaded again: {}", error.chain());
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

    /// Loads the model, again and again until it can be; `None` where the service ends before.
    fn load(&self, open: &mut Open, tell: &watch::Sender<Model>) -> Option<Box<dyn Embedder>> {
        let mut said = None;
        let mut wait = self.retry / (1 << DOUBLINGS);
        while !self.stop.load(Ordering::SeqCst) {
            let started = Instant::now();
            let opened = feed::caught("loading the model", || {
                let mut embedder = open()?;
                // The first call makes room for all that follow.
                if let Some(Err(error)) = embedder.embed(&["warm up"]).pop() {
                    tracing::warn!("the model's first answer failed: {}", error.chain());
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
                    if said.as_ref() != Some(&sentence) {
                        tracing::error!("texts cannot be searched for, ads can: {sentence}");
                        said = Some(sentence);
                    }
                    tell.send_replace(Model::Failed);
                }
            }
            // Ends early without harm where there is a reason to look at `stop`, or none.
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
                // Whoever waited for it may be gone.
                let _ = reply.send(vector);
            }
        });
    }
}

fn unavailable() -> Problem {
    let detail = "texts cannot be searched for, because the embedding model could not be loaded; the log says why, it is \
                  tried again within a minute, and similar ads of an ad are found all the same";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_S)
}

fn foreign(ours: &Identity, space: &str) -> Problem {
    let detail = format!(
        "texts cannot be searched for: the index holds vectors of {space}, and this service makes those of {}",
        ours.embedding_space
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}

fn overloaded() -> Problem {
    let detail = format!("{MOST_WAITING} texts wait to be embedded already");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

#[cfg(test)]
mod tests;
