//! The [`Embedder`] trait, and embedders with ONNX Runtime.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common_core::{Error, Result};

use crate::batch::{Most, Sharing, groups};
use crate::model::ModelPackage;
use crate::reader::unreadable;
use crate::session::ModelSession;
use crate::settings::{EmbeddingSettings, ModelSettings, Precision};
use crate::tokenize::TextTokenizer;

/// Identifies the vectors of an embedder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The published name of the model.
    pub model_name: String,
    /// The embedding space: only vectors of the same space are comparable.
    pub embedding_space: String,
    /// The embedding space with precision and device.
    pub model_version: String,
    /// Number of elements of a vector.
    pub dimension: usize,
}

/// Embeds texts. An embedder is used by one thread at a time; calls block the thread.
pub trait Embedder: Send {
    /// Identifies the vectors of this embedder.
    fn identity(&self) -> &Identity;

    /// The recommended number of texts per call of [`Embedder::embed`]: enough for full speed, few enough to finish
    /// within about a second.
    fn preferred_chunk(&self) -> usize;

    /// Prepares a kept embedder for another run: it forgets an outage that made the rest of the previous run fail.
    fn start_run(&mut self) {}

    /// Embeds `texts` and calls `done` once per text with its index and its result, as soon as the result is available
    /// and in any order. Vectors are `[dimension] f32`, L2-normalised. A failing text does not affect the others; a
    /// text without a token that the model knows fails with [`is_unreadable`](crate::is_unreadable).
    fn embed_each(&mut self, texts: &[&str], done: &mut dyn FnMut(usize, Result<Vec<f32>>));

    /// Embeds `texts` and returns one result per text, in order.
    fn embed(&mut self, texts: &[&str]) -> Vec<Result<Vec<f32>>> {
        let mut results: Vec<Option<Result<Vec<f32>>>> = Vec::new();
        results.resize_with(texts.len(), || None);
        self.embed_each(texts, &mut |index, result| results[index] = Some(result));
        let left_out = || Err(Error::internal("a text was left out of every call"));
        results.into_iter().map(|result| result.unwrap_or_else(left_out)).collect()
    }
}

/// Default number of texts per batch on a GPU.
const CUDA_BATCH: usize = 256;

/// Number of batches per chunk on a GPU, and the maximum number of texts of a chunk. A chunk is sorted by length before
/// it is split into batches, which reduces padding.
const CUDA_BATCHES: usize = 8;
const CUDA_CHUNK: usize = 4096;

/// Minimum and maximum number of texts of a chunk on a CPU: enough to make the cost of channels negligible, few enough
/// to react to a stop quickly.
const CPU_CHUNK: (usize, usize) = (8, 32);

/// Maximum batch of [`open_one`] on a CPU. Batches make short texts faster, three times at eight tokens, because the
/// weights are read from memory once per batch; they make long texts slower, because the activations exceed the cache.
const CPU_TOGETHER: Most = Most { texts: 32, tokens: 256 };

/// Opens `settings.inference.threads` embedders on a CPU, or two that share one GPU: one tokenizes while the other uses the GPU.
/// `batch` overrides the number of texts per batch.
///
/// # Errors
/// `NotFound` or `Corrupt` if the model package is missing or altered, `Configuration` if the library or the device
/// cannot be used.
pub fn open(settings: &EmbeddingSettings, batch: Option<usize>) -> Result<Vec<Box<dyn Embedder>>> {
    #[cfg(feature = "gcp")]
    if let Some(name) = settings.model.embedding_model.as_str().strip_prefix(crate::vertex::PREFIX) {
        return crate::vertex::open(&settings.inference, name, crate::vertex::Caller::Run);
    }
    let EmbeddingSettings { model, inference } = settings;
    let model = Model::open(model)?;
    let alone = Most { texts: batch.unwrap_or(1), tokens: usize::MAX };
    let first = ModelSession::open(&model.graph, inference, 1)?;
    let is_cuda = first.device == "cuda";
    let first = model.embedder(first, batch, alone);
    let mut embedders = Vec::new();
    if is_cuda {
        embedders.push(first.clone());
    }
    while !is_cuda && embedders.len() + 1 < inference.threads.count() {
        embedders.push(model.embedder(ModelSession::open(&model.graph, inference, 1)?, batch, alone));
    }
    embedders.push(first);
    Ok(embedders.into_iter().map(|embedder| Box::new(embedder) as Box<dyn Embedder>).collect())
}

