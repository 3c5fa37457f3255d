//! Texts in, unit vectors out.

use std::sync::{Arc, Mutex, PoisonError};

use common_core::config::Config;
use common_core::{Error, Result};

use crate::batch::{Sharing, groups};
use crate::model::ModelPackage;
use crate::session::ModelSession;
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

    /// One result a text, in order: `[dimension] f32`, L2-normalised. A text that fails does so alone.
    fn embed(&mut self, texts: &[&str]) -> Vec<Result<Vec<f32>>>;
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

/// Opens as many embedders as `config.threads` asks for, or two that take turns on one GPU: while one waits for the
/// card the other tokenizes. `batch` overrides how many texts share a call.
///
/// # Errors
/// `NotFound` and `Corrupt` where the model package is missing or altered, `Configuration` where the library or the
/// device cannot be used.
pub fn open(config: &Config, batch: Option<usize>) -> Result<Vec<Box<dyn Embedder>>> {
    #[cfg(feature = "gcp")]
    if let Some(name) = config.embedding_model.strip_prefix(crate::vertex::PREFIX) {
        return crate::vertex::open(config, name);
    }
    let package = ModelPackage::open(&config.model_dir, &config.embedding_model)?;
    let precision = config.embedding_precision;
    let tokenizer = Arc::new(TextTokenizer::open(&package.tokenizer()?, package.max_tokens)?);
    let graph = package.graph(precision)?;
    let first = ModelSession::open(&graph, config)?;
    let is_cuda = first.device == "cuda";
    let identity = Identity {
        model_name: package.name.clone(),
        embedding_space: package.embedding_space(),
        model_version: package.model_version(precision, first.device),
        dimension: package.dimension,
    };
    let plan = Plan::new(is_cuda, batch);
    let mut sessions = vec![Arc::new(Mutex::new(first))];
    if is_cuda {
        sessions.push(Arc::clone(&sessions[0]));
    }
    while !is_cuda && sessions.len() < config.threads {
        sessions.push(Arc::new(Mutex::new(ModelSession::open(&graph, config)?)));
    }
    let embedder =
        |session| OnnxEmbedder { identity: identity.clone(), tokenizer: tokenizer.clone(), session, plan };
    Ok(sessions.into_iter().map(|session| Box::new(embedder(session)) as Box<dyn Embedder>).collect())
}

/// Which vectors the configured model makes, without loading it. The device named is the CPU.
///
/// # Errors
/// `NotFound` where the model package is missing, `Configuration` for a model that nobody knows.
pub fn identity(config: &Config) -> Result<Identity> {
    #[cfg(feature = "gcp")]
    if let Some(name) = config.embedding_model.strip_prefix(crate::vertex::PREFIX) {
        return crate::vertex::identity(name);
    }
    let package = ModelPackage::open(&config.model_dir, &config.embedding_model)?;
    Ok(Identity {
        embedding_space: package.embedding_space(),
        model_version: package.model_version(config.embedding_precision, "cpu"),
        dimension: package.dimension,
        model_name: package.name,
    })
}

/// How calls are made up.
#[derive(Debug, Clone, Copy)]
struct Plan {
    batch: usize,
    sharing: Sharing,
}

impl Plan {
    /// On a CPU one text a call is fastest.
    fn new(is_cuda: bool, batch: Option<usize>) -> Self {
        if is_cuda {
            Self { batch: batch.unwrap_or(CUDA_BATCH), sharing: Sharing::Padded }
        } else {
            Self { batch: batch.unwrap_or(1), sharing: Sharing::SameLength }
        }
    }
}

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
            Sharing::SameLength => self.plan.batch.clamp(CPU_CHUNK.0, CPU_CHUNK.1),
            Sharing::Padded => self.plan.batch.saturating_mul(CUDA_CALLS).min(CUDA_CHUNK),
        }
    }

    fn embed(&mut self, texts: &[&str]) -> Vec<Result<Vec<f32>>> {
        let mut results: Vec<Option<Result<Vec<f32>>>> = Vec::new();
        results.resize_with(texts.len(), || None);
        let mut tokenized = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match self.tokenizer.encode(text) {
                Ok(ids) => tokenized.push((index, ids)),
                Err(error) => results[index] = Some(Err(error)),
            }
        }
        tokenized.sort_by_key(|(_, ids)| ids.len());
        let lengths: Vec<usize> = tokenized.iter().map(|(_, ids)| ids.len()).collect();
        for group in groups(&lengths, self.plan.batch, self.plan.sharing) {
            for ((index, _), result) in
                tokenized[group.clone()].iter().zip(self.infer_group(&tokenized[group]))
            {
                results[*index] = Some(result);
            }
        }
        results
            .into_iter()
            .map(|result| result.unwrap_or_else(|| Err(Error::internal("a text was left out of every call"))))
            .collect()
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
