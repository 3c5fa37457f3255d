//! In which order an index has its texts.

use std::collections::HashMap;

use common_core::job::ContentHash;

use crate::TextId;
use crate::graph::DEGREE;
use crate::reader::JobIndex;

/// Every text's place among those that came, in the order that the index has; how many of them the last index had in that order.
pub(crate) struct Order {
    pub(crate) arrivals: Vec<usize>,
    pub(crate) places: Option<Vec<Option<TextId>>>,
    pub(crate) stayed: usize,
}

/// The texts that came: their hashes in the order of arrival, the place of each there, and their vectors.
pub(crate) struct Arrived<'a> {
    pub(crate) hashes: &'a [ContentHash],
    pub(crate) texts: &'a HashMap<ContentHash, u32>,
    pub(crate) vectors: &'a [f32],
    pub(crate) dimension: usize,
}

impl Arrived<'_> {
    /// Texts that the last index has keep their order, so that its graph can be kept, unless more than `most_changed` of them came or
    /// went; others follow by hash, which is an order as good as drawn by lot.
    pub(crate) fn order(&self, last: Option<&JobIndex>, most_changed: f64) -> Order {
        let mut arrivals: Vec<usize> = Vec::with_capacity(self.hashes.len());
        let mut stays = vec![false; self.hashes.len()];
        let mut places = None;
        if let Some(last) = last.filter(|last| last.graph().is_some_and(|(graph, _)| graph.degree == DEGREE))
        {
            let old: Vec<Option<TextId>> = (0..last.manifest().body.texts as TextId)
                .map(|text| {
                    let digits = hex::encode(last.hash_of(text));
                    let arrival = *self.texts.get(&ContentHash::parse(&digits).ok()?)? as usize;
                    let vector = &self.vectors[arrival * self.dimension..][..self.dimension];
                    // Another precision may have written it since.
                    (vector == last.vector_of(text)).then(|| {
                        arrivals.push(arrival);
                        stays[arrival] = true;
                        arrivals.len() as TextId - 1
                    })
                })
                .collect();
            let changed = (old.len() - arrivals.len()) + (self.hashes.len() - arrivals.len());
            if changed as f64 <= most_changed * old.len() as f64 {
                places = Some(old);
            } else {
                arrivals.clear();
                stays.fill(false);
            }
        }
        let stayed = arrivals.len();
        arrivals.extend((0..self.hashes.len()).filter(|&arrival| !stays[arrival]));
        arrivals[stayed..].sort_unstable_by_key(|&arrival| self.hashes[arrival]);
        Order { arrivals, places, stayed }
    }
}
