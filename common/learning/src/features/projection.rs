//! Few columns in place of many: truncated SVD of sparse matrices, PCA of vectors.
//!
//! The decompositions run on one thread, so that the result does not depend on the number of threads.

use common_core::{Error, Result};
use faer::{Mat, Side};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::sparse::Sparse;

/// Columns in addition to those that are asked for, which make the randomized range more exact.
const OVERSAMPLING: usize = 10;
/// Power iterations.
const ITERATIONS: usize = 4;

/// A truncated SVD of the most frequent columns of a sparse matrix, after Halko, Martinsson and Tropp (2011).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Svd {
    /// The columns that are read, ascending.
    columns: Vec<u32>,
    /// `[columns, width]`, row-major.
    axes: Vec<f32>,
    width: usize,
    /// Number of columns of the matrix.
    total: usize,
}

impl Svd {
    /// The `width` largest right singular vectors of the `most_columns` columns with most elements.
    ///
    /// # Errors
    /// `Internal` if the decomposition does not converge.
    pub fn fit(matrix: &Sparse, width: usize, most_columns: usize, seed: u64) -> Result<Self> {
        let mut filled: Vec<(u32, u32)> = (0..matrix.columns() as u32).map(|column| (0, column)).collect();
        for row in 0..matrix.rows() {
            for (column, _) in matrix.row(row) {
                filled[column as usize].0 += 1;
            }
        }
        filled.sort_unstable_by_key(|(count, column)| (std::cmp::Reverse(*count), *column));
        let mut columns: Vec<u32> = filled
            .iter()
            .take(most_columns)
            .filter(|(count, _)| *count > 0)
            .map(|(_, column)| *column)
            .collect();
        columns.sort_unstable();
        let total = matrix.columns();
        let narrow = narrowed(matrix, &columns);
        let width = width.min(columns.len()).min(matrix.rows());
        if width == 0 {
            return Ok(Self { columns, axes: Vec::new(), width, total });
        }
        let wide = (width + OVERSAMPLING).min(columns.len()).min(matrix.rows());
        let across = narrow.transposed();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let start: Vec<f64> = (0..columns.len() * wide).map(|_| random.random::<f64>() - 0.5).collect();
        let mut range = start;
        for _ in 0..ITERATIONS {
            range = orthonormal(&narrow.times_dense(&range, wide), wide)?;
            range = orthonormal(&across.times_dense(&range, wide), wide)?;
        }
        // The range is of right vectors; rotate it to the singular ones.
        let images = narrow.times_dense(&range, wide);
        let (_, rotation) = eigen(&gram(&images, wide), wide)?;
        let rotated = times_small(&range, wide, &rotation, wide);
        let mut axes = Vec::with_capacity(columns.len() * width);
        for row in rotated.chunks(wide) {
            axes.extend(row[..width].iter().map(|value| *value as f32));
        }
        let mut fitted = Self { columns, axes, width, total };
        fitted.fix_signs();
        Ok(fitted)
    }

    /// The largest element of each axis is positive.
    fn fix_signs(&mut self) {
        for axis in 0..self.width {
            let largest = self
                .axes
                .iter()
                .skip(axis)
                .step_by(self.width)
                .copied()
                .fold(0f32, |a, b| if b.abs() > a.abs() { b } else { a });
            if largest < 0.0 {
                self.axes.iter_mut().skip(axis).step_by(self.width).for_each(|value| *value = -*value);
            }
        }
    }

    /// Number of columns of the result.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `[rows, width]` f32, row-major.
    ///
    /// # Errors
    /// `Internal` if `matrix` has another number of columns.
    pub fn transform(&self, matrix: &Sparse) -> Result<Vec<f32>> {
        if matrix.columns() != self.total {
            return Err(Error::internal(format!(
                "the SVD is of {} columns, not {}",
                self.total,
                matrix.columns()
            )));
        }
        let places = places(&self.columns, self.total);
        let image = |row: usize| {
            let mut sums = vec![0f64; self.width];
            for (column, value) in matrix.row(row) {
                let place = places[column as usize] as usize;
                // A column that the SVD does not read is beyond the last one.
                let Some(axes) = self.axes.get(place * self.width..(place + 1) * self.width) else {
                    continue;
                };
                sums.iter_mut().zip(axes).for_each(|(sum, axis)| *sum += f64::from(value) * f64::from(*axis));
            }
            sums.into_iter().map(|sum| sum as f32)
        };
        Ok((0..matrix.rows()).into_par_iter().with_min_len(16).flat_map_iter(image).collect())
    }
}

