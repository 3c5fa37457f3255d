//! Which way a query takes through the index.
//!
//! - few texts may be found: all of them are compared exactly
//! - more, but few beside all texts: their codes are compared, and the best again exactly
//! - else the graph is walked, wider where a filter lets fewer pass, and the best are compared again exactly; where the walk stayed
//!   among texts that may not be found, it is as if there were no graph
//!
//! With words beside the vector, the nearest by each are compared with both.
//!
//! Similarities in answers are always exact.

use std::collections::HashSet;
use std::ops::Range;

use crate::Filter;
use crate::codes::Code;
use crate::filter::{self, Rows};
use crate::graph::Near;
use crate::kernels::{kernels, prefetch};
use crate::reader::JobIndex;
use crate::{Row, TextId};

/// Up to so many texts are compared exactly.
pub(crate) const EXACT_TEXTS: usize = 4096;
/// A filter that lets fewer than one in so many texts pass is answered by comparing all that pass.
const SCANNED_SHARE: usize = 16;
/// How many comparisons ahead memory is asked for.
const AHEAD: usize = 4;
/// The widest walk.
pub(crate) const WIDEST: usize = 1024;

/// What the words of a query are worth beside a cosine, where an ad has all that the best one has: chosen on typed titles
/// (`scripts/bench relevance`).
pub const WORDS_WEIGHT: f32 = 0.2;
/// The most texts found by words that are compared with the vector.
const BY_WORDS: usize = 4096;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// `[dimension] f32`, L2-normalised.
    pub vector: &'a [f32],
    /// Words of title and company that count beside the vector (BM25): ads come in the order of similarity + [`WORDS_WEIGHT`] · their
    /// share of the best ad's score.
    pub words: Option<&'a str>,
    /// How many ads to find.
    pub top_k: usize,
    /// Which ads may be found.
    pub filter: &'a Filter,
    /// The least similarity of an ad that is found.
    pub min_similarity: Option<f32>,
    /// Whether every ad is to be compared exactly, however long that takes.
    pub exact: bool,
    /// The ad that is asked about, which is no answer.
    pub not: Option<Row>,
    /// Whether reposts of one ad are answers of their own.
    pub include_reposts: bool,
}

/// An ad that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The ad.
    pub row: Row,
    /// Cosine similarity, exactly.
    pub similarity: f32,
    /// Further ads that are the same ([`JobIndex::same`]) and that the filter lets pass.
    pub reposts: u32,
}

impl JobIndex {
    /// The nearest ads, nearest first unless there are words: as many as there are up to `top_k`. Ads of one text come newest first.
    pub fn search(&self, query: &Query<'_>) -> Vec<Hit> {
        let asked = match query.not {
            None => 0..0,
            Some(row) if query.include_reposts => row..row + 1,
            Some(row) => self.ads.rows_of_same(row),
        };
        let allowed = filter::rows(query.filter, &self.ads);
        let apart = Apart { index: self, asked, rows: allowed.as_ref() };
        match query.words {
            None => {
                // Each text found gives at least one ad, so that many texts are enough.
                let near = self.nearest(query, &apart);
                let mut hits = Vec::with_capacity(query.top_k);
                for near in near.iter().filter(|near| near.similarity >= query.least()) {
                    hits.extend(apart.hits_of(near, query.include_reposts).take(query.top_k - hits.len()));
                    if hits.len() == query.top_k {
                        break;
                    }
                }
                hits
            }
            Some(words) => self.search_with(words, query, &apart),
        }
    }

    /// The nearest texts to a vector, nearest first, without one.
    pub(crate) fn nearest_texts(&self, query: &Query<'_>, without: TextId) -> Vec<Near> {
        self.nearest(query, &Apart { index: self, asked: self.rows_of(without), rows: None })
    }

    /// The best ads by vector and words. Ads of one text may be of several companies, and have their words apart.
    fn search_with(&self, words: &str, query: &Query<'_>, apart: &Apart<'_>) -> Vec<Hit> {
        let by_words: Vec<(Row, f32)> =
            self.lexicon.weigh(words).filter(|(row, _)| apart.passes(*row)).collect();
        let best = by_words.iter().map(|(_, score)| *score).fold(f32::MIN_POSITIVE, f32::max);
        let share = |row: Row| {
            let place = by_words.binary_search_by_key(&row, |(row, _)| *row);
            place.map_or(0.0, |place| by_words[place].1 / best)
        };
        let mut hits: Vec<(f32, Hit)> = Vec::with_capacity(query.top_k);
        for near in self.nearest_with(&by_words, best, query, apart) {
            for hit in apart.hits_of(&near, query.include_reposts) {
                let same =
                    if query.include_reposts { hit.row..hit.row + 1 } else { self.ads.rows_of_same(hit.row) };
                let words = same.map(share).fold(0.0, f32::max);
                hits.push((near.similarity + WORDS_WEIGHT * words, hit));
            }
        }
        // Stable: texts that are worth as much keep their order.
        hits.sort_by(|a, b| b.0.total_cmp(&a.0));
        hits.truncate(query.top_k);
        hits.into_iter().map(|(_, hit)| hit).collect()
    }

