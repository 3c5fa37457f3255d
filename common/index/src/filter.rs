//! Which ads a search may find.

use chrono::{DateTime, Utc};

use crate::ads::{Ads, Column};

/// What an ad must be to be found. Texts are equal ignoring case; an empty list asks for nothing.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Filter {
    pub source: Vec<String>,
    pub location: Vec<String>,
    pub classification: Vec<String>,
    pub work_type: Vec<String>,
    pub company: Vec<String>,
    /// The middle of its salary, or the one end that is known, is at least this.
    pub salary_min_sgd_per_month: Option<f64>,
    /// It was posted then or later.
    pub posted_after: Option<DateTime<Utc>>,
}

/// A set of rows, a bit each.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    bits: Vec<u64>,
    count: usize,
}

impl Rows {
    /// Whether `row` is in it.
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.bits[row as usize / 64] >> (row % 64) & 1 == 1
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.bits.iter().enumerate().flat_map(|(word, &bits)| {
            let mut rest = bits;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(word as u32 * 64 + bit)
            })
        })
    }
}

impl Filter {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rows that pass, or `None` where all do.
    pub fn rows(&self, ads: &Ads) -> Option<Rows> {
        if self.is_empty() {
            return None;
        }
        let mut bits = vec![u64::MAX; ads.len().div_ceil(64)];
        if !ads.len().is_multiple_of(64)
            && let Some(last) = bits.last_mut()
        {
            *last = (1 << (ads.len() % 64)) - 1;
        }
        for (column, wanted) in [
            (Column::Source, &self.source),
            (Column::Location, &self.location),
            (Column::Classification, &self.classification),
            (Column::WorkType, &self.work_type),
            (Column::Company, &self.company),
        ] {
            if !wanted.is_empty() {
                let codes = ads.codes_of(column, wanted);
                let keys = ads.keys(column);
                keep(&mut bits, keys, |key| codes.get(*key as usize).copied().unwrap_or(false));
            }
        }
        if let Some(least) = self.salary_min_sgd_per_month {
            keep(&mut bits, ads.salary_mid(), |mid| *mid >= least);
        }
        if let Some(earliest) = self.posted_after {
            let earliest = earliest.timestamp_micros();
            keep(&mut bits, ads.posted(), |posted| *posted >= earliest);
        }
        let count = bits.iter().map(|word| word.count_ones() as usize).sum();
        Some(Rows { bits, count })
    }
}

/// Takes out the rows whose value does not pass.
fn keep<T>(bits: &mut [u64], values: &[T], passes: impl Fn(&T) -> bool) {
    for (word, values) in bits.iter_mut().zip(values.chunks(64)) {
        if *word != 0 {
            let mask = values
                .iter()
                .enumerate()
                .fold(0, |mask, (bit, value)| mask | u64::from(passes(value)) << bit);
            *word &= mask;
        }
    }
}
