//! The clusters of two trainings, matched by the ads that they share.

use serde::{Deserialize, Serialize};

/// Share of an old cluster's ads from which two new clusters count as its parts, and share of a new cluster's ads from
/// which two old clusters count as its parts.
const PART: f64 = 0.3;

/// What became of a cluster. Clusters are named by their ids; shares are of ads that both versions place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// The cluster is still there.
    Kept {
        /// Its id.
        id: u32,
        /// Share of its ads that are still in it.
        share: f64,
    },
    /// The cluster's ads are in several clusters now.
    Split {
        /// The old id.
        id: u32,
        /// The new clusters with their shares of its ads, the largest first.
        into: Vec<(u32, f64)>,
    },
    /// Several clusters are one now.
    Merged {
        /// The id of the new cluster.
        id: u32,
        /// The old clusters with their shares of its ads, the largest first.
        from: Vec<(u32, f64)>,
    },
    /// A cluster that matches no old one.
    Appeared {
        /// The new id.
        id: u32,
        /// Its share of the ads.
        share: f64,
    },
    /// A cluster that matches no new one.
    Vanished {
        /// The old id.
        id: u32,
        /// Share of the ads that it had.
        share: f64,
    },
}

/// The new clusters with the ids of the old ones that they continue.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched {
    /// The id of each new cluster.
    pub ids: Vec<u32>,
    /// The first id that no cluster ever had.
    pub next_id: u32,
    /// Share of the ads that are in the cluster of the same id; 1 without ads.
    pub kept: f64,
    /// What became of the clusters: the old ones in the order of their ids, then the new ones.
    pub changes: Vec<Change>,
}

/// How many ads each pair of an old and a new cluster share.
struct Overlap {
    old: usize,
    new: usize,
    /// `[old, new]`, row-major.
    ads: Vec<f64>,
}

impl Matched {
    /// Matches the new clusters, which ads have in `new`, with the old ones that the same ads have in `old`, so that the
    /// sum of shared ads is largest. `old_ids` are the ids of the old clusters, `clusters` the number of new ones.
    ///
    /// Clusters without a shared ad are not matched. Each new cluster without a match gets a new id, counted from `next_id`.
    pub fn new(old: &[u32], new: &[u32], old_ids: &[u32], clusters: usize, next_id: u32) -> Self {
        let overlap = Overlap::of(old, new, old_ids.len(), clusters);
        let of_old = assign(&overlap);
        let mut ids = vec![None; clusters];
        let mut kept = 0.0;
        for (at, new) in of_old.iter().enumerate() {
            if let Some(new) = new {
                ids[*new] = Some(old_ids[at]);
                kept += overlap.ads(at, *new);
            }
        }
        let mut next_id = next_id.max(old_ids.iter().max().map_or(0, |id| id + 1));
        let ids: Vec<u32> = ids
            .into_iter()
            .map(|id| {
                id.unwrap_or_else(|| {
                    next_id += 1;
                    next_id - 1
                })
            })
            .collect();
        let total = overlap.total();
        let kept = if total > 0.0 { kept / total } else { 1.0 };
        let changes = overlap.changes(&of_old, old_ids, &ids);
        Self { ids, next_id, kept, changes }
    }
}

impl Overlap {
    fn of(old: &[u32], new: &[u32], olds: usize, news: usize) -> Self {
        let mut overlap = Self { old: olds, new: news, ads: vec![0.0; olds * news] };
        for (old, new) in old.iter().zip(new) {
            overlap.ads[*old as usize * news + *new as usize] += 1.0;
        }
        overlap
    }

    fn ads(&self, old: usize, new: usize) -> f64 {
        self.ads[old * self.new + new]
    }

    fn total(&self) -> f64 {
        self.ads.iter().sum()
    }

    fn old_size(&self, old: usize) -> f64 {
        (0..self.new).map(|new| self.ads(old, new)).sum()
    }

    fn new_size(&self, new: usize) -> f64 {
        (0..self.old).map(|old| self.ads(old, new)).sum()
    }

    fn changes(&self, of_old: &[Option<usize>], old_ids: &[u32], ids: &[u32]) -> Vec<Change> {
        let total = self.total().max(1.0);
        let mut changes = Vec::new();
        for (old, id) in old_ids.iter().enumerate() {
            let size = self.old_size(old);
            let into = parts(ids, |new| self.ads(old, new) / size.max(1.0));
            match of_old[old] {
                _ if into.len() > 1 => changes.push(Change::Split { id: *id, into }),
                Some(new) => {
                    changes.push(Change::Kept { id: *id, share: self.ads(old, new) / size.max(1.0) });
                }
                None => changes.push(Change::Vanished { id: *id, share: size / total }),
            }
        }
        for (new, id) in ids.iter().enumerate() {
            let size = self.new_size(new);
            let from = parts(old_ids, |old| self.ads(old, new) / size.max(1.0));
            if from.len() > 1 {
                changes.push(Change::Merged { id: *id, from });
            } else if !old_ids.contains(id) {
                changes.push(Change::Appeared { id: *id, share: size / total });
            }
        }
        changes
    }
}

