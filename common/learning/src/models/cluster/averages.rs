//! Vectors replaced three times by the mean of their nearest neighbours in a saved sample.

use common_core::{Error, Result};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize, Serializer};

use super::index::{Index, Lists, normalise};
use crate::evaluation::families::scramble;

/// Vectors that are averaged over, at most.
pub const MAX_SAMPLE: usize = 10_000;
/// Neighbours that are averaged, at most.
const NEIGHBOURS: usize = 50;
/// Neighbours are at most this share of the sample, so that few vectors are not all replaced by their common mean.
const LARGEST_SHARE: usize = 20;
/// How often a vector is replaced.
const LEVELS: usize = 3;

/// The transformation: a sample of training vectors, and the same vectors replaced once and twice.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Averages {
    dimension: usize,
    levels: Vec<Index>,
}

/// What is saved of [`Averages`]; the rest follows from it.
#[derive(Serialize, Deserialize)]
struct Saved {
    dimension: usize,
    starts: Vec<u32>,
    /// `[rows, dimension]` of each level.
    levels: Vec<Vec<f32>>,
}

/// The fitted transformation, and what it was fitted to.
#[derive(Debug)]
pub struct FittedAverages {
    /// The transformation.
    pub averages: Averages,
    /// The rows of the sample, in its order.
    pub rows: Vec<u32>,
}

impl Averages {
    /// Fits the transformation to L2-normalised vectors of equal length. A family, whose ads are reposts of each other,
    /// gives one vector to the sample, and equal vectors count once; so reposts do not average only each other.
    ///
    /// The sample is drawn by a hash of the vectors and `seed`: of nearly the same ads it is nearly the same.
    ///
    /// # Errors
    /// `InvalidInput` if a vector has another length than the first.
    pub fn fit(vectors: &[&[f32]], families: &[u32], seed: u64) -> Result<FittedAverages> {
        let dimension = vectors.first().map_or(0, |vector| vector.len());
        check_lengths(vectors, dimension)?;
        let drawn = sample(vectors, families, seed);
        let gather = |rows: &[u32]| -> Vec<f32> {
            rows.iter().flat_map(|row| vectors[*row as usize]).copied().collect()
        };
        let lists = Lists::new(&gather(&drawn), dimension);
        let rows: Vec<u32> = lists.order.iter().map(|at| drawn[*at as usize]).collect();
        let mut levels = vec![Index::new(gather(&rows), dimension, lists.starts.clone())];
        while levels.len() < LEVELS {
            let last = &levels[levels.len() - 1];
            let next: Vec<Vec<f32>> = (0..rows.len() as u32)
                .into_par_iter()
                .map(|row| mean_around(last, last.vector(row)))
                .collect();
            levels.push(Index::new(next.concat(), dimension, lists.starts.clone()));
        }
        Ok(FittedAverages { averages: Self { dimension, levels }, rows })
    }

    /// Length of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of vectors of the sample.
    pub fn sample_size(&self) -> usize {
        self.levels.first().map_or(0, Index::rows)
    }

    /// Replaces vectors: `[vectors, dimension]` f32, row-major, L2-normalised. A vector's result does not depend on the
    /// others.
    ///
    /// # Errors
    /// `InvalidInput` if a vector has another length than those of the sample.
    pub fn transform(&self, vectors: &[&[f32]]) -> Result<Vec<f32>> {
        check_lengths(vectors, self.dimension)?;
        let replaced: Vec<Vec<f32>> = vectors.par_iter().map(|vector| self.replaced(vector)).collect();
        Ok(replaced.concat())
    }

    /// The `count` nearest vectors of the sample with their cosines, nearest first.
    pub(crate) fn nearest(&self, vector: &[f32], count: usize) -> Vec<(f32, u32)> {
        self.levels.first().map(|level| level.nearest(vector, count)).unwrap_or_default()
    }

    fn replaced(&self, vector: &[f32]) -> Vec<f32> {
        self.levels.iter().fold(vector.to_vec(), |vector, level| mean_around(level, &vector))
    }
}

/// Refuses vectors of another length.
pub(crate) fn check_lengths(vectors: &[&[f32]], dimension: usize) -> Result<()> {
    match vectors.iter().position(|vector| vector.len() != dimension) {
        None => Ok(()),
        Some(row) => Err(Error::invalid_input(format!(
            "invalid vector in row {row}: expected {dimension} elements, found {}: run embed-new-jobs with the model's \
             embedding model",
            vectors[row].len()
        ))),
    }
}