/// The place of each of `total` columns in `columns`, which ascend; `u32::MAX` for those that are not in it.
fn places(columns: &[u32], total: usize) -> Vec<u32> {
    let mut places = vec![u32::MAX; total];
    for (place, column) in columns.iter().enumerate() {
        places[*column as usize] = place as u32;
    }
    places
}

/// The given columns of `matrix`, which ascend.
fn narrowed(matrix: &Sparse, columns: &[u32]) -> Sparse {
    let places = places(columns, matrix.columns());
    let mut narrow = Sparse::new(columns.len());
    for row in 0..matrix.rows() {
        let kept = matrix.row(row).map(|(column, value)| (places[column as usize], value));
        narrow.push(kept.filter(|(place, _)| *place != u32::MAX));
    }
    narrow
}

/// The principal components of vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pca {
    means: Vec<f32>,
    /// `[width, dimension]`, row-major.
    axes: Vec<f32>,
}

impl Pca {
    /// The `width` directions of largest variance of `vectors`, `[rows, dimension]` f32.
    ///
    /// # Errors
    /// `Internal` if the decomposition does not converge.
    pub fn fit(vectors: &[f32], dimension: usize, width: usize) -> Result<Self> {
        let rows = vectors.len().checked_div(dimension).unwrap_or(0);
        let width = width.min(dimension);
        if rows == 0 {
            return Ok(Self { means: vec![0.0; dimension], axes: vec![0.0; width * dimension] });
        }
        let mut means = vec![0f64; dimension];
        for vector in vectors.chunks_exact(dimension) {
            means.iter_mut().zip(vector).for_each(|(mean, value)| *mean += f64::from(*value) / rows as f64);
        }
        let centred = Mat::from_fn(rows, dimension, |row, column| {
            f64::from(vectors[row * dimension + column]) - means[column]
        });
        let covariance = centred.transpose() * &centred;
        let (_, rotation) = eigen_of(&covariance)?;
        let mut axes = Vec::with_capacity(width * dimension);
        for axis in 0..width {
            let direction: Vec<f64> = (0..dimension).map(|at| rotation[(at, dimension - 1 - axis)]).collect();
            let largest = direction.iter().copied().fold(0f64, |a, b| if b.abs() > a.abs() { b } else { a });
            axes.extend(direction.iter().map(|value| (value * largest.signum()) as f32));
        }
        Ok(Self { means: means.into_iter().map(|mean| mean as f32).collect(), axes })
    }

    /// Number of components.
    pub fn width(&self) -> usize {
        self.axes.len().checked_div(self.means.len()).unwrap_or(0)
    }

    /// The components of one vector.
    pub fn transform(&self, vector: &[f32]) -> Vec<f32> {
        let component =
            |axis: &[f32]| axis.iter().zip(vector).zip(&self.means).map(|((a, v), m)| a * (v - m)).sum();
        self.axes.chunks_exact(self.means.len().max(1)).map(component).collect()
    }
}

/// `AᵀA` of a row-major `[rows, width]` matrix.
fn gram(rows: &[f64], width: usize) -> Vec<f64> {
    let matrix = faer::MatRef::from_row_major_slice(rows, rows.len() / width, width);
    let product = matrix.transpose() * matrix;
    (0..width * width).map(|at| product[(at / width, at % width)]).collect()
}

/// A row-major `[rows, width]` matrix times a row-major `[width, columns]` one.
fn times_small(rows: &[f64], width: usize, small: &[f64], columns: usize) -> Vec<f64> {
    let mut product = vec![0.0; rows.len() / width * columns];
    for (row, out) in rows.chunks_exact(width).zip(product.chunks_exact_mut(columns)) {
        for (value, from) in row.iter().zip(small.chunks_exact(columns)) {
            out.iter_mut().zip(from).for_each(|(out, from)| *out += value * from);
        }
    }
    product
}

