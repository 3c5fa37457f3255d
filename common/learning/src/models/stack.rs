//! The published model: boosted trees on the columns of [`Transformers`], and the size of their error.

use common_core::Result;
use common_lightgbm::{Booster, Matrix};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::transformers::{FOLDS, Sample, Transformed, Transformers};
use super::trees::{Columns, Fit, Objective, TreeParameters};
use super::{SalaryModel, SalaryRecipe, TrainingData};
use crate::features::AdTable;

/// The trees of the mix: objective, share in the prediction, and what is added to the seed.
const MIX: [(Objective, f64, u64); 3] =
    [(Objective::L1, 0.3, 0), (Objective::L1, 0.3, 1), (Objective::L2, 0.4, 2)];

/// Number of trees in the mix.
pub const BOOSTERS: usize = MIX.len();

/// Absolute residuals above this log are cut before their size is learned.
const MAX_RESIDUAL: f64 = 1.5;
/// The smallest expected error, in logs.
const MIN_SCALE: f64 = 0.05;
/// The trees that learn the size of the error: small ones, because errors are mostly noise.
const SCALE_TREES: TreeParameters =
    TreeParameters { leaves: 15, rate: 0.03, rounds: 200, min_leaf_ads: 50, ..TreeParameters::DEFAULT };
/// Their number: their mean is less noisy than each. What is added to the seed follows that of the mix.
pub const SCALES: usize = 3;
/// Shares of the linear models in the prediction; the trees have the rest.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Shares {
    /// Of the ridge on the rich matrix.
    pub ridge: f64,
    /// Of the kernel regression.
    pub kernel: f64,
}

/// How much old ads count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recency {
    /// Days after which an ad counts half.
    pub half_life_days: f64,
    /// The weight that no ad falls below.
    pub least: f64,
}

/// The parameters of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackRecipe {
    /// Parameters of the trees.
    pub trees: TreeParameters,
    /// How much old ads count; `None` if all ads count alike.
    pub recency: Option<Recency>,
    /// Whether the ridge has a column of the date that is nearly unpenalised.
    pub dated: bool,
    /// Shares in the prediction.
    pub shares: Shares,
    /// Seed of samples and folds.
    pub seed: u64,
    /// CPU threads. The result does not depend on it.
    #[serde(skip, default = "one")]
    pub threads: usize,
}

fn one() -> usize {
    1
}

impl StackRecipe {
    /// The defaults.
    pub fn new(seed: u64, threads: usize) -> Self {
        Self {
            trees: TreeParameters::default(),
            recency: None,
            dated: false,
            shares: Shares::default(),
            seed,
            threads,
        }
    }
}

/// A fitted stack.
#[derive(Debug)]
pub struct Stack {
    /// From ads to columns.
    pub transformers: Transformers,
    /// The trees in the order of their mix.
    pub boosters: Vec<Booster>,
    /// Trees that predict the size of the error, which is their mean.
    pub scales: Vec<Booster>,
    /// Shares in the prediction.
    pub shares: Shares,
}

/// A prediction in logs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogPrediction {
    /// Log salary per month.
    pub center: f64,
    /// Expected absolute error in logs.
    pub scale: f64,
}

impl StackRecipe {
    /// The weight of each row, 1 for the newest.
    pub fn weights(&self, data: &TrainingData, rows: &[u32]) -> Vec<f64> {
        let Some(Recency { half_life_days, least }) = self.recency else { return vec![1.0; rows.len()] };
        let newest = rows.iter().map(|row| data.days[*row as usize]).fold(f64::MIN, f64::max);
        let weight = |row: &u32| 0.5f64.powf((newest - data.days[*row as usize]) / half_life_days).max(least);
        rows.iter().map(weight).collect()
    }

    /// Fits the stack.
    ///
    /// # Errors
    /// `InvalidInput` without rows; errors of LightGBM.
    pub fn train(&self, data: &TrainingData, rows: &[u32]) -> Result<Stack> {
        let weights = self.weights(data, rows);
        let (transformers, fitted) = Transformers::fit(data, self.sample(rows, &weights))?;
        let targets = data.targets(rows);
        let set = Set::new(&transformers, &fitted.transformed.columns, &targets, &weights);
        let boosters = self.mix(&set)?;
        let of_trees = self.out_of_fold(&set, &fitted.folds)?;
        let out_of_fold = self.shares.blended(&of_trees, &fitted.transformed, transformers.width());
        let sizes: Vec<f64> =
            targets.iter().zip(&out_of_fold).map(|(y, p)| (y - p).abs().min(MAX_RESIDUAL)).collect();
        let scale = |seed: usize| {
            let fit = self.fit(&SCALE_TREES, Objective::L2, (BOOSTERS + seed) as u64);
            fit.train(&set.columns(), &sizes, &weights)
        };
        let scales = (0..SCALES).into_par_iter().map(scale).collect::<Result<_>>()?;
        Ok(Stack { transformers, boosters, scales, shares: self.shares })
    }

