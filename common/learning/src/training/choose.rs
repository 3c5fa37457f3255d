//! What is chosen without the test window, besides the parameters of the trees: how the model follows the market, and the
//! shares of the linear models.

use common_core::Result;
use serde::Serialize;

use super::market::Market;
use super::splits::Splits;
use crate::evaluation::split::{WalkForward, walk_forward};
use crate::features::rich::{Rich, Target};
use crate::models::ridge::SparseProblem;
use crate::models::stack::{Recency, Shares, StackRecipe};
use crate::models::transformers::RICH_ALPHA;

/// How markets change with time: the candidates, the simplest first.
const CHANGES: [Change; 5] = [
    Change { recency: None, dated: false },
    Change { recency: None, dated: true },
    Change { recency: Some(Recency { half_life_days: 180.0, least: 0.1 }), dated: false },
    Change { recency: Some(Recency { half_life_days: 180.0, least: 0.1 }), dated: true },
    Change { recency: Some(Recency { half_life_days: 180.0, least: 0.02 }), dated: true },
];

/// Blocks on which they are compared: one block alone is one mood of the market.
const BLOCKS: WalkForward = WalkForward { folds: 4, first_share: 0.5 };

/// Blocks of a quick choice of the shares.
const QUICK_BLOCKS: usize = 2;

/// Shares in the prediction that are tried, of the ridge and of the kernel regression.
const RIDGE_SHARES: [f64; 3] = [0.0, 0.25, 0.5];
const KERNEL_SHARES: [f64; 4] = [0.0, 0.2, 0.35, 0.5];
/// The least share of the trees.
const TREE_SHARE: f64 = 0.15;

/// Improvement of the error that a more complex choice has to bring.
pub(super) const WORTH: f64 = 0.002;

/// How a model follows a market that changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Change {
    /// How much old ads count.
    pub recency: Option<Recency>,
    /// Whether the ridge has a column of the date that is nearly unpenalised.
    pub dated: bool,
}

/// A candidate with its error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice<T> {
    /// The candidate.
    pub candidate: T,
    /// Mean absolute error of the log salary.
    pub error: f64,
}

/// Chooses how the model follows the market, by the rich ridge on walk-forward blocks of the early ads.
///
/// # Errors
/// Errors of the fits.
pub fn change(market: &Market<'_>, splits: &Splits, seed: u64) -> Result<(Change, Vec<Choice<Change>>)> {
    let mut errors = [0.0; CHANGES.len()];
    let mut judged = 0;
    for (train, test) in blocks(market, splits, BLOCKS)? {
        let targets = market.data.targets(&train);
        judged += test.len();
        for dated in [false, true] {
            let rich = Rich::fit(&market.data.table, &train, Target::Salary { dated });
            let problem = SparseProblem::new(rich.transform(&market.data.table, &train));
            let of_test = rich.transform(&market.data.table, &test);
            for (error, change) in errors.iter_mut().zip(&CHANGES).filter(|(_, change)| change.dated == dated)
            {
                let recipe = StackRecipe { recency: change.recency, ..StackRecipe::new(seed, 1) };
                let linear = problem.fit(&targets, &recipe.weights(&market.data, &train), RICH_ALPHA);
                let pairs = linear.predict(&of_test)?.into_iter().zip(market.data.targets(&test));
                *error += pairs.map(|(predicted, actual)| (predicted - actual).abs()).sum::<f64>();
            }
        }
    }
    let choice = |(candidate, error): (&Change, f64)| Choice {
        candidate: *candidate,
        error: error / judged.max(1) as f64,
    };
    let choices: Vec<Choice<Change>> = CHANGES.iter().zip(errors).map(choice).collect();
    Ok((simplest(&choices).candidate, choices))
}

/// The first choice that no later one improves by [`WORTH`].
fn simplest<T>(choices: &[Choice<T>]) -> &Choice<T> {
    let better = |best: &Choice<T>, other: &Choice<T>| other.error < best.error * (1.0 - WORTH);
    choices.iter().fold(&choices[0], |best, other| if better(best, other) { other } else { best })
}

/// Chooses the shares of ridge and kernel regression in the prediction, on walk-forward blocks of the early ads: out-of-fold
/// predictions, whose ads have neighbours of the same time, flatter the trees. A quick choice has fewer blocks and no
/// kernel regression.
///
/// # Errors
/// Errors of the fits.
pub fn shares(
    market: &Market<'_>,
    splits: &Splits,
    recipe: &StackRecipe,
    is_quick: bool,
) -> Result<(Shares, Vec<Choice<Shares>>)> {
    let kernels = if is_quick { &KERNEL_SHARES[..1] } else { &KERNEL_SHARES[..] };
    let all = Shares { ridge: 0.0, kernel: kernels[kernels.len() - 1] };
    let recipe = StackRecipe { shares: all, ..recipe.clone() };
    let mut choices: Vec<Choice<Shares>> = kernels
        .iter()
        .flat_map(|&kernel| RIDGE_SHARES.map(|ridge| Shares { ridge, kernel }))
        .filter(|shares| 1.0 - shares.ridge - shares.kernel >= TREE_SHARE)
        .map(|candidate| Choice { candidate, error: 0.0 })
        .collect();
    let folds = if is_quick { QUICK_BLOCKS } else { BLOCKS.folds };
    let mut judged = 0;
    for (train, test) in blocks(market, splits, WalkForward { folds, ..BLOCKS })? {
        let (of_trees, transformed) = recipe.unmixed(&market.data, &train, &test)?;
        let targets = market.data.targets(&test);
        let width = transformed.columns.len() / test.len().max(1);
        judged += test.len();
        for choice in &mut choices {
            let blended = choice.candidate.blended(&of_trees, &transformed, width);
            choice.error += blended.iter().zip(&targets).map(|(p, y)| (p - y).abs()).sum::<f64>();
        }
    }
    for choice in &mut choices {
        choice.error /= judged.max(1) as f64;
    }
    Ok((simplest(&choices).candidate, choices))
}

/// Walk-forward blocks of the early ads: rows to train on, and rows to judge on.
fn blocks(market: &Market<'_>, splits: &Splits, blocks: WalkForward) -> Result<Vec<(Vec<u32>, Vec<u32>)>> {
    let rows = &splits.early;
    let moments: Vec<_> = rows.iter().map(|row| market.ads[*row as usize].moment()).collect();
    let placed = |places: &[u32]| -> Vec<u32> { places.iter().map(|at| rows[*at as usize]).collect() };
    let folds = walk_forward(&moments, &market.families(rows), blocks)?;
    Ok(folds.iter().map(|block| (placed(&block.train), placed(&block.test))).collect())
}
