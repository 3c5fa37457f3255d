//! What the stack learns about features: from ads to the dense columns of its trees.
//!
//! Columns that are learned from salaries are out-of-fold for the training ads: an ad's value comes from ads of other
//! families. For other ads they come from all training ads.

use common_core::Result;
use serde::{Deserialize, Serialize};

use super::kernel::{self, Kernel};
use super::ridge::{DenseProblem, Linear, SparseProblem};
use super::{TrainingData, refuse_empty};
use crate::evaluation::split::grouped_folds;
use crate::features::AdTable;
use crate::features::encoding::{Codes, TargetMeans};
use crate::features::neighbours::{MAX_ADS, NAMES, Neighbours, Query};
use crate::features::numeric::NUMERIC;
use crate::features::projection::Svd;
use crate::features::rich::{Rich, Target};
use crate::features::schema::{Feature, Reads, ValueKind};
use crate::features::sparse::Sparse;

/// Folds of the out-of-fold columns.
pub const FOLDS: usize = 5;
/// Penalty of the ridge on the rich matrix.
pub const RICH_ALPHA: f64 = 3.0;
/// Penalty of the ridge on vectors.
const VECTOR_ALPHA: f64 = 1.0;
/// Singular vectors of the words.
const SVD_WIDTH: usize = 50;
/// The most frequent words, which the SVD reads.
const SVD_WORDS: usize = 20_000;

/// Categories with a mean of the target.
const MEANS: [&str; 3] = ["company", "location", "location_wide"];
/// Categories that trees read as codes.
const CODES: [&str; 5] = ["classification", "work_type", "source", "location", "industry"];

/// The columns of the stack in addition to [`NUMERIC`]; `svd` stands for fifty.
pub const STACKED: &[Feature] = &[
    learned("ridge", "all texts and categories", "ridge on n-grams, one-hot categories and numbers"),
    learned("ridge_of_vector", "embedding", "ridge on the vector"),
    learned("neighbours_mean_5", "embedding", "weighted mean of the 5 nearest ads' log salaries"),
    learned("neighbours_mean_15", "embedding", "weighted mean of the 15 nearest ads' log salaries"),
    learned("neighbours_mean_50", "embedding", "weighted mean of the 50 nearest ads' log salaries"),
    learned("neighbours_spread_5", "embedding", "weighted deviation of the 5 nearest ads' log salaries"),
    learned("neighbours_spread_15", "embedding", "weighted deviation of the 15 nearest ads' log salaries"),
    learned("neighbours_spread_50", "embedding", "weighted deviation of the 50 nearest ads' log salaries"),
    Feature::numeric(
        "neighbours_cosine_1",
        "embedding",
        "cosine of the nearest ad",
        "-1 to 1",
        Reads::Salary,
    ),
    Feature::numeric(
        "neighbours_cosine_5",
        "embedding",
        "cosine of the fifth nearest ad",
        "-1 to 1",
        Reads::Salary,
    ),
    learned("mean_of_company", "company_name", "shrunken mean log salary of the company"),
    learned("mean_of_location", "job_location", "shrunken mean log salary of the narrowest place"),
    learned("mean_of_location_wide", "job_location", "shrunken mean log salary of the widest place"),
    Feature::numeric(
        "company_ads",
        "company_name",
        "ln(1 + training ads of the company)",
        "ln ads",
        Reads::Salary,
    ),
    Feature::numeric("svd", "title and description", "singular vectors of TF-IDF", "-1 to 1", Reads::Salary)
        .of_kind(ValueKind::Block),
    code("classification", "job_classification"),
    code("work_type", "job_work_type"),
    code("source", "source"),
    code("location", "job_location"),
    code("industry", "company_industry"),
];

const fn learned(name: &'static str, source: &'static str, transformation: &'static str) -> Feature {
    Feature::numeric(name, source, transformation, "log of pay per month", Reads::Salary)
        .of_kind(ValueKind::Learned)
}

