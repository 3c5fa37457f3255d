//! The champions that predict: opened in the background, and replaced by newer ones while requests go on.
//!
//! A request takes one set of models and uses it until it is answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::prediction::{ChampionVersions, PredictionModels};
use common::runtime::http_util::Problem;
use common::storage::ArtifactStore;
use common::{ErrorKind, Result};
use hyper::StatusCode;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const OPENING: &str = "the models are being opened; try again in a moment";
const MISSING: &str = "there are no models yet: run `train-models`";
const UNOPENED: &str = "no models could be opened; the log says why; opening is retried";

/// The state of the models.
#[derive(Clone)]
enum Slot {
    /// The first lookup has not finished.
    Opening,
    /// There are none, for this reason.
    Absent(&'static str),
    Serving(Arc<PredictionModels>),
}

/// A handle to the models that are served at any moment.
#[derive(Clone)]
pub(crate) struct ServedModels(watch::Receiver<Slot>);

/// Where champions come from.
pub(crate) struct ChampionSource {
    pub(crate) store: Arc<dyn ArtifactStore>,
    /// Where they are kept on this machine.
    pub(crate) folder: PathBuf,
    /// How long to wait between two looks.
    pub(crate) every: Duration,
}

impl ServedModels {
    /// Looks for new champions in a background task until `shutdown`.
    pub(crate) fn follow(source: ChampionSource, shutdown: CancellationToken) -> Self {
        let (slot, current) = watch::channel(Slot::Opening);
        tokio::spawn(async move {
            let mut logged = None;
            while !shutdown.is_cancelled() {
                source.look(&slot, &mut logged).await;
                tokio::select! {
                    () = tokio::time::sleep(source.every) => {}
                    () = shutdown.cancelled() => {}
                }
            }
            // Requests go on; the slot has to outlive this task.
            slot.closed().await;
        });
        Self(current)
    }

    /// Without any models.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        let (slot, current) = watch::channel(Slot::Absent(MISSING));
        // The last value stays readable.
        drop(slot);
        Self(current)
    }

    /// The models to answer with. Waits while the first ones are being opened.
    ///
    /// # Errors
    /// A problem of status 503 that says why there are none.
    pub(crate) async fn get(&self) -> Result<Arc<PredictionModels>, Problem> {
        let mut slot = self.0.clone();
        // An error means that the task has ended: the last value counts.
        let _ = slot.wait_for(|slot| !matches!(slot, Slot::Opening)).await;
        match &*slot.borrow() {
            Slot::Serving(models) => Ok(Arc::clone(models)),
            Slot::Absent(why) => Err(unavailable(why)),
            Slot::Opening => Err(unavailable(OPENING)),
        }
    }
}

impl ChampionSource {
    /// Looks once. `logged` is the failure that was logged last.
    async fn look(&self, slot: &watch::Sender<Slot>, logged: &mut Option<String>) {
        let old = match &*slot.borrow() {
            Slot::Serving(models) => Some(Arc::clone(models)),
            _ => None,
        };
        let error = match self.newest(old.as_deref()).await {
            Ok(newer) => {
                *logged = None;
                if let Some(models) = newer {
                    tracing::info!(models = models.champions.names().join(", "), "predicts with new models");
                    slot.send_replace(Slot::Serving(Arc::new(models)));
                }
                return;
            }
            Err(error) => error,
        };
        let is_missing = error.kind() == ErrorKind::NotFound && old.is_none();
        let sentence = error.chain();
        if logged.as_deref() != Some(&sentence) {
            if is_missing {
                tracing::info!("nothing is predicted: {sentence}");
            } else {
                tracing::error!("the champions could not be opened: {sentence}");
            }
            *logged = Some(sentence);
        }
        if old.is_none() {
            slot.send_replace(Slot::Absent(if is_missing { MISSING } else { UNOPENED }));
        }
    }

    /// The champions, unless they are those of `old`.
    async fn newest(&self, old: Option<&PredictionModels>) -> Result<Option<PredictionModels>> {
        let champions = ChampionVersions::read(&self.store).await?;
        if old.is_some_and(|old| old.champions == champions) {
            return Ok(None);
        }
        PredictionModels::open(&self.store, champions, &self.folder).await.map(Some)
    }
}

fn unavailable(why: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(5)
}
