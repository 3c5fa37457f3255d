//! What a model's text must be before LightGBM reads it.
//!
//! ```text
//! tree                    the header: name=value lines, among them the size of each tree's text in bytes
//! version=v4
//! …
//! tree_sizes=405 511
//!
//! Tree=0                  the trees: name=value lines, arrays of one number a split or a leaf
//! num_leaves=31
//! …
//! end of trees            importance and parameters, which do not change predictions
//! …
//! end of parameters
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;

use common_core::{Error, Result};

/// Bit of a split's `decision_type` that says that it splits by categories.
const CATEGORICAL: i64 = 1;

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) classes: usize,
    pub(crate) names: Vec<String>,
    pub(crate) rounds: usize,
}

/// Replaces the number of threads, the only line of a text that depends on them.
pub(crate) fn normalise(text: &str) -> String {
    const LINE: &str = "\n[num_threads: ";
    match text.rfind(LINE).map(|start| start + LINE.len()) {
        Some(start) => match text[start..].find("]\n") {
            Some(length) => format!("{}0{}", &text[..start], &text[start + length..]),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::corrupt(format!("invalid LightGBM model: {what}"))
}

/// Checks the structure of a text: that it is complete, and that offsets and indexes lead to where they should.
pub(crate) fn check(text: &str) -> Result<Summary> {
    let start = text.find("\nTree=").ok_or_else(|| corrupt("expected a tree"))? + 1;
    let header = Fields::parse(&text[..start])?;
    if !text.starts_with("tree\n") {
        return Err(corrupt("expected \"tree\" in the first line"));
    }
    let names: Vec<String> = header.get("feature_names")?.split(' ').map(str::to_owned).collect();
    let last: usize = header.number("max_feature_idx")?;
    if last.checked_add(1) != Some(names.len()) {
        return Err(corrupt(format!("max_feature_idx is {last}, expected {}", names.len() - 1)));
    }
    let classes: usize = header.number("num_class")?;
    if classes == 0 || header.number::<usize>("num_tree_per_iteration")? != classes {
        return Err(corrupt("expected one tree a class in each round"));
    }
    // LightGBM reads the first word of an objective, and does not check that there is one. The objective writes as many
    // values as it has classes.
    let objective = header.values.get("objective").copied().unwrap_or("custom");
    if objective.trim().is_empty() {
        return Err(corrupt("expected a name of the objective"));
    }
    for classes_of_objective in objective.split(' ').filter_map(|word| word.strip_prefix("num_class:")) {
        if classes_of_objective.parse() != Ok(classes) {
            return Err(corrupt(format!("objective \"{objective}\", expected {classes} classes")));
        }
    }
    check_ranges(header.get("feature_infos")?)?;
    let sizes: Vec<usize> = header.numbers("tree_sizes")?;
    if !sizes.len().is_multiple_of(classes) {
        return Err(corrupt(format!("{} trees, expected a multiple of {classes}", sizes.len())));
    }
    let mut rest = &text[start..];
    for (index, size) in sizes.iter().enumerate() {
        let (tree, after) = rest.split_at_checked(*size).ok_or_else(|| corrupt("the text is truncated"))?;
        check_tree(tree, index, names.len()).map_err(|error| error.context(format_args!("tree {index}")))?;
        rest = after;
    }
    if !rest.starts_with("end of trees\n") {
        return Err(corrupt("expected \"end of trees\" after the trees"));
    }
    if !rest.contains("\nend of parameters\n") {
        return Err(corrupt("the text is truncated: expected \"end of parameters\""));
    }
    Ok(Summary { classes, names, rounds: sizes.len() / classes })
}

/// Checks the ranges of the columns: `none`, `[low:high]`, or categories joined by colons. LightGBM takes them apart when
/// it writes JSON, and reads past the end of one without a colon.
fn check_ranges(ranges: &str) -> Result<()> {
    let is_pair = |range: &str| {
        let ends = range.strip_suffix(']').and_then(|range| range.split_once(':'));
        ends.is_some_and(|(low, high)| low.parse::<f64>().is_ok() && high.parse::<f64>().is_ok())
    };
    let is_range = |range: &str| match range.strip_prefix('[') {
        Some(rest) => is_pair(rest),
        None => range == "none" || range.split(':').all(|category| category.parse::<i32>().is_ok()),
    };
    match ranges.split(' ').find(|range| !is_range(range)) {
        Some(range) => Err(corrupt(format!("feature_infos has \"{range}\", expected a range"))),
        None => Ok(()),
    }
}

/// Lines `name=value`, as LightGBM reads them.
struct Fields<'a> {
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Fields<'a> {
    fn parse(lines: &'a str) -> Result<Self> {
        let mut values = BTreeMap::new();
        for line in lines.split('\n').filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            if values.insert(name, value).is_some() {
                return Err(corrupt(format!("two lines of {name}")));
            }
        }
        Ok(Self { values })
    }

    fn get(&self, name: &str) -> Result<&'a str> {
        self.values.get(name).copied().ok_or_else(|| corrupt(format!("expected a line of {name}")))
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T> {
        let value = self.get(name)?;
        value.parse().map_err(|_| corrupt(format!("{name} is \"{value}\", expected a number")))
    }

    fn numbers<T: FromStr>(&self, name: &str) -> Result<Vec<T>> {
        self.get(name)?
            .split(' ')
            .map(|value| {
                value.parse().map_err(|_| corrupt(format!("{name} has \"{value}\", expected a number")))
            })
            .collect()
    }

    /// Numbers of a known count.
    fn counted<T: FromStr>(&self, name: &str, count: usize) -> Result<Vec<T>> {
        let numbers = self.numbers(name)?;
        if numbers.len() != count {
            return Err(corrupt(format!("{} numbers of {name}, expected {count}", numbers.len())));
        }
        Ok(numbers)
    }
}

