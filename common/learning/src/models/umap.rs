//! UMAP (`McInnes`, Healy and Melville, 2018) in two and three dimensions: it draws the map and decides no cluster.
//!
//! The layout begins at the principal components, scaled as umap-learn scales them, not at the eigenvectors of the
//! graph: these take longer than the layout itself and the graph of a market is often in several pieces, whose
//! eigenvectors say nothing about where the pieces lie. Samples are drawn on one thread, so that a seed gives the same
//! map anywhere.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::cluster::index::{Index, Lists};
use super::cluster::points::{Points, squared_distance};
use crate::features::sparse::Sparse;

/// Neighbours of a vector, itself left out.
pub const NEIGHBOURS: usize = 15;

/// `1 / (1 + a d^(2b))` fitted to a minimum distance of 0.1 and a spread of 1, as umap-learn fits it.
const A: f32 = 1.576_943_5;
const B: f32 = 0.895_060_9;
/// Unconnected points that push a point away, for each connected one that pulls it.
const PUSHES: u32 = 5;
/// The largest step along a coordinate.
const LARGEST_STEP: f32 = 4.0;
/// The layout begins between these coordinates.
const EXTENT: f32 = 10.0;
/// Noise of the beginning, so that equal vectors part.
const NOISE: f32 = 1e-4;
/// Points up to which the layout has 500 epochs; of more it has 200.
const FEW: usize = 10_000;
/// A kernel is at least this share of the mean distance wide.
const NARROWEST: f64 = 1e-3;

/// The nearest other vectors of each vector with their distances, nearest first.
pub type Neighbours = Vec<Vec<(f32, u32)>>;

/// The 15 nearest of L2-normalised vectors, `[rows, dimension]` f32, by `1 - cosine`: exact up to 2,000 vectors; of more,
/// those among the most similar 2,000.
pub fn neighbours(vectors: &[f32], dimension: usize) -> Neighbours {
    let lists = Lists::new(vectors, dimension);
    let row = |at: &u32| &vectors[*at as usize * dimension..][..dimension];
    let ordered: Vec<f32> = lists.order.iter().flat_map(row).copied().collect();
    let index = Index::new(ordered, dimension, lists.starts);
    let rows: Vec<u32> = (0..lists.order.len() as u32).collect();
    rows.par_iter()
        .map(|own| {
            let nearest = index.nearest(row(own), NEIGHBOURS + 1).into_iter();
            let others = nearest.map(|(cosine, at)| ((1.0 - cosine).max(0.0), lists.order[at as usize]));
            others.filter(|(_, other)| other != own).take(NEIGHBOURS).collect()
        })
        .collect()
}

/// The map of points with these neighbours: `[points, width]`. `start` has a row for each point and `width` columns, such
/// as their first principal components.
pub fn umap(neighbours: &Neighbours, start: &Points, seed: u64) -> Points {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut map = spread(start, &mut random);
    if map.rows < 2 || map.width == 0 {
        return map;
    }
    let epochs: u32 = if map.rows > FEW { 200 } else { 500 };
    let edges = Edges::of(&graph(neighbours), epochs);
    let mut next = edges.every.clone();
    for epoch in 0..epochs {
        let rate = 1.0 - epoch as f32 / epochs as f32;
        for (at, (one, other)) in edges.ends.iter().enumerate() {
            if next[at] > epoch as f32 {
                continue;
            }
            next[at] += edges.every[at];
            pull(&mut map, *one, *other, rate);
            for _ in 0..PUSHES {
                let other = random.next_u32() % map.rows as u32;
                push(&mut map, *one, other, rate);
            }
        }
    }
    map
}

/// The place of a point whose nearest points on `map` are given with their cosines: the mean of their places, weighted as
/// the graph weighs them. A neighbour of at least the cosine `same` is the point itself.
pub fn place(map: &Points, nearest: &[(f32, u32)], same: f32) -> Vec<f32> {
    match nearest.first() {
        None => return vec![0.0; map.width],
        Some((cosine, row)) if *cosine >= same => return map.row(*row as usize).to_vec(),
        Some(_) => {}
    }
    let distances: Vec<(f32, u32)> =
        nearest.iter().map(|(cosine, row)| ((1.0 - cosine).max(0.0), *row)).collect();
    let mut sums = vec![0f64; map.width];
    let mut total = 0.0;
    for (row, weight) in memberships(&distances) {
        let weight = f64::from(weight);
        total += weight;
        sums.iter_mut()
            .zip(map.row(row as usize))
            .for_each(|(sum, value)| *sum += weight * f64::from(*value));
    }
    sums.into_iter().map(|sum| (sum / total.max(f64::MIN_POSITIVE)) as f32).collect()
}

