//! Measures recall and latency of an index against exact search.

use std::time::Instant;

use rayon::prelude::*;

use crate::graph::Neighbour;
use crate::kernels::kernels;
use crate::reader::JobIndex;
use crate::search::{Query, overlap};
use crate::{Filter, TextId};

/// The k of recall at k.
const K: usize = 10;
/// Default number of queries.
pub const QUERIES: usize = 1000;
/// Number of texts that are compared with all queries at a time, small enough for the CPU cache.
const BLOCK: usize = 64;

/// The result of a measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measurement {
    /// Share of the ten nearest texts that the index finds.
    pub recall_at_10: f64,
    /// Number of queries.
    pub queries: usize,
    /// Median duration of a search in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of the duration in milliseconds.
    pub p99_ms: f64,
}

/// Queries with the results of exact search.
pub struct GroundTruth {
    queries: Vec<TextId>,
    nearest: Vec<Vec<Neighbour>>,
}

impl GroundTruth {
    /// Searches exactly for the neighbours of `queries` texts, evenly spread over the index. A text is not its own
    /// neighbour.
    pub fn compute(index: &JobIndex, queries: usize) -> Self {
        let texts = index.manifest().body.texts;
        let queries = (queries as u64).min(texts);
        let queries: Vec<TextId> = (0..queries).map(|n| (n * texts / queries) as TextId).collect();
        let ranges: Vec<u64> = (0..texts).step_by(texts.div_ceil(64).max(1) as usize).collect();
        let step = texts.div_ceil(64).max(1);
        let parts: Vec<Vec<Vec<Neighbour>>> = ranges
            .into_par_iter()
            .map(|start| nearest_in(index, &queries, start as TextId..(start + step).min(texts) as TextId))
            .collect();
        let mut nearest: Vec<Vec<Neighbour>> = vec![Vec::new(); queries.len()];
        for part in parts {
            for (all, some) in nearest.iter_mut().zip(part) {
                all.extend(some);
            }
        }
        for all in &mut nearest {
            all.sort_unstable_by(Neighbour::order);
            all.truncate(K);
        }
        Self { queries, nearest }
    }

    /// Runs the queries through the index, one after another, and compares the results.
    pub fn compare(&self, index: &JobIndex) -> Measurement {
        if self.queries.is_empty() {
            return Measurement { recall_at_10: 1.0, ..Measurement::default() };
        }
        let filter = Filter::default();
        let (mut times, mut recall) = (Vec::with_capacity(self.queries.len()), 0.0);
        for (&text, exact) in self.queries.iter().zip(&self.nearest) {
            let query = Query {
                vector: index.vector_of(text),
                words: None,
                top_k: K,
                filter: &filter,
                min_similarity: None,
                exact: false,
                not: None,
                include_reposts: false,
            };
            let clock = Instant::now();
            let found = index.nearest_texts(&query, text);
            times.push(clock.elapsed().as_secs_f64() * 1e3);
            recall += overlap(exact, &found);
        }
        times.sort_unstable_by(f64::total_cmp);
        let percentile = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        Measurement {
            recall_at_10: recall / self.queries.len() as f64,
            queries: self.queries.len(),
            p50_ms: percentile(0.5),
            p99_ms: percentile(0.99),
        }
    }

    /// Similarity of the tenth neighbour of each query that has ten.
    pub fn tenth_similarities(&self) -> Vec<f32> {
        self.nearest.iter().filter_map(|near| Some(near.get(K - 1)?.similarity)).collect()
    }
}

fn nearest_in(index: &JobIndex, queries: &[TextId], texts: std::ops::Range<TextId>) -> Vec<Vec<Neighbour>> {
    let dot = kernels().dot;
    let mut nearest: Vec<Vec<Neighbour>> = vec![Vec::with_capacity(K + 1); queries.len()];
    for start in texts.clone().step_by(BLOCK) {
        let block = start..(start + BLOCK as TextId).min(texts.end);
        for (&query, best) in queries.iter().zip(&mut nearest) {
            let vector = index.vector_of(query);
            for text in block.clone().filter(|&text| text != query) {
                let near = Neighbour { text, similarity: dot(vector, index.vector_of(text)) };
                if best.len() == K && best.last().is_some_and(|worst| Neighbour::order(worst, &near).is_le())
                {
                    continue;
                }
                let position = best.partition_point(|other| Neighbour::order(other, &near).is_lt());
                best.insert(position, near);
                best.truncate(K);
            }
        }
    }
    nearest
}