    /// The `top_k` best texts by vector and words, best first, with exact similarities. A text without any of the words can only be among
    /// them where it is among the nearest, so that nothing is missed unless more than [`BY_WORDS`] texts have the words.
    fn nearest_with(
        &self,
        rows: &[(Row, f32)],
        best: f32,
        query: &Query<'_>,
        apart: &Apart<'_>,
    ) -> Vec<Near> {
        // In the order of the texts, because ads are.
        let mut by_words: Vec<(TextId, f32)> = Vec::new();
        for &(row, score) in rows {
            let text = self.ads.text(row);
            match by_words.last_mut() {
                Some((last, best)) if *last == text => *best = best.max(score),
                _ => by_words.push((text, score)),
            }
        }
        let mut with_words = by_words.clone();
        if with_words.len() > BY_WORDS && !query.exact {
            let order = |a: &(TextId, f32), b: &(TextId, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
            with_words.select_nth_unstable_by(BY_WORDS, order);
            with_words.truncate(BY_WORDS);
        }
        let dot = kernels().dot;
        let compared = with_words
            .iter()
            .map(|&(text, _)| Near { text, similarity: dot(query.vector, self.vector_of(text)) });
        let mut found: Vec<(f32, Near)> = self
            .nearest(query, apart)
            .into_iter()
            .chain(compared)
            .filter(|near| near.similarity >= query.least())
            .map(|near| {
                let place = by_words.binary_search_by_key(&near.text, |(text, _)| *text);
                let words = place.map_or(0.0, |place| by_words[place].1 / best);
                (near.similarity + WORDS_WEIGHT * words, near)
            })
            .collect();
        // One text found both ways stands beside itself.
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| Near::order(&a.1, &b.1)));
        found.dedup_by_key(|(_, near)| near.text);
        found.truncate(query.top_k);
        found.into_iter().map(|(_, near)| near).collect()
    }

    /// The `top_k` nearest texts that may be found, nearest first, with exact similarities.
    fn nearest(&self, query: &Query<'_>, apart: &Apart<'_>) -> Vec<Near> {
        let texts = self.manifest().body.texts as usize;
        let wanted = query.top_k;
        let passing = apart.rows.map_or(texts, Rows::len);
        if query.exact || passing <= EXACT_TEXTS {
            return self.exactly(query.vector, &apart.texts(), wanted);
        }
        let code = Code::of(query.vector);
        let probe = self.codes().probe_of(&code);
        if let Some((graph, width)) = self.graph()
            && passing * SCANNED_SHARE >= texts
        {
            let width = width.max(wanted * 2) * texts / passing.clamp(1, texts);
            let width = width.min(WIDEST);
            let mut found = Vec::new();
            let best = self.pool.with(|visited| graph.walk(&probe, width, visited, |near| found.push(near)));
            // A filter may let pass only what is far from here. What was walked through is known well, what lies around it is not.
            let passed = best.iter().filter(|near| apart.allows(near.text)).take(wanted).count();
            if passed >= wanted {
                let kept = best_allowed(found, refined(wanted), texts.div_ceil(passing.max(1)), apart);
                return self.exactly(query.vector, &kept, wanted);
            }
        }
        let allowed = apart.texts();
        let mut found: Vec<Near> = Vec::with_capacity(allowed.len());
        for (n, &text) in allowed.iter().enumerate() {
            if let Some(&ahead) = allowed.get(n + AHEAD) {
                probe.prefetch(ahead);
            }
            found.push(Near { text, similarity: probe.similarity(text) });
        }
        self.exactly(query.vector, &best_of(found, refined(wanted)), wanted)
    }

    /// The `wanted` nearest of `texts`, nearest first.
    fn exactly(&self, vector: &[f32], texts: &[TextId], wanted: usize) -> Vec<Near> {
        let dot = kernels().dot;
        let mut found: Vec<Near> = Vec::with_capacity(texts.len());
        for (n, &text) in texts.iter().enumerate() {
            if let Some(&ahead) = texts.get(n + 1) {
                prefetch(self.vector_of(ahead));
            }
            found.push(Near { text, similarity: dot(vector, self.vector_of(text)) });
        }
        if found.len() > wanted {
            found.select_nth_unstable_by(wanted, Near::order);
            found.truncate(wanted);
        }
        found.sort_unstable_by(Near::order);
        found
    }
}