    fn sample<'a>(&self, rows: &'a [u32], weights: &'a [f64]) -> Sample<'a> {
        let with_kernel = self.shares.kernel > 0.0;
        Sample { rows, weights, seed: self.seed, dated: self.dated, with_kernel }
    }

    /// What the trees alone predict for `rows` if everything is fitted to `train`, and the transformed `rows`, which have
    /// what is mixed with the trees.
    ///
    /// # Errors
    /// `InvalidInput` without rows; errors of LightGBM.
    pub fn unmixed(
        &self,
        data: &TrainingData,
        train: &[u32],
        rows: &[u32],
    ) -> Result<(Vec<f64>, Transformed)> {
        let weights = self.weights(data, train);
        let (transformers, fitted) = Transformers::fit(data, self.sample(train, &weights))?;
        let targets = data.targets(train);
        let set = Set::new(&transformers, &fitted.transformed.columns, &targets, &weights);
        let boosters = self.mix(&set)?;
        let transformed = transformers.transform(&data.table, rows)?;
        Ok((of_mix(&boosters, &transformed.columns)?, transformed))
    }

    /// Predictions for the rows of `set` by trees that were fitted to the other folds.
    fn out_of_fold(&self, set: &Set<'_>, folds: &[u32]) -> Result<Vec<f64>> {
        let of_fold = |fold: u32| -> Result<(Vec<usize>, Vec<f64>)> {
            let (held, others): (Vec<usize>, Vec<usize>) =
                (0..folds.len()).partition(|at| folds[*at] == fold);
            if held.is_empty() {
                return Ok((held, Vec::new()));
            }
            // One fold alone: there are no others to learn from.
            let owned = set.part(if others.is_empty() { &held } else { &others });
            let boosters = self.mix(&owned.set(set))?;
            let centers = of_mix(&boosters, &set.part(&held).values)?;
            Ok((held, centers))
        };
        let parts: Vec<(Vec<usize>, Vec<f64>)> =
            (0..FOLDS as u32).into_par_iter().map(of_fold).collect::<Result<_>>()?;
        let mut predicted = vec![0.0; folds.len()];
        for (at, center) in parts.into_iter().flat_map(|(held, centers)| held.into_iter().zip(centers)) {
            predicted[at] = center;
        }
        Ok(predicted)
    }

    fn mix(&self, set: &Set<'_>) -> Result<Vec<Booster>> {
        let fit = |(objective, _, seed): &(Objective, f64, u64)| {
            self.fit(&self.trees, *objective, *seed).train(&set.columns(), set.targets, set.weights)
        };
        MIX.par_iter().map(fit).collect()
    }

    fn fit<'a>(&self, parameters: &'a TreeParameters, objective: Objective, seed: u64) -> Fit<'a> {
        Fit { parameters, objective, seed: self.seed + seed, threads: self.threads }
    }
}

impl SalaryRecipe for StackRecipe {
    fn name(&self) -> &'static str {
        "stack"
    }

    fn fit(&self, data: &TrainingData, rows: &[u32]) -> Result<Box<dyn SalaryModel>> {
        Ok(Box::new(self.train(data, rows)?))
    }
}

impl SalaryModel for Stack {
    fn predict(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<f64>> {
        Ok(self.predict_with_scale(table, rows)?.into_iter().map(|prediction| prediction.center).collect())
    }
}

impl Stack {
    /// Log salaries and expected errors of `rows` of `table`.
    ///
    /// # Errors
    /// Errors of the transformation and of LightGBM.
    pub fn predict_with_scale(&self, table: &AdTable, rows: &[u32]) -> Result<Vec<LogPrediction>> {
        self.predict_transformed(&self.transformers.transform(table, rows)?)
    }

    /// The same from transformed ads.
    ///
    /// # Errors
    /// Errors of LightGBM.
    pub fn predict_transformed(&self, transformed: &Transformed) -> Result<Vec<LogPrediction>> {
        let columns = &transformed.columns;
        let of_trees = of_mix(&self.boosters, columns)?;
        let centers = self.shares.blended(&of_trees, transformed, self.transformers.width());
        let scales = mixed(&self.scales, [1.0 / SCALES as f64; SCALES], columns)?;
        let prediction = |(center, scale): (f64, f64)| LogPrediction {
            center,
            scale: scale.clamp(MIN_SCALE, MAX_RESIDUAL),
        };
        Ok(centers.into_iter().zip(scales).map(prediction).collect())
    }

