//! Two versions of a model side by side.

use std::collections::BTreeMap;

use common::learning::manifest::Manifest;
use common::{Error, Result};
use serde::Serialize;
use serde_json::Value;

use crate::models::Version;

/// How two versions of a model differ. In every pair, the first value belongs to the first version; a value that one
/// of them does not have is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// The two versions.
    pub(crate) versions: [String; 2],
    /// Every metric of either version.
    pub(crate) metrics: BTreeMap<String, MetricPair>,
    /// The members of the recipe that differ, by path.
    pub(crate) recipe: BTreeMap<String, [Value; 2]>,
    /// The features that differ.
    pub(crate) features: FeatureDifference,
    /// The other members of the manifests that differ, by path: data, split, lineage, embedding space.
    pub(crate) others: BTreeMap<String, [Value; 2]>,
}

/// A metric of both versions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct MetricPair {
    pub(crate) first: Option<f64>,
    pub(crate) second: Option<f64>,
    /// The second minus the first.
    pub(crate) difference: Option<f64>,
}

/// The features that two versions do not share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FeatureDifference {
    pub(crate) only_first: Vec<String>,
    pub(crate) only_second: Vec<String>,
    /// Both have the same features in another order.
    pub(crate) is_reordered: bool,
}

/// Members of a body that are compared in parts of their own.
const RECIPE: &str = "recipe";
const FEATURES: &str = "features";

/// Members that are compared in parts of their own, or that differ between any two versions.
const COMPARED_APART: [&str; 5] = ["version", "created_at", "metrics", "files", "decision"];

impl Difference {
    /// Compares the manifests of `versions`.
    ///
    /// # Errors
    /// `Internal` if a manifest cannot be serialized.
    pub(crate) fn of(versions: &[Version; 2], manifests: &[Manifest<Value>; 2]) -> Result<Self> {
        let [first, second] = manifests;
        let names = first.metrics.keys().chain(second.metrics.keys());
        let pair = |name: &String| {
            let (first, second) = (first.metric(name), second.metric(name));
            let difference = first.zip(second).map(|(first, second)| second - first);
            (name.clone(), MetricPair { first, second, difference })
        };
        Ok(Self {
            versions: versions.each_ref().map(ToString::to_string),
            metrics: names.map(pair).collect(),
            recipe: differing(&flat(&first.body[RECIPE]), &flat(&second.body[RECIPE])),
            features: FeatureDifference::of(
                &names_in(&first.body[FEATURES]),
                &names_in(&second.body[FEATURES]),
            ),
            others: differing(&others(first)?, &others(second)?),
        })
    }
}

impl FeatureDifference {
    fn of(first: &[String], second: &[String]) -> Self {
        let missing = |from: &[String], of: &[String]| -> Vec<String> {
            of.iter().filter(|name| !from.contains(name)).cloned().collect()
        };
        let (only_first, only_second) = (missing(second, first), missing(first, second));
        let is_reordered = only_first.is_empty() && only_second.is_empty() && first != second;
        Self { only_first, only_second, is_reordered }
    }
}

fn names_in(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The members of a manifest, except those that are compared apart.
fn others(manifest: &Manifest<Value>) -> Result<BTreeMap<String, Value>> {
    let mut value = serde_json::to_value(manifest)
        .map_err(|error| Error::internal("cannot serialize a manifest").caused_by(error))?;
    if let Some(members) = value.as_object_mut() {
        for name in COMPARED_APART {
            members.remove(name);
        }
    }
    if let Some(body) = value.get_mut("body").and_then(Value::as_object_mut) {
        for name in [RECIPE, FEATURES] {
            body.remove(name);
        }
    }
    Ok(flat(&value))
}

/// The values in `value` by their paths, such as `body.cutoffs.test_from`. Lists are values.
fn flat(value: &Value) -> BTreeMap<String, Value> {
    fn walk(value: &Value, path: &str, flat: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (name, member) in members {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(member, &path, flat);
                }
            }
            other => drop(flat.insert(path.to_owned(), other.clone())),
        }
    }
    let mut values = BTreeMap::new();
    walk(value, "", &mut values);
    values
}

fn differing(
    first: &BTreeMap<String, Value>,
    second: &BTreeMap<String, Value>,
) -> BTreeMap<String, [Value; 2]> {
    let of = |values: &BTreeMap<String, Value>, path: &str| values.get(path).cloned().unwrap_or_default();
    let pairs = first.keys().chain(second.keys()).map(|path| (path, [of(first, path), of(second, path)]));
    pairs.filter(|(_, [first, second])| first != second).map(|(path, pair)| (path.clone(), pair)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_values_that_differ_are_listed_by_their_paths() {
        let first =
            json!({ "ridge": { "alpha": 3.0, "grams": [1, 2] }, "seeds": 3, "kernel": {}, "same": "x" });
        let second =
            json!({ "ridge": { "alpha": 2.0, "grams": [2, 1] }, "kernel": { "weight": 0.35 }, "same": "x" });
        let expected = json!({
            "kernel": [{}, null],
            "kernel.weight": [null, 0.35],
            "ridge.alpha": [3.0, 2.0],
            "ridge.grams": [[1, 2], [2, 1]],
            "seeds": [3, null],
        });
        let found = differing(&flat(&first), &flat(&second));
        assert_eq!(serde_json::to_value(found).unwrap(), expected);
        assert!(differing(&flat(&first), &flat(&first)).is_empty());
    }

    #[test]
    fn features_are_compared_as_sets_and_then_by_order() {
        let names = |names: &str| -> Vec<String> { names.split(' ').map(str::to_owned).collect() };
        let of = |first, second| FeatureDifference::of(&names(first), &names(second));
        assert_eq!(of("a b c", "a b c"), FeatureDifference::default());
        assert_eq!(of("a b c", "c a b"), FeatureDifference { is_reordered: true, ..Default::default() });
        let changed = of("a b c", "b d");
        assert_eq!((changed.only_first, changed.only_second), (names("a c"), names("d")));
        assert!(!changed.is_reordered);
    }
}
