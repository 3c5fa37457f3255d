//! How the graph is made: texts are put in batch by batch, each batch against the graph as it stands.
//!
//! Within a batch every text looks for its neighbours at the same time and nobody writes; then links are set. So no locks, and
//! the same graph whatever the number of threads. Batches double up to a share of the graph: Dobson et al., "`ParlayANN`" (`PPoPP` 2024).
//! Which candidates become links (`prune`) and what happens where a text leaves (`without`): `DiskANN`, and Singh et al., "`FreshDiskANN`" (2021).

use rayon::prelude::*;

use crate::TextId;
use crate::codes::Codes;
use crate::graph::{DEGREE, Graph, NONE, Near, VisitedPool};

/// How many best a walk keeps while texts are put in.
const WIDTH: usize = 128;
/// The most links of a text while the graph grows: choosing anew at every link that is added would take most of the time.
const ROOM: usize = DEGREE * 2;
/// A candidate is left out if a chosen link is nearer to it than the text itself by this factor (of `1 − similarity`, which goes with the
/// square of the distance).
const SLACK: f32 = 1.2;
/// A batch is at most this share of the graph.
const BATCH_SHARE: usize = 50;
/// The most texts a batch.
const BATCH: usize = 20_000;
/// The most starting points.
const ENTRIES: usize = 1024;

/// A graph that grows.
pub struct Growing<'a> {
    codes: Codes<'a>,
    /// `[n, ROOM]`.
    links: Vec<TextId>,
    entries: Vec<TextId>,
    inserted: usize,
    pool: VisitedPool,
}

impl<'a> Growing<'a> {
    /// No text is in it yet; there will be those of `codes`.
    pub fn new(codes: Codes<'a>) -> Self {
        Self {
            codes,
            links: vec![NONE; codes.len() * ROOM],
            entries: Vec::new(),
            inserted: 0,
            pool: VisitedPool::default(),
        }
    }

    /// The graph of an earlier index, whose text `t` is now `places[t]`, or gone. The texts that stay are the first of `codes`.
    pub fn without(codes: Codes<'a>, old: Graph<'_>, places: &[Option<TextId>]) -> Self {
        let mut growing = Self::new(codes);
        let stayed: Vec<(TextId, TextId)> =
            places.iter().enumerate().filter_map(|(before, now)| Some((before as TextId, (*now)?))).collect();
        let now = |text: TextId| places[text as usize];
        let rows: Vec<(TextId, Vec<TextId>)> = stayed
            .par_iter()
            .map(|&(before, place)| {
                let links = old.links_of(before);
                if links.iter().all(|&link| now(link).is_some()) {
                    return (place, links.iter().filter_map(|&link| now(link)).collect());
                }
                // In place of who left come those whom they knew.
                let mut candidates = Vec::with_capacity(DEGREE * 2);
                for &link in links {
                    match now(link) {
                        Some(link) => candidates.push(link),
                        None => candidates.extend(old.links_of(link).iter().filter_map(|&link| now(link))),
                    }
                }
                (place, growing.prune(place, candidates.into_iter()))
            })
            .collect();
        for (place, links) in rows {
            growing.set(place, &links);
        }
        growing.inserted = stayed.len();
        growing.entries = old.entries.iter().filter_map(|&entry| now(entry)).collect();
        if growing.entries.is_empty() && growing.inserted > 0 {
            growing.entries.push(0);
        }
        growing
    }

    /// Puts in the texts that are not in it yet, in an order that `shuffled` gives.
    pub fn insert(&mut self, shuffled: &[TextId]) {
        let mut rest = shuffled;
        while !rest.is_empty() {
            let size = (self.inserted / BATCH_SHARE).clamp(1, BATCH).min(rest.len());
            let (batch, later) = rest.split_at(size);
            self.insert_batch(batch);
            rest = later;
        }
    }

    /// The links, `[n, DEGREE] u32`, and the starting points.
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
        Graph { links: &self.links, degree: ROOM, entries: &self.entries }
    }

    fn insert_batch(&mut self, batch: &[TextId]) {
        let graph = self.graph();
        let chosen: Vec<Vec<TextId>> = batch
            .par_iter()
            .map(|&text| {
                let probe = self.codes.probe(text);
                let near = self.pool.with(|visited| graph.walk(&probe, WIDTH, visited, |_| ()));
                self.prune_sorted(text, near)
            })
            .collect();
        let mut back: Vec<(TextId, TextId)> = Vec::with_capacity(batch.len() * DEGREE);
        for (&text, links) in batch.iter().zip(&chosen) {
            back.extend(links.iter().map(|&link| (link, text)));
            self.set(text, links);
        }
        back.par_sort_unstable();
        let groups: Vec<&[(TextId, TextId)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        let rows: Vec<(TextId, Vec<TextId>)> = groups
            .par_iter()
            .map(|group| {
                let text = group[0].0;
                let known = self.graph().links_of(text).iter().copied();
                let all: Vec<TextId> = known.chain(group.iter().map(|&(_, from)| from)).collect();
                (text, if all.len() <= ROOM { all } else { self.prune(text, all.into_iter()) })
            })
            .collect();
        for (text, links) in rows {
            self.set(text, &links);
        }
        self.inserted += batch.len();
        let wanted = ((self.inserted as f64).sqrt() as usize).clamp(1, ENTRIES);
        let missing = wanted.saturating_sub(self.entries.len());
        self.entries.extend(batch.iter().take(missing));
    }

    fn set(&mut self, text: TextId, links: &[TextId]) {
        let start = text as usize * ROOM;
        let row = &mut self.links[start..start + ROOM];
        row.fill(NONE);
        row[..links.len()].copy_from_slice(links);
    }

    fn prune(&self, text: TextId, candidates: impl Iterator<Item = TextId>) -> Vec<TextId> {
        let probe = self.codes.probe(text);
        let mut near: Vec<Near> =
            candidates.map(|text| Near { text, similarity: probe.similarity(text) }).collect();
        near.sort_unstable_by(Near::order);
        near.dedup_by_key(|near| near.text);
        self.prune_sorted(text, near)
    }

    /// Chooses links that lead in different directions: nearest first, leaving out what a chosen one leads to.
    fn prune_sorted(&self, text: TextId, near: Vec<Near>) -> Vec<TextId> {
        let mut chosen: Vec<TextId> = Vec::with_capacity(DEGREE);
        for candidate in near.into_iter().filter(|near| near.text != text) {
            let own = 1.0 - candidate.similarity;
            let probe = self.codes.probe(candidate.text);
            let leads_there = |&link: &TextId| SLACK * (1.0 - probe.similarity(link)) <= own;
            if !chosen.iter().any(leads_there) {
                chosen.push(candidate.text);
                if chosen.len() == DEGREE {
                    break;
                }
            }
        }
        chosen
    }
}
