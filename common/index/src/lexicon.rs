//! The lexicon: an inverted index of the words in titles and company names, and the distinctive words of each text.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, UInt32Type};
use common_core::{Error, Result};

use crate::Row;
use crate::files::{Mapped, write_batch};
pub use crate::words::words;
use crate::words::{QueryWord, Scanner, is_stop_word, words_of_query};

/// Name of the file.
pub const FILE: &str = "lexicon.arrow";
/// Number of a word in alphabetical order.
pub type TermId = u32;

/// Maximum number of words that a prefix is expanded to.
const MAX_EXPANSIONS: usize = 200;

/// Maximum number of words of a query; further words are ignored.
const MAX_QUERY_WORDS: usize = 16;

/// All words of an index, in alphabetical order.
pub struct Lexicon {
    terms: StringArray,
    /// Number of texts with the word.
    texts: UInt32Array,
    /// Ads with the word in title or company name.
    ads: ListArray,
    /// Number of distinct words in title and company name of each ad.
    lengths: Vec<u8>,
}

impl Lexicon {
    /// Reads the columns of the mapped file; `path` is used in errors and `ads` is the number of ads of the index.
    ///
    /// # Errors
    /// `Corrupt` if it is not an Arrow file, a column is missing or has another type, or a row is out of range.
    pub fn open(mapped: Mapped, path: &Path, ads: usize) -> Result<Self> {
        let batch = mapped.into_batch(path)?;
        let read = |batch: &RecordBatch| {
            let postings = batch.column_by_name("ads")?.as_list_opt::<i32>()?.clone();
            let mut lengths = vec![0u8; ads];
            for &row in postings.values().as_primitive_opt::<UInt32Type>()?.values() {
                let length = lengths.get_mut(row as usize)?;
                *length = length.saturating_add(1);
            }
            Some(Self {
                terms: batch.column_by_name("term")?.as_string_opt::<i32>()?.clone(),
                texts: batch.column_by_name("texts")?.as_primitive_opt::<UInt32Type>()?.clone(),
                ads: postings,
                lengths,
            })
        };
        read(&batch).ok_or_else(|| {
            Error::corrupt(format!("{}: a column is missing or has invalid values", path.display()))
        })
    }

    /// The word with a number.
    pub fn term(&self, id: TermId) -> &str {
        self.terms.value(id as usize)
    }

    /// The number of a word.
    pub fn id(&self, word: &str) -> Option<TermId> {
        let index = self.lower_bound(word);
        (index < self.terms.len() && self.terms.value(index) == word).then_some(index as TermId)
    }

    /// The number of texts with a word; for a word that occurs only in titles and company names, the number of ads.
    pub fn frequency(&self, id: TermId) -> u32 {
        match self.texts.value(id as usize) {
            0 => self.ads.value_length(id as usize).cast_unsigned(),
            texts => texts,
        }
    }

