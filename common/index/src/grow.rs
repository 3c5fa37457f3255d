//! Construction of the graph. Texts are inserted in batches.
//!
//! The texts of a batch search for their neighbours in parallel without changing the graph; then their links are set.
//! This needs no locks, and the graph does not depend on the number of threads. Batches grow up to a share of the
//! graph: Dobson et al., "`ParlayANN`" (`PPoPP` 2024). The choice of links (`prune`) and the removal of texts
//! (`extend`) follow `DiskANN`, and Singh et al., "`FreshDiskANN`" (2021).

use rayon::prelude::*;

use crate::TextId;
use crate::codes::Codes;
use crate::graph::{DEGREE, Graph, NONE, Neighbour, VisitedPool};

/// Beam width of searches while texts are inserted.
const BUILD_WIDTH: usize = 128;
/// Maximum number of links of a text during construction. The slack avoids pruning after every link that is added.
const BUILD_DEGREE: usize = DEGREE * 2;
/// The `α` of `DiskANN`: a candidate is dropped if a chosen link is nearer to it than the text itself by this factor of
/// `1 − similarity`, which is proportional to the square of the distance.
const ALPHA: f32 = 1.2;
/// A batch has at most one text per this many texts in the graph.
const BATCH_SHARE: usize = 50;
/// Maximum number of texts of a batch.
const MAX_BATCH: usize = 20_000;
/// Maximum number of entry points.
const MAX_ENTRIES: usize = 1024;

/// Builds a graph.
pub struct GraphBuilder<'a> {
    codes: Codes<'a>,
    /// `[n, BUILD_DEGREE]`.
    links: Vec<TextId>,
    entries: Vec<TextId>,
    inserted: usize,
    pool: VisitedPool,
}

impl<'a> GraphBuilder<'a> {
    /// An empty graph for the texts of `codes`.
    pub fn new(codes: Codes<'a>) -> Self {
        Self {
            codes,
            links: vec![NONE; codes.len() * BUILD_DEGREE],
            entries: Vec::new(),
            inserted: 0,
            pool: VisitedPool::default(),
        }
    }

    /// The graph `old` of an earlier index, restricted to the texts that are kept. Its text `t` is now `new_ids[t]`, or
    /// removed if that is `None`. The kept texts must be the first of `codes`.
    pub fn extend(codes: Codes<'a>, old: Graph<'_>, new_ids: &[Option<TextId>]) -> Self {
        let mut builder = Self::new(codes);
        let kept: Vec<(TextId, TextId)> =
            new_ids.iter().enumerate().filter_map(|(old, new)| Some((old as TextId, (*new)?))).collect();
        let new_id = |text: TextId| new_ids[text as usize];
        let rows: Vec<(TextId, Vec<TextId>)> = kept
            .par_iter()
            .map(|&(old_id, text)| {
                let links = old.links_of(old_id);
                if links.iter().all(|&link| new_id(link).is_some()) {
                    return (text, links.iter().filter_map(|&link| new_id(link)).collect());
                }
                // The links of a removed text take its place among the candidates.
                let mut candidates = Vec::with_capacity(DEGREE * 2);
                for &link in links {
                    match new_id(link) {
                        Some(link) => candidates.push(link),
                        None => candidates.extend(old.links_of(link).iter().filter_map(|&link| new_id(link))),
                    }
                }
                (text, builder.prune(text, candidates.into_iter()))
            })
            .collect();
        for (text, links) in rows {
            builder.set_links(text, &links);
        }
        builder.inserted = kept.len();
        builder.entries = old.entries.iter().filter_map(|&entry| new_id(entry)).collect();
        if builder.entries.is_empty() && builder.inserted > 0 {
            builder.entries.push(0);
        }
        builder
    }

    /// Inserts texts that are not in the graph yet. Their order should be random.
    pub fn insert(&mut self, shuffled: &[TextId]) {
        let mut rest = shuffled;
        while !rest.is_empty() {
            let size = (self.inserted / BATCH_SHARE).clamp(1, MAX_BATCH).min(rest.len());
            let (batch, later) = rest.split_at(size);
            self.insert_batch(batch);
            rest = later;
        }
    }