/// How many of the nearest by codes are compared exactly: more than are wanted, because codes order near neighbours only nearly. The recall
/// measured at building covers this.
fn refined(wanted: usize) -> usize {
    wanted * 3 + 32
}

/// The `count` nearest, in any order.
fn best_of(mut found: Vec<Near>, count: usize) -> Vec<TextId> {
    if found.len() > count {
        found.select_nth_unstable_by(count, Near::order);
        found.truncate(count);
    }
    found.into_iter().map(|near| near.text).collect()
}

/// The `count` nearest that may be found, in any order. About one in `share` may be: so many are looked at first, because asking takes
/// longer than comparing did.
fn best_allowed(mut found: Vec<Near>, count: usize, share: usize, apart: &Apart<'_>) -> Vec<TextId> {
    let mut first = (count + 1) * share * 2;
    while first < found.len() {
        found.select_nth_unstable_by(first, Near::order);
        let allowed: Vec<Near> =
            found[..first].iter().copied().filter(|near| apart.allows(near.text)).collect();
        if allowed.len() >= count {
            return best_of(allowed, count);
        }
        first *= 4;
    }
    found.retain(|near| apart.allows(near.text));
    best_of(found, count)
}

impl Query<'_> {
    fn least(&self) -> f32 {
        self.min_similarity.unwrap_or(f32::NEG_INFINITY)
    }
}

/// What may be found: the filter's rows, without the ad that is asked about and, unless they are wanted, its reposts.
struct Apart<'a> {
    index: &'a JobIndex,
    /// The rows that are no answer.
    asked: Range<Row>,
    rows: Option<&'a Rows>,
}

impl Apart<'_> {
    /// Whether an ad may be found.
    fn passes(&self, row: Row) -> bool {
        !self.asked.contains(&row) && self.rows.is_none_or(|rows| rows.contains(row))
    }

    /// A text's ads that may be found, newest first.
    fn rows_of(&self, text: TextId) -> impl Iterator<Item = Row> + '_ {
        self.index.rows_of(text).filter(|&row| self.passes(row))
    }

    /// A text's ads that may be found as answers: each with its reposts, or every one of them alone.
    fn hits_of(&self, near: &Near, include_reposts: bool) -> impl Iterator<Item = Hit> + '_ {
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

    fn allows(&self, text: TextId) -> bool {
        self.rows_of(text).next().is_some()
    }

    /// Every text that may be found, in order.
    fn texts(&self) -> Vec<TextId> {
        let ads = &self.index.ads;
        let Some(rows) = self.rows else {
            // The text of what was asked about stays where it has other ads.
            let alone = self.asked.clone().next().map(|row| ads.text(row));
            let alone = alone.filter(|&text| self.index.rows_of(text) == self.asked);
            return (0..self.index.manifest().body.texts as TextId)
                .filter(|&text| Some(text) != alone)
                .collect();
        };
        // Rows first and then what they have: one after the other, each read of memory would wait for the one before it.
        let rows: Vec<Row> = rows.iter().filter(|row| !self.asked.contains(row)).collect();
        let of_rows = ads.texts();
        let mut texts: Vec<TextId> = rows.iter().map(|&row| of_rows[row as usize]).collect();
        // Ads of one text lie beside each other.
        texts.dedup();
        texts
    }
}

/// Share of `exact` that `found` holds.
pub(crate) fn overlap(exact: &[Near], found: &[Near]) -> f64 {
    if exact.is_empty() {
        return 1.0;
    }
    let texts: HashSet<TextId> = found.iter().map(|near| near.text).collect();
    // A text that is as near as the last of the exact ones is as good.
    let last = exact.last().map_or(f32::NEG_INFINITY, |near| near.similarity);
    let ties = found.iter().filter(|near| near.similarity >= last).count();
    let same = exact.iter().filter(|near| texts.contains(&near.text)).count();
    same.max(ties).min(exact.len()) as f64 / exact.len() as f64
}