/// The normalised mean of the nearest vectors; the vector itself if there are none.
fn mean_around(index: &Index, vector: &[f32]) -> Vec<f32> {
    let count = NEIGHBOURS.min(index.rows() / LARGEST_SHARE).max(1);
    let nearest = index.nearest(vector, count);
    if nearest.is_empty() {
        return vector.to_vec();
    }
    let mut mean = vec![0f32; vector.len()];
    for (_, row) in nearest {
        mean.iter_mut().zip(index.vector(row)).for_each(|(sum, value)| *sum += value);
    }
    normalise(&mut mean);
    mean
}

/// The rows of the sample: of each family the vector of the smallest hash, and of these the [`MAX_SAMPLE`] smallest.
fn sample(vectors: &[&[f32]], families: &[u32], seed: u64) -> Vec<u32> {
    let hash =
        |vector: &&[f32]| vector.iter().fold(seed, |hash, value| scramble(hash ^ u64::from(value.to_bits())));
    let hashes: Vec<u64> = vectors.par_iter().map(hash).collect();
    let mut first: FxHashMap<u32, (u64, u32)> = FxHashMap::default();
    for ((family, hash), row) in families.iter().zip(hashes).zip(0..) {
        let own = first.entry(*family).or_insert((hash, row));
        *own = (*own).min((hash, row));
    }
    let mut drawn: Vec<(u64, u32)> = first.into_values().collect();
    drawn.sort_unstable();
    drawn.dedup_by_key(|(hash, _)| *hash);
    drawn.truncate(MAX_SAMPLE);
    drawn.into_iter().map(|(_, row)| row).collect()
}

impl Serialize for Averages {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let starts = self.levels.first().map(|level| level.starts().to_vec()).unwrap_or_default();
        let levels = self.levels.iter().map(|level| level.vectors().to_vec()).collect();
        Saved { dimension: self.dimension, starts, levels }.serialize(serializer)
    }
}

impl TryFrom<Saved> for Averages {
    type Error = String;

    fn try_from(saved: Saved) -> std::result::Result<Self, String> {
        let Saved { dimension, starts, levels } = saved;
        let elements = starts.last().map_or(0, |rows| *rows as usize * dimension);
        if levels.iter().any(|level| level.len() != elements) || !starts.is_sorted() {
            return Err("the lists of the sample are not those of its vectors".to_owned());
        }
        let levels = levels.into_iter().map(|level| Index::new(level, dimension, starts.clone())).collect();
        Ok(Self { dimension, levels })
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Vectors around two directions.
    fn two_kinds(rows: usize) -> Vec<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        (0..rows)
            .map(|n| {
                let mut vector: Vec<f32> = (0..16).map(|_| random.random::<f32>() - 0.5).collect();
                vector[n % 2] += 1.5;
                normalise(&mut vector);
                vector
            })
            .collect()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn vectors_move_to_the_middle_of_their_kind() {
        let vectors = two_kinds(400);
        let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let families: Vec<u32> = (0..400).collect();
        let fitted = Averages::fit(&vectors, &families, 1).unwrap();
        let moved = fitted.averages.transform(&vectors[..3]).unwrap();
        let (one, other, third) = (&moved[..16], &moved[16..32], &moved[32..]);
        assert!(cosine(one, third) > cosine(vectors[0], vectors[2]));
        assert!(cosine(one, third) > cosine(one, other) + 0.2);
        let bytes = postcard::to_stdvec(&fitted.averages).unwrap();
        assert_eq!(postcard::from_bytes::<Averages>(&bytes).unwrap(), fitted.averages);
        let error = fitted.averages.transform(&[&[1.0]]).unwrap_err();
        assert!(error.to_string().starts_with("invalid vector in row 0: expected 16 elements, found 1"));
    }

    #[test]
    fn an_ad_whose_neighbours_are_its_reposts_is_not_pinned_to_itself() {
        let mut vectors = two_kinds(400);
        let mut families: Vec<u32> = (0..400).collect();
        for n in 0..60 {
            let mut repost = vectors[0].clone();
            repost[15] += 0.0001 * n as f32;
            normalise(&mut repost);
            vectors.push(repost);
            families.push(0);
        }
        let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
        let fitted = Averages::fit(&vectors, &families, 1).unwrap();
        assert_eq!(fitted.averages.sample_size(), 400);
        let moved = fitted.averages.transform(&vectors[..1]).unwrap();
        assert!(cosine(&moved, vectors[0]) < 0.98);
    }

    #[test]
    fn equal_texts_are_one_vector() {
        let vector = [0.6f32, 0.8];
        let fitted = Averages::fit(&[&vector, &vector, &vector], &[0, 1, 2], 1).unwrap();
        assert_eq!(fitted.averages.sample_size(), 1);
        assert_eq!(fitted.averages.transform(&[&vector]).unwrap(), vector);
        assert_eq!(Averages::fit(&[], &[], 1).unwrap().averages.sample_size(), 0);
    }
}
