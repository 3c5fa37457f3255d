//! Random numbers that are the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Separates streams of random numbers by what they are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The employers.
    Employers = 1,
    /// The content of an ad.
    Content = 2,
    /// Board and time of the posting of an ad.
    Posting = 3,
    /// Times of sightings and changes between them.
    Sightings = 4,
}

/// A stream of random numbers for one purpose and one ad. It does not depend on other streams.
///
/// It uses only integers and the float operations `+ - * /`, which round the same on every platform, unlike `ln` and
/// `exp`.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(((purpose as u64) << 56) | number);
        Self(generator)
    }

    /// An integer from 0 to `bound`, exclusive; 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// An integer from `least` to `most`, inclusive.
    pub(super) fn between(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Returns `true` with a probability of `per_mille`.
    pub(super) fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of `items`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u32) as usize]
    }

    /// One of `words`, which must not be empty.
    pub(super) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u32) as usize]
    }

    /// Up to `count` of `items` without replacement.
    pub(super) fn sample<'a, T>(&mut self, items: &'a [T], count: usize) -> Vec<&'a T> {
        let mut indexes: Vec<usize> = (0..items.len()).collect();
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count && !indexes.is_empty() {
            let index = self.below(indexes.len() as u32) as usize;
            drawn.push(&items[indexes.swap_remove(index)]);
        }
        drawn
    }

    /// An index with a probability proportional to its weight. The sum of the weights must not be 0.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (index, weight) in weights.enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        0
    }

    /// A factor around 1 that is approximately log-normal: the product of six uniform numbers in 1 ± `width`.
    pub(super) fn factor(&mut self, width: f64) -> f64 {
        (0..6).map(|_| 1.0 + width * (2.0 * self.uniform() - 1.0)).product()
    }

    /// A uniform number from 0 to 1.
    pub(super) fn uniform(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }

    /// Any 64-bit integer.
    pub(super) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_the_same_on_every_machine() {
        let mut dice = Dice::new(7, Purpose::Content, 3);
        let first: Vec<u32> = (0..5).map(|_| dice.below(1_000)).collect();
        assert_eq!(
            first,
            [977, 810, 859, 704, 723],
            "if these numbers change, every generated market changes"
        );
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_number() {
        let number = |seed, purpose, n| Dice::new(seed, purpose, n).number();
        let base = number(1, Purpose::Content, 1);
        assert_ne!(base, number(2, Purpose::Content, 1));
        assert_ne!(base, number(1, Purpose::Posting, 1));
        assert_ne!(base, number(1, Purpose::Content, 2));
    }

    #[test]
    fn draws_stay_in_bounds() {
        let mut dice = Dice::new(1, Purpose::Content, 1);
        assert_eq!(dice.below(0), 0);
        for _ in 0..2_000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            assert!((0.7..1.4).contains(&dice.factor(0.05)));
            assert_ne!(dice.weighted([1, 0, 2].into_iter()), 1);
        }
        let drawn = dice.sample(&[1, 2, 3], 9);
        assert_eq!(drawn.len(), 3);
    }
}
