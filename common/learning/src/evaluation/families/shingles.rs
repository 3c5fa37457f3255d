//! Joins rows whose texts have nearly the same word 3-shingles.
//!
//! Two sets of Jaccard similarity 0.9 share one of their rarest tenth. An index of these finds the candidates, whose
//! similarity is then computed exactly.

use common_core::fold::fold;
use rustc_hash::FxHashMap;

use super::{DisjointSets, MIN_JACCARD_PERCENT};
use crate::Ad;

/// Words of a shingle.
const WORDS: usize = 3;

/// Joins the rows among `rows` whose shingles of title and description have a Jaccard similarity of at least
/// [`MIN_JACCARD_PERCENT`]. Equal sets are compared once.
pub(super) fn join_alike(ads: &[&Ad], rows: &[u32], sets: &mut DisjointSets) {
    let mut texts = unique_texts(ads, rows, sets);
    rarest_first(&mut texts);
    texts.sort_by_key(|text| (text.shingles.len(), text.row));
    let mut places: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    let mut compared_with = vec![u32::MAX; texts.len()];
    for current in 0..texts.len() {
        let text = &texts[current];
        for shingle in text.prefix() {
            for &other in places.get(shingle).into_iter().flatten() {
                let candidate = &texts[other as usize];
                if compared_with[other as usize] == current as u32 {
                    continue;
                }
                compared_with[other as usize] = current as u32;
                if sets.find(candidate.row) != sets.find(text.row) && text.is_alike(candidate) {
                    sets.join(candidate.row, text.row);
                }
            }
        }
        for shingle in text.prefix() {
            places.entry(*shingle).or_default().push(current as u32);
        }
    }
}

/// The distinct shingles of one text.
struct Text {
    row: u32,
    /// Ascending.
    shingles: Vec<u64>,
    /// The same, rarest first.
    by_rarity: Vec<u64>,
}

impl Text {
    /// The shingles of which two alike texts share at least one.
    fn prefix(&self) -> &[u64] {
        let kept = (self.by_rarity.len() * MIN_JACCARD_PERCENT).div_ceil(100);
        &self.by_rarity[..(self.by_rarity.len() - kept + 1).min(self.by_rarity.len())]
    }

    fn is_alike(&self, other: &Self) -> bool {
        let (smaller, larger) =
            (self.shingles.len().min(other.shingles.len()), self.shingles.len().max(other.shingles.len()));
        if smaller * 100 < larger * MIN_JACCARD_PERCENT {
            return false;
        }
        let (mut a, mut b, mut shared) = (0, 0, 0);
        while a < self.shingles.len() && b < other.shingles.len() {
            let order = self.shingles[a].cmp(&other.shingles[b]);
            shared += usize::from(order.is_eq());
            a += usize::from(order.is_le());
            b += usize::from(order.is_ge());
        }
        shared * 100 >= (smaller + larger - shared) * MIN_JACCARD_PERCENT
    }
}

/// One text for each set of shingles; the rows of equal sets are joined at once.
fn unique_texts(ads: &[&Ad], rows: &[u32], sets: &mut DisjointSets) -> Vec<Text> {
    let mut first_with: FxHashMap<Vec<u64>, u32> = FxHashMap::default();
    for &row in rows {
        let ad = ads[row as usize];
        let shingles = shingles(&format!("{} {}", ad.title, ad.description));
        if !shingles.is_empty() {
            let first = *first_with.entry(shingles).or_insert(row);
            sets.join(first, row);
        }
    }
    let mut texts: Vec<Text> = first_with
        .into_iter()
        .map(|(shingles, row)| Text { row, by_rarity: shingles.clone(), shingles })
        .collect();
    texts.sort_unstable_by_key(|text| text.row);
    texts
}

fn rarest_first(texts: &mut [Text]) {
    let mut counts: FxHashMap<u64, u32> = FxHashMap::default();
    for shingle in texts.iter().flat_map(|text| &text.shingles) {
        *counts.entry(*shingle).or_default() += 1;
    }
    for text in texts {
        text.by_rarity
            .sort_unstable_by_key(|shingle| (counts.get(shingle).copied().unwrap_or_default(), *shingle));
    }
}

/// Hashes of the distinct runs of three words, ascending. A shorter text is one shingle; a text without words has none.
fn shingles(text: &str) -> Vec<u64> {
    let folded = fold(text);
    let words: Vec<u64> =
        folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(hash).collect();
    let mix =
        |run: &[u64]| run.iter().fold(run.len() as u64, |state, word| scramble(state.rotate_left(23) ^ word));
    let mut shingles: Vec<u64> = if words.len() < WORDS {
        words.chunks(WORDS).map(mix).collect()
    } else {
        words.windows(WORDS).map(mix).collect()
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// FNV-1a, with its bits mixed.
fn hash(word: &str) -> u64 {
    let step = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    scramble(word.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The finalizer of `SplitMix64`: every bit of the result depends on every bit of `value`.
pub(crate) fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
