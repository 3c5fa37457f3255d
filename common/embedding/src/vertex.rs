//! Vertex AI's text embeddings: vectors of a model that Google runs, by its REST interface.
//!
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common_core::fold::is_visible;
use common_core::job::PREPROCESSING_VERSION;
use common_core::{Error, ErrorKind, Result};
use common_google::{Body, Call, Client, Credentials, Limits, segment};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;

use crate::embedder::{Embedder, Identity};
use crate::reader::unreadable;
use crate::settings::InferenceSettings;

/// How `EMBEDDING_MODEL` names a model that Google runs.
pub(crate) const PREFIX: &str = "vertex:";

/// What a vector is made for; vectors for different tasks do not compare.
const TASK: &str = "SEMANTIC_SIMILARITY";

/// The most texts and tokens that a request may hold. Characters are counted, of which most tokens have several; a
/// request that is too long all the same is halved.
const TEXTS_A_REQUEST: usize = 250;
const CHARS_A_REQUEST: usize = 20_000;

/// Texts a chunk: some requests' worth of ads.
const CHUNK: usize = 100;

struct Facts {
    name: &'static str,
    dimension: usize,
    max_tokens: usize,
}

const MODELS: [Facts; 2] = [
    Facts { name: "text-embedding-005", dimension: 768, max_tokens: 2048 },
    Facts { name: "text-multilingual-embedding-002", dimension: 768, max_tokens: 2048 },
];

struct Vertex {
    client: Client,
    url: String,
    identity: Identity,
    runtime: Handle,
    caller: Caller,
    /// Why nothing is asked for now.
    outage: Arc<Mutex<Option<Outage>>>,
}

/// Who embeds; decides what an outage means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A run: it ends with the first outage. Every other request would be tried as long, and a run has thousands.
    Run,
    /// A service: it asks again after a while, and no longer than its own callers wait.
    Service {
        /// How long they wait.
        deadline: Duration,
    },
}

/// Vertex AI itself was not to be had, for as long as a request is tried.
struct Outage {
    kind: ErrorKind,
    message: String,
    /// How long nothing is asked; then the next text is.
    wait: Duration,
    since: Instant,
}

/// How long a service asks nothing after an outage: doubled with every one, up to the second.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

fn facts(name: &str) -> Result<&'static Facts> {
    let known = || MODELS.map(|facts| format!("{PREFIX}{}", facts.name)).join(", ");
    MODELS.iter().find(|facts| facts.name == name).ok_or_else(|| {
        let value = format!("{PREFIX}{name}");
        Error::configuration(format!("EMBEDDING_MODEL is {value:?}; of Vertex AI's, allowed is {}", known()))
    })
}

/// Which vectors the model makes.
///
/// # Errors
/// `Configuration` for a model that is not known.
pub(crate) fn identity(name: &str) -> Result<Identity> {
    let facts = facts(name)?;
    let space = format!("{PREFIX}{name}/{TASK}/{PREPROCESSING_VERSION}-{}", facts.max_tokens);
    Ok(Identity {
        model_name: format!("{PREFIX}{name}"),
        model_version: format!("{space}/vertex"),
        embedding_space: space,
        dimension: facts.dimension,
    })
}

/// One embedder a thread of `settings`, each with a request of its own under way. Called on a thread of a runtime.
///
/// # Errors
/// `Configuration` for a model that is not known, or where no project is named.
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
    let client = Client::new(credentials, limits)?;
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

    fn embed_each(&mut self, texts: &[&str], done: &mut dyn FnMut(usize, Result<Vec<f32>>)) {
        // What its tokenizer makes of a text is not ours to see: only of what shows nothing there is nothing to read.
        let (visible, invisible): (Vec<usize>, Vec<usize>) =
            (0..texts.len()).partition(|&index| is_visible(texts[index]));
        for index in invisible {
            done(index, Err(unreadable()));
        }
        let read: Vec<&str> = visible.iter().map(|&index| texts[index]).collect();
        let mut first = 0;
        while first < read.len() {
            let request = &read[first..first + request_length(&read[first..])];
            for (index, result) in self.request(request).into_iter().enumerate() {
                done(visible[first + index], result);
            }
            first += request.len();
        }
    }
}

/// How many of `texts` fit into a request: one at least.
fn request_length(texts: &[&str]) -> usize {
    let mut chars = 0;
    let fits = |text: &&&str| {
        chars += text.chars().count();
        chars <= CHARS_A_REQUEST
    };
    texts.iter().take(TEXTS_A_REQUEST).take_while(fits).count().max(1)
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
    /// One request for the texts; where it is refused for what is in it, one for each half, so that in the end one text
    /// fails alone.
    fn request(&self, texts: &[&str]) -> Vec<Result<Vec<f32>>> {
        let error = match self.outage() {
            Some(error) => error,
            None => match self.predict(texts) {
                Ok(vectors) => {
                    *self.remembered() = None;
                    return vectors;
                }
                Err(error) => {
                    self.remember(&error);
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

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the last request failed with, while nothing is asked for it.
    fn outage(&self) -> Option<Error> {
        let remembered = self.remembered();
        let outage = remembered.as_ref()?;
        let is_over = matches!(self.caller, Caller::Service { .. }) && outage.since.elapsed() >= outage.wait;
        (!is_over).then(|| Error::new(outage.kind, &outage.message))
    }

    /// Remembers a failure that is not the texts'.
    fn remember(&self, error: &Error) {
        if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Internal) {
            return;
        }
        let mut remembered = self.remembered();
        let wait = remembered.as_ref().map_or(WAITS.0, |before| (before.wait * 2).min(WAITS.1));
        *remembered =
            Some(Outage { kind: error.kind(), message: error.to_string(), wait, since: Instant::now() });
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

    /// The vector with length 1. Google's are within rounding of that, and a search relies on it.
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

    #[test]
    fn a_request_holds_as_many_texts_as_may_be_and_one_at_least() {
        let long = "é".repeat(9_000);
        assert_eq!(request_length(&[&long, &long, &long]), 2);
        let longer = "x".repeat(30_000);
        assert_eq!(request_length(&[&longer, "a"]), 1);
        assert_eq!(request_length(&["a"; 600]), TEXTS_A_REQUEST);
    }
}
