//! Words: which ones tell a text from others, and which ads have them in title or company.

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
use crate::words::{Asked, Scanner, is_common, words_of_query};

/// The file's name.
pub const FILE: &str = "lexicon.arrow";
/// A word's number.
pub type TermId = u32;

/// The most terms that a word typed halfway stands for.
const EXPANSIONS: usize = 200;

/// The most words of a query that are looked for.
const WORDS: usize = 16;

/// All words of an index, in alphabetical order.
pub struct Lexicon {
    terms: StringArray,
    /// In how many texts a word occurs.
    texts: UInt32Array,
    /// Ads with the word in title or company.
    ads: ListArray,
    /// Length of every ad's title and company, in words.
    lengths: Vec<u8>,
}

impl Lexicon {
    /// Opens the mapped file; `ads` is how many ads the index has.
    ///
    /// # Errors
    /// `Corrupt` where it is not the file that a builder writes.
    pub fn open(mapped: Mapped, path: &Path, ads: usize) -> Result<Self> {
        let batch = mapped.into_batch(path)?;
        let of = |batch: &RecordBatch| {
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
        of(&batch).ok_or_else(|| Error::corrupt(format!("{} lacks a column", path.display())))
    }

    /// The word of a number.
    pub fn term(&self, id: TermId) -> &str {
        self.terms.value(id as usize)
    }

    /// The number of a word.
    pub fn id(&self, word: &str) -> Option<TermId> {
        let place = self.first(word);
        (place < self.terms.len() && self.terms.value(place) == word).then_some(place as TermId)
    }

    /// In how many texts a word occurs; of a word that is counted in names alone, in how many ads.
    pub fn frequency(&self, id: TermId) -> u32 {
        match self.texts.value(id as usize) {
            0 => self.ads.value_length(id as usize).cast_unsigned(),
            texts => texts,
        }
    }

    fn first(&self, word: &str) -> usize {
        let (mut low, mut high) = (0, self.terms.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.terms.value(middle) < word { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Ads by the words of their title and company, best first. The last word may be typed halfway.
    pub fn find(&self, query: &str) -> Vec<Row> {
        let mut asked = words_of_query(query);
        asked.truncate(WORDS);
        let mut found: Vec<(Row, Score)> = self.scores(&asked).into_iter().collect();
        // Ads with more of the words come first, and of those the ones with more of them whole, whatever the words weigh.
        found.sort_unstable_by(|(a, one), (b, other)| {
            let counts = (other.words, other.whole).cmp(&(one.words, one.whole));
            counts.then(other.weight.total_cmp(&one.weight)).then(a.cmp(b))
        });
        found.into_iter().map(|(row, _)| row).collect()
    }

    /// Every ad with a word of `text` in title or company, and its score, in the order of the ads. The language's most common words
    /// do not count, and of the others the first [`WORDS`] different ones.
    pub(crate) fn weigh(&self, text: &str) -> impl Iterator<Item = (Row, f32)> {
        let mut asked: Vec<String> = Vec::new();
        for word in words(text).filter(|word| !is_common(word)) {
            if asked.len() < WORDS && !asked.contains(&word) {
                asked.push(word);
            }
        }
        // A place for every ad and no map, because a word may be in most of them.
        let mut scores = vec![0.0; if asked.is_empty() { 0 } else { self.lengths.len() }];
        let bm25 = Bm25::of(&self.lengths);
        for id in asked.iter().filter_map(|word| self.id(word)) {
            let postings = self.ads.value(id as usize);
            let rows = postings.as_primitive::<UInt32Type>().values();
            let idf = bm25.idf(rows.len());
            for &row in rows {
                scores[row as usize] += bm25.score(idf, row);
            }
        }
        (0..).zip(scores).filter(|(_, score)| *score > 0.0)
    }

    /// What each ad has of the words.
    fn scores(&self, asked: &[Asked]) -> HashMap<Row, Score> {
        let bm25 = Bm25::of(&self.lengths);
        let mut scores: HashMap<Row, Score> = HashMap::new();
        for Asked { word, is_open } in asked {
            let mut best: HashMap<Row, Score> = HashMap::new();
            for id in self.matching(word, *is_open) {
                let postings = self.ads.value(id);
                let rows = postings.as_primitive::<UInt32Type>().values();
                let idf = bm25.idf(rows.len());
                let is_whole = self.terms.value(id) == word;
                // A whole word is worth more than the beginning of one.
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

    fn matching(&self, word: &str, is_prefix: bool) -> Vec<usize> {
        if !is_prefix {
            return self.id(word).map(|id| id as usize).into_iter().collect();
        }
        (self.first(word)..self.terms.len())
            .take_while(|&id| self.terms.value(id).starts_with(word))
            .filter(|&id| self.ads.value_length(id) > 0)
            .take(EXPANSIONS)
            .collect()
    }
}

/// What an ad has of the words of a query.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    /// How many of them, whole or as the beginning of another word.
    words: u32,
    /// How many whole.
    whole: u32,
    weight: f32,
}

/// BM25 (k1 1.2, b 0.75; Robertson & Zaragoza 2009) of words that an ad has once or not at all.
struct Bm25<'a> {
    lengths: &'a [u8],
    mean: f32,
}

impl<'a> Bm25<'a> {
    fn of(lengths: &'a [u8]) -> Self {
        let sum: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        Self { lengths, mean: (sum as f32 / lengths.len().max(1) as f32).max(1.0) }
    }

    /// What a word that `having` ads have tells.
    fn idf(&self, having: usize) -> f32 {
        let (ads, having) = (self.lengths.len() as f32, having as f32);
        (1.0 + (ads - having + 0.5) / (having + 0.5)).ln()
    }

    /// What a word adds to the score of an ad that has it.
    fn score(&self, idf: f32, row: Row) -> f32 {
        let length = f32::from(self.lengths[row as usize]);
        idf * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * length / self.mean))
    }
}

/// Words while an index is built.
#[derive(Default)]
pub(crate) struct LexiconBuilder {
    ids: HashMap<String, TermId>,
    texts: Vec<u32>,
    /// Every text's different words and how often each occurs (up to 255), text after text.
    occurrences: Vec<(TermId, u8)>,
    ends: Vec<usize>,
    scanner: Scanner,
    /// Of one text, how often each word occurs.
    counts: HashMap<TermId, u8>,
}

/// The most terms kept of a text.
const KEPT: usize = 24;

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

    /// Takes in the next text.
    pub(crate) fn add(&mut self, title: &str, description: &str) {
        let Self { ids, texts, scanner, counts, .. } = self;
        let mut add = |word: &str, weight: u8| {
            // A single character tells a text from others to nobody but who asks for it.
            let is_single = word.chars().next().is_none_or(|first| first.len_utf8() == word.len());
            if !is_single && !is_common(word) {
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

    /// Writes the words to `folder`, and returns each text's distinctive ones in the order of `texts`; `labels` are every ad's title and
    /// company.
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
        let mut place = vec![0 as TermId; order.len()];
        for (now, (_, before)) in order.iter().enumerate() {
            place[*before as usize] = now as TermId;
        }
        for posting in &mut postings {
            posting.0 = place[posting.0 as usize];
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
        let batch = RecordBatch::try_from_iter(columns).map_err(|error| {
            Error::internal("the lexicon's columns do not fit each other").caused_by(error)
        })?;
        write_batch(&folder.join(FILE), &batch)?;
        let kept: Vec<Vec<TermId>> = texts.iter().map(|&text| self.distinctive(text, &place)).collect();
        Ok(list(kept.iter().map(Vec::len).collect(), kept.into_iter().flatten()))
    }

    /// The words that tell a text from others, most telling first: in another text too, but in no more than a tenth of all. `place` is
    /// every word's in the alphabet, which decides between words that tell as much: they came in any order.
    fn distinctive(&self, text: usize, place: &[TermId]) -> Vec<TermId> {
        let total = self.ends.len();
        let start = if text == 0 { 0 } else { self.ends[text - 1] };
        let most = (total / 10).max(3) as u32;
        let mut scored: Vec<(f32, TermId)> = self.occurrences[start..self.ends[text]]
            .iter()
            .filter(|(id, _)| (2..=most).contains(&self.texts[*id as usize]))
            .map(|&(id, count)| {
                let idf = (total as f32 / self.texts[id as usize] as f32).ln();
                ((1.0 + f32::from(count).ln()) * idf, place[id as usize])
            })
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.truncate(KEPT);
        scored.into_iter().map(|(_, id)| id).collect()
    }
}

fn list(lengths: Vec<usize>, values: impl Iterator<Item = u32>) -> ListArray {
    let field = Arc::new(Field::new("item", DataType::UInt32, false));
    let values: ArrayRef = Arc::new(UInt32Array::from_iter_values(values));
    ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None)
}
