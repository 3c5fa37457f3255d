//! Salaries of the nearest training ads.

use common_index::kernels::kernels;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The numbers of neighbours that are averaged.
const SIZES: [usize; 3] = [5, 15, 50];
/// The largest of [`SIZES`].
const MOST: usize = 50;
/// Queries that share a pass over the vectors, which otherwise waits for memory.
const QUERIES: usize = 16;
/// Vectors that are compared with these queries in turn: they fit the second-level cache.
const BLOCK: usize = 128;
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
pub struct Neighbours {
    dimension: usize,
    /// `[ads, dimension]`, L2-normalised.
    vectors: Vec<f32>,
    log_salaries: Vec<f64>,
    families: Vec<u32>,
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
        Self { dimension, vectors: Vec::new(), log_salaries: Vec::new(), families: Vec::new() }
    }

    /// Adds a training ad.
    pub fn push(&mut self, vector: &[f32], log_salary: f64, family: u32) {
        debug_assert_eq!(vector.len(), self.dimension);
        self.vectors.extend_from_slice(vector);
        self.log_salaries.push(log_salary);
        self.families.push(family);
    }

    /// Number of ads.
    pub fn len(&self) -> usize {
        self.families.len()
    }

    /// Returns whether there are no ads.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
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
            let salary = |ad: u32| self.log_salaries[ad as usize];
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
        let mut found: Vec<Vec<(f32, u32)>> = queries.iter().map(|_| Vec::with_capacity(MOST + 1)).collect();
        for (block, vectors) in self.vectors.chunks(BLOCK * self.dimension.max(1)).enumerate() {
            for (query, nearest) in queries.iter().zip(&mut found) {
                self.compare(*query, vectors, block * BLOCK, nearest);
            }
        }
        found
    }

    /// Compares a query with a block of vectors, of which the first is that of the ad `first`.
    fn compare(&self, query: Query<'_>, vectors: &[f32], first: usize, nearest: &mut Vec<(f32, u32)>) {
        if query.vector.len() != self.dimension {
            return;
        }
        let dot = kernels().dot;
        for (ad, vector) in (first..).zip(vectors.chunks_exact(self.dimension)) {
            let cosine = dot(query.vector, vector);
            let is_worse = nearest.len() == MOST && nearest.last().is_some_and(|(least, _)| cosine <= *least);
            if is_worse || query.family == Some(self.families[ad]) {
                continue;
            }
            let at = nearest.partition_point(|(other, _)| *other >= cosine);
            nearest.insert(at, (cosine, ad as u32));
            nearest.truncate(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(degrees: f32) -> [f32; 2] {
        [degrees.to_radians().cos(), degrees.to_radians().sin()]
    }

    fn example() -> Neighbours {
        let mut neighbours = Neighbours::new(2);
        for (degrees, salary, family) in [(0.0, 8.0, 0), (10.0, 9.0, 1), (80.0, 2.0, 2)] {
            neighbours.push(&at(degrees), salary, family);
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
            neighbours.push(&at((n * 37 % 200) as f32 / 4.0), 1.0, n);
        }
        let found = &neighbours.nearest(&[Query { vector: &at(0.0), family: None }])[0];
        assert_eq!(found.len(), 50);
        assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
        assert_eq!(found[0].1, 0);
    }
}
