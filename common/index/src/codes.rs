//! Vectors in one byte an element: a quarter of the memory traffic, near enough to find candidates.
//!
//! A vector is scaled by its own largest element: `code = round(127·v / max|v|)`, `v ≈ scale·code`. No element is off by
//! more than half a step, so codes only find candidates: those are compared again exactly.

use crate::TextId;
use crate::kernels::{Kernels, kernels, prefetch};

/// Codes of many vectors, row by row.
#[derive(Clone, Copy)]
pub struct Codes<'a> {
    /// `[n, dimension] i8`.
    pub codes: &'a [i8],
    /// `[n] f32`.
    pub scales: &'a [f32],
    /// Elements a vector.
    pub dimension: usize,
}

/// The code of one vector, to be compared with many.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    /// `[dimension] i8`.
    pub code: Vec<i8>,
    /// What one step is worth.
    pub scale: f32,
}

impl Code {
    /// The code of `vector`.
    pub fn of(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0f32, |most, value| most.max(value.abs()));
        if largest == 0.0 {
            return Self { code: vec![0; vector.len()], scale: 0.0 };
        }
        let steps = 127.0 / largest;
        let code = vector.iter().map(|value| (value * steps).round() as i8).collect();
        Self { code, scale: largest / 127.0 }
    }
}

/// Something that texts are compared with.
#[derive(Clone, Copy)]
pub struct Probe<'a> {
    codes: Codes<'a>,
    kernels: Kernels,
    code: &'a [i8],
    scale: f32,
}

impl<'a> Codes<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// One vector's code.
    #[inline]
    pub fn code(&self, text: TextId) -> &'a [i8] {
        let start = text as usize * self.dimension;
        &self.codes[start..start + self.dimension]
    }

    /// Compares with a stored vector.
    pub fn probe(&self, text: TextId) -> Probe<'a> {
        Probe { codes: *self, kernels: kernels(), code: self.code(text), scale: self.scales[text as usize] }
    }

    /// Compares with a vector from outside.
    pub fn probe_of(&self, code: &'a Code) -> Probe<'a> {
        Probe { codes: *self, kernels: kernels(), code: &code.code, scale: code.scale }
    }
}

impl Probe<'_> {
    /// Says that [`Probe::similarity`] of this text is about to be asked for.
    #[inline]
    pub fn prefetch(&self, text: TextId) {
        prefetch(self.codes.code(text));
        prefetch(&self.codes.scales[text as usize..=text as usize]);
    }

    /// Cosine similarity, nearly.
    #[inline]
    pub fn similarity(&self, text: TextId) -> f32 {
        let product = (self.kernels.dot_codes)(self.code, self.codes.code(text));
        product as f32 * self.scale * self.codes.scales[text as usize]
    }
}