/// Opens one embedder for a service, whose texts arrive one by one. On a CPU, the weights are in memory once,
/// `settings.inference.threads` threads share the work of a call, and short texts of the same length share a batch. The latency is
/// lower than with [`open`]; the vectors are the same.
///
/// `deadline`: the longest that a caller waits for a text; a request to Vertex AI takes no longer.
///
/// # Errors
/// Those of [`open`].
pub fn open_one(settings: &EmbeddingSettings, deadline: Duration) -> Result<Box<dyn Embedder>> {
    #[cfg(feature = "gcp")]
    if let Some(name) = settings.model.embedding_model.as_str().strip_prefix(crate::vertex::PREFIX) {
        let caller = crate::vertex::Caller::Service { deadline };
        let opened = crate::vertex::open(&settings.inference, name, caller)?.into_iter().next();
        return opened.ok_or_else(|| Error::internal("there is no embedder"));
    }
    let EmbeddingSettings { model, inference } = settings;
    let model = Model::open(model)?;
    let session = ModelSession::open(&model.graph, inference, inference.threads.count())?;
    Ok(Box::new(model.embedder(session, None, CPU_TOGETHER)))
}

/// A verified model package with the parts that its embedders share.
struct Model {
    package: ModelPackage,
    precision: Precision,
    graph: PathBuf,
    tokenizer: Arc<TextTokenizer>,
}

impl Model {
    fn open(settings: &ModelSettings) -> Result<Self> {
        let package = ModelPackage::open(&settings.model_dir, settings.embedding_model.as_str())?;
        let precision = settings.embedding_precision;
        let tokenizer = Arc::new(TextTokenizer::open(&package.tokenizer()?, package.max_tokens)?);
        let graph = package.graph(precision)?;
        Ok(Self { package, precision, graph, tokenizer })
    }

    /// An embedder with `session`. `on_cpu` is the maximum batch on a CPU; `batch` the number of texts per batch on a
    /// GPU.
    fn embedder(&self, session: ModelSession, batch: Option<usize>, on_cpu: Most) -> OnnxEmbedder {
        let identity = Identity {
            model_name: self.package.name.clone(),
            embedding_space: self.package.embedding_space(),
            model_version: self.package.model_version(self.precision, session.device),
            dimension: self.package.dimension,
        };
        OnnxEmbedder {
            identity,
            tokenizer: Arc::clone(&self.tokenizer),
            batching: if session.device == "cuda" {
                Batching::on_cuda(batch)
            } else {
                Batching::on_cpu(on_cpu)
            },
            session: Arc::new(Mutex::new(session)),
        }
    }
}

/// The identity of the vectors of the configured model, without loading it. The device is assumed to be a CPU.
///
/// # Errors
/// `NotFound` if the model package is missing, `Configuration` if the model is unknown.
pub fn identity(settings: &ModelSettings) -> Result<Identity> {
    #[cfg(feature = "gcp")]
    if let Some(name) = settings.embedding_model.as_str().strip_prefix(crate::vertex::PREFIX) {
        return crate::vertex::identity(name);
    }
    let package = ModelPackage::open(&settings.model_dir, settings.embedding_model.as_str())?;
    Ok(Identity {
        embedding_space: package.embedding_space(),
        model_version: package.model_version(settings.embedding_precision, "cpu"),
        dimension: package.dimension,
        model_name: package.name,
    })
}

