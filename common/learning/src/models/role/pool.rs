//! Probabilities of two models as one: a logarithmic pool (Genest and Zidek, 1986).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::log_softmax;
use super::newton::{Point, minimum};

/// Rows that weights are fitted to at least.
const MIN_ROWS: usize = 30;
/// How strongly the weights are pulled to equal ones, against the loss of one ad: keeps them finite where every ad is
/// predicted.
const PULL: f64 = 1.0;

/// Weights of two models' log probabilities. They need not add up to 1: where both are too sure, they are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Weight of the logistic regression on n-grams, categories and numbers.
    pub text: f64,
    /// Weight of the logistic regression on vectors.
    pub vectors: f64,
}

impl Pool {
    /// Equal weights.
    pub const EQUAL: Self = Self { text: 0.5, vectors: 0.5 };

    /// Log probabilities of the pool, `[rows, classes]` f64, row-major as both lists are: `softmax(Σ weight ln p)`.
    pub fn logs(&self, text: &[f64], vectors: &[f64], classes: usize) -> Vec<f64> {
        let weighed = |(text, vectors): (&f64, &f64)| self.text * text + self.vectors * vectors;
        let mut logs: Vec<f64> = text.iter().zip(vectors).map(weighed).collect();
        logs.chunks_exact_mut(classes.max(1)).for_each(log_softmax);
        logs
    }

    /// The weights that make the classes `actual` of all rows most probable. Equal ones for fewer than 30 rows or one
    /// class. A weight below 0 is 0.
    pub fn fit(text: &[f64], vectors: &[f64], actual: &[u32], classes: usize) -> Self {
        if actual.len() < MIN_ROWS || classes < 2 {
            return Self::EQUAL;
        }
        let equal = [Self::EQUAL.text, Self::EQUAL.vectors];
        let [text, vectors] = minimum(equal, |point| {
            let loss = |((text, vectors), actual): ((&[f64], &[f64]), &u32)| {
                loss(point, text, vectors, *actual as usize)
            };
            let rows = text.par_chunks_exact(classes).zip(vectors.par_chunks_exact(classes)).zip(actual);
            let losses: Vec<Point> = rows.with_min_len(64).map(loss).collect();
            losses.iter().fold(Point::default(), Point::plus).pulled_to(equal, point, PULL)
        });
        Self { text: text.max(0.0), vectors: vectors.max(0.0) }
    }
}

/// `-ln` of the actual class's probability by the weights `[text, vectors]`.
fn loss([a, b]: [f64; 2], text: &[f64], vectors: &[f64], actual: usize) -> Point {
    let mut logs: Vec<f64> = text.iter().zip(vectors).map(|(text, vectors)| a * text + b * vectors).collect();
    log_softmax(&mut logs);
    // Means and squares of both log probabilities under the pool.
    let (mut means, mut squares) = ([0.0; 2], [0.0; 3]);
    for ((log, text), vectors) in logs.iter().zip(text).zip(vectors) {
        let share = log.exp();
        means = [means[0] + share * text, means[1] + share * vectors];
        let products = [text * text, text * vectors, vectors * vectors];
        squares.iter_mut().zip(products).for_each(|(sum, product)| *sum += share * product);
    }
    Point {
        height: -logs[actual],
        slope: [means[0] - text[actual], means[1] - vectors[actual]],
        curvature: [
            squares[0] - means[0] * means[0],
            squares[1] - means[0] * means[1],
            squares[2] - means[1] * means[1],
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_too_sure_and_one_that_knows_nothing_get_their_weights() {
        // Three of four are class 0, where the first model's log odds are 4 ln 3: the right odds are 3, so that its weight
        // is 1/4. The second model says the same of every row of either class, which tells nothing.
        let actual: Vec<u32> = (0..40_000).map(|row| u32::from(row % 4 == 0)).collect();
        let text = [4.0 * 3f64.ln(), 0.0].repeat(40_000);
        let vectors = [0.5f64.ln(); 2].repeat(40_000);
        let pool = Pool::fit(&text, &vectors, &actual, 2);
        assert!((pool.text - 0.25).abs() < 1e-3 && (pool.vectors - 0.5).abs() < 1e-6, "{pool:?}");
        let logs = pool.logs(&text[..2], &vectors[..2], 2);
        assert!((logs[0].exp() - 0.75).abs() < 1e-3 && (logs[1].exp() - 0.25).abs() < 1e-3, "{logs:?}");
    }

    #[test]
    fn a_misleading_model_gets_no_weight() {
        let actual: Vec<u32> = (0..400).map(|row| row % 2).collect();
        let right: Vec<f64> =
            actual.iter().flat_map(|class| [-f64::from(*class), f64::from(*class) - 1.0]).collect();
        let wrong: Vec<f64> = right.chunks(2).flat_map(|row| [row[1] * 0.5, row[0] * 0.5]).collect();
        let pool = Pool::fit(&right, &wrong, &actual, 2);
        assert!(pool.text > 1.0 && pool.vectors == 0.0, "{pool:?}");
    }

    #[test]
    fn too_few_rows_get_equal_weights() {
        assert_eq!(Pool::fit(&[0.0; 20], &[0.0; 20], &[0; 10], 2), Pool::EQUAL);
        assert_eq!(Pool::fit(&[0.0; 50], &[0.0; 50], &[0; 50], 1), Pool::EQUAL);
    }
}
