//! Vectors of texts, by the embedder of the service.

use std::collections::HashMap;
use std::time::Duration;

use common::Result;
use common::embedding::{EmbeddingSettings, Precision, open_one};
use common::index::kernels::kernels;
use common::settings::{Settings, Variables};

/// Texts a call: enough for short ones to find others of their length.
const CHUNK: usize = 1024;

/// The longest that a text may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// Vectors by text.
pub(crate) struct Vectors(HashMap<String, Vec<f32>>);

impl Vectors {
    /// A text's vector.
    pub(crate) fn of(&self, text: &str) -> &[f32] {
        self.0.get(text).expect("a text that was embedded")
    }

    /// Cosines of each of `texts` with all of `others`.
    pub(crate) fn cosines(&self, texts: &[&str], others: &[&[f32]]) -> Vec<Vec<f32>> {
        let dot = kernels().dot;
        let own: Vec<&[f32]> = texts.iter().map(|text| self.of(text)).collect();
        let mut cosines = vec![Vec::with_capacity(others.len()); texts.len()];
        // The others outside, so that each is read from memory once.
        for other in others {
            for (cosines, own) in cosines.iter_mut().zip(&own) {
                cosines.push(dot(own, other));
            }
        }
        cosines
    }
}

/// Embeds every text of `groups` once.
///
/// # Errors
/// Those of the model.
pub(crate) fn embed<const N: usize>(precision: Precision, groups: [&Vec<&str>; N]) -> Result<Vectors> {
    let variables = Variables::of_process(&EmbeddingSettings::variables())?;
    let variables = variables.with_flag("embedding_precision", precision.as_str()).with_flag("device", "cpu");
    let mut embedder = open_one(&EmbeddingSettings::read(&variables)?, DEADLINE)?;
    let mut texts: Vec<&str> = groups.into_iter().flatten().copied().collect();
    texts.sort_unstable();
    texts.dedup();
    let mut vectors = HashMap::new();
    for chunk in texts.chunks(CHUNK) {
        for (text, vector) in chunk.iter().zip(embedder.embed(chunk)) {
            vectors.insert((*text).to_owned(), vector?);
        }
        eprintln!("relevance: {precision}, {} of {} texts", vectors.len(), texts.len());
    }
    Ok(Vectors(vectors))
}
