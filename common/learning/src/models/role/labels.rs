//! The classes of a market, from the classifications that ads state.

use std::collections::BTreeMap;

use common_core::fold::{fold_name, is_missing_word};
use serde::{Deserialize, Serialize};

use crate::evaluation::breakdown::OTHER;

/// Ads that a classification needs for a class of its own.
pub const MIN_ADS: u32 = 10;

/// The classes, by which predictions are numbered. Case, accents and spaces do not make a class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Labels {
    /// The classes, ascending by key.
    pub classes: Vec<Class>,
    /// The class of rare classifications; `None` if none is rare.
    pub other: Option<u32>,
    /// Ads that a classification needs for a class of its own.
    pub min_ads: u32,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The folded classification.
    pub key: String,
    /// The classification as most ads write it; the first of equals in alphabetical order.
    pub name: String,
    /// Number of ads that it was learned from.
    pub ads: u32,
}

impl Labels {
    /// Learns the classes of at least `min_ads` of `classifications`; all others are together "Other". Missing ones do
    /// not count.
    pub fn fit<'a>(classifications: impl IntoIterator<Item = &'a str>, min_ads: u32) -> Self {
        let mut spellings: BTreeMap<String, BTreeMap<&str, u32>> = BTreeMap::new();
        for classification in classifications {
            if let Some(key) = key(classification) {
                *spellings.entry(key).or_default().entry(classification.trim()).or_default() += 1;
            }
        }
        let other_key = fold_name(OTHER);
        let mut classes = Vec::new();
        let (mut rare, mut others) = (false, 0);
        for (key, spellings) in spellings {
            let ads: u32 = spellings.values().sum();
            if key == other_key || ads < min_ads {
                rare |= key != other_key;
                others += ads;
                continue;
            }
            // The last of the largest, of which the first in alphabetical order comes last.
            let most = spellings.iter().rev().max_by_key(|(_, ads)| **ads);
            let name = most.map_or_else(String::new, |(name, _)| (*name).to_owned());
            classes.push(Class { key, name, ads });
        }
        if others > 0 {
            let at = classes.partition_point(|class: &Class| class.key < other_key);
            classes.insert(at, Class { key: other_key.clone(), name: OTHER.to_owned(), ads: others });
        }
        let other = classes.iter().position(|class| rare && class.key == other_key);
        Self { classes, other: other.map(|at| at as u32), min_ads }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Returns whether there are no classes.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The class of a classification. `None` if it is missing, or if it is unknown and there is no "Other".
    pub fn code(&self, classification: &str) -> Option<u32> {
        let key = key(classification)?;
        let known = self.classes.binary_search_by(|class| class.key.as_str().cmp(&key));
        known.map_or(self.other, |at| Some(at as u32))
    }

    /// Whether an ad states a classification, known or not.
    pub fn is_stated(classification: &str) -> bool {
        key(classification).is_some()
    }

    /// The name of a class; empty if there is no such class.
    pub fn name(&self, code: u32) -> &str {
        self.classes.get(code as usize).map_or("", |class| class.name.as_str())
    }

    /// The names in the order of the classes.
    pub fn names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }
}

/// What classifications are compared by; `None` if the ad states none.
fn key(classification: &str) -> Option<String> {
    let key = fold_name(classification);
    (!key.is_empty() && !is_missing_word(&key)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_spaces_make_no_class_and_rare_ones_are_together() {
        let stated = [
            "Data  Science",
            "data science",
            "DATA SCIENCE ",
            "data science",
            "Law",
            "law",
            "Chef",
            "",
            "N/A",
        ];
        let labels = Labels::fit(stated, 2);
        assert_eq!(labels.names(), ["data science", "Law", "Other"]);
        assert_eq!(labels.classes.iter().map(|class| class.ads).collect::<Vec<_>>(), [4, 2, 1]);
        let codes =
            [" Data Science", "LAW", "chef", "Unseen", "other", "", "null"].map(|text| labels.code(text));
        assert_eq!(codes, [Some(0), Some(1), Some(2), Some(2), Some(2), None, None]);
    }

    #[test]
    fn without_rare_classes_there_is_no_other() {
        let labels = Labels::fit(["a", "b"], 1);
        assert_eq!((labels.len(), labels.other, labels.code("c")), (2, None, None));
        let stated = Labels::fit(["Other", "other", "a"], 1);
        assert_eq!((stated.len(), stated.code("OTHER"), stated.code("c")), (2, Some(1), None));
        assert!(Labels::fit(["", " "], 1).is_empty());
        assert_eq!(labels.name(7), "");
    }
}