    /// Names of the contributions: the columns, the kernel regression, and what is the same for every ad.
    pub fn contribution_names(&self) -> Vec<String> {
        let mut names = self.transformers.names();
        names.extend(["kernel_regression".to_owned(), "every_ad".to_owned()]);
        names
    }

    /// What each of [`contribution_names`](Self::contribution_names) adds to the log salary, `[rows, names]`: a row adds
    /// up to the prediction. Those of the trees are SHAP values (Lundberg and Lee, 2017).
    ///
    /// # Errors
    /// Errors of LightGBM.
    pub fn contributions(&self, transformed: &Transformed) -> Result<Vec<f64>> {
        let columns = &transformed.columns;
        let width = self.transformers.width();
        let rows = columns.len() / width.max(1);
        let Shares { ridge, kernel } = self.shares;
        let of_trees = 1.0 - ridge - transformed.kernel.as_ref().map_or(0.0, |_| kernel);
        let mut sum = vec![0.0; rows * (width + 2)];
        for (booster, (_, part, _)) in self.boosters.iter().zip(MIX) {
            let own = booster.contributions(Matrix { values: columns, columns: booster.columns() })?;
            for (sum, own) in sum.chunks_exact_mut(width + 2).zip(own.chunks_exact(width + 1)) {
                let weight = part * of_trees;
                sum[..width].iter_mut().zip(&own[..width]).for_each(|(sum, own)| *sum += weight * own);
                sum[width + 1] += weight * own[width];
            }
        }
        for (sum, columns) in sum.chunks_exact_mut(width + 2).zip(columns.chunks_exact(width)) {
            sum[Transformers::RIDGE] += ridge * f64::from(columns[Transformers::RIDGE]);
        }
        for (sum, value) in sum.chunks_exact_mut(width + 2).zip(transformed.kernel.iter().flatten()) {
            sum[width] = kernel * value;
        }
        Ok(sum)
    }
}

impl Shares {
    /// The predictions of trees, ridge and kernel regression together; `width` is the number of columns.
    pub fn blended(self, of_trees: &[f64], transformed: &Transformed, width: usize) -> Vec<f64> {
        let ridge = transformed.columns.iter().skip(Transformers::RIDGE).step_by(width);
        let mut blended: Vec<f64> = of_trees
            .iter()
            .zip(ridge)
            .map(|(trees, ridge)| trees + self.ridge * (f64::from(*ridge) - trees))
            .collect();
        if let Some(of_kernel) = &transformed.kernel {
            let parts = blended.iter_mut().zip(of_trees).zip(of_kernel);
            parts.for_each(|((blended, trees), kernel)| *blended += self.kernel * (kernel - trees));
        }
        blended
    }
}

/// The predictions of the trees of [`MIX`].
fn of_mix(boosters: &[Booster], columns: &[f32]) -> Result<Vec<f64>> {
    mixed(boosters, MIX.map(|(_, share, _)| share), columns)
}

/// The sum of predictions, each multiplied by its share.
fn mixed<const N: usize>(boosters: &[Booster], shares: [f64; N], columns: &[f32]) -> Result<Vec<f64>> {
    let mut sum: Vec<f64> = Vec::new();
    for (booster, share) in boosters.iter().zip(shares) {
        let own = booster.predict(Matrix { values: columns, columns: booster.columns() })?;
        sum.resize(own.len(), 0.0);
        sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += share * own);
    }
    Ok(sum)
}

/// Columns with targets and weights.
struct Set<'a> {
    values: &'a [f32],
    names: Vec<String>,
    categorical: Vec<usize>,
    targets: &'a [f64],
    weights: &'a [f64],
}

/// A part of a [`Set`].
struct Part {
    values: Vec<f32>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

impl<'a> Set<'a> {
    fn new(transformers: &Transformers, values: &'a [f32], targets: &'a [f64], weights: &'a [f64]) -> Self {
        Self {
            values,
            names: transformers.names(),
            categorical: transformers.categorical(),
            targets,
            weights,
        }
    }

    fn columns(&self) -> Columns<'_> {
        Columns { values: self.values, names: &self.names, categorical: &self.categorical }
    }

    fn part(&self, rows: &[usize]) -> Part {
        let width = self.names.len();
        Part {
            values: rows.iter().flat_map(|row| &self.values[row * width..][..width]).copied().collect(),
            targets: rows.iter().map(|row| self.targets[*row]).collect(),
            weights: rows.iter().map(|row| self.weights[*row]).collect(),
        }
    }
}

impl Part {
    fn set(&self, whole: &Set<'_>) -> Set<'_> {
        Set {
            values: &self.values,
            names: whole.names.clone(),
            categorical: whole.categorical.clone(),
            targets: &self.targets,
            weights: &self.weights,
        }
    }
}
