//! Two rankings made one.

/// The constant of reciprocal rank fusion, as published (Cormack, Clarke and Büttcher 2009).
const K: f32 = 60.0;

/// Weights of words beside a cosine, to choose from.
pub(crate) const WEIGHTS: [f32; 8] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0];

/// Reciprocal rank fusion. A candidate without a word of the query has no rank by words.
pub(crate) fn reciprocal_ranks(cosines: &[f32], words: &[f32]) -> Vec<f32> {
    let (of_cosines, of_words) = (ranks(cosines), ranks(words));
    (0..cosines.len())
        .map(|n| 1.0 / (K + of_cosines[n]) + if words[n] > 0.0 { 1.0 / (K + of_words[n]) } else { 0.0 })
        .collect()
}

/// The cosine and `weight` times the score by words, which is 1 for the query's best candidate.
pub(crate) fn weighted(cosines: &[f32], words: &[f32], weight: f32) -> Vec<f32> {
    let best = words.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    cosines.iter().zip(words).map(|(cosine, words)| cosine + weight * words / best).collect()
}

/// Ranks from 1; equal scores have the first one's.
fn ranks(scores: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut ranks = vec![0.0; scores.len()];
    let mut rank = 0.0;
    for (place, &n) in order.iter().enumerate() {
        if place == 0 || scores[n] < scores[order[place - 1]] {
            rank = place as f32 + 1.0;
        }
        ranks[n] = rank;
    }
    ranks
}
