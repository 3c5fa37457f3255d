//! Joins rows whose vectors are alike.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{DisjointSets, MIN_COSINE};
use crate::Ad;

/// Leading components that are compared first. The rest can add no more than the product of the rest's lengths, which
/// excludes nearly every pair at a sixth of the work.
const HEAD: usize = 64;
/// Number of vectors in a block: two blocks' heads fit into the cache.
const BLOCK: usize = 256;
/// What rounding can take from a bound.
const ROUNDING: f32 = 1e-4;

/// Joins the rows among `rows` whose vectors have a cosine of at least [`MIN_COSINE`]. Vectors are compared with those
/// of equal length; rows without a vector, or with one that has no direction, join nothing.
pub(super) fn join_alike(ads: &[&Ad], rows: &[u32], sets: &mut DisjointSets) {
    let mut dimensions: Vec<usize> =
        rows.iter().map(|&row| ads[row as usize].salary_embedding().len()).collect();
    dimensions.sort_unstable();
    dimensions.dedup();
    for dimension in dimensions.into_iter().filter(|dimension| *dimension > 0) {
        let mut first_with: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        let mut vectors = Vectors::new(dimension);
        for &row in rows {
            let vector = ads[row as usize].salary_embedding();
            let Some(length) = length(vector).filter(|_| vector.len() == dimension) else { continue };
            let bits = vector.iter().map(|value| value.to_bits()).collect();
            let first = *first_with.entry(bits).or_insert(row);
            if first == row {
                vectors.push(row, vector, length);
            } else {
                sets.join(first, row);
            }
        }
        for (one, other) in vectors.pairs() {
            sets.join(one, other);
        }
    }
}

/// The length of a vector, or `None` if it has no direction: it is zero, infinite or NaN.
fn length(vector: &[f32]) -> Option<f64> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    (length.is_finite() && length > 0.0).then_some(length)
}

/// Distinct vectors of length one, their heads beside each other.
struct Vectors {
    dimension: usize,
    head: usize,
    rows: Vec<u32>,
    heads: Vec<f32>,
    full: Vec<f32>,
    /// Length of each vector without its head.
    rest: Vec<f32>,
}

impl Vectors {
    fn new(dimension: usize) -> Self {
        let head = HEAD.min(dimension);
        Self { dimension, head, rows: Vec::new(), heads: Vec::new(), full: Vec::new(), rest: Vec::new() }
    }

    fn push(&mut self, row: u32, vector: &[f32], length: f64) {
        let start = self.full.len();
        self.full.extend(vector.iter().map(|value| (f64::from(*value) / length) as f32));
        let unit = &self.full[start..];
        self.heads.extend_from_slice(&unit[..self.head]);
        self.rest.push(dot(&unit[self.head..], &unit[self.head..]).max(0.0).sqrt());
        self.rows.push(row);
    }

    fn head(&self, n: usize) -> &[f32] {
        &self.heads[n * self.head..][..self.head]
    }

    fn full(&self, n: usize) -> &[f32] {
        &self.full[n * self.dimension..][..self.dimension]
    }

    fn is_alike(&self, one: usize, other: usize) -> bool {
        let bound = dot(self.head(one), self.head(other)) + self.rest[one] * self.rest[other];
        bound >= MIN_COSINE - ROUNDING && dot(self.full(one), self.full(other)) >= MIN_COSINE
    }

    /// Rows to join. Of the pairs of two blocks, only those that connect something are returned, so that memory does
    /// not grow with the square of a family's size.
    fn pairs(&self) -> Vec<(u32, u32)> {
        let blocks = self.rows.len().div_ceil(BLOCK);
        let pairs: Vec<(usize, usize)> =
            (0..blocks).flat_map(|one| (one..blocks).map(move |other| (one, other))).collect();
        let joined: Vec<Vec<(u32, u32)>> = pairs
            .par_iter()
            .map(|&(one, other)| {
                let range = |block: usize| block * BLOCK..((block + 1) * BLOCK).min(self.rows.len());
                let mut local = DisjointSets::new(2 * BLOCK);
                let mut joined = Vec::new();
                for a in range(one) {
                    for b in range(other).skip_while(|b| *b <= a) {
                        if self.is_alike(a, b) {
                            let place = |n: usize, block: usize, side: usize| {
                                (n - block * BLOCK + if one == other { 0 } else { side * BLOCK }) as u32
                            };
                            if local.join(place(a, one, 0), place(b, other, 1)) {
                                joined.push((self.rows[a], self.rows[b]));
                            }
                        }
                    }
                }
                joined
            })
            .collect();
        joined.concat()
    }
}

/// The inner product, added in a fixed order that the compiler can vectorise.
pub(crate) fn dot(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (one_chunks, other_chunks) = (one.chunks_exact(LANES), other.chunks_exact(LANES));
    let rest: f32 = one_chunks.remainder().iter().zip(other_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in one_chunks.zip(other_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0] + rest
}
