//! Text embeddings of Vertex AI by its REST API.
//!
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common_core::fold::is_visible;
use common_core::job::PREPROCESSING_VERSION;
use common_core::{Error, ErrorKind, Result};
use common_google::{Body, Call, Client, Credentials, Limits, Session, segment};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;

use crate::embedder::{Embedder, Identity};
use crate::reader::unreadable;
use crate::settings::InferenceSettings;

/// Prefix of the models of Vertex AI in `EMBEDDING_MODEL`.
pub(crate) const PREFIX: &str = "vertex:";

/// The task type; vectors of different tasks are not comparable.
const TASK: &str = "SEMANTIC_SIMILARITY";

/// Maximum number of texts and characters per request. The API limits tokens, of which most have several characters; a
/// request that still exceeds that limit is split in half.
const MAX_REQUEST_TEXTS: usize = 250;
const MAX_REQUEST_CHARS: usize = 20_000;

/// Number of texts per chunk: enough for several requests.
const CHUNK: usize = 100;

/// A supported model.
struct ModelInfo {
    name: &'static str,
    dimension: usize,
    max_tokens: usize,
}

const MODELS: [ModelInfo; 2] = [
    ModelInfo { name: "text-embedding-005", dimension: 768, max_tokens: 2048 },
    ModelInfo { name: "text-multilingual-embedding-002", dimension: 768, max_tokens: 2048 },
];

struct Vertex {
    client: Client,
    url: String,
    identity: Identity,
    runtime: Handle,
    caller: Caller,
    /// Set while calls fail fast.
    outage: Arc<Mutex<Option<Outage>>>,
}

/// The kind of program that embeds, which determines the behaviour after an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A run: all calls fail after the first outage until the next run starts, because each of its thousands of
    /// requests would exhaust the retries.
    Run,
    /// A service: calls are tried again after a wait, with the request deadline as the time limit.
    Service {
        /// The request deadline.
        deadline: Duration,
    },
}

/// An outage of Vertex AI. Set once the retries of a request are exhausted: later calls fail fast.
struct Outage {
    kind: ErrorKind,
    message: String,
    /// How long calls of a service fail fast.
    wait: Duration,
    since: Instant,
}

/// Initial and maximum [`Outage::wait`]; it doubles with every consecutive outage.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

fn model_info(name: &str) -> Result<&'static ModelInfo> {
    let known = || MODELS.map(|info| format!("{PREFIX}{}", info.name)).join(", ");
    MODELS.iter().find(|info| info.name == name).ok_or_else(|| {
        let value = format!("{PREFIX}{name}");
        Error::configuration(format!("EMBEDDING_MODEL is {value:?}; of Vertex AI's, allowed is {}", known()))
    })
}

/// The identity of the vectors of a model.
///
/// # Errors
/// `Configuration` if the model is unknown.
pub(crate) fn identity(name: &str) -> Result<Identity> {
    let info = model_info(name)?;
    let space = format!("{PREFIX}{name}/{TASK}/{PREPROCESSING_VERSION}-{}", info.max_tokens);
    Ok(Identity {
        model_name: format!("{PREFIX}{name}"),
        model_version: format!("{space}/vertex"),
        embedding_space: space,
        dimension: info.dimension,
    })
}

/// Opens `settings.threads` embedders, each of which sends one request at a time. Must be called in a Tokio runtime.
///
/// # Errors
/// `Configuration` if the model is unknown or no project is configured.
pub(crate) fn open(
    settings: &InferenceSettings,
    name: &str,
    caller: Caller,
) -> Result<Vec<Box<dyn Embedder>>> {
    let identity = identity(name)?;
    let project = settings.google_cloud_project.as_ref().ok_or_else(|| {
        Error::configuration("GOOGLE_CLOUD_PROJECT is not set: it names the project that pays for Vertex AI")
    })?;
    let location = &settings.vertex_location;
    let (root, credentials) = match &settings.vertex_emulator_host {
        Some(host) => (common_google::emulator(host), Credentials::anonymous()),
        None => (format!("https://{location}-aiplatform.googleapis.com"), Credentials::application_default()),
    };
    let url = format!(
        "{root}/v1/projects/{}/locations/{}/publishers/google/models/{name}:predict",
        segment(project),
        segment(location)
    );
    let mut limits = Limits::of_seconds(settings.request_timeout_s.get());
    if let Caller::Service { deadline } = caller {
        limits.total = deadline.min(limits.total);
        limits.attempt = limits.attempt.min(limits.total);
    }
    let client = Client::new(Session::new(&root, credentials, limits))?;
    let runtime = Handle::try_current()
        .map_err(|error| Error::internal("Vertex AI is called outside a runtime").caused_by(error))?;
    let outage = Arc::default();
    let embedder = || Vertex {
        client: client.clone(),
        url: url.clone(),
        identity: identity.clone(),
        runtime: runtime.clone(),
        caller,
        outage: Arc::clone(&outage),
    };
    Ok((0..settings.threads.get()).map(|_| Box::new(embedder()) as Box<dyn Embedder>).collect())
}

impl Embedder for Vertex {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn preferred_chunk(&self) -> usize {
        CHUNK
    }

    fn start_run(&mut self) {
        *self.lock_outage() = None;
    }