/// How true the neighbours on a map are: `1 - 2 / (n k (2n - 3k - 1)) Σ (rank - k)` over the `k` nearest on the map, with
/// their ranks among the points (Venna and Kaski, 2001). From 0 to 1; 1 for fewer points than it is defined for.
///
/// It takes time and memory for each pair of points: draw a sample of many.
pub fn trustworthiness(points: &Points, map: &Points, k: usize) -> f64 {
    let rows = points.rows;
    if 3 * k + 1 >= 2 * rows || k == 0 {
        return 1.0;
    }
    let ordered = |points: &Points, row: usize| -> Vec<u32> {
        let distance = |other: u32| squared_distance(points.row(row), points.row(other as usize));
        let mut others: Vec<(f64, u32)> = (0..rows as u32)
            .filter(|other| *other as usize != row)
            .map(|other| (distance(other), other))
            .collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        others.into_iter().map(|(_, other)| other).collect()
    };
    let penalty = |row: usize| {
        let mut ranks = vec![0usize; rows];
        ordered(points, row).iter().zip(1..).for_each(|(other, rank)| ranks[*other as usize] = rank);
        let nearest = &ordered(map, row)[..k];
        nearest.iter().map(|other| ranks[*other as usize].saturating_sub(k)).sum::<usize>()
    };
    let penalties: Vec<usize> = (0..rows).into_par_iter().map(penalty).collect();
    let scale = 2.0 / (rows as f64 * k as f64 * (2.0 * rows as f64 - 3.0 * k as f64 - 1.0));
    1.0 - scale * penalties.iter().sum::<usize>() as f64
}

/// The points scaled to ±10 with some noise.
fn spread(start: &Points, random: &mut ChaCha8Rng) -> Points {
    let largest = start.values.iter().fold(0f32, |most, value| most.max(value.abs()));
    let scale = if largest > 0.0 { EXTENT / largest } else { 0.0 };
    let values = start.values.iter().map(|value| value * scale + NOISE * (random.random::<f32>() - 0.5));
    Points { rows: start.rows, width: start.width, values: values.collect() }
}

/// The weights of neighbours: `exp(-(d - ρ) / σ)`, with the distance ρ of the nearest, and σ such that they sum to the
/// binary logarithm of their number.
fn memberships(nearest: &[(f32, u32)]) -> Vec<(u32, f32)> {
    let distances: Vec<f64> = nearest.iter().map(|(distance, _)| f64::from(*distance)).collect();
    let closest = distances.iter().copied().find(|distance| *distance > 0.0).unwrap_or_default();
    let target = (nearest.len() as f64).log2();
    let weight = |distance: f64, width: f64| (-(distance - closest).max(0.0) / width).exp();
    let (mut low, mut high, mut width) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..64 {
        let sum: f64 = distances.iter().map(|distance| weight(*distance, width)).sum();
        if (sum - target).abs() < 1e-5 {
            break;
        }
        if sum > target {
            high = width;
            width = f64::midpoint(low, high);
        } else {
            low = width;
            width = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * width };
        }
    }
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let width = width.max(NARROWEST * mean).max(f64::MIN_POSITIVE);
    let row = |((_, row), distance): (&(f32, u32), &f64)| (*row, weight(*distance, width) as f32);
    nearest.iter().zip(&distances).map(row).collect()
}

/// The symmetric graph `w + wᵀ - w wᵀ` of the neighbours.
fn graph(neighbours: &Neighbours) -> Sparse {
    let rows: Vec<Vec<(u32, f32)>> = neighbours.par_iter().map(|nearest| memberships(nearest)).collect();
    let one_way = Sparse::from_rows(neighbours.len(), rows);
    let other_way = one_way.transposed();
    let row = |row: usize| {
        let mut both: Vec<(u32, f32)> = one_way.row(row).chain(other_way.row(row)).collect();
        both.sort_unstable_by_key(|(column, _)| *column);
        let union = |same: &[(u32, f32)]| match same {
            [(column, a), (_, b)] => (*column, a + b - a * b),
            _ => same[0],
        };
        both.chunk_by(|a, b| a.0 == b.0).map(union).collect()
    };
    Sparse::from_rows(neighbours.len(), (0..neighbours.len()).map(row).collect())
}

/// The connected pairs of points, each in both orders.
struct Edges {
    ends: Vec<(u32, u32)>,
    /// Epochs from one pull to the next: the heaviest edge pulls in each.
    every: Vec<f32>,
}