const fn code(name: &'static str, source: &'static str) -> Feature {
    Feature::numeric(name, source, "code; 0 is missing or unseen", "code", Reads::All)
        .of_kind(ValueKind::Category)
}

/// A fitted transformation from ads to the columns of [`names`](Self::names).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transformers {
    rich: Rich,
    learned: Learned,
    neighbours: Neighbours,
    svd: Svd,
    codes: Vec<Codes>,
    kernel: Option<Kernel>,
    dimension: usize,
}

/// The columns of ads, and what the kernel regression predicts for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformed {
    /// `[rows, names]` f32, row-major; of training ads, columns that are learned from salaries are out-of-fold.
    pub columns: Vec<f32>,
    /// Log salary of each row by the kernel regression, out-of-fold for training ads; `None` without one.
    pub kernel: Option<Vec<f64>>,
}

impl Transformed {
    /// The rows of `parts` below each other. There is a kernel regression in all parts or in none.
    #[must_use]
    pub fn joined(parts: Vec<Self>) -> Self {
        let mut joined = Self { columns: Vec::new(), kernel: None };
        for part in parts {
            joined.columns.extend(part.columns);
            if let Some(kernel) = part.kernel {
                joined.kernel.get_or_insert_default().extend(kernel);
            }
        }
        joined
    }
}

/// The training ads, transformed.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Their columns.
    pub transformed: Transformed,
    /// Fold of each row.
    pub folds: Vec<u32>,
}

/// The ads that are fitted to, with their weights.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Rows of the table.
    pub rows: &'a [u32],
    /// Weight of each row.
    pub weights: &'a [f64],
    /// Seed of the folds and of the SVD.
    pub seed: u64,
    /// Whether the ridge has a column of the date that is nearly unpenalised.
    pub dated: bool,
    /// Whether to fit a kernel regression.
    pub with_kernel: bool,
}

/// What is learned from the salaries of a part of the ads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Learned {
    ridge: Linear,
    vectors: Option<Linear>,
    means: Vec<TargetMeans>,
}

impl Transformers {
    /// Learns from a sample, and returns its columns.
    ///
    /// # Errors
    /// `InvalidInput` without rows; `Internal` if a decomposition fails.
    pub fn fit(data: &TrainingData, sample: Sample<'_>) -> Result<(Self, Fitted)> {
        let Sample { rows, weights, seed, dated, with_kernel } = sample;
        refuse_empty(rows)?;
        let table = &data.table;
        let of = |values: &[u32]| -> Vec<u32> { rows.iter().map(|row| values[*row as usize]).collect() };
        let folds = grouped_folds(&of(&data.families), &of(&data.strata), FOLDS, seed)?;
        let rich = Rich::fit(table, rows, Target::Salary { dated });
        let problem = SparseProblem::new(rich.transform(table, rows));
        let words = rich.words_of(problem.matrix());
        let svd = Svd::fit(&words, SVD_WIDTH, SVD_WORDS, seed)?;
        let targets = data.targets(rows);
        let fitting = Learner { data, rows, targets: &targets, weights, problem: &problem };
        let of_kernel =
            kernel::Problem { matrix: problem.matrix(), targets: &targets, weights, folds: &folds, seed };
        let (kernel, of_kernel) =
            if with_kernel { Some(Kernel::fit(of_kernel)?).unzip() } else { (None, None) };
        let transformers = Self {
            rich,
            learned: fitting.learn(|_| true)?,
            neighbours: neighbours(data, rows),
            svd,
            codes: CODES.iter().map(|name| Codes::fit(table.category(name), rows)).collect(),
            kernel,
            dimension: table.dimension,
        };
        let families: Vec<Option<u32>> = of(&data.families).into_iter().map(Some).collect();
        let parts = Parts { table, rows, rich: problem.matrix(), words: &words, families: &families };
        let mut columns = transformers.columns(&parts)?;
        let width = transformers.width();
        let fold_count = folds.iter().max().map_or(0, |most| most + 1);
        // One fold has no others to learn from: its columns are those of all its ads.
        for fold in (0..fold_count).filter(|_| fold_count > 1) {
            let held: Vec<usize> = (0..rows.len()).filter(|at| folds[*at] == fold).collect();
            let learned = fitting.learn(|at| folds[at] != fold)?;
            let held_rows: Vec<u32> = held.iter().map(|at| rows[*at]).collect();
            let places: Vec<u32> = held.iter().map(|at| *at as u32).collect();
            let ridge = learned.ridge.predict(&problem.matrix().select(&places))?;
            for ((at, row), ridge) in held.iter().zip(&held_rows).zip(ridge) {
                let own = &mut columns[at * width..][..width];
                transformers.put_learned(own, &learned, table, *row as usize, ridge);
            }
        }
        Ok((transformers, Fitted { transformed: Transformed { columns, kernel: of_kernel }, folds }))
    }

