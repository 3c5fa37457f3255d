//! Complement naive Bayes on counts of words, after Rennie, Shih, Teevan and Karger (2003), as in scikit-learn.

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{LOG_ABSENT, Present, RoleData, log_softmax};
use crate::features::AdTable;
use crate::features::corpus::{Counts, TfIdf};
use crate::features::rich::Rich;
use crate::features::sparse::Sparse;

/// Parameters of naive Bayes on the words of title and description together, and on those of the title alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bayes {
    /// Occurrences that every word has in addition in every class.
    pub smoothing: f64,
    /// Weight of the log probabilities by title and description. The words of a text depend on each other, so that
    /// probabilities at 1 are far too sure.
    pub text: f64,
    /// Weight of the log probabilities by the title, which has fewer words.
    pub title: f64,
}

/// A fitted naive Bayes on the words of title and description together, and one on those of the title alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordBayes {
    text: ComplementBayes,
    title: ComplementBayes,
    weights: [f64; 2],
}

/// A fitted complement naive Bayes. The weight of a word for a class grows as its share in the other classes falls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComplementBayes {
    /// Number of columns of the counts.
    width: usize,
    /// The columns that are read, ascending.
    columns: Vec<u32>,
    /// `[columns, present classes]`, row-major: `-ln` of the share of the word in the other classes.
    weights: Vec<f32>,
    present: Present,
}

impl Bayes {
    /// Fits the classes of `rows` to single words among the n-grams of `rich`.
    ///
    /// # Errors
    /// `InvalidInput` without rows.
    pub fn fit(&self, rich: &Rich, table: &AdTable, rows: &[u32], data: &RoleData) -> Result<WordBayes> {
        let labels = data.labels_of(rows);
        let of = |grams: &TfIdf, counts: &Counts| {
            self.fit_counts(&grams.count(counts, rows), &grams.single_words(), &labels, data.classes)
        };
        Ok(WordBayes {
            text: of(rich.words(), &table.words)?,
            title: of(rich.title(), &table.title)?,
            weights: [self.text, self.title],
        })
    }

    /// Fits the classes `labels` (codes below `classes`) to the given columns, ascending, of counts.
    ///
    /// # Errors
    /// `InvalidInput` without rows.
    pub fn fit_counts(
        &self,
        counts: &Sparse,
        columns: &[u32],
        labels: &[u32],
        classes: usize,
    ) -> Result<ComplementBayes> {
        let present = Present::of(labels, classes)?;
        let width = present.len();
        let read = counts.keep_columns(columns);
        // Counts are whole numbers, whose sums are exact in f32 up to 2²⁴.
        let mut weights = vec![0f32; columns.len() * width];
        for (row, place) in present.places(labels).into_iter().enumerate() {
            for (column, count) in read.row(row) {
                weights[column as usize * width + place as usize] += count;
            }
        }
        let mut totals = vec![0f64; width];
        for column in weights.chunks_exact(width) {
            let all: f64 = column.iter().copied().map(f64::from).sum();
            totals.iter_mut().zip(column).for_each(|(total, own)| {
                *total += all + self.smoothing - f64::from(*own);
            });
        }
        for column in weights.chunks_exact_mut(width) {
            let all: f64 = column.iter().copied().map(f64::from).sum();
            for (own, total) in column.iter_mut().zip(&totals) {
                *own = -((all + self.smoothing - f64::from(*own)) / total).ln() as f32;
            }
        }
        Ok(ComplementBayes { width: counts.columns(), columns: columns.to_vec(), weights, present })
    }
}

impl WordBayes {
    /// Log probabilities of `rows`, both weighed together: `[rows, classes]` f64, row-major.
    ///
    /// # Errors
    /// `Internal` if `rich` has other n-grams than those that it was fitted to.
    pub fn log_proba(&self, rich: &Rich, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        let mut logs = self.text.log_proba(&rich.words().count(&table.words, rows))?;
        let titles = self.title.log_proba(&rich.title().count(&table.title, rows))?;
        let [text, title] = self.weights;
        logs.iter_mut().zip(titles).for_each(|(log, other)| *log = text * *log + title * other);
        logs.chunks_exact_mut(self.present().classes.max(1)).for_each(log_softmax);
        Ok(logs)
    }