impl Edges {
    fn of(graph: &Sparse, epochs: u32) -> Self {
        let all = || {
            (0..graph.rows())
                .flat_map(|row| graph.row(row).map(move |(other, weight)| (row as u32, other, weight)))
        };
        let heaviest = all().fold(0f32, |most, (_, _, weight)| most.max(weight));
        let mut edges = Self { ends: Vec::new(), every: Vec::new() };
        for (one, other, weight) in all() {
            if weight > 0.0 && weight * epochs as f32 >= heaviest {
                edges.ends.push((one, other));
                edges.every.push(heaviest / weight);
            }
        }
        edges
    }
}

/// Moves two connected points together.
fn pull(map: &mut Points, one: u32, other: u32, rate: f32) {
    let distance = squared(map, one, other);
    if distance <= 0.0 {
        return;
    }
    let power = distance.powf(B);
    let factor = -2.0 * A * B * power / distance / (A * power + 1.0);
    for at in 0..map.width {
        let (a, b) = (one as usize * map.width + at, other as usize * map.width + at);
        let step = (factor * (map.values[a] - map.values[b])).clamp(-LARGEST_STEP, LARGEST_STEP) * rate;
        map.values[a] += step;
        map.values[b] -= step;
    }
}

/// Moves a point away from another.
fn push(map: &mut Points, one: u32, other: u32, rate: f32) {
    let distance = squared(map, one, other);
    if distance <= 0.0 {
        return;
    }
    let factor = 2.0 * B / ((0.001 + distance) * (A * distance.powf(B) + 1.0));
    for at in 0..map.width {
        let (a, b) = (one as usize * map.width + at, other as usize * map.width + at);
        map.values[a] += (factor * (map.values[a] - map.values[b])).clamp(-LARGEST_STEP, LARGEST_STEP) * rate;
    }
}

fn squared(map: &Points, one: u32, other: u32) -> f32 {
    let (one, other) = (map.row(one as usize), map.row(other as usize));
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::cluster::index::normalise;
    use super::*;
    use crate::features::projection::Pca;

    /// Vectors around `kinds` directions.
    fn example(rows: usize, kinds: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let mut vectors = Vec::new();
        for n in 0..rows {
            let mut vector: Vec<f32> = (0..24).map(|_| 0.4 * (random.random::<f32>() - 0.5)).collect();
            vector[n % kinds] += 1.0;
            vector[(n + 1) % kinds] += random.random::<f32>();
            normalise(&mut vector);
            vectors.extend(vector);
        }
        vectors
    }

    fn principal(vectors: &[f32], width: usize) -> Points {
        let pca = Pca::fit(vectors, 24, width).unwrap();
        Points::new(width, vectors.chunks(24).map(|vector| pca.transform(vector)).collect())
    }

    #[test]
    fn maps_are_truer_than_principal_components() {
        let vectors = example(400, 8);
        let high = Points { rows: 400, width: 24, values: vectors.clone() };
        let near = neighbours(&vectors, 24);
        for width in [2, 3] {
            let start = principal(&vectors, width);
            let map = umap(&near, &start, 1);
            assert!(map.values.iter().all(|value| value.is_finite()));
            let (of_map, of_start) = (trustworthiness(&high, &map, 10), trustworthiness(&high, &start, 10));
            assert!(of_map >= of_start && of_map > 0.9, "{width}: {of_map} {of_start}");
            assert_eq!(map, umap(&near, &start, 1));
        }
        assert_eq!(trustworthiness(&high, &high, 10), 1.0);
    }

    #[test]
    fn new_points_lie_among_their_neighbours() {
        let map = Points::new(2, vec![vec![0.0, 0.0], vec![1.0, 0.0], vec![9.0, 9.0]]);
        assert_eq!(place(&map, &[(1.0, 2), (0.5, 0)], 0.999), [9.0, 9.0]);
        let between = place(&map, &[(0.9, 0), (0.9, 1)], 0.999);
        assert!((between[0] - 0.5).abs() < 1e-6 && between[1] == 0.0, "{between:?}");
        let nearer = place(&map, &[(0.9, 0), (0.8, 1), (0.1, 2)], 0.999);
        assert!(nearer[0] < 2.0 && nearer[1] < 1.0, "{nearer:?}");
        assert_eq!(place(&map, &[], 0.999), [0.0, 0.0]);
    }

    #[test]
    fn equal_vectors_and_few_vectors_have_a_map() {
        for rows in [0, 1, 2, 40] {
            let vectors = [1.0f32, 0.0].repeat(rows);
            let start = Points { rows, width: 2, values: vec![0.0; 2 * rows] };
            let map = umap(&neighbours(&vectors, 2), &start, 1);
            assert_eq!((map.rows, map.values.len()), (rows, 2 * rows));
            assert!(map.values.iter().all(|value| value.is_finite()));
        }
    }
}
