//! Salaries of the nearest training ads.

use common_index::codes::{Code, Codes};
use common_index::kernels::kernels;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// The numbers of neighbours that are averaged.
const SIZES: [usize; 3] = [5, 15, 50];
/// The largest of [`SIZES`].
const MOST: usize = 50;
/// Queries that share a pass over the codes, which otherwise waits for memory.
const QUERIES: usize = 16;
/// Codes that are compared with these queries in turn: they fit the second-level cache.
const BLOCK: u32 = 512;
/// Ads whose exact cosines are compared: those with the largest cosines of their codes.
const CANDIDATES: usize = 2 * MOST;
/// Power of the cosine that weighs a neighbour.
const POWER: i32 = 8;
/// Training ads that are kept: the newest.
pub const MAX_ADS: usize = 50_000;

/// Names of the features, in the order of [`Neighbours::features`].
pub const NAMES: [&str; 8] = [
    "neighbours_mean_5",
    "neighbours_mean_15",
    "neighbours_mean_50",
    "neighbours_spread_5",
    "neighbours_spread_15",
    "neighbours_spread_50",
    "neighbours_cosine_1",
    "neighbours_cosine_5",
];

/// Training ads with their vectors and salaries. They belong to a model, so that its predictions do not change with an
/// index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Neighbours {
    saved: Saved,
    /// `[ads, dimension]`, the codes of the vectors.
    codes: Vec<i8>,
    /// The step of each code.
    scales: Vec<f32>,
    /// Families by the hash of the ad's key.
    known: FxHashMap<u64, u32>,
}

/// What is saved: codes follow from vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    dimension: usize,
    /// `[ads, dimension]`, L2-normalised.
    vectors: Vec<f32>,
    log_salaries: Vec<f64>,
    families: Vec<u32>,
    /// Hashes of the ads' keys.
    keys: Vec<u64>,
}

impl From<Neighbours> for Saved {
    fn from(neighbours: Neighbours) -> Self {
        neighbours.saved
    }
}

impl From<Saved> for Neighbours {
    fn from(saved: Saved) -> Self {
        let (mut codes, mut scales) = (Vec::with_capacity(saved.vectors.len()), Vec::new());
        for vector in saved.vectors.chunks_exact(saved.dimension.max(1)) {
            let Code { code, scale } = Code::quantize(vector);
            codes.extend(code);
            scales.push(scale);
        }
        let known = saved.keys.iter().copied().zip(saved.families.iter().copied()).collect();
        Self { saved, codes, scales, known }
    }
}

/// A query: a vector, and the family whose ads do not count.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// `[dimension]`, L2-normalised.
    pub vector: &'a [f32],
    /// The family of a training ad; `None` for a new ad.
    pub family: Option<u32>,
}

impl Neighbours {
    /// Without ads: every feature is missing.
    pub fn new(dimension: usize) -> Self {
        Saved {
            dimension,
            vectors: Vec::new(),
            log_salaries: Vec::new(),
            families: Vec::new(),
            keys: Vec::new(),
        }
        .into()
    }

    /// Adds a training ad; `key` is the hash of its key.
    pub fn push(&mut self, key: u64, vector: &[f32], log_salary: f64, family: u32) {
        debug_assert_eq!(vector.len(), self.saved.dimension);
        let Code { code, scale } = Code::quantize(vector);
        self.codes.extend(code);
        self.scales.push(scale);
        self.saved.vectors.extend_from_slice(vector);
        self.saved.log_salaries.push(log_salary);
        self.saved.families.push(family);
        self.saved.keys.push(key);
        self.known.insert(key, family);
    }

    /// The family of the training ad whose key has this hash; `None` if it is not among the ads.
    pub fn family_of(&self, key: u64) -> Option<u32> {
        self.known.get(&key).copied()
    }

    /// Number of ads.
    pub fn len(&self) -> usize {
        self.saved.families.len()
    }

    /// Returns whether there are no ads.
    pub fn is_empty(&self) -> bool {
        self.saved.families.is_empty()
    }

