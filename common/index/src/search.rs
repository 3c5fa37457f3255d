//! Top-k search. The strategy depends on how many texts pass the filter:
//!
//! - few: all of them are compared exactly
//! - more, but a small share of all texts: their codes are scanned, and the best candidates reranked exactly
//! - otherwise: beam search in the graph, with a width that grows with the selectivity of the filter, and exact
//!   reranking; if the beam contains too few texts that pass, the codes are scanned instead
//!
//! A hybrid query reranks the best candidates by vector and the best by words with the sum of both scores.
//!
//! Similarities in results are always exact.

use std::collections::HashSet;
use std::ops::Range;

use crate::Filter;
use crate::codes::Code;
use crate::filter::{self, RowSet};
use crate::graph::Neighbour;
use crate::kernels::{kernels, prefetch};
use crate::reader::JobIndex;
use crate::{Row, TextId};

/// Maximum number of texts that are compared exactly.
pub(crate) const EXACT_TEXTS: usize = 4096;
/// If fewer than one in this many texts passes the filter, the codes of all that pass are scanned.
const SCANNED_SHARE: usize = 16;
/// Number of texts that are prefetched ahead of the comparison.
const PREFETCH_AHEAD: usize = 4;
/// Maximum beam width of graph search.
pub(crate) const WIDEST: usize = 1024;

/// Weight of the normalized word score relative to the cosine similarity, chosen on typed titles (`scripts/bench
/// relevance`).
pub const WORDS_WEIGHT: f32 = 0.2;
/// Maximum number of candidates by words.
const MAX_WORD_CANDIDATES: usize = 4096;

/// A query.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// `[dimension] f32`, L2-normalised.
    pub vector: &'a [f32],
    /// Words for a hybrid query: ads are ordered by similarity + [`WORDS_WEIGHT`] · BM25 score of title and company
    /// name, relative to the best score.
    pub words: Option<&'a str>,
    /// Maximum number of results.
    pub top_k: usize,
    /// The filter that results must pass.
    pub filter: &'a Filter,
    /// Minimum similarity of results.
    pub min_similarity: Option<f32>,
    /// Whether all texts are compared exactly, without approximation.
    pub exact: bool,
    /// An ad to exclude from the results, with its reposts unless [`Self::include_reposts`].
    pub not: Option<Row>,
    /// Whether reposts are separate results; otherwise the newest represents its group.
    pub include_reposts: bool,
}

/// A search result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The ad.
    pub row: Row,
    /// Exact cosine similarity.
    pub similarity: f32,
    /// Number of its reposts ([`JobIndex::same`]) that pass the filter and are not separate results.
    pub reposts: u32,
}

impl JobIndex {
    /// The best `top_k` ads, best first. Ads of one text are ordered newest first.
    pub fn search(&self, query: &Query<'_>) -> Vec<Hit> {
        let excluded = match query.not {
            None => 0..0,
            Some(row) if query.include_reposts => row..row + 1,
            Some(row) => self.ads.reposts_of(row),
        };
        let filtered = filter::matching_rows(query.filter, self);
        let eligible = Eligible { index: self, excluded, rows: filtered.as_ref() };
        match query.words {
            None => {
                // Each text has at least one eligible ad, so that `top_k` texts are enough.
                let near = self.nearest(query, &eligible);
                let mut hits = Vec::with_capacity(query.top_k);
                for near in near.iter().filter(|near| near.similarity >= query.min_similarity()) {
                    hits.extend(eligible.hits_of(near, query.include_reposts).take(query.top_k - hits.len()));
                    if hits.len() == query.top_k {
                        break;
                    }
                }
                hits
            }
            Some(words) => self.search_hybrid(words, query, &eligible),
        }
    }

    /// The texts nearest to a vector, nearest first, without the text `excluded`.
    pub(crate) fn nearest_texts(&self, query: &Query<'_>, excluded: TextId) -> Vec<Neighbour> {
        self.nearest(query, &Eligible { index: self, excluded: self.rows_of(excluded), rows: None })
    }

    /// The best ads of a hybrid query. Ads of one text can have different word scores, because their companies differ.
    fn search_hybrid(&self, words: &str, query: &Query<'_>, eligible: &Eligible<'_>) -> Vec<Hit> {
        let by_words: Vec<(Row, f32)> =
            self.lexicon.score_text(words).filter(|(row, _)| eligible.contains(*row)).collect();
        let best = by_words.iter().map(|(_, score)| *score).fold(f32::MIN_POSITIVE, f32::max);
        let share = |row: Row| {
            let position = by_words.binary_search_by_key(&row, |(row, _)| *row);
            position.map_or(0.0, |position| by_words[position].1 / best)
        };
        let mut hits: Vec<(f32, Hit)> = Vec::with_capacity(query.top_k);
        for near in self.nearest_hybrid(&by_words, best, query, eligible) {
            for hit in eligible.hits_of(&near, query.include_reposts) {
                let same =
                    if query.include_reposts { hit.row..hit.row + 1 } else { self.ads.reposts_of(hit.row) };
                let words = same.map(share).fold(0.0, f32::max);
                hits.push((near.similarity + WORDS_WEIGHT * words, hit));
            }
        }
        // A stable sort keeps the order of texts with equal scores.
        hits.sort_by(|a, b| b.0.total_cmp(&a.0));
        hits.truncate(query.top_k);
        hits.into_iter().map(|(_, hit)| hit).collect()
    }

