//! Nearest vectors among at most some ten thousand, found in lists of similar vectors.
//!
//! A search compares codes of 8 bits in the lists whose centres are nearest, and ranks what it finds by the exact
//! cosines. Of 10,000 vectors it reads a fifth. The result depends on the vectors and the query alone.

use common_index::codes::{Code, Codes};
use common_index::kernels::kernels;
use rayon::prelude::*;

/// Vectors of a list, on average.
const PER_LIST: usize = 100;
/// Vectors that a search compares at least, if there are that many. Fewer find most neighbours too, but others when the
/// lists change: with 900, clusters of 3,400 texts kept 93% of the ads in a refit, with 2,000 they keep 96%.
const PROBED: usize = 2_000;
/// Candidates whose exact cosines are computed, for each neighbour that is asked for.
const CANDIDATES: usize = 2;
/// Steps that move the centres of the lists.
const STEPS: usize = 5;

/// Which list each vector is in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lists {
    /// The vectors in the order of their lists.
    pub(crate) order: Vec<u32>,
    /// Where each list begins in `order`, and its end.
    pub(crate) starts: Vec<u32>,
}

/// Vectors in the order of their lists, with what a search reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Index {
    dimension: usize,
    /// `[rows, dimension]`, L2-normalised.
    vectors: Vec<f32>,
    codes: Vec<i8>,
    scales: Vec<f32>,
    /// `[lists, dimension]`, the mean of each list, normalised.
    centres: Vec<f32>,
    starts: Vec<u32>,
}

impl Lists {
    /// Divides L2-normalised vectors into lists of similar ones by spherical k-means from evenly spaced vectors.
    pub(crate) fn new(vectors: &[f32], dimension: usize) -> Self {
        let rows = vectors.len().checked_div(dimension).unwrap_or(0);
        let lists = (rows / PER_LIST).max(1);
        let row = |at: usize| &vectors[at * dimension..][..dimension];
        let mut centres: Vec<f32> =
            (0..lists.min(rows)).flat_map(|n| row(n * rows / lists)).copied().collect();
        let mut members = vec![0; rows];
        for _ in 0..STEPS {
            members = (0..rows).into_par_iter().map(|at| nearest_centre(row(at), &centres)).collect();
            centres = means(vectors, dimension, &members, lists);
        }
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|row| members[*row as usize]);
        let begin = |list| order.partition_point(|row| members[*row as usize] < list) as u32;
        let starts = (0..=lists as u32).map(begin).collect();
        Self { order, starts }
    }
}

impl Index {
    /// The index of `vectors`, `[rows, dimension]` f32, L2-normalised, which are in the order of the lists that begin at
    /// `starts`.
    pub(crate) fn new(vectors: Vec<f32>, dimension: usize, starts: Vec<u32>) -> Self {
        let mut codes = Vec::with_capacity(vectors.len());
        let mut scales = Vec::with_capacity(vectors.len() / dimension.max(1));
        for vector in vectors.chunks_exact(dimension.max(1)) {
            let Code { code, scale } = Code::quantize(vector);
            codes.extend(code);
            scales.push(scale);
        }
        let members: Vec<u32> = starts
            .windows(2)
            .zip(0..)
            .flat_map(|(range, list)| std::iter::repeat_n(list, (range[1] - range[0]) as usize))
            .collect();
        let centres = means(&vectors, dimension, &members, starts.len().saturating_sub(1));
        Self { dimension, vectors, codes, scales, centres, starts }
    }

    /// Number of vectors.
    pub(crate) fn rows(&self) -> usize {
        self.scales.len()
    }

    /// The vectors, `[rows, dimension]`.
    pub(crate) fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// A vector.
    pub(crate) fn vector(&self, row: u32) -> &[f32] {
        &self.vectors[row as usize * self.dimension..][..self.dimension]
    }

