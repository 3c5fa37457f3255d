//! The map of the market: the two principal components of the vectors.
//!
//! They are computed on a sample by orthogonal iteration (Golub & Van Loan, "Matrix Computations", 8.2.4).

/// Maximum size of the sample.
const SAMPLE: usize = 20_000;
/// Number of iterations.
const ITERATIONS: usize = 40;

/// A projection onto two directions.
pub struct Projection {
    mean: Vec<f32>,
    directions: [Vec<f32>; 2],
    scale: f32,
}

impl Projection {
    /// Fits the projection to `[n, dimension]` vectors. The scale puts 98 % of the points within ±1.
    pub fn fit(vectors: &[f32], dimension: usize) -> Self {
        let texts = vectors.len() / dimension;
        let step = texts.div_ceil(SAMPLE).max(1);
        let sample: Vec<&[f32]> = vectors.chunks_exact(dimension).step_by(step).collect();
        let mut mean = vec![0f32; dimension];
        for row in &sample {
            add(&mut mean, row, 1.0 / sample.len() as f32);
        }
        // Any start that is not orthogonal to the result converges.
        let start = |n: usize| -> Vec<f32> {
            (0..dimension).map(|i| if i % (n + 2) == 0 { 1.0 } else { -0.3 }).collect()
        };
        let mut directions = [start(0), start(1)];
        orthonormalise(&mut directions);
        for _ in 0..ITERATIONS {
            let mut next = [vec![0f32; dimension], vec![0f32; dimension]];
            for row in &sample {
                for (next, direction) in next.iter_mut().zip(&directions) {
                    let weight = along(row, &mean, direction);
                    add(next, row, weight);
                    add(next, &mean, -weight);
                }
            }
            if next.iter().any(|direction| norm(direction) < 1e-9) {
                break;
            }
            directions = next;
            orthonormalise(&mut directions);
        }
        let mut projection = Self { mean, directions, scale: 1.0 };
        let mut sizes: Vec<f32> =
            sample.iter().map(|row| projection.point(row)).map(|[x, y]| x.abs().max(y.abs())).collect();
        sizes.sort_unstable_by(f32::total_cmp);
        let most = sizes.get(sizes.len() * 98 / 100).copied().unwrap_or_default();
        projection.scale = if most > 0.0 { 1.0 / most } else { 1.0 };
        projection
    }

    /// The coordinates of `[n, dimension]` vectors in the projection that is fitted to them.
    pub fn points(vectors: &[f32], dimension: usize) -> Vec<[f32; 2]> {
        let projection = Self::fit(vectors, dimension);
        vectors.chunks_exact(dimension).map(|vector| projection.point(vector)).collect()
    }

    /// The coordinates of a vector.
    pub fn point(&self, vector: &[f32]) -> [f32; 2] {
        [0, 1].map(|n| along(vector, &self.mean, &self.directions[n]) * self.scale)
    }
}

fn along(row: &[f32], mean: &[f32], direction: &[f32]) -> f32 {
    row.iter().zip(mean).zip(direction).map(|((value, mean), weight)| (value - mean) * weight).sum()
}

fn add(sum: &mut [f32], row: &[f32], weight: f32) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += weight * value;
    }
}

fn norm(direction: &[f32]) -> f32 {
    direction.iter().map(|value| value * value).sum::<f32>().sqrt()
}

fn orthonormalise(directions: &mut [Vec<f32>; 2]) {
    let [first, second] = directions;
    let size = norm(first).max(f32::MIN_POSITIVE);
    for value in first.iter_mut() {
        *value /= size;
    }
    let shared: f32 = first.iter().zip(&*second).map(|(a, b)| a * b).sum();
    add(second, first, -shared);
    let size = norm(second).max(f32::MIN_POSITIVE);
    for value in second.iter_mut() {
        *value /= size;
    }
}