    /// Index of the first word that is not less than `word`.
    fn lower_bound(&self, word: &str) -> usize {
        let (mut low, mut high) = (0, self.terms.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.terms.value(middle) < word { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Ads with words of `query` in title or company name, best first. The last word matches as a prefix too.
    pub fn find(&self, query: &str) -> Vec<Row> {
        let mut query_words = words_of_query(query);
        query_words.truncate(MAX_QUERY_WORDS);
        let mut found: Vec<(Row, Score)> = self.score_query(&query_words).into_iter().collect();
        // Sort by the number of matching words, then by the number of complete matches, then by weight.
        found.sort_unstable_by(|(a, one), (b, other)| {
            let counts = (other.words, other.whole).cmp(&(one.words, one.whole));
            counts.then(other.weight.total_cmp(&one.weight)).then(a.cmp(b))
        });
        found.into_iter().map(|(row, _)| row).collect()
    }

    /// The BM25 scores of all ads with a word of `text` in title or company name, in ascending order of rows. Stop
    /// words are ignored, and only the first [`MAX_QUERY_WORDS`] distinct words are used.
    pub(crate) fn score_text(&self, text: &str) -> impl Iterator<Item = (Row, f32)> {
        let mut query_words: Vec<String> = Vec::new();
        for word in words(text).filter(|word| !is_stop_word(word)) {
            if query_words.len() < MAX_QUERY_WORDS && !query_words.contains(&word) {
                query_words.push(word);
            }
        }
        // A vector of all ads instead of a map, because a word may occur in most of them.
        let mut scores = vec![0.0; if query_words.is_empty() { 0 } else { self.lengths.len() }];
        let bm25 = Bm25::new(&self.lengths);
        for id in query_words.iter().filter_map(|word| self.id(word)) {
            let postings = self.ads.value(id as usize);
            let rows = postings.as_primitive::<UInt32Type>().values();
            let idf = bm25.idf(rows.len());
            for &row in rows {
                scores[row as usize] += bm25.score(idf, row);
            }
        }
        (0..).zip(scores).filter(|(_, score)| *score > 0.0)
    }

    /// The score of each ad that matches a word of the query.
    fn score_query(&self, query_words: &[QueryWord]) -> HashMap<Row, Score> {
        let bm25 = Bm25::new(&self.lengths);
        let mut scores: HashMap<Row, Score> = HashMap::new();
        for QueryWord { word, is_prefix } in query_words {
            let mut best: HashMap<Row, Score> = HashMap::new();
            for id in self.matching(word, *is_prefix) {
                let postings = self.ads.value(id);
                let rows = postings.as_primitive::<UInt32Type>().values();
                let idf = bm25.idf(rows.len());
                let is_whole = self.terms.value(id) == word;
                // A complete match counts more than a prefix match.
                let idf = if is_whole { idf } else { idf * 0.7 };
                for &row in rows {
                    let entry = best.entry(row).or_default();
                    entry.whole |= u32::from(is_whole);
                    entry.weight = entry.weight.max(bm25.score(idf, row));
                }
            }
            for (row, score) in best {
                let entry = scores.entry(row).or_default();
                entry.words += 1;
                entry.whole += score.whole;
                entry.weight += score.weight;
            }
        }
        scores
    }

    /// The words that equal `word` or, with `is_prefix`, begin with it.
    fn matching(&self, word: &str, is_prefix: bool) -> Vec<usize> {
        if !is_prefix {
            return self.id(word).map(|id| id as usize).into_iter().collect();
        }
        (self.lower_bound(word)..self.terms.len())
            .take_while(|&id| self.terms.value(id).starts_with(word))
            .filter(|&id| self.ads.value_length(id) > 0)
            .take(MAX_EXPANSIONS)
            .collect()
    }
}

/// The score of an ad for a query.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    /// Number of words that match, completely or as a prefix.
    words: u32,
    /// Number of words that match completely.
    whole: u32,
    weight: f32,
}

/// BM25 (k1 1.2, b 0.75; Robertson & Zaragoza 2009) with a term frequency of 0 or 1.
struct Bm25<'a> {
    lengths: &'a [u8],
    mean: f32,
}

impl<'a> Bm25<'a> {
    fn new(lengths: &'a [u8]) -> Self {
        let sum: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        Self { lengths, mean: (sum as f32 / lengths.len().max(1) as f32).max(1.0) }
    }

    /// The inverse document frequency of a word that occurs in `frequency` ads.
    fn idf(&self, frequency: usize) -> f32 {
        let (ads, frequency) = (self.lengths.len() as f32, frequency as f32);
        (1.0 + (ads - frequency + 0.5) / (frequency + 0.5)).ln()
    }

    /// The score that a word adds to an ad that contains it.
    fn score(&self, idf: f32, row: Row) -> f32 {
        let length = f32::from(self.lengths[row as usize]);
        idf * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * length / self.mean))
    }
}

/// Collects words while an index is built.
#[derive(Default)]
pub(crate) struct LexiconBuilder {
    ids: HashMap<String, TermId>,
    texts: Vec<u32>,
    /// The distinct words of each text with their weighted frequency (up to 255), one text after another.
    occurrences: Vec<(TermId, u8)>,
    ends: Vec<usize>,
    scanner: Scanner,
    /// Scratch space for the frequencies of one text.
    counts: HashMap<TermId, u8>,
}

/// Maximum number of distinctive words per text.
const MAX_TERMS_PER_TEXT: usize = 24;

impl LexiconBuilder {
    fn id(ids: &mut HashMap<String, TermId>, texts: &mut Vec<u32>, word: &str) -> TermId {
        if let Some(id) = ids.get(word) {
            return *id;
        }
        let next = ids.len() as TermId;
        ids.insert(word.to_owned(), next);
        texts.push(0);
        next
    }

