//! Sparse matrices in compressed rows, with products that do not depend on the number of threads.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Elements of a row whose sum is in f32 in a narrow product.
const NARROW_ELEMENTS: usize = 64;
/// Rows below which a product stays on one thread.
const PARALLEL_ROWS: usize = 512;

/// A sparse `[rows, columns]` f32 matrix in compressed rows. The columns of a row are ascending.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sparse {
    columns: usize,
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Sparse {
    /// A matrix without rows.
    pub fn new(columns: usize) -> Self {
        Self { columns, starts: vec![0], indices: Vec::new(), values: Vec::new() }
    }

    /// The matrix with the given rows, each a list of columns and values in any order without duplicates.
    pub fn from_rows(columns: usize, rows: Vec<Vec<(u32, f32)>>) -> Self {
        let mut matrix = Self::new(columns);
        for mut row in rows {
            row.sort_unstable_by_key(|(column, _)| *column);
            matrix.push(row);
        }
        matrix
    }

    /// The matrix of dense rows, each of `columns` values.
    pub fn from_dense<'a>(columns: usize, rows: impl IntoIterator<Item = &'a [f32]>) -> Self {
        let mut matrix = Self::new(columns);
        for row in rows {
            matrix.push((0..).zip(row.iter().copied()).filter(|(_, value)| *value != 0.0));
        }
        matrix
    }

    /// Appends a row, whose columns are ascending.
    pub fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        for (column, value) in row {
            debug_assert!((column as usize) < self.columns);
            self.indices.push(column);
            self.values.push(value);
        }
        self.starts.push(self.indices.len());
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The non-zero elements of a row: column and value.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.starts[row]..self.starts[row + 1];
        self.indices[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let mut selected = Self::new(self.columns);
        for &row in rows {
            selected.push(self.row(row as usize));
        }
        selected
    }

    /// The first `columns` columns.
    #[must_use]
    pub fn first_columns(&self, columns: usize) -> Self {
        let mut first = Self::new(columns);
        for row in 0..self.rows() {
            first.push(self.row(row).take_while(|(column, _)| (*column as usize) < columns));
        }
        first
    }

    /// The given columns, ascending, numbered by their place among them.
    #[must_use]
    pub fn keep_columns(&self, columns: &[u32]) -> Self {
        let mut kept = Self::new(columns.len());
        for row in 0..self.rows() {
            let place = |(column, value)| Some((columns.binary_search(&column).ok()? as u32, value));
            kept.push(self.row(row).filter_map(place));
        }
        kept
    }

    /// The transposed matrix.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut starts = vec![0; self.columns + 1];
        for &column in &self.indices {
            starts[column as usize + 1] += 1;
        }
        for column in 0..self.columns {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut indices = vec![0; self.indices.len()];
        let mut values = vec![0.0; self.values.len()];
        for row in 0..self.rows() {
            for (column, value) in self.row(row) {
                let at = &mut next[column as usize];
                indices[*at] = row as u32;
                values[*at] = value;
                *at += 1;
            }
        }
        Self { columns: self.rows(), starts, indices, values }
    }

    /// The product with a vector of `columns` elements: `[rows] f64`.
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        debug_assert_eq!(vector.len(), self.columns);
        let product =
            |row: usize| self.row(row).map(|(at, value)| f64::from(value) * vector[at as usize]).sum();
        if self.rows() < PARALLEL_ROWS {
            return (0..self.rows()).map(product).collect();
        }
        (0..self.rows()).into_par_iter().with_min_len(64).map(product).collect()
    }

    /// The product with a dense row-major `[columns, width]` matrix: `[rows, width] f64`, row-major.
    pub fn times_dense(&self, dense: &[f64], width: usize) -> Vec<f64> {
        let mut product = vec![0.0; self.rows() * width];
        if width == 0 {
            return product;
        }
        product.par_chunks_mut(width).enumerate().with_min_len(64).for_each(|(row, out)| {
            for (column, value) in self.row(row) {
                let from = &dense[column as usize * width..][..width];
                for (out, from) in out.iter_mut().zip(from) {
                    *out += f64::from(value) * from;
                }
            }
        });
        product
    }

    /// The product with a dense row-major `[columns, width]` f32 matrix: `[rows, width]` f32, row-major.
    ///
    /// Takes half the memory of [`times_dense`](Self::times_dense). Sums are in f32 over 64 elements, and in f64 over
    /// these sums.
    pub fn times_narrow(&self, dense: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0; self.rows() * width];
        if width == 0 {
            return product;
        }
        let buffers = || (vec![0f32; width], vec![0f64; width]);
        let rows = product.par_chunks_mut(width).enumerate().with_min_len(64);
        rows.for_each_init(buffers, |(part, sums), (row, out)| {
            sums.fill(0.0);
            let range = self.starts[row]..self.starts[row + 1];
            let indices = self.indices[range.clone()].chunks(NARROW_ELEMENTS);
            for (indices, values) in indices.zip(self.values[range].chunks(NARROW_ELEMENTS)) {
                part.fill(0.0);
                for (column, value) in indices.iter().zip(values) {
                    let from = &dense[*column as usize * width..][..width];
                    part.iter_mut().zip(from).for_each(|(part, from)| *part += value * from);
                }
                sums.iter_mut().zip(part.iter()).for_each(|(sum, part)| *sum += f64::from(*part));
            }
            out.iter_mut().zip(sums.iter()).for_each(|(out, sum)| *out = *sum as f32);
        });
        product
    }

    /// Matrices of equal rows beside each other, each multiplied by its factor.
    pub fn beside(blocks: &[(&Self, f32)]) -> Self {
        let mut all = Self::new(blocks.iter().map(|(block, _)| block.columns).sum());
        let rows = blocks.first().map_or(0, |(block, _)| block.rows());
        for row in 0..rows {
            let mut offset = 0;
            for (block, factor) in blocks {
                for (column, value) in block.row(row) {
                    all.indices.push(column + offset);
                    all.values.push(value * factor);
                }
                offset += block.columns as u32;
            }
            all.starts.push(all.indices.len());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Sparse {
        Sparse::from_rows(3, vec![vec![(2, 3.0), (0, 1.0)], vec![], vec![(1, -2.0)]])
    }

    #[test]
    fn products_and_transposition_agree_with_the_dense_form() {
        let matrix = example();
        assert_eq!(matrix.times(&[1.0, 10.0, 100.0]), [301.0, 0.0, -20.0]);
        assert_eq!(matrix.transposed().times(&[1.0, 10.0, 100.0]), [1.0, -200.0, 3.0]);
        assert_eq!(matrix.transposed().transposed(), matrix);
        assert_eq!(matrix.times_dense(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2), [4.0, 3.0, 0.0, 0.0, 0.0, -2.0]);
        assert_eq!(matrix.times_narrow(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2), [4.0, 3.0, 0.0, 0.0, 0.0, -2.0]);
        assert!(matrix.times_narrow(&[], 0).is_empty());
        let dense = [[1.0, 0.0, 3.0], [0.0; 3], [0.0, -2.0, 0.0]];
        assert_eq!(Sparse::from_dense(3, dense.iter().map(<[f32; 3]>::as_slice)), matrix);
    }

    #[test]
    fn rows_are_selected_and_blocks_are_joined() {
        let matrix = example();
        assert_eq!(matrix.select(&[2, 0]).times(&[1.0, 1.0, 1.0]), [-2.0, 4.0]);
        let joined = Sparse::beside(&[(&matrix, 1.0), (&matrix, 0.5)]);
        assert_eq!((joined.rows(), joined.columns()), (3, 6));
        assert_eq!(joined.row(0).collect::<Vec<_>>(), [(0, 1.0), (2, 3.0), (3, 0.5), (5, 1.5)]);
        assert_eq!(joined.first_columns(3), matrix);
        assert_eq!(joined.keep_columns(&[3, 4, 5]), Sparse::beside(&[(&matrix, 0.5)]));
        assert_eq!(joined.keep_columns(&[2, 5]).row(0).collect::<Vec<_>>(), [(0, 3.0), (1, 1.5)]);
        assert_eq!(Sparse::beside(&[]).rows(), 0);
    }
}
