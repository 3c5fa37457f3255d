//! Which ads a search may find.

use common_core::job::JobFilter;

use crate::ads::{Ads, Column};

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

/// The rows that pass, or `None` where all do.
pub(crate) fn rows(filter: &JobFilter, ads: &Ads) -> Option<Rows> {
    if filter.is_empty() {
        return None;
    }
    let mut bits = vec![u64::MAX; ads.len().div_ceil(64)];
    if !ads.len().is_multiple_of(64)
        && let Some(last) = bits.last_mut()
    {
        *last = (1 << (ads.len() % 64)) - 1;
    }
    for (column, wanted) in [
        (Column::Source, &filter.source),
        (Column::Location, &filter.location),
        (Column::Classification, &filter.classification),
        (Column::WorkType, &filter.work_type),
        (Column::Company, &filter.company),
    ] {
        if !wanted.is_empty() {
            let mut named = vec![0u64; bits.len()];
            for &row in wanted.iter().flat_map(|value| ads.postings(column).rows(value)) {
                named[row as usize / 64] |= 1 << (row % 64);
            }
            bits.iter_mut().zip(named).for_each(|(bits, named)| *bits &= named);
        }
    }
    if let Some(least) = filter.salary_min_sgd_per_month {
        // NaN is unknown pay; an index of an earlier version may hold infinite pay, which is no pay.
        keep(&mut bits, ads.salary_mid(), |mid| *mid >= least && *mid < f64::INFINITY);
    }
    if let Some(earliest) = filter.posted_after {
        let earliest = earliest.timestamp_micros();
        keep(&mut bits, ads.posted(), |posted| *posted >= earliest);
    }
    let count = bits.iter().map(|word| word.count_ones() as usize).sum();
    Some(Rows { bits, count })
}

/// Takes out the rows whose value does not pass.
fn keep<T>(bits: &mut [u64], values: &[T], passes: impl Fn(&T) -> bool) {
    for (word, values) in bits.iter_mut().zip(values.chunks(64)) {
        if *word != 0 {
            // A byte each, which the compiler does many at a time, and then a bit each.
            let mut is_kept = [0; 64];
            for (is_kept, value) in is_kept.iter_mut().zip(values) {
                *is_kept = u8::from(passes(value));
            }
            let eights = is_kept.as_chunks::<8>().0.iter().rev();
            *word &= eights.fold(0, |mask, eight| mask << 8 | packed(*eight));
        }
    }
}

/// Eight bytes of 0 or 1 as eight bits, the first lowest. The product moves the bit of byte `i` to place `56 + i`, and no two meet.
fn packed(eight: [u8; 8]) -> u64 {
    u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_whose_value_does_not_pass_are_taken_out() {
        let values: Vec<u32> = (0..200).map(|n: u32| n.wrapping_mul(2_654_435_761) >> 7).collect();
        let mut bits = vec![u64::MAX; 4];
        keep(&mut bits, &values, |value| value % 3 == 0);
        keep(&mut bits, &values, |value| value % 2 == 0);
        for (row, value) in values.iter().enumerate() {
            assert_eq!(bits[row / 64] >> (row % 64) & 1 == 1, value % 6 == 0, "{row}");
        }
        // There is no such row.
        assert_eq!(bits[3] >> 8, 0);
    }
}
