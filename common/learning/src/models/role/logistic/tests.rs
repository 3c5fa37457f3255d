use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Rows of some values in 40 columns, with a class that follows from them.
fn example(rows: usize, classes: u32) -> (Sparse, Vec<u32>) {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut labels = Vec::new();
    let mut matrix = Vec::new();
    for _ in 0..rows {
        let class = random.random_range(0..classes);
        labels.push(class);
        let mut row: Vec<(u32, f32)> = vec![(class % 40, 1.0)];
        row.extend(
            (0..40).filter(|column| *column != class % 40 && random.random::<f32>() < 0.1).map(|c| (c, 0.5)),
        );
        matrix.push(row);
    }
    (Sparse::from_rows(40, matrix), labels)
}

const UNWEIGHTED: LogisticParameters = LogisticParameters { c: 10.0, weights: ClassWeights::None };

/// The gradient of the objective by the weights themselves, and by the intercepts.
fn gradient(fitted: &Logistic, matrix: &Sparse, labels: &[u32], c: f64) -> f64 {
    let width = fitted.present.len();
    let logs = fitted.log_proba(matrix).unwrap();
    let classes = fitted.present.classes;
    let mut by_weight: Vec<f64> = fitted.weights.iter().map(|weight| f64::from(*weight)).collect();
    let mut by_intercept = vec![0.0; width];
    for (row, label) in labels.iter().enumerate() {
        for (place, code) in fitted.present.codes.iter().enumerate() {
            let residual = logs[row * classes + *code as usize].exp() - f64::from(u8::from(code == label));
            by_intercept[place] += c * residual;
            for (column, value) in matrix.row(row) {
                by_weight[column as usize * width + place] += c * residual * f64::from(value);
            }
        }
    }
    by_weight.iter().chain(&by_intercept).fold(0f64, |most, value| most.max(value.abs()))
        / (c * labels.len() as f64)
}

#[test]
fn the_solution_has_no_gradient() {
    for classes in [2, 3, 7] {
        let (matrix, labels) = example(300, classes);
        for c in [0.1, 10.0] {
            let fitted =
                LogisticParameters { c, ..UNWEIGHTED }.fit(&matrix, &labels, classes as usize).unwrap();
            let left = gradient(&fitted, &matrix, &labels, c);
            assert!(left < 1e-3, "{classes} {c} {left}");
        }
    }
}

#[test]
fn two_rows_have_the_solution_of_the_equation() {
    // Rows +1 and -1 of one column, of two classes: by symmetry W = (w, -w) and the intercepts are equal. The objective
    // c Σ ln(1 + exp(-2w)) + w² has its minimum where 2 w = 4 c / (1 + exp(2w)), which is found here by bisection.
    let matrix = Sparse::from_rows(1, vec![vec![(0, 1.0)], vec![(0, -1.0)]]);
    for c in [0.5, 1.0, 20.0] {
        let fitted = LogisticParameters { c, ..UNWEIGHTED }.fit(&matrix, &[0, 1], 2).unwrap();
        let (mut low, mut high) = (0.0f64, 50.0f64);
        for _ in 0..100 {
            let w = f64::midpoint(low, high);
            if 2.0 * w < 4.0 * c / (1.0 + (2.0 * w).exp()) { low = w } else { high = w }
        }
        let log = fitted.log_proba(&matrix).unwrap()[0];
        let expected = -(-2.0 * low).exp().ln_1p();
        assert!((log - expected).abs() < 5e-3 * expected.abs(), "{c} {log} {expected}");
    }
}

#[test]
fn balanced_weights_count_an_ad_as_its_copies_would() {
    let matrix = Sparse::from_rows(1, vec![vec![(0, 1.0)], vec![], vec![], vec![(0, 1.0)]]);
    let balanced = LogisticParameters { c: 1.0, weights: ClassWeights::Balanced };
    let weighted = balanced.fit(&matrix, &[0, 1, 1, 1], 2).unwrap();
    // Weights are 4 / (2 · 1) = 2 and 4 / (2 · 3) = 2/3: thrice the weights are 6 and 2 copies with a third of c.
    let rows = [vec![vec![(0, 1.0f32)]; 6], vec![vec![]; 4], vec![vec![(0, 1.0)]; 2]].concat();
    let copies = Sparse::from_rows(1, rows);
    let labels = [vec![0; 6], vec![1; 6]].concat();
    let repeated =
        LogisticParameters { c: 1.0 / 3.0, weights: ClassWeights::None }.fit(&copies, &labels, 2).unwrap();
    let [a, b] = [&weighted, &repeated].map(|fitted| fitted.log_proba(&matrix).unwrap());
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 5e-3), "{a:?} {b:?}");
}

#[test]
fn the_solution_does_not_depend_on_the_threads() {
    let (matrix, labels) = example(700, 5);
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| UNWEIGHTED.fit(&matrix, &labels, 5).unwrap())
    };
    assert_eq!(fit(1), fit(2));
}

#[test]
fn few_classes_and_no_columns_are_survived() {
    let (matrix, _) = example(20, 2);
    let one = UNWEIGHTED.fit(&matrix, &[1; 20], 3).unwrap();
    assert_eq!(one.log_proba(&matrix.select(&[0])).unwrap(), [LOG_ABSENT, 0.0, LOG_ABSENT]);
    assert!(UNWEIGHTED.fit(&matrix.select(&[]), &[], 3).is_err());
    let none = Sparse::from_rows(0, vec![vec![]; 4]);
    let shares = UNWEIGHTED.fit(&none, &[0, 0, 0, 1], 2).unwrap().log_proba(&none).unwrap();
    assert!((shares[0] - 0.75f64.ln()).abs() < 1e-3, "{shares:?}");
    let message = one.log_proba(&none).unwrap_err().to_string();
    assert_eq!(message, "the logistic regression is of 40 columns, not 0");
}

#[test]
fn hundreds_of_classes_are_fitted() {
    let (matrix, mut labels) = example(1000, 337);
    labels[0] = 336;
    let fitted = UNWEIGHTED.fit(&matrix, &labels, 337).unwrap();
    let logs = fitted.log_proba(&matrix).unwrap();
    assert!(
        logs.chunks_exact(337).all(|row| (row.iter().map(|log| log.exp()).sum::<f64>() - 1.0).abs() < 1e-6)
    );
}
