//! Splits in which no family and no future is on the wrong side.
//!
//! - [`TimeSplit`]: train, then validation, then test, by time
//! - [`grouped_folds`], [`salary_strata`]: folds of whole families with balanced strata
//! - [`walk_forward`]: blocks of time, each predicted from what was before it
//!
//! Rows are numbers into the caller's list of ads. All parts list their rows in ascending order.

mod folds;
mod walk;

use chrono::{DateTime, Utc};
use common_core::{Error, Result};
use rustc_hash::FxHashSet;
use serde::Serialize;

pub use folds::{grouped_folds, salary_strata};
pub use walk::{Fold, WalkForward, walk_forward};

use super::families::scramble;

/// When an ad became known. See [`crate::Ad::moment`].
pub type Timestamp = DateTime<Utc>;

/// Share of the rows in the test window, and in the validation window before it.
const SHARE: f64 = 0.1;
/// A window that ties make larger than this multiple of its share begins after the tie, if it can.
const LARGEST: usize = 2;

/// Train, validation and test rows by time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TimeSplit {
    /// What is fitted. All before the validation window.
    pub train: Vec<u32>,
    /// What decides between models.
    pub validation: Vec<u32>,
    /// What is reported: the most recent tenth.
    pub test: Vec<u32>,
    /// The first moment of the validation window; `None` if it is empty.
    pub validation_from: Option<Timestamp>,
    /// The first moment of the test window; `None` if it is empty.
    pub test_from: Option<Timestamp>,
    /// Number of rows in no part, because a member of their family is in a later part.
    pub removed_reposts: u32,
    /// Whether time decided both windows. Otherwise, rows of one moment were divided by family.
    pub by_time: bool,
}

impl TimeSplit {
    /// Splits rows with these moments and families.
    ///
    /// - The test window is the most recent tenth, validation the tenth before it. Rows of one moment stay together, in
    ///   the later window; if that more than doubles the window, in the part whose size is nearer to a tenth.
    /// - If all rows that are left share one moment, whole families in the order of their hash make up the window.
    /// - A family that reaches into a window is removed from the earlier parts, so that every window is complete.
    /// - A window is empty where it would leave nothing before it: with one row, or one family at one moment.
    ///
    /// # Errors
    /// `InvalidInput` if the two lists differ in length.
    pub fn new(moments: &[Timestamp], families: &[u32]) -> Result<Self> {
        check_lengths(moments.len(), families.len())?;
        let target = ((moments.len() as f64 * SHARE).round() as usize).max(1);
        let all: Vec<u32> = (0..moments.len() as u32).collect();
        let tested = cut(all, target, moments, families);
        let mut split = Self { by_time: tested.by_time, ..Self::default() };
        let (left, removed) = without_families_of(&tested.window, tested.before, families);
        split.removed_reposts += removed;
        let validated = cut(left, target, moments, families);
        split.by_time &= validated.by_time;
        let (train, removed) = without_families_of(&validated.window, validated.before, families);
        split.removed_reposts += removed;
        (split.train, split.validation, split.test) = (train, validated.window, tested.window);
        let first = |rows: &[u32]| rows.iter().map(|&row| moments[row as usize]).min();
        (split.validation_from, split.test_from) = (first(&split.validation), first(&split.test));
        Ok(split)
    }
}

fn check_lengths(rows: usize, families: usize) -> Result<()> {
    if rows == families {
        return Ok(());
    }
    Err(Error::invalid_input(format!("invalid families of {families} rows: expected those of {rows} rows")))
}

/// Some rows, divided into a window and what is before it.
struct Cut {
    before: Vec<u32>,
    window: Vec<u32>,
    by_time: bool,
}

/// Takes about `target` of the latest rows.
fn cut(rows: Vec<u32>, target: usize, moments: &[Timestamp], families: &[u32]) -> Cut {
    let moment = |row: u32| moments[row as usize];
    let mut times: Vec<Timestamp> = rows.iter().map(|&row| moment(row)).collect();
    times.sort_unstable();
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
        return Cut { before: rows, window: Vec::new(), by_time: true };
    };
    if first == last {
        return cut_by_family(rows, target, families);
    }
    let boundary = times[times.len() - target.min(times.len())];
    let together = times.len() - times.partition_point(|time| *time < boundary);
    let after = times.len() - times.partition_point(|time| *time <= boundary);
    let is_too_large = together > LARGEST * target && together - target > target - after.min(target);
    let excludes_tie = boundary == first || (is_too_large && after > 0);
    let is_in_window =
        |row: &u32| if excludes_tie { moment(*row) > boundary } else { moment(*row) >= boundary };
    let (window, before) = rows.into_iter().partition(is_in_window);
    Cut { before, window, by_time: true }
}

/// Takes whole families until the window has `target` rows; at least one family stays before the window.
fn cut_by_family(rows: Vec<u32>, target: usize, families: &[u32]) -> Cut {
    let mut order: Vec<(u64, u32)> = rows
        .iter()
        .map(|&row| (scramble(u64::from(families[row as usize])), families[row as usize]))
        .collect();
    order.sort_unstable();
    let mut taken = FxHashSet::default();
    let mut size = 0;
    for family in order.chunk_by(|a, b| a == b) {
        if size >= target || size + family.len() == rows.len() {
            break;
        }
        size += family.len();
        taken.insert(family[0].1);
    }
    let (window, before) = rows.into_iter().partition(|row| taken.contains(&families[*row as usize]));
    Cut { before, window, by_time: false }
}

/// `rows` without the families of `window`, and the number of rows removed.
fn without_families_of(window: &[u32], rows: Vec<u32>, families: &[u32]) -> (Vec<u32>, u32) {
    let inside: FxHashSet<u32> = window.iter().map(|row| families[*row as usize]).collect();
    let all = rows.len();
    let rest: Vec<u32> = rows.into_iter().filter(|row| !inside.contains(&families[*row as usize])).collect();
    let removed = (all - rest.len()) as u32;
    (rest, removed)
}

#[cfg(test)]
mod tests;
