//! Evaluates filters to sets of rows.

use common_core::job::JobFilter;

use crate::ads::Column;
use crate::reader::JobIndex;

/// A bit set of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSet {
    bits: Vec<u64>,
    count: usize,
}

impl RowSet {
    /// Returns whether `row` is in the set.
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.bits[row as usize / 64] >> (row % 64) & 1 == 1
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows in ascending order.
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

/// The rows that pass the filter, or `None` if the filter is empty.
pub(crate) fn matching_rows(filter: &JobFilter, index: &JobIndex) -> Option<RowSet> {
    let ads = &index.ads;
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
    if !filter.cluster.is_empty() {
        let ids = index.cluster_ids(&filter.cluster);
        let clusters = index.clusters_of_texts().unwrap_or_default();
        // Rows are sorted by text.
        retain(&mut bits, ads.texts(), |&text| {
            clusters.get(text as usize).is_some_and(|cluster| ids.contains(cluster))
        });
    }
    if let Some(least) = filter.salary_min_sgd_per_month {
        // NaN is unknown pay. Earlier versions wrote infinite pay, which is invalid.
        retain(&mut bits, ads.salary_mid(), |mid| *mid >= least && *mid < f64::INFINITY);
    }
    if let Some(earliest) = filter.posted_after {
        let earliest = earliest.timestamp_micros();
        retain(&mut bits, ads.posted(), |posted| *posted >= earliest);
    }
    let count = bits.iter().map(|word| word.count_ones() as usize).sum();
    Some(RowSet { bits, count })
}

/// Removes the rows whose value does not pass.
fn retain<T>(bits: &mut [u64], values: &[T], passes: impl Fn(&T) -> bool) {
    for (word, values) in bits.iter_mut().zip(values.chunks(64)) {
        if *word != 0 {
            // The comparisons write one byte each, which the compiler vectorizes; the bytes are then packed into bits.
            let mut is_kept = [0; 64];
            for (is_kept, value) in is_kept.iter_mut().zip(values) {
                *is_kept = u8::from(passes(value));
            }
            let eights = is_kept.as_chunks::<8>().0.iter().rev();
            *word &= eights.fold(0, |mask, eight| mask << 8 | pack_bits(*eight));
        }
    }
}

/// Packs eight bytes of 0 or 1 into eight bits, the first byte into the lowest bit. The product moves the bit of byte
/// `i` to bit `56 + i`; no two bits overlap.
fn pack_bits(eight: [u8; 8]) -> u64 {
    u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_whose_value_does_not_pass_are_removed() {
        let values: Vec<u32> = (0..200).map(|n: u32| n.wrapping_mul(2_654_435_761) >> 7).collect();
        let mut bits = vec![u64::MAX; 4];
        retain(&mut bits, &values, |value| value % 3 == 0);
        retain(&mut bits, &values, |value| value % 2 == 0);
        for (row, value) in values.iter().enumerate() {
            assert_eq!(bits[row / 64] >> (row % 64) & 1 == 1, value % 6 == 0, "{row}");
        }
        // Bits beyond the last row are cleared.
        assert_eq!(bits[3] >> 8, 0);
    }
}