    /// Names of the columns.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = NUMERIC.iter().map(|feature| feature.name.to_owned()).collect();
        for feature in STACKED {
            if feature.kind == ValueKind::Block {
                names.extend((1..=self.svd.width()).map(|at| format!("{}_{at}", feature.name)));
            } else {
                names.push(feature.name.to_owned());
            }
        }
        names
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        NUMERIC.len() + STACKED.len() - 1 + self.svd.width()
    }

    /// The columns that are codes of categories.
    pub fn categorical(&self) -> Vec<usize> {
        (self.width() - CODES.len()..self.width()).collect()
    }

    /// The column of the ridge's predictions.
    pub const RIDGE: usize = NUMERIC.len();

    /// Names of the columns of the rich matrix, and their weights in the ridge.
    pub fn rich_weights(&self) -> Vec<(String, f32)> {
        self.rich.names().into_iter().zip(self.learned.ridge.weights.iter().copied()).collect()
    }

    /// Transforms `rows` of a table. A training ad is told by its key: its neighbours are of other families, as in
    /// training, so that its own salary is not among them.
    ///
    /// # Errors
    /// `Internal` if the table does not fit.
    pub fn transform(&self, table: &AdTable, rows: &[u32]) -> Result<Transformed> {
        let rich = self.rich.transform(table, rows);
        let words = self.rich.words_of(&rich);
        let kernel = self.kernel.as_ref().map(|kernel| kernel.predict(&rich)).transpose()?;
        let family = |row: &u32| self.neighbours.family_of(table.keys[*row as usize]);
        let families: Vec<Option<u32>> = rows.iter().map(family).collect();
        let parts = Parts { table, rows, rich: &rich, words: &words, families: &families };
        let columns = self.columns(&parts)?;
        Ok(Transformed { columns, kernel })
    }

    fn columns(&self, parts: &Parts<'_>) -> Result<Vec<f32>> {
        let Parts { table, rows, rich, words, families } = *parts;
        let (width, learned) = (self.width(), &self.learned);
        let numbers = NUMERIC.len();
        let svd = self.svd.transform(words)?;
        let ridge = learned.ridge.predict(rich)?;
        let queries: Vec<Query<'_>> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| Query { vector: table.embedding(*row as usize), family: families[at] })
            .collect();
        let nearest = self.neighbours.features(&queries);
        let mut columns = vec![0f32; rows.len() * width];
        for (at, (own, row)) in columns.chunks_exact_mut(width).zip(rows).enumerate() {
            let row = *row as usize;
            own[..numbers].copy_from_slice(&table.numeric[row * numbers..][..numbers]);
            self.put_learned(own, learned, table, row, ridge[at]);
            own[numbers + 2..][..NAMES.len()].copy_from_slice(&nearest[at * NAMES.len()..][..NAMES.len()]);
            let rest = &mut own[numbers + 2 + NAMES.len() + MEANS.len() + 1..];
            let (of_svd, of_codes) = rest.split_at_mut(self.svd.width());
            of_svd.copy_from_slice(&svd[at * self.svd.width()..][..self.svd.width()]);
            for ((place, codes), name) in of_codes.iter_mut().zip(&self.codes).zip(CODES) {
                *place = codes.code(&table.category(name)[row]) as f32;
            }
        }
        Ok(columns)
    }

    /// Fills the columns that are learned from salaries, except those of neighbours.
    fn put_learned(&self, own: &mut [f32], learned: &Learned, table: &AdTable, row: usize, ridge: f64) {
        let numbers = NUMERIC.len();
        own[numbers] = ridge as f32;
        let has_vector = table.dimension == self.dimension && table.dimension > 0;
        let of_vector = learned.vectors.as_ref().filter(|_| has_vector);
        own[numbers + 1] =
            of_vector.map_or(f32::NAN, |linear| linear.predict_dense(table.embedding(row)) as f32);
        let means = &mut own[numbers + 2 + NAMES.len()..][..=MEANS.len()];
        for ((place, mean), name) in means.iter_mut().zip(&learned.means).zip(MEANS) {
            *place = mean.mean_of(&table.category(name)[row]) as f32;
        }
        means[MEANS.len()] = (learned.means[0].ads_of(&table.category(MEANS[0])[row]) as f32).ln_1p();
    }
}

