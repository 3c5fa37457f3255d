//! What identical texts say about the labels: how far any model could get that sees texts alone.

use std::collections::BTreeMap;

use common_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Tally;

/// How well the other copies of an ad predict its class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextCeiling {
    /// Number of ads whose text another ad has as well.
    pub rows: u64,
    /// Number of texts that several ads have.
    pub texts: u64,
    /// Number of these texts whose ads are of several classes.
    pub mixed_texts: u64,
    /// Share of the ads that are of the class that most other ads with their text are of.
    pub accuracy: f64,
    /// Mean F1 of the classes by the same prediction.
    pub macro_f1: f64,
    /// Classes that share a text, those that share most texts first.
    pub confused: Vec<LabelPair>,
}

/// Two classes that ads of one text are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelPair {
    /// The classes, ascending.
    pub classes: [u32; 2],
    /// Number of texts with ads of both.
    pub texts: u32,
}

/// Predicts the class of each ad from the other ads with the same text: the class of most of them; of equals, the one
/// with most ads of all. `None` if no text has several ads.
///
/// # Errors
/// `InvalidInput` if the lists differ in length.
pub fn text_ceiling(texts: &[&str], labels: &[u32]) -> Result<Option<TextCeiling>> {
    if texts.len() != labels.len() {
        let (found, rows) = (labels.len(), texts.len());
        return Err(Error::invalid_input(format!(
            "invalid labels of {found} rows: expected those of {rows} rows"
        )));
    }
    let mut copies: BTreeMap<&str, BTreeMap<u32, u32>> = BTreeMap::new();
    let mut overall: BTreeMap<u32, u32> = BTreeMap::new();
    for (text, label) in texts.iter().zip(labels) {
        *copies.entry(text).or_default().entry(*label).or_default() += 1;
        *overall.entry(*label).or_default() += 1;
    }
    copies.retain(|_, classes| classes.values().sum::<u32>() > 1);
    if copies.is_empty() {
        return Ok(None);
    }
    let codes = overall.keys().max().map_or(0, |code| *code as usize + 1);
    let mut tally = Tally::new(codes);
    let mut pairs: BTreeMap<[u32; 2], u32> = BTreeMap::new();
    let mut rows = 0;
    for classes in copies.values() {
        for (class, ads) in classes {
            // The ads of one class and text have the same other copies.
            let others = |other: &u32| classes[other] - u32::from(other == class);
            let rank = |other: &&u32| (others(other), overall[*other], std::cmp::Reverse(**other));
            let predicted = classes.keys().max_by_key(rank).copied().unwrap_or(*class);
            (0..*ads).for_each(|_| tally.add(*class, predicted));
            rows += u64::from(*ads);
            for (other, _) in classes.range(class + 1..) {
                *pairs.entry([*class, *other]).or_default() += 1;
            }
        }
    }
    let mut confused: Vec<LabelPair> =
        pairs.into_iter().map(|(classes, texts)| LabelPair { classes, texts }).collect();
    confused.sort_by_key(|pair| (std::cmp::Reverse(pair.texts), pair.classes));
    Ok(Some(TextCeiling {
        rows,
        texts: copies.len() as u64,
        mixed_texts: copies.values().filter(|classes| classes.len() > 1).count() as u64,
        accuracy: tally.accuracy(),
        macro_f1: tally.macro_f1(),
        confused,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ad_is_predicted_from_its_other_copies() {
        let texts = ["a", "a", "a", "b", "b", "c", "d", "d"];
        let labels = [0, 0, 1, 1, 0, 2, 2, 2];
        let ceiling = text_ceiling(&texts, &labels).unwrap().unwrap();
        assert_eq!((ceiling.rows, ceiling.texts, ceiling.mixed_texts), (7, 3, 2));
        // a: 0 against (0, 1), of equals 0 has more ads; 1 against (0, 0). b: each against the other. d: right.
        assert!((ceiling.accuracy - 4.0 / 7.0).abs() < 1e-12, "{ceiling:?}");
        assert_eq!(ceiling.confused, [LabelPair { classes: [0, 1], texts: 2 }]);
        assert_eq!(text_ceiling(&["a", "b"], &[0, 1]).unwrap(), None);
        assert_eq!(text_ceiling(&[], &[]).unwrap(), None);
        assert!(text_ceiling(&["a"], &[]).is_err());
    }
}
