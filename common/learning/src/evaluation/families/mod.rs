//! Families: ads that are reposts of each other. A family is on one side of every split.
//!
//! Two ads are reposts if they have the same company key and the same title key, or if their texts are alike: the
//! cosine of their vectors is at least 0.97, or the Jaccard similarity of their word 3-shingles is at least 0.9. Texts
//! are compared only if the ads have a description: a title by itself ("Data Scientist") is common to many ads of many
//! companies, which are no reposts.
//!
//! Joining is transitive: an ad that is like two others makes one family of the three, even if these two are not alike.
//! A chain of such ads can therefore grow; [`FamilyFacts`] tells how large the largest family is.

pub(crate) mod cosine;
mod shingles;

use rustc_hash::FxHashMap;
use serde::Serialize;

pub(crate) use shingles::scramble;

use crate::Ad;
pub use crate::features::keys::{company_key, title_key};

/// Minimum cosine of the vectors of two reposts.
const MIN_COSINE: f32 = 0.97;
/// Minimum Jaccard similarity of the shingles of two reposts, in percent.
const MIN_JACCARD_PERCENT: usize = 90;

/// The family of each ad: dense numbers in the order of first appearance.
///
/// The result depends on the ads and their order alone. The order changes the numbers, not who is with whom.
pub fn families(ads: &[&Ad]) -> Vec<u32> {
    let mut sets = DisjointSets::new(ads.len());
    join_equal(&mut sets, ads.iter().map(|ad| identity(ad)));
    let described: Vec<u32> =
        (0..).zip(ads).filter(|(_, ad)| !ad.description.trim().is_empty()).map(|(row, _)| row).collect();
    shingles::join_alike(ads, &described, &mut sets);
    cosine::join_alike(ads, &described, &mut sets);
    sets.dense()
}

/// The number and size of families, for the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FamilyFacts {
    /// Number of families, those of one ad included.
    pub families: u32,
    /// Number of ads that share their family with another.
    pub reposts: u32,
    /// Number of ads of the largest family.
    pub largest: u32,
}

impl FamilyFacts {
    /// The facts about the families of some ads, as [`families`] returns them.
    pub fn of(families: &[u32]) -> Self {
        let mut sizes: FxHashMap<u32, u32> = FxHashMap::default();
        for family in families {
            *sizes.entry(*family).or_default() += 1;
        }
        let largest = sizes.values().copied().max().unwrap_or_default();
        let reposts = sizes.values().filter(|size| **size > 1).sum();
        Self { families: sizes.len() as u32, reposts, largest }
    }
}

/// Company and title keys; `None` if one is missing, because such an ad joins no other by its names.
fn identity(ad: &Ad) -> Option<(String, String)> {
    company_key(&ad.company_name).zip(title_key(&ad.title))
}

/// Joins rows whose key is equal.
fn join_equal<K: std::hash::Hash + Eq>(sets: &mut DisjointSets, keys: impl Iterator<Item = Option<K>>) {
    let mut first_with: FxHashMap<K, u32> = FxHashMap::default();
    for (row, key) in (0..).zip(keys) {
        if let Some(key) = key {
            let first = *first_with.entry(key).or_insert(row);
            sets.join(first, row);
        }
    }
}

/// Disjoint sets of rows with union by the smaller row, so that the representative is the first row of its set.
struct DisjointSets {
    parents: Vec<u32>,
}

impl DisjointSets {
    fn new(rows: usize) -> Self {
        Self { parents: (0..rows as u32).collect() }
    }

    fn find(&mut self, row: u32) -> u32 {
        let mut row = row;
        while self.parents[row as usize] != row {
            let above = self.parents[self.parents[row as usize] as usize];
            self.parents[row as usize] = above;
            row = above;
        }
        row
    }

    /// Joins the sets of two rows; returns whether they were apart.
    fn join(&mut self, one: u32, other: u32) -> bool {
        let (one, other) = (self.find(one), self.find(other));
        self.parents[one.max(other) as usize] = one.min(other);
        one != other
    }

    /// The set of each row, as dense numbers in the order of first appearance.
    fn dense(mut self) -> Vec<u32> {
        let mut numbers = vec![u32::MAX; self.parents.len()];
        let mut next = 0;
        (0..self.parents.len() as u32)
            .map(|row| {
                let first = self.find(row) as usize;
                if numbers[first] == u32::MAX {
                    numbers[first] = next;
                    next += 1;
                }
                numbers[first]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
