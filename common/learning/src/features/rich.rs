//! The wide sparse matrix of a linear model: n-grams, one-hot categories and scaled numbers beside each other.

use serde::{Deserialize, Serialize};

use super::corpus::TfIdf;
use super::encoding::Codes;
use super::numeric::NUMERIC;
use super::schema::Reads;
use super::sparse::Sparse;
use super::table::AdTable;

/// Ads that must have an n-gram for it to become a column.
const MIN_ADS: u32 = 2;

/// Factors of the blocks, found by walk-forward on ads of two markets.
const TITLE: f32 = 1.0;
const CHARACTERS: f32 = 0.7;
const NUMBERS: f32 = 0.1;
/// The date as a number, and its factor if it is nearly unpenalised: years differ more than their ads.
const DATE: (&str, f32) = ("posted_day", 1.0);
/// Standard deviations at which scaled numbers are cut.
const MAX_DEVIATIONS: f32 = 3.0;

/// The categories that become columns, with their factors.
const ONE_HOT: [(&str, f32); 6] = [
    ("company", 0.6),
    ("location", 0.5),
    ("location_wide", 0.5),
    ("classification", 0.5),
    ("work_type", 0.5),
    ("source", 0.5),
];

/// What a matrix is for, which decides on its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Salaries. A `dated` matrix has a column of the date that is nearly unpenalised.
    Salary {
        /// Whether there is such a column.
        dated: bool,
    },
    /// Classifications: without the one-hot classification, and without numbers that salary models alone read.
    Role,
}

impl Target {
    /// Whether the matrix has columns of the category.
    fn reads_category(self, category: &str) -> bool {
        self != Self::Role || category != "classification"
    }

    /// The factor of a number; 0 for one that is not read.
    fn factor(self, name: &str, reads: Reads) -> f32 {
        match self {
            Self::Salary { dated: true } if name == DATE.0 => DATE.1,
            Self::Role if reads == Reads::Salary => 0.0,
            _ => NUMBERS,
        }
    }
}

/// A fitted transformation from ads to `[ads, columns]`, sparse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rich {
    words: TfIdf,
    title: TfIdf,
    characters: TfIdf,
    one_hot: Vec<OneHot>,
    numbers: Scaling,
}

/// The columns of one category: one for each value that has a code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OneHot {
    category: String,
    factor: f32,
    codes: Codes,
}

/// Mean and deviation of each number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Scaling {
    means: Vec<f32>,
    deviations: Vec<f32>,
    /// Factor of each number.
    factors: Vec<f32>,
}

impl Rich {
    /// Learns columns and weights from `rows`.
    pub fn fit(table: &AdTable, rows: &[u32], target: Target) -> Self {
        let one_hot = |(category, factor): &(&str, f32)| OneHot {
            category: (*category).to_owned(),
            factor: *factor,
            codes: Codes::fit(table.category(category), rows),
        };
        Self {
            words: TfIdf::fit(&table.words, rows, MIN_ADS),
            title: TfIdf::fit(&table.title, rows, MIN_ADS),
            characters: TfIdf::fit(&table.characters, rows, MIN_ADS),
            one_hot: ONE_HOT.iter().filter(|(name, _)| target.reads_category(name)).map(one_hot).collect(),
            numbers: Scaling::fit(table, rows, target),
        }
    }

    /// The n-grams of title and description.
    pub fn words(&self) -> &TfIdf {
        &self.words
    }

    /// The n-grams of the title.
    pub fn title(&self) -> &TfIdf {
        &self.title
    }

    /// The columns of `matrix`, a result of [`transform`](Self::transform), that are words: `[rows, words]`.
    pub fn words_of(&self, matrix: &Sparse) -> Sparse {
        matrix.first_columns(self.words.terms().len())
    }

    /// All columns: `[rows, columns]`.
    pub fn transform(&self, table: &AdTable, rows: &[u32]) -> Sparse {
        let words = self.words.transform(&table.words, rows);
        let title = self.title.transform(&table.title, rows);
        let characters = self.characters.transform(&table.characters, rows);
        let one_hot: Vec<Sparse> =
            self.one_hot.iter().map(|columns| columns.transform(table, rows)).collect();
        let numbers = self.numbers.transform(table, rows);
        let mut blocks = vec![(&words, 1.0), (&title, TITLE), (&characters, CHARACTERS)];
        blocks.extend(one_hot.iter().zip(&self.one_hot).map(|(block, columns)| (block, columns.factor)));
        blocks.push((&numbers, 1.0));
        Sparse::beside(&blocks)
    }

    /// Names of the blocks of columns that are read: n-grams, categories, and each number by itself.
    pub fn blocks(&self) -> Vec<String> {
        let mut blocks = ["word", "title", "characters"].map(str::to_owned).to_vec();
        blocks.extend(self.one_hot.iter().map(|columns| columns.category.clone()));
        let numbers = NUMERIC.iter().zip(&self.numbers.factors).filter(|(_, factor)| **factor != 0.0);
        blocks.extend(numbers.map(|(feature, _)| feature.name.to_owned()));
        blocks
    }

    /// Names of the columns, by block: `word:`, `title:`, `characters:`, the category's name, or that of the number.
    pub fn names(&self) -> Vec<String> {
        let grams = |block: &str, terms: &[Box<str>]| -> Vec<String> {
            terms.iter().map(|term| format!("{block}:{term}")).collect()
        };
        let mut names = grams("word", self.words.terms());
        names.extend(grams("title", self.title.terms()));
        names.extend(grams("characters", self.characters.terms()));
        for columns in &self.one_hot {
            names.extend(columns.codes.values().map(|value| format!("{}:{value}", columns.category)));
        }
        names.extend(NUMERIC.iter().map(|feature| feature.name.to_owned()));
        names
    }
}

impl OneHot {
    fn transform(&self, table: &AdTable, rows: &[u32]) -> Sparse {
        let values = table.category(&self.category);
        let mut matrix = Sparse::new(self.codes.len());
        for &row in rows {
            let column = self.codes.code(&values[row as usize]).checked_sub(1);
            matrix.push(column.map(|column| (column, 1.0)));
        }
        matrix
    }
}

impl Scaling {
    fn fit(table: &AdTable, rows: &[u32], target: Target) -> Self {
        let width = NUMERIC.len();
        let factors = NUMERIC.iter().map(|feature| target.factor(feature.name, feature.reads)).collect();
        let mut fitted = Self { means: vec![0.0; width], deviations: vec![1.0; width], factors };
        for column in 0..width {
            let values = || {
                rows.iter().map(|row| table.numeric[*row as usize * width + column]).filter(|v| v.is_finite())
            };
            let count = values().count() as f64;
            if count == 0.0 {
                continue;
            }
            let mean = values().map(f64::from).sum::<f64>() / count;
            let variance = values().map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
            fitted.means[column] = mean as f32;
            if variance > 0.0 {
                fitted.deviations[column] = variance.sqrt() as f32;
            }
        }
        fitted
    }

    /// Missing numbers are the mean.
    fn transform(&self, table: &AdTable, rows: &[u32]) -> Sparse {
        let width = self.means.len();
        let mut matrix = Sparse::new(width);
        for &row in rows {
            let values = &table.numeric[row as usize * width..][..width];
            let scaled =
                values.iter().enumerate().filter(|(_, value)| value.is_finite()).map(|(column, value)| {
                    let scaled = (value - self.means[column]) / self.deviations[column];
                    (column as u32, self.factors[column] * scaled.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS))
                });
            matrix.push(scaled.filter(|(_, value)| *value != 0.0));
        }
        matrix
    }
}