    /// Where the lists begin, and the end of the last.
    pub(crate) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The `count` nearest vectors with their cosines, nearest first; ties in the order of the vectors.
    pub(crate) fn nearest(&self, query: &[f32], count: usize) -> Vec<(f32, u32)> {
        let dot = kernels().dot;
        let mut found: Vec<(f32, u32)> = Vec::with_capacity(PROBED + PER_LIST);
        let codes = Codes { codes: &self.codes, scales: &self.scales, dimension: self.dimension };
        let code = Code::quantize(query);
        let probe = codes.probe_code(&code);
        let mut lists: Vec<(f32, u32)> =
            self.centres.chunks_exact(self.dimension).map(|centre| dot(query, centre)).zip(0..).collect();
        lists.sort_unstable_by(nearer);
        for (_, list) in lists {
            if found.len() >= PROBED.max(CANDIDATES * count) {
                break;
            }
            let rows = self.starts[list as usize]..self.starts[list as usize + 1];
            found.extend(rows.map(|row| (probe.similarity(row), row)));
        }
        keep_nearest(&mut found, CANDIDATES * count);
        for (cosine, row) in &mut found {
            *cosine = dot(query, self.vector(*row));
        }
        keep_nearest(&mut found, count);
        found.sort_unstable_by(nearer);
        found
    }
}

/// Leaves the `count` nearest, in any order.
fn keep_nearest(found: &mut Vec<(f32, u32)>, count: usize) {
    if found.len() > count && count > 0 {
        found.select_nth_unstable_by(count - 1, nearer);
    }
    found.truncate(count);
}

/// The larger cosine first, then the smaller row.
#[allow(clippy::trivially_copy_pass_by_ref)] // As sorting calls it.
fn nearer(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

fn nearest_centre(vector: &[f32], centres: &[f32]) -> u32 {
    let dot = kernels().dot;
    let cosines = centres.chunks_exact(vector.len()).map(|centre| dot(vector, centre)).zip(0..);
    cosines.min_by(nearer).map_or(0, |(_, list)| list)
}

/// The normalised mean of each list, `[lists, dimension]`; zero for an empty one.
fn means(vectors: &[f32], dimension: usize, members: &[u32], lists: usize) -> Vec<f32> {
    let mut sums = vec![0f32; lists * dimension];
    for (vector, list) in vectors.chunks_exact(dimension.max(1)).zip(members) {
        let sum = &mut sums[*list as usize * dimension..][..dimension];
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    sums.chunks_exact_mut(dimension.max(1)).for_each(normalise);
    sums
}

/// Scales a vector to length 1; a zero vector stays.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
    if length > 0.0 {
        for value in vector {
            *value /= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn indexed(rows: usize, dimension: usize) -> (Index, Vec<f32>) {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        // Noise around 40 directions, as texts are.
        let topics: Vec<f32> = (0..40 * dimension).map(|_| random.random::<f32>() - 0.5).collect();
        let mut vectors = Vec::new();
        for n in 0..rows {
            let topic = &topics[n % 40 * dimension..][..dimension];
            let mut vector: Vec<f32> =
                topic.iter().map(|value| value + 0.6 * (random.random::<f32>() - 0.5)).collect();
            normalise(&mut vector);
            vectors.extend(vector);
        }
        let lists = Lists::new(&vectors, dimension);
        let ordered: Vec<f32> = lists
            .order
            .iter()
            .flat_map(|row| &vectors[*row as usize * dimension..][..dimension])
            .copied()
            .collect();
        (Index::new(ordered.clone(), dimension, lists.starts), ordered)
    }

    fn exact(vectors: &[f32], query: &[f32], count: usize) -> Vec<(f32, u32)> {
        let dot = kernels().dot;
        let mut all: Vec<(f32, u32)> =
            vectors.chunks_exact(query.len()).map(|vector| dot(query, vector)).zip(0..).collect();
        all.sort_by(nearer);
        all.truncate(count);
        all
    }

    #[test]
    fn few_vectors_are_searched_exactly() {
        let (index, vectors) = indexed(2000, 32);
        for row in (0..2000).step_by(200) {
            let query = index.vector(row);
            assert_eq!(index.nearest(query, 20), exact(&vectors, query, 20));
        }
        assert_eq!(index.nearest(index.vector(0), 5000).len(), 2000);
    }

    #[test]
    fn of_many_vectors_nearly_all_neighbours_are_found() {
        let (index, vectors) = indexed(6000, 32);
        let mut common = 0;
        for row in (0..6000).step_by(100) {
            let found = index.nearest(index.vector(row), 50);
            let wanted = exact(&vectors, index.vector(row), 50);
            common += found.iter().filter(|one| wanted.contains(one)).count();
        }
        assert!(common > 60 * 50 * 95 / 100, "{common}");
    }

    #[test]
    fn without_vectors_nothing_is_near() {
        let lists = Lists::new(&[], 4);
        assert!(Index::new(Vec::new(), 4, lists.starts).nearest(&[1.0, 0.0, 0.0, 0.0], 5).is_empty());
    }
}
