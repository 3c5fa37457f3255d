//! Where each value of a column occurs, folded: a filter need not look at every ad, nor at every value.

use std::collections::HashMap;

use common_core::fold::fold_name;

use crate::Row;

/// The rows of each value, value by value.
#[derive(Debug)]
pub(crate) struct Postings {
    /// Values as they are compared, numbered; those that differ in case, accents or width alone are one.
    numbers: HashMap<String, usize>,
    /// Where a value's rows begin; one more than there are values.
    first: Vec<u32>,
    rows: Vec<Row>,
}

impl Postings {
    /// Sorts the rows of a column by value; `keys` are places in `values`, or no value at all.
    pub(crate) fn of<'a>(keys: &[i32], values: impl Iterator<Item = Option<&'a str>>) -> Self {
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

    /// The rows of a value, in order.
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
        fn each_value_has_the_rows_that_say_it(keys in prop::collection::vec(-1..7i32, 0..200)) {
            let values = [Some("a"), Some("B"), None, Some("b"), Some("É "), Some("unused")];
            let postings = Postings::of(&keys, values.into_iter());
            for (asked, of_keys) in [("A", vec![0]), ("b", vec![1, 3]), (" Ｅ", vec![4]), ("", vec![]), ("c", vec![])] {
                let wanted: Vec<Row> = (0..).zip(&keys).filter(|(_, key)| of_keys.contains(key)).map(|(row, _)| row).collect();
                prop_assert_eq!(postings.rows(asked), wanted);
            }
        }
    }
}
