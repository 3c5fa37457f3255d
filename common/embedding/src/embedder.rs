//! Texts in, unit vectors out.

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

/// Which vectors an embedder makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model's published name.
    pub model_name: String,
    /// Vectors of one space may be compared.
    pub embedding_space: String,
    /// The space, precision and device.
    pub model_version: String,
    /// Length of every vector.
    pub dimension: usize,
}

/// Turns texts into vectors. One embedder serves one thread at a time; a call blocks it.
pub trait Embedder: Send {
    /// Which vectors this embedder makes.
    fn identity(&self) -> &Identity;

    /// How many texts a call of [`Embedder::embed`] should be given: enough to run at full speed, few enough to be
    /// done within a second or so.
    fn preferred_chunk(&self) -> usize;

    /// Gives `done` one result a text, with the text's position, as soon as each is there and in any order:
    /// `[dimension] f32`, L2-normalised. A text that fails does so alone; one of which the model can read nothing fails
    /// ([`is_unreadable`](crate::is_unreadable)).
    fn embed_each(&mut self, texts: &[&str], done: &mut dyn FnMut(usize, Result<Vec<f32>>));

    /// One result a text, in order: those of [`Embedder::embed_each`].
    fn embed(&mut self, texts: &[&str]) -> Vec<Result<Vec<f32>>> {
        let mut results: Vec<Option<Result<Vec<f32>>>> = Vec::new();
        results.resize_with(texts.len(), || None);
        self.embed_each(texts, &mut |index, result| results[index] = Some(result));
        let left_out = || Err(Error::internal("a text was left out of every call"));
        results.into_iter().map(|result| result.unwrap_or_else(left_out)).collect()
    }
}

/// Texts a call on a GPU, when nobody says otherwise.
const CUDA_BATCH: usize = 256;

/// Calls a chunk on a GPU, and the most texts in it: a chunk is sorted by length before it is cut into calls, which
/// saves padding.
const CUDA_CALLS: usize = 8;
const CUDA_CHUNK: usize = 4096;

/// The fewest and most texts a chunk on a CPU: not one, so that channels cost nothing; few, so that a stop is
/// answered soon.
const CPU_CHUNK: (usize, usize) = (8, 32);

/// The largest call on a CPU where texts share them. Short texts are faster together, by three times at eight tokens:
/// the weights are read from memory once for all of them. Long ones are slower, because what lies between two layers of
/// the model outgrows the cache.
const CPU_TOGETHER: Most = Most { texts: 32, tokens: 256 };

/// Opens as many embedders as `settings.inference.threads` asks for, or two that take turns on one GPU: while one waits for the
/// card the other tokenizes. `batch` overrides how many texts share a call.
///
/// # Errors
/// `NotFound` and `Corrupt` where the model package is missing or altered, `Configuration` where the library or the
/// device cannot be used.
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

/// Opens one embedder for a service, whose texts come one by one. On a CPU the model's weights are held once,
/// `settings.inference.threads` threads share the work of a call, and short texts of one length share a call: a text is answered
/// sooner than by one of [`open`]'s, with the same vector.
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

/// A verified model package, and what all its embedders share.
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

    /// `on_cpu`: the largest call on a CPU; on a GPU it has `batch` texts.
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
            plan: if session.device == "cuda" { Plan::on_cuda(batch) } else { Plan::on_cpu(on_cpu) },
            session: Arc::new(Mutex::new(session)),
        }
    }
}

/// Which vectors the configured model makes, without loading it. The device named is the CPU.
///
/// # Errors
/// `NotFound` where the model package is missing, `Configuration` for a model that nobody knows.
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

/// How calls are made up.
#[derive(Debug, Clone, Copy)]
struct Plan {
    most: Most,
    sharing: Sharing,
}

impl Plan {
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
    plan: Plan,
}

impl Embedder for OnnxEmbedder {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn preferred_chunk(&self) -> usize {
        match self.plan.sharing {
            Sharing::SameLength => self.plan.most.texts.clamp(CPU_CHUNK.0, CPU_CHUNK.1),
            Sharing::Padded => self.plan.most.texts.saturating_mul(CUDA_CALLS).min(CUDA_CHUNK),
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
        for group in groups(&lengths, self.plan.most, self.plan.sharing) {
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
    /// One call for the group; where it fails, one call a text, so that one bad text fails alone.
    fn infer_group(&self, group: &[Tokenized]) -> Vec<Result<Vec<f32>>> {
        match self.infer(group) {
            Ok(vectors) => vectors.into_iter().map(checked).collect(),
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

/// A vector with a NaN, or one that is not of length 1, would poison every search that meets it.
fn checked(vector: Vec<f32>) -> Result<Vec<f32>> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if (norm - 1.0).abs() < 1e-2 {
        Ok(vector)
    } else {
        Err(Error::internal(format!("the model gave a vector of length {norm}, not 1")))
    }
}