/// What [`Transformers::columns`] combines.
#[derive(Clone, Copy)]
struct Parts<'a> {
    table: &'a AdTable,
    rows: &'a [u32],
    rich: &'a Sparse,
    words: &'a Sparse,
    /// The family of each row that is a training ad: its ads do not count as neighbours.
    families: &'a [Option<u32>],
}

struct Learner<'a> {
    data: &'a TrainingData,
    rows: &'a [u32],
    targets: &'a [f64],
    weights: &'a [f64],
    problem: &'a SparseProblem,
}

impl Learner<'_> {
    /// Learns from the rows at the places that `keep` accepts.
    fn learn(&self, keep: impl Fn(usize) -> bool) -> Result<Learned> {
        let table = &self.data.table;
        let weights: Vec<f64> = self
            .weights
            .iter()
            .enumerate()
            .map(|(at, weight)| if keep(at) { *weight } else { 0.0 })
            .collect();
        let ridge = self.problem.fit(self.targets, &weights, RICH_ALPHA);
        let kept: Vec<u32> =
            self.rows.iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, row)| *row).collect();
        let means =
            MEANS.iter().map(|name| TargetMeans::fit(table.category(name), &self.data.log_salaries, &kept));
        let vectors = if table.dimension == 0 {
            None
        } else {
            let rows = self.rows.iter().zip(self.targets).zip(&weights);
            let rows = rows.map(|((row, target), weight)| (table.embedding(*row as usize), *target, *weight));
            Some(DenseProblem::new(table.dimension, rows).fit(VECTOR_ALPHA)?)
        };
        Ok(Learned { ridge, vectors, means: means.collect() })
    }
}

/// The newest of `rows` as neighbours.
fn neighbours(data: &TrainingData, rows: &[u32]) -> Neighbours {
    let mut newest: Vec<u32> = rows.to_vec();
    newest.sort_by(|a, b| data.days[*b as usize].total_cmp(&data.days[*a as usize]).then(a.cmp(b)));
    newest.truncate(MAX_ADS);
    newest.sort_unstable();
    let mut neighbours = Neighbours::new(data.table.dimension);
    if data.table.dimension > 0 {
        for row in newest {
            let row = row as usize;
            let (key, vector) = (data.table.keys[row], data.table.embedding(row));
            neighbours.push(key, vector, data.log_salaries[row], data.families[row]);
        }
    }
    neighbours
}