/// The composition of batches.
#[derive(Debug, Clone, Copy)]
struct Batching {
    most: Most,
    sharing: Sharing,
}

impl Batching {
    fn on_cuda(batch: Option<usize>) -> Self {
        let most = Most { texts: batch.unwrap_or(CUDA_BATCH), tokens: usize::MAX };
        Self { most, sharing: Sharing::Padded }
    }

    fn on_cpu(most: Most) -> Self {
        Self { most, sharing: Sharing::SameLength }
    }
}

#[derive(Clone)]
struct OnnxEmbedder {
    identity: Identity,
    tokenizer: Arc<TextTokenizer>,
    session: Arc<Mutex<ModelSession>>,
    batching: Batching,
}

impl Embedder for OnnxEmbedder {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn preferred_chunk(&self) -> usize {
        match self.batching.sharing {
            Sharing::SameLength => self.batching.most.texts.clamp(CPU_CHUNK.0, CPU_CHUNK.1),
            Sharing::Padded => self.batching.most.texts.saturating_mul(CUDA_BATCHES).min(CUDA_CHUNK),
        }
    }

    fn embed_each(&mut self, texts: &[&str], done: &mut dyn FnMut(usize, Result<Vec<f32>>)) {
        let mut tokenized = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match self.tokenizer.encode(text) {
                Ok(ids) if self.tokenizer.is_readable(&ids) => tokenized.push((index, ids)),
                Ok(_) => done(index, Err(unreadable())),
                Err(error) => done(index, Err(error)),
            }
        }
        tokenized.sort_by_key(|(_, ids)| ids.len());
        let lengths: Vec<usize> = tokenized.iter().map(|(_, ids)| ids.len()).collect();
        for group in groups(&lengths, self.batching.most, self.batching.sharing) {
            for ((index, _), result) in
                tokenized[group.clone()].iter().zip(self.infer_group(&tokenized[group]))
            {
                done(*index, result);
            }
        }
    }
}

type Tokenized = (usize, Vec<i64>);

impl OnnxEmbedder {
    /// Runs a batch. If it fails, each text runs alone, so that an invalid text does not affect the others.
    fn infer_group(&self, group: &[Tokenized]) -> Vec<Result<Vec<f32>>> {
        match self.infer(group) {
            Ok(vectors) => vectors.into_iter().map(check_norm).collect(),
            Err(error) if group.len() == 1 => vec![Err(error)],
            Err(_) => group.chunks(1).flat_map(|alone| self.infer_group(alone)).collect(),
        }
    }

    fn infer(&self, group: &[Tokenized]) -> Result<Vec<Vec<f32>>> {
        let width = group.iter().map(|(_, ids)| ids.len()).max().unwrap_or_default();
        let mut ids = Vec::with_capacity(group.len() * width);
        let mut mask = Vec::with_capacity(group.len() * width);
        for (_, row) in group {
            ids.extend(row);
            ids.resize(ids.len() + width - row.len(), 0);
            mask.resize(mask.len() + row.len(), 1);
            mask.resize(mask.len() + width - row.len(), 0);
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let flat = session.run(&ids, &mask, width)?;
        drop(session);
        if flat.len() != group.len() * self.identity.dimension {
            return Err(Error::corrupt(format!(
                "the model gave {} numbers for {} texts of dimension {}",
                flat.len(),
                group.len(),
                self.identity.dimension
            )));
        }
        Ok(flat.chunks(self.identity.dimension).map(<[f32]>::to_vec).collect())
    }
}

/// Rejects vectors with a NaN or a length other than 1, which would distort every search.
fn check_norm(vector: Vec<f32>) -> Result<Vec<f32>> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if (norm - 1.0).abs() < 1e-2 {
        Ok(vector)
    } else {
        Err(Error::internal(format!("the model gave a vector of length {norm}, not 1")))
    }
}
