//! Walk-forward folds.

use common_core::{Error, Result};
use serde::Serialize;

use super::{Timestamp, check_lengths, without_families_of};

/// How rows are divided into blocks of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WalkForward {
    /// Number of blocks.
    pub folds: usize,
    /// Share of the rows, the earliest ones, that are never predicted: between 0 and 1, both excluded.
    pub first_share: f64,
}

/// A block of time and what it is predicted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fold {
    /// Rows strictly before the block, without families that occur in the block.
    pub train: Vec<u32>,
    /// Rows of the block.
    pub test: Vec<u32>,
    /// First moment of the block.
    pub from: Timestamp,
    /// Last moment of the block.
    pub until: Timestamp,
    /// Number of earlier rows that are not in `train`, because their family occurs in the block.
    pub removed_reposts: u32,
}

/// Consecutive blocks of the later rows, about equally large, each with the rows strictly before it.
///
/// Rows of one moment are in one block. A block whose first rows are tied with the last ones before it begins at the
/// tie. There are fewer blocks than asked for where rows or moments are few, and none where all rows share one moment
/// or nothing is left to fit: the caller then takes [`grouped_folds`](super::grouped_folds).
///
/// # Errors
/// `InvalidInput` if the two lists differ in length, or `first_share` is not between 0 and 1.
pub fn walk_forward(moments: &[Timestamp], families: &[u32], options: WalkForward) -> Result<Vec<Fold>> {
    check_lengths(moments.len(), families.len())?;
    if !(options.first_share > 0.0 && options.first_share < 1.0) {
        let share = options.first_share;
        return Err(Error::invalid_input(format!(
            "invalid first_share \"{share}\": expected a number between 0 and 1"
        )));
    }
    let mut order: Vec<u32> = (0..moments.len() as u32).collect();
    order.sort_by_key(|row| moments[*row as usize]);
    let moment = |place: usize| moments[order[place] as usize];
    let first = (order.len() as f64 * options.first_share).round() as usize;
    // Where blocks begin: moved to the first row of their moment.
    let begins = |block: usize| {
        let place = first + (order.len() - first) * block / options.folds;
        (place < order.len()).then(|| order.partition_point(|row| moments[*row as usize] < moment(place)))
    };
    let mut starts: Vec<usize> = (0..options.folds).filter_map(begins).filter(|start| *start > 0).collect();
    starts.dedup();
    let ends = starts.iter().copied().skip(1).chain([order.len()]);
    let fold = |(start, end): (usize, usize)| {
        let ascending = |rows: &[u32]| {
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            rows
        };
        let test = ascending(&order[start..end]);
        let (train, removed_reposts) = without_families_of(&test, ascending(&order[..start]), families);
        Fold { train, test, from: moment(start), until: moment(end - 1), removed_reposts }
    };
    Ok(starts.iter().copied().zip(ends).map(fold).filter(|fold| !fold.train.is_empty()).collect())
}