    /// The links, `[n, DEGREE] u32`, and the entry points.
    pub fn finish(self) -> (Vec<TextId>, Vec<TextId>) {
        let mut links = vec![NONE; self.codes.len() * DEGREE];
        links.par_chunks_exact_mut(DEGREE).enumerate().for_each(|(text, row)| {
            let known = self.graph().links_of(text as TextId);
            if known.len() <= DEGREE {
                row[..known.len()].copy_from_slice(known);
            } else {
                let chosen = self.prune(text as TextId, known.iter().copied());
                row[..chosen.len()].copy_from_slice(&chosen);
            }
        });
        (links, self.entries)
    }

    fn graph(&self) -> Graph<'_> {
        Graph { links: &self.links, degree: BUILD_DEGREE, entries: &self.entries }
    }

    fn insert_batch(&mut self, batch: &[TextId]) {
        let graph = self.graph();
        let chosen: Vec<Vec<TextId>> = batch
            .par_iter()
            .map(|&text| {
                let probe = self.codes.probe(text);
                let near = self.pool.with(|visited| graph.search(&probe, BUILD_WIDTH, visited, |_| ()));
                self.prune_sorted(text, near)
            })
            .collect();
        let mut back: Vec<(TextId, TextId)> = Vec::with_capacity(batch.len() * DEGREE);
        for (&text, links) in batch.iter().zip(&chosen) {
            back.extend(links.iter().map(|&link| (link, text)));
            self.set_links(text, links);
        }
        back.par_sort_unstable();
        let groups: Vec<&[(TextId, TextId)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        let rows: Vec<(TextId, Vec<TextId>)> = groups
            .par_iter()
            .map(|group| {
                let text = group[0].0;
                let known = self.graph().links_of(text).iter().copied();
                let all: Vec<TextId> = known.chain(group.iter().map(|&(_, from)| from)).collect();
                (text, if all.len() <= BUILD_DEGREE { all } else { self.prune(text, all.into_iter()) })
            })
            .collect();
        for (text, links) in rows {
            self.set_links(text, &links);
        }
        self.inserted += batch.len();
        let wanted = ((self.inserted as f64).sqrt() as usize).clamp(1, MAX_ENTRIES);
        let missing = wanted.saturating_sub(self.entries.len());
        self.entries.extend(batch.iter().take(missing));
    }

    fn set_links(&mut self, text: TextId, links: &[TextId]) {
        let start = text as usize * BUILD_DEGREE;
        let row = &mut self.links[start..start + BUILD_DEGREE];
        row.fill(NONE);
        row[..links.len()].copy_from_slice(links);
    }

    fn prune(&self, text: TextId, candidates: impl Iterator<Item = TextId>) -> Vec<TextId> {
        let probe = self.codes.probe(text);
        let mut near: Vec<Neighbour> =
            candidates.map(|text| Neighbour { text, similarity: probe.similarity(text) }).collect();
        near.sort_unstable_by(Neighbour::order);
        near.dedup_by_key(|near| near.text);
        self.prune_sorted(text, near)
    }

    /// Chooses up to [`DEGREE`] links in different directions from sorted candidates: the nearest first, without those
    /// that a chosen link leads to.
    fn prune_sorted(&self, text: TextId, near: Vec<Neighbour>) -> Vec<TextId> {
        let mut chosen: Vec<TextId> = Vec::with_capacity(DEGREE);
        for candidate in near.into_iter().filter(|near| near.text != text) {
            let own = 1.0 - candidate.similarity;
            let probe = self.codes.probe(candidate.text);
            let is_covered = |&link: &TextId| ALPHA * (1.0 - probe.similarity(link)) <= own;
            if !chosen.iter().any(is_covered) {
                chosen.push(candidate.text);
                if chosen.len() == DEGREE {
                    break;
                }
            }
        }
        chosen
    }
}