    /// The `top_k` best texts of a hybrid query, best first, with exact similarities. A text without any of the words
    /// can be among them only if it is among the nearest by vector. The result is therefore exact, apart from the
    /// approximation of vector search, unless more than [`MAX_WORD_CANDIDATES`] texts contain the words.
    fn nearest_hybrid(
        &self,
        rows: &[(Row, f32)],
        best: f32,
        query: &Query<'_>,
        eligible: &Eligible<'_>,
    ) -> Vec<Neighbour> {
        // The rows are sorted, and with them the texts.
        let mut by_words: Vec<(TextId, f32)> = Vec::new();
        for &(row, score) in rows {
            let text = self.ads.text_of(row);
            match by_words.last_mut() {
                Some((last, best)) if *last == text => *best = best.max(score),
                _ => by_words.push((text, score)),
            }
        }
        let mut with_words = by_words.clone();
        if with_words.len() > MAX_WORD_CANDIDATES && !query.exact {
            let order = |a: &(TextId, f32), b: &(TextId, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
            with_words.select_nth_unstable_by(MAX_WORD_CANDIDATES, order);
            with_words.truncate(MAX_WORD_CANDIDATES);
        }
        let dot = kernels().dot;
        let compared = with_words
            .iter()
            .map(|&(text, _)| Neighbour { text, similarity: dot(query.vector, self.vector_of(text)) });
        let mut found: Vec<(f32, Neighbour)> = self
            .nearest(query, eligible)
            .into_iter()
            .chain(compared)
            .filter(|near| near.similarity >= query.min_similarity())
            .map(|near| {
                let position = by_words.binary_search_by_key(&near.text, |(text, _)| *text);
                let words = position.map_or(0.0, |position| by_words[position].1 / best);
                (near.similarity + WORDS_WEIGHT * words, near)
            })
            .collect();
        // Texts that were found by both are adjacent after sorting.
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| Neighbour::order(&a.1, &b.1)));
        found.dedup_by_key(|(_, near)| near.text);
        found.truncate(query.top_k);
        found.into_iter().map(|(_, near)| near).collect()
    }

    /// The `top_k` nearest eligible texts, nearest first, with exact similarities.
    fn nearest(&self, query: &Query<'_>, eligible: &Eligible<'_>) -> Vec<Neighbour> {
        let texts = self.manifest().body.texts as usize;
        let wanted = query.top_k;
        let passing = eligible.rows.map_or(texts, RowSet::len);
        if query.exact || passing <= EXACT_TEXTS {
            return self.rank_exactly(query.vector, &eligible.texts(), wanted);
        }
        let code = Code::quantize(query.vector);
        let probe = self.codes().probe_code(&code);
        if let Some((graph, width)) = self.graph()
            && passing * SCANNED_SHARE >= texts
        {
            let width = width.max(wanted * 2) * texts / passing.clamp(1, texts);
            let width = width.min(WIDEST);
            let mut found = Vec::new();
            let best =
                self.pool.with(|visited| graph.search(&probe, width, visited, |near| found.push(near)));
            // The texts that pass the filter may be far from the query. The result is reliable only if the beam itself
            // contains enough of them.
            let passed = best.iter().filter(|near| eligible.contains_text(near.text)).take(wanted).count();
            if passed >= wanted {
                let kept =
                    best_eligible(found, rerank_count(wanted), texts.div_ceil(passing.max(1)), eligible);
                return self.rank_exactly(query.vector, &kept, wanted);
            }
        }
        let eligible_texts = eligible.texts();
        let mut found: Vec<Neighbour> = Vec::with_capacity(eligible_texts.len());
        for (n, &text) in eligible_texts.iter().enumerate() {
            if let Some(&ahead) = eligible_texts.get(n + PREFETCH_AHEAD) {
                probe.prefetch(ahead);
            }
            found.push(Neighbour { text, similarity: probe.similarity(text) });
        }
        self.rank_exactly(query.vector, &best_of(found, rerank_count(wanted)), wanted)
    }

    /// The `wanted` nearest of `texts` by exact similarity, nearest first.
    fn rank_exactly(&self, vector: &[f32], texts: &[TextId], wanted: usize) -> Vec<Neighbour> {
        let dot = kernels().dot;
        let mut found: Vec<Neighbour> = Vec::with_capacity(texts.len());
        for (n, &text) in texts.iter().enumerate() {
            if let Some(&ahead) = texts.get(n + 1) {
                prefetch(self.vector_of(ahead));
            }
            found.push(Neighbour { text, similarity: dot(vector, self.vector_of(text)) });
        }
        if found.len() > wanted {
            found.select_nth_unstable_by(wanted, Neighbour::order);
            found.truncate(wanted);
        }
        found.sort_unstable_by(Neighbour::order);
        found
    }
}

