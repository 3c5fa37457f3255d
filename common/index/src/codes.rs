//! Vectors quantized to 8 bits per element, which need a quarter of the memory traffic and are precise enough to find
//! candidates.
//!
//! A vector is scaled by its largest element: `code = round(127·v / max|v|)`, `v ≈ scale·code`. The error of an element
//! is at most half a step. Searches rerank candidates with the exact vectors.

use crate::TextId;
use crate::kernels::{Kernels, kernels, prefetch};

/// The codes of all texts.
#[derive(Clone, Copy)]
pub struct Codes<'a> {
    /// `[n, dimension] i8`.
    pub codes: &'a [i8],
    /// `[n] f32`.
    pub scales: &'a [f32],
    /// Number of elements of a vector.
    pub dimension: usize,
}

/// The code of one vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    /// `[dimension] i8`.
    pub code: Vec<i8>,
    /// The value of one step.
    pub scale: f32,
}

impl Code {
    /// Quantizes `vector`.
    pub fn quantize(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0f32, |most, value| most.max(value.abs()));
        if largest == 0.0 {
            return Self { code: vec![0; vector.len()], scale: 0.0 };
        }
        let steps = 127.0 / largest;
        let code = vector.iter().map(|value| (value * steps).round() as i8).collect();
        Self { code, scale: largest / 127.0 }
    }
}

/// A code that is compared with the codes of texts.
#[derive(Clone, Copy)]
pub struct Probe<'a> {
    codes: Codes<'a>,
    kernels: Kernels,
    code: &'a [i8],
    scale: f32,
}

impl<'a> Codes<'a> {
    /// The number of texts.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Returns whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// The code of a text.
    #[inline]
    pub fn code(&self, text: TextId) -> &'a [i8] {
        let start = text as usize * self.dimension;
        &self.codes[start..start + self.dimension]
    }

    /// A probe with the code of a text.
    pub fn probe(&self, text: TextId) -> Probe<'a> {
        Probe { codes: *self, kernels: kernels(), code: self.code(text), scale: self.scales[text as usize] }
    }

    /// A probe with any other code.
    pub fn probe_code(&self, code: &'a Code) -> Probe<'a> {
        Probe { codes: *self, kernels: kernels(), code: &code.code, scale: code.scale }
    }
}

impl Probe<'_> {
    /// Prefetches the code of `text` for a following call of [`Probe::similarity`].
    #[inline]
    pub fn prefetch(&self, text: TextId) {
        prefetch(self.codes.code(text));
        prefetch(&self.codes.scales[text as usize..=text as usize]);
    }

    /// The approximate cosine similarity to `text`.
    #[inline]
    pub fn similarity(&self, text: TextId) -> f32 {
        let product = (self.kernels.dot_codes)(self.code, self.codes.code(text));
        product as f32 * self.scale * self.codes.scales[text as usize]
    }
}
