//! BM25: documents by the words of a query (Robertson and Zaragoza 2009, with k1 = 1.2, b = 0.75, and the logarithm of
//! Lucene, which is never negative).

use std::collections::HashMap;

use common::index::lexicon::words;

const K1: f32 = 1.2;
const B: f32 = 0.75;

/// Documents by their words.
pub(crate) struct Bm25 {
    /// A word's documents, and what it adds to the score of each.
    postings: HashMap<String, Vec<(u32, f32)>>,
    documents: usize,
}

impl Bm25 {
    /// Takes in all documents.
    pub(crate) fn new<'a>(documents: impl Iterator<Item = &'a str>) -> Self {
        let mut postings: HashMap<String, Vec<(u32, f32)>> = HashMap::new();
        let mut lengths = Vec::new();
        for (number, document) in documents.enumerate() {
            let mut length = 0.0;
            for word in words(document) {
                length += 1.0;
                let postings = postings.entry(word).or_default();
                match postings.last_mut() {
                    Some((last, count)) if *last == number as u32 => *count += 1.0,
                    _ => postings.push((number as u32, 1.0)),
                }
            }
            lengths.push(length);
        }
        let documents = lengths.len();
        let mean = (lengths.iter().sum::<f32>() / documents as f32).max(1.0);
        for postings in postings.values_mut() {
            let having = postings.len() as f32;
            let idf = (1.0 + (documents as f32 - having + 0.5) / (having + 0.5)).ln();
            for (document, count) in postings {
                let length = lengths[*document as usize] / mean;
                *count = idf * *count * (K1 + 1.0) / (*count + K1 * (1.0 - B + B * length));
            }
        }
        Self { postings, documents }
    }

    /// Every document's score; 0 where it has none of the words.
    pub(crate) fn scores(&self, query: &str) -> Vec<f32> {
        let mut scores = vec![0.0; self.documents];
        let mut asked: Vec<String> = words(query).collect();
        asked.sort_unstable();
        asked.dedup();
        for (document, score) in asked.iter().filter_map(|word| self.postings.get(word)).flatten() {
            scores[*document as usize] += score;
        }
        scores
    }
}