    /// Adds the next text. Words of the title count three times.
    pub(crate) fn add(&mut self, title: &str, description: &str) {
        let Self { ids, texts, scanner, counts, .. } = self;
        let mut add = |word: &str, weight: u8| {
            // Single characters are not distinctive.
            let is_single = word.chars().next().is_none_or(|first| first.len_utf8() == word.len());
            if !is_single && !is_stop_word(word) {
                let count = counts.entry(Self::id(ids, texts, word)).or_default();
                *count = count.saturating_add(weight);
            }
        };
        scanner.words(title, |word| add(word, 3));
        scanner.words_of_prose(description, |word| add(word, 1));
        let mut counts: Vec<(TermId, u8)> = self.counts.drain().collect();
        counts.sort_unstable();
        for (id, _) in &counts {
            self.texts[*id as usize] += 1;
        }
        self.occurrences.extend(counts);
        self.ends.push(self.occurrences.len());
    }

    /// Writes the lexicon to `folder`, and returns the distinctive words of each text in the order of `texts`, which
    /// are numbers of texts in the order of [`Self::add`]. `labels` are title and company name of each row.
    pub(crate) fn write<'a>(
        mut self,
        folder: &Path,
        texts: &[usize],
        labels: impl Iterator<Item = [&'a str; 2]>,
    ) -> Result<ListArray> {
        let mut postings: Vec<(TermId, Row)> = Vec::new();
        for (row, label) in labels.enumerate() {
            let Self { ids, texts, scanner, .. } = &mut self;
            for part in label {
                scanner.words(part, |word| postings.push((Self::id(ids, texts, word), row as Row)));
            }
        }
        let mut order: Vec<(&str, TermId)> = self.ids.iter().map(|(word, &id)| (word.as_str(), id)).collect();
        order.sort_unstable();
        let mut rank = vec![0 as TermId; order.len()];
        for (new, (_, old)) in order.iter().enumerate() {
            rank[*old as usize] = new as TermId;
        }
        for posting in &mut postings {
            posting.0 = rank[posting.0 as usize];
        }
        postings.sort_unstable();
        postings.dedup();
        let mut lengths = vec![0usize; order.len()];
        for (id, _) in &postings {
            lengths[*id as usize] += 1;
        }
        let rows = list(lengths, postings.iter().map(|(_, row)| *row));
        let counts = order.iter().map(|(_, id)| self.texts[*id as usize]);
        let columns: [(&str, ArrayRef); 3] = [
            ("term", Arc::new(StringArray::from_iter_values(order.iter().map(|(word, _)| word)))),
            ("texts", Arc::new(UInt32Array::from_iter_values(counts))),
            ("ads", Arc::new(rows)),
        ];
        let batch = RecordBatch::try_from_iter(columns)
            .map_err(|error| Error::internal("cannot build the table of words").caused_by(error))?;
        write_batch(&folder.join(FILE), &batch)?;
        let kept: Vec<Vec<TermId>> = texts.iter().map(|&text| self.distinctive(text, &rank)).collect();
        Ok(list(kept.iter().map(Vec::len).collect(), kept.into_iter().flatten()))
    }

    /// The distinctive words of a text by descending TF-IDF: words that occur in at least two texts and at most a tenth
    /// of them. `rank` is the alphabetical rank of each word. It breaks ties, so that the result does not depend on the
    /// order in which words were added.
    fn distinctive(&self, text: usize, rank: &[TermId]) -> Vec<TermId> {
        let total = self.ends.len();
        let start = if text == 0 { 0 } else { self.ends[text - 1] };
        let most = (total / 10).max(3) as u32;
        let mut scored: Vec<(f32, TermId)> = self.occurrences[start..self.ends[text]]
            .iter()
            .filter(|(id, _)| (2..=most).contains(&self.texts[*id as usize]))
            .map(|&(id, count)| {
                let idf = (total as f32 / self.texts[id as usize] as f32).ln();
                ((1.0 + f32::from(count).ln()) * idf, rank[id as usize])
            })
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.truncate(MAX_TERMS_PER_TEXT);
        scored.into_iter().map(|(_, id)| id).collect()
    }
}

fn list(lengths: Vec<usize>, values: impl Iterator<Item = u32>) -> ListArray {
    let field = Arc::new(Field::new("item", DataType::UInt32, false));
    let values: ArrayRef = Arc::new(UInt32Array::from_iter_values(values));
    ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None)
}