/// The ids whose share counts as a part, the largest first.
fn parts(ids: &[u32], share: impl Fn(usize) -> f64) -> Vec<(u32, f64)> {
    let shares = ids.iter().enumerate().map(|(at, id)| (*id, share(at)));
    let mut parts: Vec<(u32, f64)> = shares.filter(|(_, share)| *share >= PART).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    parts
}

/// The new cluster of each old one, for the largest sum of shared ads: the Hungarian method with potentials (Kuhn 1955,
/// in the form of Jonker and Volgenant 1987). `None` for an old cluster that shares no ad with what is left for it.
fn assign(overlap: &Overlap) -> Vec<Option<usize>> {
    let size = overlap.old.max(overlap.new);
    let cost = |old: usize, new: usize| {
        if old < overlap.old && new < overlap.new { -overlap.ads(old, new) } else { 0.0 }
    };
    // Rows and columns count from 1; 0 is the free column that a path begins at.
    let (mut of_rows, mut of_columns) = (vec![0.0; size + 1], vec![0.0; size + 1]);
    let mut row_of = vec![0usize; size + 1];
    for row in 1..=size {
        row_of[0] = row;
        let mut least = vec![f64::INFINITY; size + 1];
        let mut before = vec![0usize; size + 1];
        let mut done = vec![false; size + 1];
        let mut column = 0;
        while row_of[column] != 0 {
            done[column] = true;
            let current = row_of[column];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for other in (1..=size).filter(|other| !done[*other]) {
                let slack = cost(current - 1, other - 1) - of_rows[current] - of_columns[other];
                if slack < least[other] {
                    (least[other], before[other]) = (slack, column);
                }
                if least[other] < step {
                    (step, next) = (least[other], other);
                }
            }
            for other in 0..=size {
                if done[other] {
                    of_rows[row_of[other]] += step;
                    of_columns[other] -= step;
                } else {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[before[column]];
            column = before[column];
        }
    }
    let mut of_old = vec![None; overlap.old];
    for new in 0..overlap.new {
        let old = row_of[new + 1] - 1;
        if old < overlap.old && overlap.ads(old, new) > 0.0 {
            of_old[old] = Some(new);
        }
    }
    of_old
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The best sum over all orders of three columns.
    fn best_of_three(ads: &[f64]) -> f64 {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let sum = |order: [usize; 3]| (0..3).map(|row| ads[3 * row + order[row]]).sum::<f64>();
        orders.into_iter().map(sum).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn the_sum_of_shared_ads_is_largest(counts in prop::collection::vec(0u32..50, 9)) {
            let ads: Vec<f64> = counts.iter().map(|count| f64::from(*count)).collect();
            let overlap = Overlap { old: 3, new: 3, ads: ads.clone() };
            let sum: f64 = assign(&overlap)
                .iter()
                .enumerate()
                .filter_map(|(old, new)| Some(overlap.ads(old, (*new)?)))
                .sum();
            prop_assert_eq!(sum, best_of_three(&ads));
        }
    }

    /// Labels of ads: `counts[n]` times each pair.
    fn labels(counts: &[(u32, u32, usize)]) -> (Vec<u32>, Vec<u32>) {
        counts.iter().flat_map(|(old, new, count)| std::iter::repeat_n((*old, *new), *count)).unzip()
    }

    #[test]
    fn clusters_keep_their_ids_whatever_their_order() {
        let (old, new) = labels(&[(0, 1, 90), (0, 0, 10), (1, 0, 100)]);
        let matched = Matched::new(&old, &new, &[4, 7], 2, 9);
        assert_eq!((matched.ids, matched.next_id), (vec![7, 4], 9));
        assert!((matched.kept - 0.95).abs() < 1e-9);
        let kept = |id, share| Change::Kept { id, share };
        assert_eq!(matched.changes, [kept(4, 0.9), kept(7, 1.0)]);
    }

    #[test]
    fn what_splits_merges_appears_and_vanishes_is_told() {
        let (old, new) = labels(&[(0, 0, 60), (0, 1, 40)]);
        let split = Matched::new(&old, &new, &[0], 2, 1);
        assert_eq!((split.ids, split.next_id), (vec![0, 1], 2));
        let into = vec![(0, 0.6), (1, 0.4)];
        assert_eq!(split.changes, [Change::Split { id: 0, into }, Change::Appeared { id: 1, share: 0.4 }]);

        let (old, new) = labels(&[(0, 0, 50), (1, 0, 50)]);
        let merged = Matched::new(&old, &new, &[0, 1], 1, 2);
        let from = vec![(0, 0.5), (1, 0.5)];
        assert_eq!(merged.ids, [0]);
        assert_eq!(
            merged.changes[1..],
            [Change::Vanished { id: 1, share: 0.5 }, Change::Merged { id: 0, from }]
        );
    }

    #[test]
    fn without_common_ads_every_cluster_is_new() {
        let matched = Matched::new(&[], &[], &[3], 2, 0);
        assert_eq!((matched.ids, matched.next_id, matched.kept), (vec![4, 5], 6, 1.0));
    }
}
