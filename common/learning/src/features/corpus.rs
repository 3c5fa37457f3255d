//! Counts of n-grams in the texts of ads, and TF-IDF over them.

use std::hash::Hasher;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHasher};
use serde::{Deserialize, Serialize};

use super::sparse::Sparse;

/// How often each n-gram occurs in each text.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// The n-gram of each column, ascending.
    pub terms: Vec<Box<str>>,
    /// `[texts, terms]`, the number of occurrences.
    pub matrix: Sparse,
}

impl Counts {
    /// Counts the n-grams that `visit` finds in each of `texts` items; those in fewer than `min_texts` items are left
    /// out.
    pub fn of(texts: usize, min_texts: u32, visit: impl Fn(usize, &mut dyn FnMut(&str)) + Sync) -> Self {
        // N-grams by hash: a string is made once, by the first text that has it.
        let counted: Vec<FxHashMap<u64, u32>> = (0..texts)
            .into_par_iter()
            .map(|text| {
                let mut counts: FxHashMap<u64, u32> = FxHashMap::default();
                visit(text, &mut |gram| *counts.entry(hash(gram)).or_default() += 1);
                counts
            })
            .collect();
        // The number of texts with each n-gram, and the first of them.
        let mut seen: FxHashMap<u64, (u32, usize)> = FxHashMap::default();
        for (text, counts) in counted.iter().enumerate() {
            for key in counts.keys() {
                seen.entry(*key).or_insert((0, text)).0 += 1;
            }
        }
        seen.retain(|_, (count, _)| *count >= min_texts);
        let named_by = |text: usize| {
            let mut named: FxHashMap<u64, Box<str>> = FxHashMap::default();
            visit(text, &mut |gram| {
                let key = hash(gram);
                if seen.get(&key).is_some_and(|(_, first)| *first == text) {
                    named.entry(key).or_insert_with(|| gram.into());
                }
            });
            named.into_iter().map(|(key, term)| (term, key))
        };
        let mut named: Vec<(Box<str>, u64)> = (0..texts).into_par_iter().flat_map_iter(named_by).collect();
        named.par_sort_unstable();
        let column_of: FxHashMap<u64, u32> =
            named.iter().enumerate().map(|(column, (_, key))| (*key, column as u32)).collect();
        let rows = counted.into_par_iter().map(|counts| {
            let known =
                counts.into_iter().filter_map(|(key, count)| Some((*column_of.get(&key)?, count as f32)));
            known.collect::<Vec<(u32, f32)>>()
        });
        let matrix = Sparse::from_rows(named.len(), rows.collect());
        Self { terms: named.into_iter().map(|(term, _)| term).collect(), matrix }
    }
}

/// Hash of an n-gram within one process.
fn hash(gram: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(gram.as_bytes());
    hasher.finish()
}

/// TF-IDF as in scikit-learn, with sublinear counts: `(1 + ln tf) (1 + ln((1 + n) / (1 + df)))`, L2-normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TfIdf {
    /// The n-gram of each column, ascending.
    terms: Vec<Box<str>>,
    idf: Vec<f32>,
}

impl TfIdf {
    /// Learns the n-grams that at least `min_texts` of `rows` have.
    pub fn fit(counts: &Counts, rows: &[u32], min_texts: u32) -> Self {
        let mut texts_with = vec![0u32; counts.terms.len()];
        for &row in rows {
            for (column, _) in counts.matrix.row(row as usize) {
                texts_with[column as usize] += 1;
            }
        }
        let total = rows.len() as f64;
        let mut fitted = Self { terms: Vec::new(), idf: Vec::new() };
        for (term, texts) in
            counts.terms.iter().zip(texts_with).filter(|(_, texts)| *texts >= min_texts.max(1))
        {
            fitted.terms.push(term.clone());
            fitted.idf.push((((1.0 + total) / (1.0 + f64::from(texts))).ln() + 1.0) as f32);
        }
        fitted
    }

    /// The n-gram of each column.
    pub fn terms(&self) -> &[Box<str>] {
        &self.terms
    }

    /// The columns of single words.
    pub fn single_words(&self) -> Vec<u32> {
        (0..).zip(&self.terms).filter(|(_, term)| !term.contains(' ')).map(|(column, _)| column).collect()
    }