fn check_tree(text: &str, index: usize, columns: usize) -> Result<()> {
    let (first, rest) = text.split_once('\n').ok_or_else(|| corrupt("expected lines"))?;
    if first != format!("Tree={index}") {
        return Err(corrupt(format!("\"{first}\", expected Tree={index}")));
    }
    // LightGBM reads up to the first empty line.
    let (lines, blank) =
        rest.split_once("\n\n").ok_or_else(|| corrupt("expected an empty line at the end"))?;
    if !blank.bytes().all(|byte| byte == b'\n') || lines.contains('\r') {
        return Err(corrupt("expected nothing after the empty line"));
    }
    if lines.starts_with('\n') || lines.lines().any(|line| !line.contains('=')) || lines.lines().count() > 22
    {
        return Err(corrupt("expected at most 22 lines of name=value"));
    }
    let tree = Fields::parse(lines)?;
    let leaves: usize = tree.number("num_leaves")?;
    let categories: usize = tree.number("num_cat")?;
    if leaves == 0 || tree.values.get("is_linear").is_some_and(|linear| *linear != "0") {
        return Err(corrupt("expected leaves that are constant"));
    }
    tree.counted::<f64>("leaf_value", leaves)?;
    if tree.values.contains_key("shrinkage") {
        tree.number::<f64>("shrinkage")?;
    }
    tree.counted::<i32>("leaf_count", leaves)?;
    if leaves == 1 {
        return Ok(());
    }
    tree.counted::<f64>("leaf_weight", leaves)?;
    let splits = leaves - 1;
    tree.counted::<i32>("internal_count", splits)?;
    for name in ["split_gain", "internal_value", "internal_weight"] {
        tree.counted::<f64>(name, splits)?;
    }
    if tree.counted::<usize>("split_feature", splits)?.iter().any(|column| *column >= columns) {
        return Err(corrupt(format!("split_feature, expected columns below {columns}")));
    }
    check_children(&tree, leaves)?;
    check_categories(&tree, splits, categories)
}

/// Every split but the first, and every leaf, is the child of exactly one earlier split: following children ends.
fn check_children(tree: &Fields<'_>, leaves: usize) -> Result<()> {
    let splits = leaves - 1;
    let left = tree.counted::<i64>("left_child", splits)?;
    let right = tree.counted::<i64>("right_child", splits)?;
    let mut seen = vec![false; splits + leaves];
    for (split, child) in left.iter().enumerate().chain(right.iter().enumerate()) {
        // A leaf's number is written as its complement.
        let place = if *child < 0 {
            usize::try_from(!child).ok().filter(|leaf| *leaf < leaves).map(|leaf| splits + leaf)
        } else {
            usize::try_from(*child).ok().filter(|child| *child > split && *child < splits)
        };
        match place {
            Some(place) if !seen[place] => seen[place] = true,
            _ => {
                return Err(corrupt(format!(
                    "split {split} has child {child}, expected a later split or a leaf"
                )));
            }
        }
    }
    Ok(())
}

/// A split by categories has the index of a set of bits as its threshold.
fn check_categories(tree: &Fields<'_>, splits: usize, categories: usize) -> Result<()> {
    let thresholds = tree.counted::<f64>("threshold", splits)?;
    let decisions = tree.counted::<i64>("decision_type", splits)?;
    for (threshold, decision) in thresholds.iter().zip(decisions) {
        if i8::try_from(decision).is_err() {
            return Err(corrupt(format!("decision_type {decision}, expected a byte")));
        }
        if decision & CATEGORICAL != 0 && !(*threshold >= 0.0 && *threshold < categories as f64) {
            return Err(corrupt(format!("a set of categories {threshold}, expected below {categories}")));
        }
    }
    if categories == 0 {
        return Ok(());
    }
    let bounds = tree
        .counted::<usize>("cat_boundaries", categories.checked_add(1).ok_or_else(|| corrupt("num_cat"))?)?;
    let words = bounds.last().copied().unwrap_or_default();
    if bounds[0] != 0 || !bounds.is_sorted() {
        return Err(corrupt("cat_boundaries, expected growing numbers from 0"));
    }
    tree.counted::<u32>("cat_threshold", words).map(drop)
}
