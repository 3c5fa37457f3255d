//! Posting lists of a column: the rows of each value. Values are folded.

use std::collections::HashMap;

use common_core::fold::fold_name;

use crate::Row;

/// The rows of each value of a column.
#[derive(Debug)]
pub(crate) struct Postings {
    /// Numbers of the folded values: values that differ only in case, accents or width have one number.
    numbers: HashMap<String, usize>,
    /// Index in `rows` of the first row of each value, and at the end the number of rows.
    first: Vec<u32>,
    rows: Vec<Row>,
}

impl Postings {
    /// Builds the postings of a dictionary column. `keys` are indexes into `values`; negative keys are missing values.
    pub(crate) fn new<'a>(keys: &[i32], values: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut numbers = HashMap::new();
        let number_of: Vec<Option<usize>> = values
            .map(|value| {
                let next = numbers.len();
                Some(*numbers.entry(fold_name(value?)).or_insert(next))
            })
            .collect();
        let number = |key: i32| *number_of.get(usize::try_from(key).ok()?)?;
        let mut first = vec![0; numbers.len() + 1];
        for number in keys.iter().filter_map(|&key| number(key)) {
            first[number + 1] += 1;
        }
        for value in 0..numbers.len() {
            first[value + 1] += first[value];
        }
        let mut rows = vec![0; first[numbers.len()] as usize];
        let mut next = first.clone();
        for (row, &key) in (0..).zip(keys) {
            if let Some(number) = number(key) {
                rows[next[number] as usize] = row;
                next[number] += 1;
            }
        }
        Self { numbers, first, rows }
    }

    /// The rows of a value in ascending order.
    pub(crate) fn rows(&self, value: &str) -> &[Row] {
        let Some(&number) = self.numbers.get(&fold_name(value)) else { return &[] };
        &self.rows[self.first[number] as usize..self.first[number + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_value_has_its_rows(keys in prop::collection::vec(-1..7i32, 0..200)) {
            let values = [Some("a"), Some("B"), None, Some("b"), Some("É "), Some("unused")];
            let postings = Postings::new(&keys, values.into_iter());
            for (asked, of_keys) in [("A", vec![0]), ("b", vec![1, 3]), (" Ｅ", vec![4]), ("", vec![]), ("c", vec![])] {
                let wanted: Vec<Row> = (0..).zip(&keys).filter(|(_, key)| of_keys.contains(key)).map(|(row, _)| row).collect();
                prop_assert_eq!(postings.rows(asked), wanted);
            }
        }
    }
}