    /// Transforms `rows` of `counts`: `[rows, terms]`, rows without a known n-gram are zero.
    pub fn transform(&self, counts: &Counts, rows: &[u32]) -> Sparse {
        let columns = self.columns_of(&counts.terms);
        let mut matrix = Sparse::new(self.terms.len());
        let mut weighted: Vec<(u32, f32)> = Vec::new();
        for &row in rows {
            weighted.clear();
            for (column, count) in counts.matrix.row(row as usize) {
                if let Some(own) = columns[column as usize] {
                    weighted.push((own, (1.0 + count.ln()) * self.idf[own as usize]));
                }
            }
            let norm = weighted.iter().map(|(_, value)| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
            matrix.push(weighted.iter().map(|(column, value)| (*column, value / norm)));
        }
        matrix
    }

    /// How often each known n-gram occurs in `rows` of `counts`: `[rows, terms]`.
    pub fn count(&self, counts: &Counts, rows: &[u32]) -> Sparse {
        let columns = self.columns_of(&counts.terms);
        let mut matrix = Sparse::new(self.terms.len());
        for &row in rows {
            let known = |(column, count)| Some((columns[column as usize]?, count));
            matrix.push(counts.matrix.row(row as usize).filter_map(known));
        }
        matrix
    }

    /// The column of each of `terms`; both lists ascend.
    fn columns_of(&self, terms: &[Box<str>]) -> Vec<Option<u32>> {
        // A batch of new ads has far fewer n-grams than the model: search instead of merging.
        if terms.len() * 16 < self.terms.len() {
            let find =
                |term: &str| self.terms.binary_search_by(|own| (**own).cmp(term)).ok().map(|at| at as u32);
            return terms.par_iter().map(|term| find(term)).collect();
        }
        let mut own = 0;
        let mut merge = |term: &str| {
            while own < self.terms.len() && *self.terms[own] < *term {
                own += 1;
            }
            (self.terms.get(own).map(AsRef::as_ref) == Some(term)).then_some(own as u32)
        };
        terms.iter().map(|term| merge(term)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::grams::{word_grams, words};
    use super::*;

    fn counts(texts: &[&str], min_texts: u32) -> Counts {
        let words: Vec<_> = texts.iter().map(|text| words(text)).collect();
        Counts::of(texts.len(), min_texts, |text, visit| word_grams(&words[text], visit))
    }

    #[test]
    fn terms_are_sorted_and_counted() {
        let counts = counts(&["b a b", "a", "c"], 1);
        let terms: Vec<&str> = counts.terms.iter().map(AsRef::as_ref).collect();
        assert_eq!(terms, ["a", "a b", "b", "b a", "c"]);
        assert_eq!(counts.matrix.row(0).collect::<Vec<_>>(), [(0, 1.0), (1, 1.0), (2, 2.0), (3, 1.0)]);
    }

    #[test]
    fn rare_terms_are_left_out() {
        assert_eq!(counts(&["a b", "a c", "b"], 2).terms.len(), 2);
    }

    #[test]
    fn tf_idf_is_that_of_scikit_learn() {
        // TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit(["a a b", "a c"]).transform(["a a b"]), version 1.9.
        let counts = counts(&["a a b", "a c"], 1);
        let fitted = TfIdf::fit(&counts, &[0, 1], 1);
        let single = |term: &str| fitted.terms.iter().position(|known| &**known == term).unwrap();
        let idf_b = (3.0f32 / 2.0).ln() + 1.0;
        assert_eq!(fitted.idf[single("a")], 1.0);
        assert!((fitted.idf[single("b")] - idf_b).abs() < 1e-6);
        let row: Vec<_> = fitted.transform(&counts, &[0]).row(0).collect();
        let norm: f32 = row.iter().map(|(_, value)| value * value).sum();
        assert!((norm - 1.0).abs() < 1e-6);
        let of = |term| row.iter().find(|(column, _)| *column as usize == single(term)).unwrap().1;
        assert!((of("a") / of("b") - (1.0 + 2.0f32.ln()) / idf_b).abs() < 1e-6);
    }

    #[test]
    fn a_text_is_transformed_the_same_alone_and_among_others() {
        let texts = ["senior cook wanted", "junior cook", "driver", "cook and driver"];
        let all = counts(&texts, 1);
        let fitted = TfIdf::fit(&all, &[0, 1, 2], 1);
        for (row, text) in texts.iter().enumerate() {
            let alone = counts(&[text], 1);
            assert_eq!(fitted.transform(&alone, &[0]), fitted.transform(&all, &[row as u32]), "{text}");
            assert_eq!(fitted.count(&alone, &[0]), fitted.count(&all, &[row as u32]), "{text}");
        }
        let words: Vec<&str> =
            fitted.single_words().iter().map(|column| &*fitted.terms[*column as usize]).collect();
        assert_eq!(words, ["cook", "driver", "junior", "senior", "wanted"]);
        assert_eq!(fitted.transform(&counts(&["unseen"], 1), &[0]).row(0).count(), 0);
    }
}
