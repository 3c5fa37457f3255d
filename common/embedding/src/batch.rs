//! Which texts go through the model together.

use std::ops::Range;

/// How texts may share a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Only texts of the same number of tokens: no padding, so a vector does not depend on its batch-mates.
    SameLength,
    /// Any texts, the shorter ones padded: what keeps a GPU busy.
    Padded,
}

/// Groups texts, given by their numbers of tokens in ascending order, into calls of at most `most` texts.
pub fn groups(lengths: &[usize], most: usize, sharing: Sharing) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    for end in 1..=lengths.len() {
        let is_full = end - start >= most.max(1);
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

    #[test]
    fn lengths_mix_only_where_padding_is_allowed() {
        assert_eq!(groups(&[3, 3, 5, 5, 5], 2, Sharing::SameLength), [0..2, 2..4, 4..5]);
        assert_eq!(groups(&[3, 3, 5, 5, 5], 4, Sharing::Padded), [0..4, 4..5]);
        assert!(groups(&[], 4, Sharing::Padded).is_empty());
    }

    proptest! {
        #[test]
        fn every_text_is_in_exactly_one_group(mut lengths in prop::collection::vec(2usize..9, 0..60), most in 0usize..9) {
            lengths.sort_unstable();
            for sharing in [Sharing::SameLength, Sharing::Padded] {
                let groups = groups(&lengths, most, sharing);
                let flat: Vec<usize> = groups.iter().cloned().flatten().collect();
                prop_assert_eq!(flat, (0..lengths.len()).collect::<Vec<_>>());
                for group in groups {
                    prop_assert!(group.len() <= most.max(1));
                    let one_length = lengths[group.clone()].iter().all(|&l| l == lengths[group.start]);
                    prop_assert!(sharing == Sharing::Padded || one_length);
                }
            }
        }
    }
}