/// Orthonormal columns with the range of a row-major `[rows, width]` matrix; directions without length become zero.
fn orthonormal(rows: &[f64], width: usize) -> Result<Vec<f64>> {
    let mut basis = rows.to_vec();
    // Once more, because the first pass loses half of the digits.
    for _ in 0..2 {
        let (values, mut rotation) = eigen(&gram(&basis, width), width)?;
        let least = values[0].abs() * 1e-14;
        for (at, value) in rotation.iter_mut().enumerate() {
            let length = values[at % width];
            *value = if length > least { *value / length.sqrt() } else { 0.0 };
        }
        basis = times_small(&basis, width, &rotation, width);
    }
    Ok(basis)
}

/// Eigenvalues of a symmetric row-major matrix from the largest on, and the eigenvectors as columns.
fn eigen(symmetric: &[f64], width: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let matrix = Mat::from_fn(width, width, |row, column| symmetric[row * width + column]);
    let (values, vectors) = eigen_of(&matrix)?;
    let values = values.into_iter().rev().collect();
    let vectors = (0..width * width).map(|at| vectors[(at / width, width - 1 - at % width)]).collect();
    Ok((values, vectors))
}

/// Eigenvalues of a symmetric matrix, ascending, and the eigenvectors as columns.
pub(crate) fn eigen_of(symmetric: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    let decomposed = symmetric
        .self_adjoint_eigen(Side::Lower)
        .map_err(|error| Error::internal(format!("the eigenvalues of a matrix were not found: {error:?}")))?;
    let values = decomposed.S().column_vector().iter().copied().collect();
    Ok((values, decomposed.U().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(rows: usize, columns: usize, rank: usize) -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut draw =
            |count: usize| -> Vec<f64> { (0..count).map(|_| random.random::<f64>() - 0.5).collect() };
        let (left, right) = (draw(rows * rank), draw(rank * columns));
        times_small(&left, rank, &right, columns)
    }

    #[test]
    fn a_matrix_of_low_rank_is_kept_whole() {
        let (rows, columns, rank) = (60, 40, 5);
        let dense = random(rows, columns, rank);
        let sparse = Sparse::from_rows(
            columns,
            dense
                .chunks(columns)
                .map(|row| row.iter().enumerate().map(|(c, v)| (c as u32, *v as f32)).collect())
                .collect(),
        );
        let svd = Svd::fit(&sparse, rank, 1000, 1).unwrap();
        let scores = svd.transform(&sparse).unwrap();
        for (row, scores) in dense.chunks(columns).zip(scores.chunks(rank)) {
            let whole: f64 = row.iter().map(|value| value * value).sum();
            let kept: f64 = scores.iter().map(|value| f64::from(*value).powi(2)).sum();
            assert!((whole - kept).abs() < 1e-4 * whole.max(1e-3), "{whole} {kept}");
        }
        assert_eq!(svd, Svd::fit(&sparse, rank, 1000, 1).unwrap());
    }

    #[test]
    fn degenerate_matrices_have_a_transform() {
        for (rows, columns) in [(0, 3), (1, 3), (3, 0)] {
            let sparse =
                Sparse::from_rows(columns, vec![(0..columns as u32).map(|c| (c, 1.0)).collect(); rows]);
            let svd = Svd::fit(&sparse, 50, 10, 1).unwrap();
            assert_eq!(svd.transform(&sparse).unwrap().len(), rows * svd.width());
        }
        assert!(Svd::fit(&Sparse::new(3), 2, 10, 1).unwrap().transform(&Sparse::new(4)).is_err());
    }

    #[test]
    fn principal_components_are_ordered_by_variance() {
        let vectors: Vec<f32> =
            (0..200).flat_map(|n| [(n % 7) as f32, 10.0 * (n % 11) as f32, 3.0]).collect();
        let pca = Pca::fit(&vectors, 3, 2).unwrap();
        assert!((pca.axes[1].abs() - 1.0).abs() < 1e-2 && (pca.axes[3].abs() - 1.0).abs() < 1e-2);
        assert_eq!(pca.transform(&vectors[..3]).len(), 2);
        assert_eq!(Pca::fit(&[], 3, 2).unwrap().width(), 2);
        assert_eq!(Pca::fit(&[], 0, 2).unwrap().transform(&[]).len(), 0);
    }
}