    /// `[queries, 8]` f32, row-major: weighted means and spreads of the log salaries of the 5, 15 and 50 nearest ads of
    /// other families, and the first and fifth cosine. NaN if there are no vectors.
    pub fn features(&self, queries: &[Query<'_>]) -> Vec<f32> {
        let of = |queries: &[Query<'_>]| {
            self.nearest(queries).into_iter().flat_map(|nearest| self.features_of(&nearest))
        };
        queries.par_chunks(QUERIES).flat_map_iter(of).collect()
    }

    fn features_of(&self, nearest: &[(f32, u32)]) -> [f32; NAMES.len()] {
        let mut features = [f32::NAN; NAMES.len()];
        if nearest.is_empty() {
            return features;
        }
        for (at, size) in SIZES.into_iter().enumerate() {
            let some = &nearest[..size.min(nearest.len())];
            let weight = |cosine: f32| f64::from(cosine.max(0.0)).powi(POWER) + 1e-9;
            let total: f64 = some.iter().map(|(cosine, _)| weight(*cosine)).sum();
            let salary = |ad: u32| self.saved.log_salaries[ad as usize];
            let mean = some.iter().map(|(cosine, ad)| weight(*cosine) * salary(*ad)).sum::<f64>() / total;
            let variance =
                some.iter().map(|(cosine, ad)| weight(*cosine) * (salary(*ad) - mean).powi(2)).sum::<f64>()
                    / total;
            features[at] = mean as f32;
            features[at + SIZES.len()] = variance.sqrt() as f32;
        }
        features[2 * SIZES.len()] = nearest[0].0;
        features[2 * SIZES.len() + 1] = nearest[nearest.len().min(5) - 1].0;
        features
    }

    /// For each query the nearest ads of other families with their cosines, nearest first; ties in the order of the ads.
    fn nearest(&self, queries: &[Query<'_>]) -> Vec<Vec<(f32, u32)>> {
        let dimension = self.saved.dimension;
        if dimension == 0 {
            return vec![Vec::new(); queries.len()];
        }
        let own: Vec<Code> = queries.iter().map(|query| Code::quantize(query.vector)).collect();
        let mut found: Vec<Nearest> = queries.iter().map(|_| Nearest::of(CANDIDATES)).collect();
        let codes = Codes { codes: &self.codes, scales: &self.scales, dimension };
        let ads = self.len() as u32;
        for first in (0..ads).step_by(BLOCK as usize) {
            let block = first..ads.min(first + BLOCK);
            for ((query, code), nearest) in queries.iter().zip(&own).zip(&mut found) {
                if query.vector.len() != dimension {
                    continue;
                }
                let probe = codes.probe_code(code);
                let others =
                    block.clone().filter(|ad| query.family != Some(self.saved.families[*ad as usize]));
                others.for_each(|ad| nearest.add(probe.similarity(ad), ad));
            }
        }
        queries.iter().zip(found).map(|(query, candidates)| self.ranked(query.vector, candidates)).collect()
    }

    /// The nearest of the candidates by their exact cosines.
    fn ranked(&self, vector: &[f32], candidates: Nearest) -> Vec<(f32, u32)> {
        let (dimension, dot) = (self.saved.dimension, kernels().dot);
        let mut ads: Vec<u32> = candidates.found.into_iter().map(|(_, ad)| ad).collect();
        ads.sort_unstable();
        let mut nearest = Nearest::of(MOST);
        for ad in ads {
            let own = &self.saved.vectors[ad as usize * dimension..][..dimension];
            nearest.add(dot(vector, own), ad);
        }
        nearest.found
    }
}

/// The ads with the largest cosines among those that were added.
struct Nearest {
    /// Largest first; of equal ones, the first that was added.
    found: Vec<(f32, u32)>,
    most: usize,
}

impl Nearest {
    /// Keeps the `most` nearest.
    fn of(most: usize) -> Self {
        Self { found: Vec::with_capacity(most + 1), most }
    }

    fn add(&mut self, cosine: f32, ad: u32) {
        let is_full = self.found.len() == self.most;
        if is_full && self.found.last().is_some_and(|(least, _)| cosine <= *least) {
            return;
        }
        let at = self.found.partition_point(|(other, _)| *other >= cosine);
        self.found.insert(at, (cosine, ad));
        self.found.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn at(degrees: f32) -> [f32; 2] {
        [degrees.to_radians().cos(), degrees.to_radians().sin()]
    }

    fn example() -> Neighbours {
        let mut neighbours = Neighbours::new(2);
        for (degrees, salary, family) in [(0.0, 8.0, 0), (10.0, 9.0, 1), (80.0, 2.0, 2)] {
            neighbours.push(family.into(), &at(degrees), salary, family);
        }
        neighbours
    }

    #[test]
    fn nearer_ads_count_more_and_the_own_family_not_at_all() {
        let neighbours = example();
        let new = neighbours.features(&[Query { vector: &at(0.0), family: None }]);
        assert!((8.0..8.6).contains(&new[0]) && new[6] == 1.0, "{new:?}");
        let own = neighbours.features(&[Query { vector: &at(0.0), family: Some(0) }]);
        assert!((8.9..9.01).contains(&own[0]) && own[6] < 1.0, "{own:?}");
    }

    #[test]
    fn the_nearest_by_codes_are_the_nearest() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut vector = || -> Vec<f32> {
            let vector: Vec<f32> = (0..64).map(|_| random.random::<f32>() - 0.5).collect();
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            vector.into_iter().map(|value| value / length).collect()
        };
        let vectors: Vec<Vec<f32>> = (0..1500).map(|_| vector()).collect();
        let mut neighbours = Neighbours::new(64);
        vectors
            .iter()
            .zip(0..)
            .for_each(|(vector, family)| neighbours.push(family.into(), vector, 8.0, family));
        let queries: Vec<Query<'_>> = vectors
            .iter()
            .take(40)
            .zip(0..)
            .map(|(vector, own)| Query { vector, family: Some(own) })
            .collect();
        for (query, found) in queries.iter().zip(neighbours.nearest(&queries)) {
            let mut exact = Nearest::of(MOST);
            for (vector, ad) in vectors.iter().zip(0..).filter(|(_, ad)| query.family != Some(*ad)) {
                exact.add((kernels().dot)(query.vector, vector), ad);
            }
            assert_eq!(found, exact.found);
        }
        let saved = postcard::to_stdvec(&neighbours).unwrap();
        assert_eq!(postcard::from_bytes::<Neighbours>(&saved).unwrap(), neighbours);
    }

    #[test]
    fn without_vectors_everything_is_missing() {
        let vector = at(0.0);
        let query = Query { vector: &vector, family: None };
        assert!(Neighbours::new(2).features(&[query]).iter().all(|value| value.is_nan()));
        assert!(
            example().features(&[Query { vector: &[], family: None }]).iter().all(|value| value.is_nan())
        );
    }

    #[test]
    fn fifty_nearest_are_kept_in_order() {
        let mut neighbours = Neighbours::new(2);
        for n in 0..200 {
            neighbours.push(n.into(), &at((n * 37 % 200) as f32 / 4.0), 1.0, n);
        }
        let found = &neighbours.nearest(&[Query { vector: &at(0.0), family: None }])[0];
        assert_eq!(found.len(), 50);
        assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
        assert_eq!(found[0].1, 0);
    }
}