    fn embed_each(&mut self, texts: &[&str], done: &mut dyn FnMut(usize, Result<Vec<f32>>)) {
        // The vocabulary of the model is not available, so that only invisible texts are known to be unreadable.
        let (visible, invisible): (Vec<usize>, Vec<usize>) =
            (0..texts.len()).partition(|&index| is_visible(texts[index]));
        for index in invisible {
            done(index, Err(unreadable()));
        }
        let readable: Vec<&str> = visible.iter().map(|&index| texts[index]).collect();
        let mut first = 0;
        while first < readable.len() {
            let request = &readable[first..first + request_length(&readable[first..])];
            for (index, result) in self.request(request).into_iter().enumerate() {
                done(visible[first + index], result);
            }
            first += request.len();
        }
    }
}

/// The number of texts from the beginning of `texts` that fit into a request, at least one.
fn request_length(texts: &[&str]) -> usize {
    let mut chars = 0;
    let fits = |text: &&&str| {
        chars += text.chars().count();
        chars <= MAX_REQUEST_CHARS
    };
    texts.iter().take(MAX_REQUEST_TEXTS).take_while(fits).count().max(1)
}

#[derive(Deserialize)]
struct Answer {
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Embeddings,
}

#[derive(Deserialize)]
struct Embeddings {
    values: Vec<f32>,
}

impl Vertex {
    /// Sends one request for the texts. If its content is rejected, each half is sent separately, so that in the end
    /// only the invalid text fails.
    fn request(&self, texts: &[&str]) -> Vec<Result<Vec<f32>>> {
        let error = match self.outage() {
            Some(error) => error,
            None => match self.predict(texts) {
                Ok(vectors) => {
                    *self.lock_outage() = None;
                    return vectors;
                }
                Err(error) => {
                    self.set_outage(&error);
                    error
                }
            },
        };
        if error.kind() == ErrorKind::InvalidInput && texts.len() > 1 {
            let (first, second) = texts.split_at(texts.len() / 2);
            return [first, second].into_iter().flat_map(|half| self.request(half)).collect();
        }
        texts.iter().map(|_| Err(Error::new(error.kind(), error.to_string()))).collect()
    }

    fn lock_outage(&self) -> std::sync::MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of the current outage, if calls fail fast.
    fn outage(&self) -> Option<Error> {
        let guard = self.lock_outage();
        let outage = guard.as_ref()?;
        let is_over = matches!(self.caller, Caller::Service { .. }) && outage.since.elapsed() >= outage.wait;
        (!is_over).then(|| Error::new(outage.kind, &outage.message))
    }

    /// Records an outage, unless the error is about the texts or the response.
    fn set_outage(&self, error: &Error) {
        if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Internal) {
            return;
        }
        let mut guard = self.lock_outage();
        let wait = guard.as_ref().map_or(WAITS.0, |before| (before.wait * 2).min(WAITS.1));
        *guard = Some(Outage { kind: error.kind(), message: error.to_string(), wait, since: Instant::now() });
    }

    fn predict(&self, texts: &[&str]) -> Result<Vec<Result<Vec<f32>>>> {
        let instances: Vec<_> =
            texts.iter().map(|text| json!({"content": text, "task_type": TASK})).collect();
        let body = json!({"instances": instances, "parameters": {"autoTruncate": true}});
        let call = Call::post("embedding by Vertex AI", self.url.clone(), Body::Json(body));
        let answer = self.runtime.block_on(self.client.json(&call));
        let answer = answer.map_err(|failure| failure.into_error(&call.doing))?;
        let answer: Answer = serde_json::from_value(answer)
            .map_err(|error| Error::internal("Vertex AI's answer has another form").caused_by(error))?;
        if answer.predictions.len() != texts.len() {
            let count = answer.predictions.len();
            return Err(Error::internal(format!("Vertex AI sent {count} vectors for {} texts", texts.len())));
        }
        Ok(answer.predictions.into_iter().map(|prediction| self.unit(prediction.embeddings.values)).collect())
    }

    /// Normalizes a vector to length 1. The API's vectors have that length only approximately.
    fn unit(&self, mut vector: Vec<f32>) -> Result<Vec<f32>> {
        let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if vector.len() != self.identity.dimension || !norm.is_finite() || norm < 0.5 {
            return Err(Error::internal(format!(
                "Vertex AI sent a vector of {} elements and length {norm}",
                vector.len()
            )));
        }
        for x in &mut vector {
            *x = (f64::from(*x) / norm) as f32;
        }
        Ok(vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_outage_of_a_run_ends_when_the_next_run_starts() {
        let mut embedder = Vertex {
            client: Client::new(Session::new(
                "http://localhost",
                Credentials::anonymous(),
                Limits::default(),
            ))
            .unwrap(),
            url: "http://localhost:1/".into(),
            identity: identity("text-embedding-005").unwrap(),
            runtime: Handle::current(),
            caller: Caller::Run,
            outage: Arc::default(),
        };
        embedder.set_outage(&Error::new(ErrorKind::Unavailable, "HTTP 503"));
        embedder.lock_outage().as_mut().unwrap().wait = Duration::ZERO;
        assert_eq!(embedder.outage().unwrap().kind(), ErrorKind::Unavailable);
        embedder.start_run();
        assert!(embedder.outage().is_none());
    }

    #[test]
    fn requests_are_as_large_as_allowed_and_have_at_least_one_text() {
        let long = "é".repeat(9_000);
        assert_eq!(request_length(&[&long, &long, &long]), 2);
        let longer = "x".repeat(30_000);
        assert_eq!(request_length(&[&longer, "a"]), 1);
        assert_eq!(request_length(&["a"; 600]), MAX_REQUEST_TEXTS);
    }
}
