//! The order of the texts in an index.

use std::collections::HashMap;

use common_core::job::ContentHash;

use crate::TextId;
use crate::graph::DEGREE;
use crate::reader::JobIndex;

/// The order of the texts in a new index.
pub(crate) struct TextOrder {
    /// For each text of the new index, its number in the order of arrival.
    pub(crate) arrivals: Vec<usize>,
    /// For each text of the previous index, its number in the new one, or `None` if it was removed. `None` as a whole
    /// if the graph is to be rebuilt.
    pub(crate) new_ids: Option<Vec<Option<TextId>>>,
    /// Number of texts kept from the previous index. They come first.
    pub(crate) kept: usize,
}

/// The texts that were added to the builder.
pub(crate) struct NewTexts<'a> {
    /// Hashes in the order of arrival.
    pub(crate) hashes: &'a [ContentHash],
    /// Index of each hash in `hashes`.
    pub(crate) texts: &'a HashMap<ContentHash, u32>,
    /// Vectors in the order of arrival.
    pub(crate) vectors: &'a [f32],
    pub(crate) dimension: usize,
}

impl NewTexts<'_> {
    /// Orders the texts. Texts of the previous index come first in their old order, so that its graph can be extended,
    /// unless the share of added and removed texts exceeds `most_changed`. The other texts follow by hash, which is a
    /// pseudo-random order.
    pub(crate) fn order(&self, last: Option<&JobIndex>, most_changed: f64) -> TextOrder {
        let mut arrivals: Vec<usize> = Vec::with_capacity(self.hashes.len());
        let mut is_kept = vec![false; self.hashes.len()];
        let mut new_ids = None;
        if let Some(last) = last.filter(|last| last.graph().is_some_and(|(graph, _)| graph.degree == DEGREE))
        {
            let old: Vec<Option<TextId>> = (0..last.manifest().body.texts as TextId)
                .map(|text| {
                    let digits = hex::encode(last.hash_of(text));
                    let arrival = *self.texts.get(&ContentHash::parse(&digits).ok()?)? as usize;
                    let vector = &self.vectors[arrival * self.dimension..][..self.dimension];
                    // A model with another precision may have replaced the vector.
                    (vector == last.vector_of(text)).then(|| {
                        arrivals.push(arrival);
                        is_kept[arrival] = true;
                        arrivals.len() as TextId - 1
                    })
                })
                .collect();
            let changed = (old.len() - arrivals.len()) + (self.hashes.len() - arrivals.len());
            if changed as f64 <= most_changed * old.len() as f64 {
                new_ids = Some(old);
            } else {
                arrivals.clear();
                is_kept.fill(false);
            }
        }
        let kept = arrivals.len();
        arrivals.extend((0..self.hashes.len()).filter(|&arrival| !is_kept[arrival]));
        arrivals[kept..].sort_unstable_by_key(|&arrival| self.hashes[arrival]);
        TextOrder { arrivals, new_ids, kept }
    }
}
