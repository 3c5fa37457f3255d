//! Parts and folds of a market.

use common_core::Result;
use common_core::job::Timestamp;
use rustc_hash::FxHashSet;

use super::market::Market;
use crate::ads::Ad;
use crate::evaluation::split::{Fold, TimeSplit, WalkForward, grouped_folds, walk_forward};

/// Folds of a walk-forward.
const FOLDS: usize = 5;
/// Folds of a quick training.
const QUICK_FOLDS: usize = 2;
/// Share of the ads, the oldest, that the first fold is predicted from.
const FIRST_SHARE: f64 = 0.5;

/// Ads with what decides on their splits: lists of equal length.
#[derive(Debug, Clone, Copy)]
pub struct Divided<'a> {
    /// The ads.
    pub ads: &'a [&'a Ad],
    /// Family of reposts of each ad.
    pub families: &'a [u32],
    /// Stratum of each ad, of which every fold by family has its share.
    pub strata: &'a [u32],
}

/// Where the ads of a market are.
#[derive(Debug)]
pub struct Splits {
    /// Train, validation and test by time.
    pub parts: TimeSplit,
    /// Walk-forward folds of everything before the test.
    pub folds: Vec<Fold>,
    /// Train and validation together.
    pub early: Vec<u32>,
}

impl Splits {
    /// Splits the market of a currency.
    ///
    /// # Errors
    /// Those of the splits.
    pub fn new(market: &Market<'_>, quick: bool) -> Result<Self> {
        let Market { ads, data, .. } = market;
        Self::of(Divided { ads, families: &data.families, strata: &data.strata }, quick)
    }

    /// Splits ads.
    ///
    /// # Errors
    /// Those of the splits.
    pub fn of(divided: Divided<'_>, quick: bool) -> Result<Self> {
        let Divided { ads, families, .. } = divided;
        let moments: Vec<Timestamp> = ads.iter().map(|ad| ad.moment()).collect();
        let parts = TimeSplit::new(&moments, families)?;
        let families_of =
            |rows: &[u32]| -> Vec<u32> { rows.iter().map(|row| families[*row as usize]).collect() };
        // A family may be in train and in validation, but not in the test as well.
        let tested: FxHashSet<u32> = families_of(&parts.test).into_iter().collect();
        let early: Vec<u32> =
            (0..ads.len() as u32).filter(|row| !tested.contains(&families[*row as usize])).collect();
        let settings =
            WalkForward { folds: if quick { QUICK_FOLDS } else { FOLDS }, first_share: FIRST_SHARE };
        let early_moments: Vec<Timestamp> = early.iter().map(|row| moments[*row as usize]).collect();
        let mut folds = walk_forward(&early_moments, &families_of(&early), settings)?;
        if folds.is_empty() {
            folds = by_family(divided, &early, settings.folds)?;
        }
        let placed = |rows: &[u32]| -> Vec<u32> { rows.iter().map(|at| early[*at as usize]).collect() };
        for fold in &mut folds {
            (fold.train, fold.test) = (placed(&fold.train), placed(&fold.test));
        }
        Ok(Self { parts, folds, early })
    }
}

/// Folds by family, for ads of one moment: places in `rows`.
fn by_family(divided: Divided<'_>, rows: &[u32], folds: usize) -> Result<Vec<Fold>> {
    let Divided { ads, families, strata } = divided;
    let of = |values: &[u32]| -> Vec<u32> { rows.iter().map(|row| values[*row as usize]).collect() };
    let fold_of = grouped_folds(&of(families), &of(strata), folds, 0)?;
    let count = fold_of.iter().max().map_or(0, |most| most + 1);
    let moment = ads.first().map(|ad| ad.moment()).unwrap_or_default();
    let fold = |fold: u32| {
        let (test, train) = (0..rows.len() as u32).partition(|at| fold_of[*at as usize] == fold);
        Fold { train, test, from: moment, until: moment, removed_reposts: 0 }
    };
    Ok((0..count).map(fold).filter(|fold| !fold.train.is_empty()).collect())
}

/// The first and the last moment of `rows`.
pub fn window(market: &Market<'_>, rows: &[u32]) -> Option<(Timestamp, Timestamp)> {
    let moments = || rows.iter().map(|row| market.ads[*row as usize].moment());
    moments().min().zip(moments().max())
}