/// Number of candidates by codes that are reranked exactly: more than `wanted`, because codes are approximate. The
/// measured recall includes this approximation.
fn rerank_count(wanted: usize) -> usize {
    wanted * 3 + 32
}

/// The `count` nearest texts, in any order.
fn best_of(mut found: Vec<Neighbour>, count: usize) -> Vec<TextId> {
    if found.len() > count {
        found.select_nth_unstable_by(count, Neighbour::order);
        found.truncate(count);
    }
    found.into_iter().map(|near| near.text).collect()
}

/// The `count` nearest eligible texts, in any order. About one text in `share` is eligible; only as many texts as
/// needed are checked, because a check is slower than the comparison of codes.
fn best_eligible(
    mut found: Vec<Neighbour>,
    count: usize,
    share: usize,
    eligible: &Eligible<'_>,
) -> Vec<TextId> {
    let mut first = (count + 1) * share * 2;
    while first < found.len() {
        found.select_nth_unstable_by(first, Neighbour::order);
        let allowed: Vec<Neighbour> =
            found[..first].iter().copied().filter(|near| eligible.contains_text(near.text)).collect();
        if allowed.len() >= count {
            return best_of(allowed, count);
        }
        first *= 4;
    }
    found.retain(|near| eligible.contains_text(near.text));
    best_of(found, count)
}

impl Query<'_> {
    fn min_similarity(&self) -> f32 {
        self.min_similarity.unwrap_or(f32::NEG_INFINITY)
    }
}

/// The ads that a query can return: those that pass the filter, without the excluded rows.
struct Eligible<'a> {
    index: &'a JobIndex,
    /// The excluded rows: the ad of the query and, unless they are included, its reposts.
    excluded: Range<Row>,
    /// The rows that pass the filter. `None` without a filter.
    rows: Option<&'a RowSet>,
}

impl Eligible<'_> {
    /// Returns whether an ad is eligible.
    fn contains(&self, row: Row) -> bool {
        !self.excluded.contains(&row) && self.rows.is_none_or(|rows| rows.contains(row))
    }

    /// The eligible ads of a text, newest first.
    fn rows_of(&self, text: TextId) -> impl Iterator<Item = Row> + '_ {
        self.index.rows_of(text).filter(|&row| self.contains(row))
    }

    /// The eligible ads of a text as results: one per group of reposts or, with `include_reposts`, one per row.
    fn hits_of(&self, near: &Neighbour, include_reposts: bool) -> impl Iterator<Item = Hit> + '_ {
        let (text, similarity) = (near.text, near.similarity);
        let mut rows = self.rows_of(text).peekable();
        std::iter::from_fn(move || {
            let row = rows.next()?;
            let mut reposts = 0;
            if !include_reposts {
                let same = self.index.ads.same(row);
                while rows.next_if(|&next| self.index.ads.same(next) == same).is_some() {
                    reposts += 1;
                }
            }
            Some(Hit { row, similarity, reposts })
        })
    }

    /// Returns whether a text has an eligible ad.
    fn contains_text(&self, text: TextId) -> bool {
        self.rows_of(text).next().is_some()
    }

    /// All texts with an eligible ad, in ascending order.
    fn texts(&self) -> Vec<TextId> {
        let ads = &self.index.ads;
        let Some(rows) = self.rows else {
            // A text is excluded only if all of its rows are.
            let excluded = self.excluded.clone().next().map(|row| ads.text_of(row));
            let excluded = excluded.filter(|&text| self.index.rows_of(text) == self.excluded);
            return (0..self.index.manifest().body.texts as TextId)
                .filter(|&text| Some(text) != excluded)
                .collect();
        };
        // Two passes, because reading bits and texts alternately makes each memory access wait for the previous one.
        let rows: Vec<Row> = rows.iter().filter(|row| !self.excluded.contains(row)).collect();
        let of_rows = ads.texts();
        let mut texts: Vec<TextId> = rows.iter().map(|&row| of_rows[row as usize]).collect();
        // RowSet of one text are adjacent.
        texts.dedup();
        texts
    }
}

/// Share of the exact results `exact` that `found` contains.
pub(crate) fn overlap(exact: &[Neighbour], found: &[Neighbour]) -> f64 {
    if exact.is_empty() {
        return 1.0;
    }
    let texts: HashSet<TextId> = found.iter().map(|near| near.text).collect();
    // A text with the similarity of the last exact result is equally good.
    let last = exact.last().map_or(f32::NEG_INFINITY, |near| near.similarity);
    let ties = found.iter().filter(|near| near.similarity >= last).count();
    let same = exact.iter().filter(|near| texts.contains(&near.text)).count();
    same.max(ties).min(exact.len()) as f64 / exact.len() as f64
}