    /// The classes that it was fitted to.
    pub fn present(&self) -> &Present {
        &self.text.present
    }
}

impl ComplementBayes {
    /// Log probabilities of rows of counts: `[rows, classes]` f64, row-major. The words of a text depend on each other, so
    /// that they are far too sure.
    ///
    /// # Errors
    /// `Internal` if `counts` has another number of columns.
    pub fn log_proba(&self, counts: &Sparse) -> Result<Vec<f64>> {
        if counts.columns() != self.width {
            let (has, expected) = (counts.columns(), self.width);
            return Err(Error::internal(format!("naive Bayes is of {expected} columns, not {has}")));
        }
        let classes = self.present.len();
        let scores = counts.keep_columns(&self.columns).times_narrow(&self.weights, classes);
        let mut logs: Vec<f64> = scores.into_iter().map(f64::from).collect();
        logs.chunks_exact_mut(classes).for_each(log_softmax);
        Ok(self.present.spread(&logs, LOG_ABSENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Bayes = Bayes { smoothing: 1.0, text: 1.0, title: 1.0 };

    #[test]
    fn log_probabilities_are_those_of_the_formula() {
        // By hand, with the weights of the paper and of scikit-learn's ComplementNB(alpha=1, norm=False):
        // weight = -ln((all + alpha - own) / Σ), score = Σ count weight.
        let counts = [vec![(0, 2.0), (1, 1.0)], vec![(1, 3.0)], vec![(2, 4.0), (0, 1.0)], vec![(0, 1.0)]];
        let counts = Sparse::from_rows(3, counts.to_vec());
        let bayes = PLAIN.fit_counts(&counts, &[0, 1, 2], &[0, 1, 2, 0], 4).unwrap();
        // Words of all classes: 4, 4, 4. Of the others of class 0: 1, 3, 4; of class 1: 4, 1, 4; of class 2: 3, 4, 0.
        let score = |others: [f64; 3], counts: [f64; 3]| {
            let total: f64 = others.iter().map(|count| count + 1.0).sum();
            (0..3).map(|word| -counts[word] * ((others[word] + 1.0) / total).ln()).sum::<f64>()
        };
        let others = [[1.0, 3.0, 4.0], [4.0, 1.0, 4.0], [3.0, 4.0, 0.0]];
        for counts in [[2.0, 1.0, 0.0], [0.0, 0.0, 5.0], [0.0; 3]] {
            let mut expected = others.map(|others| score(others, counts));
            log_softmax(&mut expected);
            let row = (0..3).filter(|word| counts[*word as usize] > 0.0);
            let row = row.map(|word: u32| (word, counts[word as usize] as f32)).collect();
            let found = bayes.log_proba(&Sparse::from_rows(3, vec![row])).unwrap();
            assert!(
                found[..3].iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5),
                "{found:?} {expected:?}"
            );
            assert_eq!(found[3], LOG_ABSENT);
        }
        assert!(bayes.log_proba(&Sparse::new(2)).is_err());
        // A column that is not read counts neither in a fit nor in a prediction.
        let wider = Sparse::beside(&[(&counts, 1.0), (&counts, 3.0)]);
        let narrow = PLAIN.fit_counts(&wider, &[0, 1, 2], &[0, 1, 2, 0], 4).unwrap();
        assert_eq!(narrow.log_proba(&wider).unwrap(), bayes.log_proba(&counts).unwrap());
    }

    #[test]
    fn one_class_is_certain() {
        let counts = Sparse::from_rows(1, vec![vec![(0, 1.0)], vec![]]);
        let bayes = PLAIN.fit_counts(&counts, &[0], &[1, 1], 2).unwrap();
        assert_eq!(bayes.log_proba(&counts).unwrap(), [LOG_ABSENT, 0.0, LOG_ABSENT, 0.0]);
        assert!(PLAIN.fit_counts(&Sparse::new(1), &[0], &[], 2).is_err());
    }
}
