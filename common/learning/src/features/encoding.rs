//! Categories as numbers: codes for trees, and shrunken means of the target.

use serde::{Deserialize, Serialize};

/// Ads that a value must have to get a code of its own.
const MIN_ADS: usize = 2;

/// Number of ads at the overall mean that every value's mean is mixed with.
const PSEUDO_ADS: f64 = 10.0;

/// Codes of the values of a category: from 1 in ascending order; 0 for missing, rare and unseen values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Codes {
    values: Vec<String>,
}

impl Codes {
    /// Learns the values that occur at least twice in `rows`.
    pub fn fit(values: &[String], rows: &[u32]) -> Self {
        Self::fit_most(values, rows, usize::MAX)
    }

    /// Learns the `most` most frequent of the values that occur at least twice in `rows`; of equally frequent ones, the first
    /// in ascending order.
    pub fn fit_most(values: &[String], rows: &[u32], most: usize) -> Self {
        let mut seen: Vec<&String> =
            rows.iter().map(|row| &values[*row as usize]).filter(|v| !v.is_empty()).collect();
        seen.sort_unstable();
        let often = seen.chunk_by(|a, b| a == b).filter(|same| same.len() >= MIN_ADS);
        let mut often: Vec<(usize, &String)> = often.map(|same| (same.len(), same[0])).collect();
        often.sort_by_key(|(ads, _)| std::cmp::Reverse(*ads));
        often.truncate(most);
        often.sort_unstable_by_key(|(_, value)| *value);
        Self { values: often.into_iter().map(|(_, value)| value.clone()).collect() }
    }

    /// The code of `value`.
    pub fn code(&self, value: &str) -> u32 {
        self.values.binary_search_by(|known| known.as_str().cmp(value)).map_or(0, |at| at as u32 + 1)
    }

    /// Number of values that have a code.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns whether no value has a code.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values in the order of their codes, from code 1.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// The value of a code; `None` for 0.
    pub fn value(&self, code: u32) -> Option<&str> {
        (code as usize).checked_sub(1).and_then(|at| self.values.get(at)).map(String::as_str)
    }
}

/// Mean of the target by value, shrunk to the overall mean: `(sum + 10 mean) / (count + 10)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetMeans {
    /// Value, shrunken mean, and number of ads; ascending by value.
    values: Vec<(String, f64, u32)>,
    mean: f64,
}

impl TargetMeans {
    /// Learns from `rows`. Missing values have the overall mean.
    pub fn fit(values: &[String], target: &[f64], rows: &[u32]) -> Self {
        let mean = rows.iter().map(|row| target[*row as usize]).sum::<f64>() / rows.len().max(1) as f64;
        let mut seen: Vec<(&String, u32)> = rows
            .iter()
            .map(|row| (&values[*row as usize], *row))
            .filter(|(value, _)| !value.is_empty())
            .collect();
        seen.sort_unstable();
        let means = seen.chunk_by(|a, b| a.0 == b.0).map(|same| {
            let sum: f64 = same.iter().map(|(_, row)| target[*row as usize]).sum();
            let shrunk = (sum + PSEUDO_ADS * mean) / (same.len() as f64 + PSEUDO_ADS);
            (same[0].0.clone(), shrunk, same.len() as u32)
        });
        Self { values: means.collect(), mean }
    }

    /// The mean of `value`; the overall mean if it is missing or unseen.
    pub fn mean_of(&self, value: &str) -> f64 {
        self.find(value).map_or(self.mean, |(_, mean, _)| *mean)
    }

    /// Number of training ads with `value`.
    pub fn ads_of(&self, value: &str) -> u32 {
        self.find(value).map_or(0, |(_, _, ads)| *ads)
    }

    fn find(&self, value: &str) -> Option<&(String, f64, u32)> {
        let at = self.values.binary_search_by(|(known, _, _)| known.as_str().cmp(value)).ok()?;
        self.values.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn unseen_rare_and_missing_values_have_code_0() {
        let codes = Codes::fit(&texts(&["b", "a", "b", "", "a", "c", "", "d"]), &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(["a", "b", "c", "d", ""].map(|value| codes.code(value)), [1, 2, 0, 0, 0]);
        assert_eq!((codes.value(2), codes.value(0), codes.value(3)), (Some("b"), None, None));
    }

    #[test]
    fn the_most_frequent_values_have_codes() {
        let values = texts(&["a", "a", "c", "c", "c", "b", "b"]);
        let most = |most| Codes::fit_most(&values, &[0, 1, 2, 3, 4, 5, 6], most).values;
        assert_eq!(most(2), ["a", "c"]);
        assert_eq!(most(1), ["c"]);
    }

    #[test]
    fn means_are_shrunk_and_see_their_rows_alone() {
        let values = texts(&["a", "a", "b", "a"]);
        let means = TargetMeans::fit(&values, &[1.0, 3.0, 5.0, 1000.0], &[0, 1, 2]);
        assert_eq!(means.mean_of("a"), (4.0 + 30.0) / 12.0);
        assert_eq!(means.mean_of("unseen"), 3.0);
        assert_eq!((means.ads_of("a"), means.ads_of("")), (2, 0));
        let none = TargetMeans::fit(&values, &[], &[]);
        assert_eq!(none.mean_of("a"), 0.0);
    }
}
