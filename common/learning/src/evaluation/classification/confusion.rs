//! Which classes are taken for which, similar ones beside each other.

use serde::{Deserialize, Serialize};

/// The rows of each actual and predicted class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// The classes that are actual or predicted, those that are taken for each other beside each other.
    pub classes: Vec<u32>,
    /// `[actual][predicted]`, in the order of `classes`: number of rows.
    pub counts: Vec<Vec<u32>>,
}

impl Confusion {
    /// Counts the rows of two lists of equal length.
    pub fn of(actual: &[u32], predicted: &[u32]) -> Self {
        let mut classes: Vec<u32> = actual.iter().chain(predicted).copied().collect();
        classes.sort_unstable();
        classes.dedup();
        let place = |class: &u32| classes.partition_point(|other| other < class);
        let mut counts = vec![vec![0u32; classes.len()]; classes.len()];
        for (actual, predicted) in actual.iter().zip(predicted) {
            counts[place(actual)][place(predicted)] += 1;
        }
        let order = seriation(&similarity(&counts));
        let counts =
            order.iter().map(|row| order.iter().map(|column| counts[*row][*column]).collect()).collect();
        Self { classes: order.into_iter().map(|at| classes[at]).collect(), counts }
    }

    /// The pairs of classes that are most often taken for each other: one actual, the other predicted, and the rows.
    pub fn worst(&self, most: usize) -> Vec<(u32, u32, u32)> {
        let mut pairs = Vec::new();
        for (actual, row) in self.classes.iter().zip(&self.counts) {
            for (predicted, count) in self.classes.iter().zip(row) {
                if actual != predicted && *count > 0 {
                    pairs.push((*actual, *predicted, *count));
                }
            }
        }
        pairs.sort_by_key(|(actual, predicted, count)| (std::cmp::Reverse(*count), *actual, *predicted));
        pairs.truncate(most);
        pairs
    }
}

/// Mean of the shares of two classes' rows that are taken for the other.
fn similarity(counts: &[Vec<u32>]) -> Vec<Vec<f64>> {
    let totals: Vec<f64> = counts.iter().map(|row| f64::from(row.iter().sum::<u32>()).max(1.0)).collect();
    let share = |a: usize, b: usize| f64::from(counts[a][b]) / totals[a];
    let of = |a: usize| (0..counts.len()).map(|b| f64::midpoint(share(a, b), share(b, a))).collect();
    (0..counts.len()).map(of).collect()
}

/// An order in which similar items are neighbours: the leaves of the tree of average linkage. Of two groups that are
/// joined, the ends that are most similar come together.
fn seriation(similarity: &[Vec<f64>]) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = (0..similarity.len()).map(|item| vec![item]).collect();
    let mut between = similarity.to_vec();
    while groups.len() > 1 {
        let (mut best, mut most) = ((0, 1), f64::NEG_INFINITY);
        for (a, row) in between.iter().enumerate() {
            for (b, value) in row.iter().enumerate().skip(a + 1) {
                if *value > most {
                    (best, most) = ((a, b), *value);
                }
            }
        }
        let (a, b) = best;
        let joined = groups.remove(b);
        let (of_a, of_b) = (groups[a].len() as f64, joined.len() as f64);
        let away = between.remove(b);
        for row in &mut between {
            row.remove(b);
        }
        let away: Vec<f64> = away.iter().enumerate().filter(|(at, _)| *at != b).map(|(_, v)| *v).collect();
        for (other, value) in away.into_iter().enumerate() {
            let mean = (between[a][other] * of_a + value * of_b) / (of_a + of_b);
            (between[a][other], between[other][a]) = (mean, mean);
        }
        groups[a] = together(std::mem::take(&mut groups[a]), joined, similarity);
    }
    groups.into_iter().next().unwrap_or_default()
}

/// Two lists as one, turned so that the most similar of their ends meet.
fn together(mut a: Vec<usize>, mut b: Vec<usize>, similarity: &[Vec<f64>]) -> Vec<usize> {
    let meet = |one: Option<&usize>, other: Option<&usize>| match (one, other) {
        (Some(one), Some(other)) => similarity[*one][*other],
        _ => 0.0,
    };
    let ends = [
        meet(a.last(), b.first()),
        meet(a.last(), b.last()),
        meet(a.first(), b.first()),
        meet(a.first(), b.last()),
    ];
    let best = (1..ends.len()).fold(0, |best, at| if ends[at] > ends[best] { at } else { best });
    if best >= 2 {
        a.reverse();
    }
    if best % 2 == 1 {
        b.reverse();
    }
    a.extend(b);
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_are_taken_for_each_other_are_neighbours() {
        // 0 is taken for 3, 3 for 1; 2 and 4 for each other.
        let actual = [0, 0, 0, 3, 3, 3, 1, 1, 2, 2, 4, 4];
        let predicted = [0, 3, 3, 3, 1, 3, 1, 1, 2, 4, 4, 2];
        let confusion = Confusion::of(&actual, &predicted);
        let place = |class: u32| confusion.classes.iter().position(|other| *other == class).unwrap();
        assert!(place(0).abs_diff(place(3)) == 1 && place(3).abs_diff(place(1)) == 1, "{confusion:?}");
        assert_eq!(place(2).abs_diff(place(4)), 1);
        assert_eq!(confusion.counts[place(0)][place(3)], 2);
        assert_eq!(confusion.counts.iter().flatten().sum::<u32>(), 12);
        assert_eq!(confusion.worst(2), [(0, 3, 2), (2, 4, 1)]);
        assert_eq!(Confusion::of(&[7], &[7]), Confusion { classes: vec![7], counts: vec![vec![1]] });
        assert!(Confusion::of(&[], &[]).classes.is_empty());
    }

    #[test]
    fn hundreds_of_classes_are_ordered() {
        let actual: Vec<u32> = (0..337).collect();
        let predicted: Vec<u32> = (0..337).map(|class| (class + 1) % 337).collect();
        let mut classes = Confusion::of(&actual, &predicted).classes;
        classes.sort_unstable();
        assert_eq!(classes, actual);
    }
}
