//! Groups texts into batches for the model.

use std::ops::Range;

/// Which texts can be in one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Only texts with the same number of tokens. Without padding, a vector does not depend on the rest of its batch.
    SameLength,
    /// Texts of any length, padded to the longest, which uses a GPU best.
    Padded,
}

/// The maximum size of a batch. A single text always fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Maximum number of texts.
    pub texts: usize,
    /// Maximum number of tokens, including padding.
    pub tokens: usize,
}

/// Groups texts into batches. `lengths` are their numbers of tokens in ascending order; the result are index ranges.
pub fn groups(lengths: &[usize], most: Most, sharing: Sharing) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    for end in 1..=lengths.len() {
        let texts = end - start;
        let is_full = texts >= most.texts
            || lengths.get(end).is_some_and(|tokens| (texts + 1).saturating_mul(*tokens) > most.tokens);
        let is_last = end == lengths.len();
        if is_last || is_full || (sharing == Sharing::SameLength && lengths[end] != lengths[start]) {
            groups.push(start..end);
            start = end;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANY: usize = usize::MAX;

    fn most(texts: usize, tokens: usize) -> Most {
        Most { texts, tokens }
    }

    #[test]
    fn lengths_are_mixed_only_with_padding() {
        assert_eq!(groups(&[3, 3, 5, 5, 5], most(2, ANY), Sharing::SameLength), [0..2, 2..4, 4..5]);
        assert_eq!(groups(&[3, 3, 5, 5, 5], most(4, ANY), Sharing::Padded), [0..4, 4..5]);
        assert!(groups(&[], most(4, ANY), Sharing::Padded).is_empty());
    }

    #[test]
    fn the_number_of_tokens_of_a_batch_is_limited() {
        assert_eq!(
            groups(&[3, 3, 3, 5, 5, 9], most(8, 8), Sharing::SameLength),
            [0..2, 2..3, 3..4, 4..5, 5..6]
        );
        assert_eq!(groups(&[2, 2, 2, 4, 4], most(8, 8), Sharing::Padded), [0..3, 3..5]);
    }

    proptest! {
        #[test]
        fn every_text_is_in_exactly_one_batch(
            mut lengths in prop::collection::vec(2usize..9, 0..60), texts in 0usize..9, tokens in 0usize..40,
        ) {
            lengths.sort_unstable();
            for sharing in [Sharing::SameLength, Sharing::Padded] {
                let groups = groups(&lengths, most(texts, tokens), sharing);
                let flat: Vec<usize> = groups.iter().cloned().flatten().collect();
                prop_assert_eq!(flat, (0..lengths.len()).collect::<Vec<_>>());
                for group in groups {
                    prop_assert!(group.len() <= texts.max(1));
                    prop_assert!(group.len() == 1 || group.len() * lengths[group.end - 1] <= tokens);
                    let one_length = lengths[group.clone()].iter().all(|&l| l == lengths[group.start]);
                    prop_assert!(sharing == Sharing::Padded || one_length);
                }
            }
        }
    }
}
