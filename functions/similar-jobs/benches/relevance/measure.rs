//! What a ranking is worth, and how sure that is.

use std::collections::HashMap;

/// How far a normal variable is from its mean in 95 of 100 cases, in standard errors.
const SURE: f64 = 1.96;

/// The rank of `wanted`; among equals the middle one.
pub(crate) fn rank(scores: &[f32], wanted: usize) -> f64 {
    let score = scores[wanted];
    let above = scores.iter().filter(|other| **other > score).count() as f64;
    let below = scores.iter().filter(|other| **other < score).count() as f64;
    f64::midpoint(above + 1.0, scores.len() as f64 - below)
}

/// The share of the `k` best that are `right`. Where several are equal at the edge, what a draw among them would give on average.
pub(crate) fn share_of_best(scores: &[f32], right: impl Fn(usize) -> bool, k: usize) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let k = k.min(order.len());
    if k == 0 {
        return 0.0;
    }
    let (_, edge, _) = order.select_nth_unstable_by(k - 1, |&a, &b| scores[b].total_cmp(&scores[a]));
    let edge = scores[*edge];
    let (mut above, mut right_above, mut equal, mut right_equal) = (0.0, 0.0, 0.0, 0.0);
    for (n, &score) in scores.iter().enumerate().filter(|(_, score)| **score >= edge) {
        let (count, right_count) =
            if score > edge { (&mut above, &mut right_above) } else { (&mut equal, &mut right_equal) };
        *count += 1.0;
        *right_count += f64::from(u8::from(right(n)));
    }
    (right_above + right_equal * (k as f64 - above) / equal) / k as f64
}

/// What each query's ranking was worth by each method, in one measure.
pub(crate) struct Worth {
    /// By method, then by query.
    values: Vec<Vec<f64>>,
    /// Queries of one group are not independent of each other.
    groups: Vec<usize>,
}

impl Worth {
    pub(crate) fn of(methods: usize) -> Self {
        Self { values: vec![Vec::new(); methods], groups: Vec::new() }
    }

    /// Takes in a query of `group`: what each method's ranking is worth.
    pub(crate) fn add(&mut self, group: usize, worth: impl IntoIterator<Item = f64>) {
        self.groups.push(group);
        for (values, worth) in self.values.iter_mut().zip(worth) {
            values.push(worth);
        }
    }

    pub(crate) fn mean(&self, method: usize) -> f64 {
        mean(&self.values[method])
    }

    /// The difference to the first method, query by query, and the half width of its 95% confidence interval (standard error clustered
    /// by group).
    pub(crate) fn difference(&self, method: usize) -> String {
        if method == 0 {
            return "–".into();
        }
        let pairs = self.values[method].iter().zip(&self.values[0]);
        let differences: Vec<f64> = pairs.map(|(value, first)| value - first).collect();
        let mean = mean(&differences);
        let mut groups: HashMap<usize, f64> = HashMap::new();
        for (group, difference) in self.groups.iter().zip(&differences) {
            *groups.entry(*group).or_default() += difference - mean;
        }
        let squares: f64 = groups.values().map(|sum| sum * sum).sum();
        format!("{mean:+.3} ± {:.3}", SURE * squares.sqrt() / differences.len() as f64)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A table, its first line the head.
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn with_head<const N: usize>(head: [&str; N]) -> Self {
        Self(vec![head.map(str::to_owned).into()])
    }

    pub(crate) fn add(&mut self, name: &str, cells: impl IntoIterator<Item = String>) {
        self.0.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }

    /// The columns of both, the first column once.
    pub(crate) fn beside(&self, other: &Self) -> Self {
        let lines = self.0.iter().zip(&other.0);
        Self(lines.map(|(left, right)| [left.as_slice(), &right[1..]].concat()).collect())
    }

    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head = &self.0[0];
        let rule = format!("|{}\n", "---|".repeat(head.len()));
        let rest: String = self.0[1..].iter().map(|cells| line(cells)).collect();
        line(head) + &rule + &rest
    }
}
